package supervisor

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
)

// carried is what a gateway has of IPv6, with a way on.
func carried(attempt uint64) Learned6 {
	return Learned6{Attempt: attempt, ID: [8]byte{7: 7}, Address: netip.MustParseAddr("2001:db8:99:1::7"), Default: true, MTU: 1380,
		Routes: []netip.Prefix{netip.MustParsePrefix("2001:db8:99:1::/64")}, DNS: []netip.Addr{netip.MustParseAddr("2001:db8:99::53")}, Search: []string{"six.example"}}
}

const (
	applySix   = "apply #1 10.99.0.10 and 2001:db8:99:1::7 with [2001:db8:99:1::/64]"
	applyFour  = "apply #1 10.99.0.10"
	allowSix   = "firewall tunnel for 198.51.100.1 with IPv6 by culvert0"
	allowFour  = "firewall tunnel for 198.51.100.1 by culvert0"
	noneOfIPv6 = "invalid IP 1400 []"
)

func (b *bench) has6(want string) {
	b.t.Helper()
	s := b.m.Status(b.now)
	if got := fmt.Sprint(s.Address6, s.MTU, s.Routes); got != want {
		b.t.Errorf("status has %s, want %s", got, want)
	}
}

// TestLearned6: the firewall lets IPv6 into the tunnel once its routes are there,
// and keeps it in before they go.
func TestLearned6(t *testing.T) {
	failed := &failure.Failure{Stage: failure.Routes, Code: failure.OSRoutes, Evidence: []string{"taken"}}
	t.Run("there and gone", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Second)
		b.in(carried(1)).did(applySix)
		b.has6("2001:db8:99:1::7 1380 [2001:db8:99:1::/64]")
		b.in(Applied{1}).did(allowSix)
		b.in(carried(1)).did()
		other := carried(1)
		other.Address = netip.MustParseAddr("2001:db8:99:2::7")
		b.in(other).did(allowFour, "apply #1 10.99.0.10 and 2001:db8:99:2::7 with [2001:db8:99:1::/64]")
		b.in(Applied{1}).did(allowSix)
		b.in(Learned6{Attempt: 1}).did(allowFour, applyFour)
		b.has6(noneOfIPv6)
		b.in(Applied{1}).did()
		b.in(Down{1, &failure.Failure{Stage: failure.Connected, Code: failure.PathDead}})
		b.after(time.Minute)
		if got := b.m.hints.InterfaceID; got != carried(1).ID {
			t.Errorf("the next try asks for %x", got)
		}
	})
	t.Run("cannot be set", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Second)
		b.in(carried(1)).in(ApplyFailed{1, failed}).did(applyFour, "tell os.routes")
		b.has6(noneOfIPv6)
		b.in(Applied{1}).did()
	})
	t.Run("with pushed routes", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Second)
		b.in(pushed(1, 1)).in(Applied{1}).in(carried(1)).did("apply #1 10.99.0.10 and 2001:db8:99:1::7 with [10.1.0.0/16 2001:db8:99:1::/64]")
		if s := b.m.Status(b.now); fmt.Sprint(s.DNS, s.Search) != "[10.1.0.1 2001:db8:99::53] [corp.example six.example]" {
			t.Errorf("asks %v, and searches %v", s.DNS, s.Search)
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		for _, how := range []string{"block", "leave"} {
			p := office()
			p.Routing.IPv6 = how
			newBench(t).connected(p).in(carried(1)).did()
		}
	})
	t.Run("no way on", func(t *testing.T) {
		l := carried(1)
		l.Default = false
		newBench(t).connected(office()).in(l).did() // a part of IPv6 is not all of it
		p := office()
		p.Routing.Mode = "split"
		newBench(t).connected(p).in(l).did(applySix)
	})
	t.Run("of another try", func(t *testing.T) { newBench(t).connected(office()).in(carried(7)).did() })
}
