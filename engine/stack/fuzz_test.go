package stack

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
)

// FuzzHandle throws a datagram at both ends, at any moment of a connection's
// life and by any way: neither may panic or end, and data still flows.
func FuzzHandle(f *testing.F) {
	f.Add(uint16(0), uint8(Port500), []byte{1, 2, 3})
	f.Add(uint16(65), uint8(Port4500), make([]byte, 32))
	f.Add(uint16(200), uint8(Port4500), []byte{0, 0, 0, 9, 0, 0, 0, 1})
	f.Add(uint16(90), uint8(ProtoESP), []byte{0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, at uint16, via uint8, data []byte) {
		w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: 5 * time.Millisecond}})
		w.client.call(w.client.conn.Start)
		w.sim.Run(w.sim.Now().Add(time.Duration(at%300) * time.Millisecond))
		for _, n := range []*node{w.client, w.gateway} {
			d := Datagram{Via(via%5 + 1), n.conn.peer, data}
			n.call(func(now time.Time, out *Output) { n.conn.Handle(now, d, out) })
			n.call(func(now time.Time, out *Output) { n.conn.Handle(now, d, out) })
		}
		w.sim.RunUntil(func() bool { return w.client.network != nil && w.gateway.network != nil }, w.sim.Now().Add(20*time.Second))
		if w.client.down != nil || w.client.network == nil || w.gateway.network == nil {
			t.Fatalf("one datagram %x over %v after %d ms ended or stopped the connection: client %+v", data, Via(via%5+1), at%300, w.client.down)
		}
		w.client.send(ipPacket(1, 60))
		w.sim.Run(w.sim.Now().Add(time.Second))
		if len(w.gateway.data) == 0 {
			t.Error("data flows no more")
		}
	})
}
