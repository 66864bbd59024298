package whole

import (
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// What traffic may take to flow again.
const (
	afterRestart = 10 * time.Second
	afterMove    = 3 * time.Second
	afterWake    = 3 * time.Second
)

// within fails the test when something took too long, and says how long it took.
func within(t *testing.T, what string, took, most time.Duration) {
	t.Helper()
	t.Logf("%s: the first answer through the tunnel after %v", what, took.Round(time.Millisecond))
	if took > most {
		t.Errorf("%s: %v until traffic flowed again, want %v at most", what, took, most)
	}
}

// TestGatewayRestart: the gateway is killed and started, while it is used; and
// comes back with other addresses for its clients.
func TestGatewayRestart(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	gw := r.gateway()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	first := d.log.state(t, 0, api.Connected)
	app.flows(t, time.Now())

	from := d.log.len()
	began := time.Now()
	gw.crash()
	gw.boot()
	within(t, "the gateway was killed and started", app.flows(t, began), afterRestart)
	if s := d.log.state(t, from, api.Reconnecting); s.Failure == nil || s.Failure.Code != failure.PathDead {
		t.Errorf("reconnecting, because of %+v, want %s", s.Failure, failure.PathDead)
	}
	again := d.log.state(t, from, api.Connected)
	if again.Address != first.Address {
		t.Errorf("connected as %v, and then as %v: who asks for the address keeps it", first.Address, again.Address)
	}
	wire.tight(t, "after a restart")

	// Another inner address: what the system has of the old one has to go.
	gw.configure(`address = "10.99.7.1"`, `pool = "10.99.7.0/24"`)
	from = d.log.len()
	began = time.Now()
	gw.crash()
	gw.boot()
	within(t, "the gateway was killed, and started with other addresses", app.flows(t, began), afterRestart)
	other := d.log.state(t, from, api.Connected)
	now := r.state()
	if other.Address == first.Address || strings.Contains(now, first.Address.String()+"/") || !strings.Contains(now, other.Address.String()+"/32") || !strings.Contains(now, "nameserver 10.99.7.1\n") {
		t.Errorf("connected as %v, and then as %v with\n%s", first.Address, other.Address, difference(now, before))
	}
	wire.tight(t, "with another address")

	wire.open()
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	wire.report(t)
}

// TestBackoff: without a gateway the tries come at growing intervals, which the
// state shows; and Disconnect ends them at once.
func TestBackoff(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	gw := r.gateway()
	wire := r.capture()
	r.application()
	d := r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	d.log.state(t, 0, api.Connected)
	from := d.log.len()
	gw.crash()
	var waits []time.Duration
	for len(waits) < 3 {
		e := d.log.until(t, from, "wait", func(e api.Event) bool {
			s, ok := e.(api.Status)
			return ok && s.State == api.Reconnecting && s.Attempt == len(waits) && !s.NextAttempt.IsZero()
		})
		s := e.e.(api.Status)
		wait := s.NextAttempt.Sub(e.at)
		waits = append(waits, wait.Round(10*time.Millisecond))
		if now, err := d.State(t.Context()); err != nil || now.Failure == nil || now.Failure.Advice == "" {
			t.Errorf("the state before the next try: %+v, %v, want the reason and what to do", now, err)
		}
	}
	t.Logf("waits before the tries: %v", waits)
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if waits[i] < want*7/10 || waits[i] > want*13/10 {
			t.Errorf("wait %d is %v, want %v, a fifth more or less", i+1, waits[i], want)
		}
	}
	wire.tight(t, "without a gateway")
	wire.open()
	began := time.Now()
	d.disconnected()
	t.Logf("disconnected after %v", time.Since(began).Round(time.Millisecond))
	same(t, "disconnected", r.state(), before)
	wire.report(t)
}

// TestNetworkMoves: the client gets another address, and loses its network for a
// while.
func TestNetworkMoves(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.gateway()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	first := d.log.state(t, 0, api.Connected)
	app.flows(t, time.Now())

	from := d.log.len()
	began := time.Now()
	r.IP("addr del 192.0.2.10/24 dev eth0", "addr add 192.168.77.10/24 dev eth0", "route add default via 192.168.77.1")
	within(t, "another address", app.flows(t, began), afterMove)
	// The gateway holds the old session still, and gives another address inside.
	s := d.log.state(t, from, api.Connected)
	t.Logf("connected as %v, and then as %v", first.Address, s.Address)
	wire.tight(t, "moved")

	from = d.log.len()
	r.IP("link set eth0 down")
	d.log.state(t, from, api.Reconnecting)
	eventually(t, "to be told that it is offline", func() bool {
		s, err := d.State(t.Context())
		return err == nil && s.State == api.Reconnecting && s.Offline && s.NextAttempt.IsZero()
	})
	began = time.Now()
	r.IP("link set eth0 up", "route add default via 192.168.77.1")
	within(t, "no network for a while", app.flows(t, began), afterMove)
	wire.tight(t, "back")

	wire.open()
	d.disconnected()
	wire.report(t)
}
