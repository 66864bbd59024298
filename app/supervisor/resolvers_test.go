package supervisor

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
)

// The state names the name servers that are in force, not those that the gateway
// offers.
func TestResolversInForce(t *testing.T) {
	for _, c := range []struct {
		mode    string
		servers []string
		want    string
	}{
		{"auto", nil, "[10.1.0.1] [home.example corp.example]"},
		{"manual", []string{"10.0.0.53"}, "[10.0.0.53] [home.example]"},
		{"off", nil, "[] []"},
	} {
		p := office()
		p.DNS.Mode, p.DNS.Servers, p.DNS.Search = c.mode, c.servers, []string{"home.example"}
		n := network(10)
		n.DNS = []netip.Addr{netip.MustParseAddr("10.99.0.1")}
		b := newBench(t).in(Start{}, Route{true, "wlan0"}, Connect{p}, Server{1, server, ""}, Up{1, n}, Applied{1}, pushed(1, 1), Applied{1}).state(api.Connected)
		s := b.m.Status(b.now)
		if got := fmt.Sprint(s.DNS, " ", s.Search); got != c.want {
			t.Errorf("%s: %s, want %s", c.mode, got, c.want)
		}
	}
}
