package whole

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"golang.org/x/net/dns/dnsmessage"
)

// resolver answers every question with the gateway's address until the end of the
// test, and counts the questions.
func (r *room) resolver() *atomic.Uint64 {
	r.t.Helper()
	var c *net.UDPConn
	r.servers.Do(func() {
		var err error
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(resolverAddr))
		must(r.t, err)
	})
	asked := &atomic.Uint64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var m dnsmessage.Message
			if err != nil || m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue // the application's are no questions
			}
			asked.Add(1)
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
					Body: &dnsmessage.AResource{A: gatewayAddr.As4()}}}
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = c.WriteToUDPAddrPort(answer, from) // whoever asked asks again
			}
		}
	}()
	r.t.Cleanup(func() {
		c.Close()
		<-done
	})
	return asked
}

// TestName: a gateway with a name is found although the network is closed: the
// helper's own questions get out, and nobody else's.
func TestName(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	r.gateway()
	asked := r.resolver()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	d.connect(profile(append(killSwitch, `servers = ["gw.example"]`)...))
	wire.close(time.Now())
	d.log.state(t, 0, api.Connected)
	app.flows(t, time.Now())
	wire.tight(t, "connected")
	if asked.Load() == 0 {
		t.Error("nobody asked for the gateway's name")
	}
	// The helper dies: who connects then finds the network closed from the start.
	d.Kill()
	d = r.begin()
	d.log.state(t, 0, api.Blocked)
	from, first := d.log.len(), asked.Load()
	d.connect(profile(append(killSwitch, `servers = ["gw.example"]`)...))
	d.log.state(t, from, api.Connected)
	if asked.Load() == first {
		t.Error("nobody asked for the gateway's name again")
	}
	wire.tight(t, "connected again")
	wire.open()
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	wire.report(t)
}
