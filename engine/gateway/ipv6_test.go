package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/netstack"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// TestIPv6 gives each client a network, and carries what is in its name.
func TestIPv6(t *testing.T) {
	g := start(t, func(c *Config) { c.Pool6 = netip.MustParsePrefix("2001:db8:99::/62") })
	visit := func(n int, address string) {
		t.Helper()
		learned := make(chan slaac.Network, 8)
		var net *netstack.Stack
		v, err := connect(t, g, func(c *engine.Config) {
			c.Stack.PPP.IPv6, c.Stack.PPP.InterfaceID = true, [8]byte{7: 7}
			c.Learned6 = func(_ time.Time, n slaac.Network) { learned <- n }
			c.Device = func(_ context.Context, n stack.Network) (d dataplane.Device, err error) {
				net, err = netstack.New(netstack.Config{Address: n.Local, Address6: netip.MustParseAddr(address), MTU: n.MTU})
				return net, err
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-learned:
			if got.Address.String() != address || !got.Default {
				t.Fatalf("client %d learned %+v, want %s", n, got, address)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("client %d learned nothing", n)
		}
		v.web.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, err := net.DialContext(ctx, "tcp", "[2001:db8:99::1]:80")
		if err != nil {
			t.Fatalf("client %d: %v", n, err)
		}
		defer c.Close()
		fmt.Fprint(c, "GET /bytes?n=100000 HTTP/1.0\r\n\r\n")
		if n, err := io.Copy(io.Discard, c); err != nil || n < 100000 {
			t.Errorf("client %s: %d octets, %v", address, n, err)
		}
	}
	visit(1, "2001:db8:99:1::7")
	visit(2, "2001:db8:99:2::7")
	visit(3, "2001:db8:99:3::7")
	if _, err := connect(t, g, func(c *engine.Config) {
		c.Stack.PPP.IPv6 = true
		c.Learned6 = func(_ time.Time, n slaac.Network) { t.Errorf("there is no network left, and it learned %+v", n) }
	}); err != nil {
		t.Errorf("without a network for it the fourth client is not let in: %v", err)
	}
}

// Networks go round, and come back from clients that are gone.
func TestAssign6(t *testing.T) {
	l := still(t)
	l.cfg.Pool6 = netip.MustParsePrefix("2001:db8:99:fffe::/62") // is masked by Start
	l.cfg.Pool6 = l.cfg.Pool6.Masked()
	l.next6 = l.cfg.first6()
	var got []string
	give := func() *client {
		c := l.add(time.Now(), endpoint(len(l.clients)+1), false)
		l.assign6(c)
		got = append(got, fmt.Sprint(c.prefix6))
		return c
	}
	first := give()
	give()
	give()
	give()
	l.remove(first)
	give()
	if want := "[2001:db8:99:fffd::/64 2001:db8:99:fffe::/64 2001:db8:99:ffff::/64 invalid Prefix 2001:db8:99:fffd::/64]"; fmt.Sprint(got) != want {
		t.Errorf("given %v, want %s", got, want)
	}
}

// Everything of a client's is in the name of its own network, but for what it
// says to the link.
func TestSpeaks6(t *testing.T) {
	c := &client{}
	mine := netip.MustParseAddr("2001:db8:99:1::7")
	tab := &table{byNet: map[[8]byte]*client{half(mine): c}}
	ip := func(from netip.Addr) []byte {
		return append(append([]byte{0x60, 7: 64}, from.AsSlice()...), make([]byte, 16)...)
	}
	for name, tt := range map[string]struct {
		ip   []byte
		want bool
	}{
		"own": {ip(mine), true}, "another of its own": {ip(mine.Next()), true}, "another's": {ip(netip.MustParseAddr("2001:db8:99:2::7")), false},
		"nobody's": {ip(netip.IPv6Unspecified()), false}, "the link's": {ip(netip.MustParseAddr("fe80::1")), false}, "short": {ip(mine)[:39], false},
	} {
		if got := tab.speaks(c, tt.ip); got != tt.want {
			t.Errorf("%s: speaks = %v, want %v", name, got, tt.want)
		}
	}
}

func TestIPv6Config(t *testing.T) {
	usual := Config{Listen: loopback, AnyPort: true, PSK: secret.Secret("k"), Network: sockets{},
		Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24"), Pool6: netip.MustParsePrefix("2001:db8:99::/56")}
	for name, change := range map[string]func(c *Config){
		"an address and no pool": func(c *Config) { c.Pool6, c.Address6 = netip.Prefix{}, netip.MustParseAddr("2001:db8::1") },
		"a pool of IPv4":         func(c *Config) { c.Pool6 = netip.MustParsePrefix("10.0.0.0/8") },
		"a pool for one":         func(c *Config) { c.Pool6 = netip.MustParsePrefix("2001:db8::/64") },
		"a pool for everybody":   func(c *Config) { c.Pool6 = netip.MustParsePrefix("2001::/16") },
		"no pool of hosts":       func(c *Config) { c.Pool6 = netip.MustParsePrefix("fe80::/56") },
		"a small MTU":            func(c *Config) { c.MTU = 1279 },
		"an address of a client": func(c *Config) { c.Address6 = netip.MustParseAddr("2001:db8:99:1::1") },
		"a name server nowhere":  func(c *Config) { c.DNS6 = []netip.Addr{netip.MustParseAddr("::1")} },
	} {
		c := usual
		change(&c)
		if _, err := Start(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: Start = %v", name, err)
		}
	}
}
