package stack

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/secret"
)

var quick = enginetest.Conditions{Delay: 5 * time.Millisecond}

// TestAddressAfterLogin: the gateway gave an address of its pool to everybody
// who opened a session, before the login.
func TestAddressAfterLogin(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c, g *Config)
		users  []string
	}{
		{"logged in", nil, []string{"alice"}},
		{"no login is asked for", func(c, g *Config) { g.PPP.Auth = nil }, []string{""}},
		{"wrong password", func(c, g *Config) { c.PPP.Password = secret.Secret("wrong") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var users []string
			w := newWorld(worldConfig{conditions: quick, change: func(c, g *Config) {
				g.PPP.Peer = netip.Addr{}
				g.Assign = func(user string) netip.Addr { users = append(users, user); return innerClient }
				if tt.change != nil {
					tt.change(c, g)
				}
			}})
			w.client.call(w.client.conn.Start)
			w.sim.Run(w.sim.Now().Add(10 * time.Second))
			if len(users) != len(tt.users) || len(users) > 0 && users[0] != tt.users[0] {
				t.Errorf("addresses were given to %q, want %q", users, tt.users)
			}
			if up := w.client.network; (up != nil) != (tt.users != nil) || up != nil && up.Local != innerClient {
				t.Errorf("the client has %+v", up)
			}
		})
	}
}

func TestNoAddressLeft(t *testing.T) {
	w := newWorld(worldConfig{conditions: quick, change: func(c, g *Config) {
		g.Assign = func(string) netip.Addr { return netip.Addr{} }
	}})
	w.client.call(w.client.conn.Start)
	w.sim.Run(w.sim.Now().Add(10 * time.Second))
	if w.client.down == nil || w.gateway.down == nil || w.gateway.down.Failure.Code != failure.PPPNoAddress {
		t.Errorf("client %+v, gateway %+v, want %v", w.client.down, w.gateway.down, failure.PPPNoAddress)
	}
}

// A client took the gateway's own outer address, and so cut itself off from it.
func TestOuterAddressInside(t *testing.T) {
	w := newWorld(worldConfig{conditions: quick, change: func(c, g *Config) { g.PPP.Peer = gatewayAddr }})
	w.client.call(w.client.conn.Start)
	w.sim.Run(w.sim.Now().Add(10 * time.Second))
	if w.client.down == nil || w.client.down.Failure == nil || w.client.down.Failure.Code != failure.PPPNoAddress {
		t.Errorf("client %+v, network %+v, want %v", w.client.down, w.client.network, failure.PPPNoAddress)
	}
}

// A path MTU below what the headers take made an MRU of 65,000 of it.
func TestTinyPath(t *testing.T) {
	for _, mtu := range []int{1, 68, 100, 300} {
		w := newWorld(worldConfig{conditions: quick, change: func(c, g *Config) { c.PathMTU = mtu }})
		w.connect(t, 5*time.Second)
		if got := w.client.network.MTU; got < leastMTU || got > 300 {
			t.Errorf("path of %d octets: MTU %d", mtu, got)
		}
		if got := w.gateway.network.MTU; got > 300 {
			t.Errorf("path of %d octets: the client has the gateway send %d", mtu, got)
		}
	}
}

// TestBefore: an earlier address is asked for, but not before the profile's own,
// and not of SoftEther.
func TestBefore(t *testing.T) {
	own, before := netip.MustParseAddr("10.99.0.7"), netip.MustParseAddr("10.99.0.10")
	for _, tt := range []struct {
		vendor      string
		local, want netip.Addr
	}{
		{"", netip.Addr{}, before}, {"xelerance.com", netip.Addr{}, before}, {"", own, own},
		{vendorSoftEther, netip.Addr{}, netip.Addr{}}, {vendorSoftEther, own, own},
	} {
		w := newWorld(worldConfig{conditions: quick, change: func(c, _ *Config) { c.Before, c.PPP.Local = before, tt.local }})
		w.client.call(w.client.conn.Start)
		w.sim.Run(w.sim.Now().Add(2 * time.Second))
		w.client.conn.tunnel.Vendor = tt.vendor
		k := w.client.conn.pppConfig()
		if k.Local != tt.want || k.IPv6Waits != (tt.vendor == vendorSoftEther) {
			t.Errorf("%+v: asks for %v, IPv6 waits %v", tt, k.Local, k.IPv6Waits)
		}
	}
}
