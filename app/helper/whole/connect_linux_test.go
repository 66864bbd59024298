package whole

import (
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// TestWhole connects, sends through the tunnel, and disconnects; afterwards the
// machine is as it was, to the octet. In full mode nothing leaves beside the tunnel
// while it is there, IPv6 and questions for names neither, also without the kill
// switch.
func TestWhole(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	r.gateway()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	same(t, "started", r.state(), before)
	began := time.Now()
	s := d.connected(profile(`routing.local_network = false`))
	wire.close(time.Now())
	t.Logf("connected as %v with %s, and the first answer after %v", s.Address, s.Suite, app.flows(t, began).Round(time.Millisecond))
	if r.state() == before {
		t.Error("connected, and nothing has changed")
	}
	app.flows(t, time.Now().Add(500*time.Millisecond)) // some hundred packets later
	stats, err := d.Stats(t.Context())
	if err != nil || stats.TxPackets < 100 || stats.RxPackets < 100 {
		t.Errorf("counted: %+v, %v", stats, err)
	}
	wire.tight(t, "connected")
	wire.open()
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	d.Term()
	same(t, "ended", r.state(), before)
	wire.report(t)
}

// TestOrderlyEnd: a helper that is ended while connected tells the gateway and puts
// all back; with the kill switch the network stays closed, over its next start too,
// until somebody disconnects.
func TestOrderlyEnd(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.parts()
	gw := r.gateway()
	wire := r.capture()
	r.application()
	d := r.begin()
	d.connected(profile())
	began := time.Now()
	d.Term()
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	gw.Says("client 1 at 192.0.2.10")
	gw.Says(": gone")
	same(t, "ended", textOf(r.parts()), textOf(before))

	d = r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	d.log.state(t, 0, api.Connected)
	d.Term()
	const rules = "nft list ruleset"
	now := r.parts()
	same(t, "ended with the kill switch", textOf(now, rules), textOf(before, rules))
	if !strings.Contains(now[rules], "table inet culvert {") {
		t.Errorf("ended with the kill switch, and the firewall is\n%s", now[rules])
	}
	d = r.begin()
	d.log.state(t, 0, api.Blocked)
	wire.tight(t, "blocked")
	wire.open()
	d.disconnected()
	same(t, "disconnected", textOf(r.parts()), textOf(before))
	wire.report(t)
}

// TestNobodyThere: while a gateway is tried that does not answer the network is
// closed, and Disconnect opens it at once. Ending
// the helper takes no longer.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	wire := r.capture()
	r.application()
	wire.leaky(t)
	// Nothing comes back, as from a firewall: no ICMP message either.
	r.world.IP("route add blackhole 192.0.2.10/32")
	d := r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	from := d.log.len()
	<-time.After(time.Second)
	wire.tight(t, "connecting")
	if s, err := d.State(t.Context()); err != nil || s.State != api.Connecting {
		t.Errorf("the state is %s, %v, want connecting", s.State, err)
	}
	wire.open()
	began := time.Now()
	must(t, d.Disconnect(t.Context()))
	d.log.state(t, from, api.Disconnected)
	t.Logf("disconnected after %v", time.Since(began).Round(time.Millisecond))
	same(t, "disconnected", r.state(), before)

	from = d.log.len()
	d.connect(profile())
	d.log.until(t, from, "phase 1", stageIs(failure.Phase1, api.Started))
	began = time.Now()
	d.Term()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the helper ended after %v, want it within five seconds", took)
	}
	same(t, "ended", r.state(), before)
	wire.report(t)
}
