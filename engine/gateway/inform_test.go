package gateway

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// TestInform pushes routes to a client, whose network works as without them.
func TestInform(t *testing.T) {
	routes := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("0.0.0.0/0")}
	g := start(t, func(c *Config) { c.Routes, c.Search = routes, []string{"Corp.example.", "example.com"} })
	learned := make(chan dhcp.Options, 1)
	v, err := connect(t, g, func(c *engine.Config) {
		c.Learned = func(_ time.Time, o dhcp.Options) { learned <- o }
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case o := <-learned:
		if !slices.Equal(o.Routes, routes) || !slices.Equal(o.Search, []string{"corp.example", "example.com"}) || !slices.Equal(o.DNS, []netip.Addr{g.cfg.Address}) {
			t.Errorf("learned %+v", o)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was learned")
	}
	if err := v.transfer(256 << 10); err != nil {
		t.Error(err)
	}
}

func TestInformConfig(t *testing.T) {
	cfg := Config{Listen: loopback, AnyPort: true, PSK: secret.Secret("k"), Network: sockets{},
		Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")}
	for i := range 200 {
		cfg.Routes = append(cfg.Routes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24))
	}
	if _, err := Start(cfg); !errors.Is(err, ErrConfig) || !errors.Is(err, dhcp.ErrTooMuch) {
		t.Errorf("Start with 200 routes = %v", err)
	}
	cfg.Routes, cfg.Search = nil, []string{"no name"}
	if _, err := Start(cfg); !errors.Is(err, ErrConfig) || !errors.Is(err, dhcp.ErrUnfit) {
		t.Errorf("Start with an impossible name = %v", err)
	}
}
