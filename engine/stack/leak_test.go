package stack

import (
	"bytes"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
)

// TestDeletedSALeaksNothing has the gateway delete the only pair of SAs, and
// the line lose what follows: what the client sends meanwhile may not be read
// by anybody. It went out in clear.
func TestDeletedSALeaksNothing(t *testing.T) {
	w := newWorld(worldConfig{conditions: enginetest.Conditions{Delay: 5 * time.Millisecond}})
	w.connect(t, 5*time.Second)
	ip := append(ipPacket(1, 60), "a secret of the user"...)
	leaked := 0
	w.link.ToB.Filter = func(_ time.Time, d enginetest.Datagram) (enginetest.Datagram, bool) {
		if bytes.Contains(d.Data, ip[20:]) {
			leaked++
		}
		return d, false
	}
	w.client.call(func(now time.Time, out *Output) { w.client.conn.removeChild(w.client.conn.current, out) })
	for range 10 {
		w.client.send(ip)
		w.sim.Run(w.sim.Now().Add(10 * time.Millisecond))
	}
	if leaked > 0 {
		t.Errorf("%d of 10 packets went out in clear", leaked)
	}
}
