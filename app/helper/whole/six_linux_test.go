package whole

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// pool6 is what a gateway says that has IPv6 for its clients.
const pool6 = `pool6 = "2001:db8:99::/56"`

// hasSix waits until IPv6 is a part of the connection, or no part of it.
func (l *events) hasSix(t *testing.T, from int, want bool) api.Status {
	t.Helper()
	e := l.until(t, from, "IPv6 in the state", func(e api.Event) bool {
		s, ok := e.(api.Status)
		return ok && s.State == api.Connected && s.Address6.IsValid() == want
	})
	return e.e.(api.Status)
}

// TestIPv6: in full mode IPv6 goes inside when the gateway has some, and nowhere
// when it has none; nothing goes beside the tunnel, neither before nor after a
// crash, and in the end all is as it was.
func TestIPv6(t *testing.T) {
	for name, lines := range map[string][]string{"open": {`routing.local_network = false`}, "kill switch": killSwitch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			before := r.parts()
			gw := r.gateway(pool6)
			wire := r.capture()
			app := r.application()
			wire.leaky(t)
			d := r.begin()
			began := time.Now()
			d.connected(profile(lines...))
			wire.close(time.Now())
			s := d.log.hasSix(t, 0, true)
			told := time.Since(began)
			if want := netip.MustParsePrefix("2001:db8:99:1::/64"); !want.Contains(s.Address6) {
				t.Errorf("the address is %v, want one of %v", s.Address6, want)
			}
			t.Logf("IPv6 as %v after %v, and the first answer after %v", s.Address6, told.Round(time.Millisecond), app.flowsBy6(t, began).Round(time.Millisecond))
			app.flowsBy6(t, time.Now().Add(300*time.Millisecond))
			app.flows(t, time.Now())
			wire.tight(t, "with IPv6 inside")

			// The same gateway comes back without.
			from := d.log.len()
			if name == "open" { // until it is connected again nothing is closed
				wire.open()
			}
			gw.crash()
			gw.configure()
			gw.boot()
			if s := d.log.state(t, from, api.Reconnecting); s.Address6.IsValid() {
				t.Errorf("without a connection the state has %v", s.Address6)
			}
			d.log.hasSix(t, from, false)
			wire.close(time.Now())
			app.flows(t, time.Now().Add(300*time.Millisecond))
			wire.tight(t, "without IPv6")

			wire.open()
			d.disconnected()
			same(t, "disconnected", textOf(r.parts()), textOf(before))
			gw.crash()
			gw.configure(pool6)
			gw.boot()
			from = d.log.len()
			d.connected(profile(lines...))
			d.log.hasSix(t, from, true)
			wire.close(time.Now())
			app.flowsBy6(t, time.Now())
			if name == "open" {
				wire.open()
			}
			d.Kill()
			d = r.begin()
			if name == "open" {
				d.log.state(t, 0, api.Disconnected)
			} else {
				d.log.state(t, 0, api.Blocked)
				wire.tight(t, "killed")
				wire.open()
				d.disconnected()
			}
			same(t, "killed", textOf(r.parts()), textOf(before))
			d.Term()
			same(t, "ended", textOf(r.parts()), textOf(before))
			wire.report(t)
		})
	}
}
