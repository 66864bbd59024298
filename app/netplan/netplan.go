// Package netplan turns what a connection agreed on and what the profile wants
// into the routes and the name servers of the system. It changes nothing itself.
package netplan

import (
	"net/netip"
	"slices"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/dns"
	"github.com/culvert-vpn/culvert/platform/route"
)

// Connection is what is known once the network is up.
type Connection struct {
	Interface string     // the tunnel's
	Server    netip.Addr // the gateway outside
	Local     netip.Addr // ours inside
	Local6    netip.Addr // our global IPv6 address inside; not valid: the gateway carries none
	Peer      netip.Addr // the gateway's inside; not valid: none given
	MTU       int        // octets
}

var (
	allIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	allIPv6 = netip.MustParsePrefix("::/0")
)

// Routes is what the system's routes should be.
func Routes(p *profile.Profile, c Connection) route.Config {
	server := host(c.Server)
	cfg := route.Config{Interface: c.Interface, Address: c.Local, MTU: c.MTU, Outside: []netip.Prefix{server}, CaptureLocal: !p.Routing.LocalNetwork}
	full := p.Routing.Mode == "full"
	if full {
		cfg.Routes = []netip.Prefix{allIPv4}
		cfg.Outside = unique(append(cfg.Outside, p.Routing.Exclude...))
	} else {
		if c.Peer.IsValid() {
			cfg.Routes = append(cfg.Routes, host(c.Peer))
		}
		cfg.Routes = unique(append(cfg.Routes, p.Routing.Include...))
		// A peer that is the gateway itself, as some have it, and a network that
		// is nothing but the gateway, stay outside.
		cfg.Routes = slices.DeleteFunc(cfg.Routes, func(r netip.Prefix) bool { return r == server })
	}
	// IPv6 that goes around the tunnel is a leak.
	switch auto := p.Routing.IPv6 == "auto"; {
	case auto && c.Local6.IsValid():
		cfg.Address6 = c.Local6
		if full {
			cfg.Routes = append(cfg.Routes, allIPv6)
		}
	case auto && full || p.Routing.IPv6 == "block":
		cfg.Blocked = []netip.Prefix{allIPv6}
	}
	return cfg
}

// DNS is what the system's resolver should be, offered being the gateway's name
// servers; ok is false when it stays as it is.
func DNS(p *profile.Profile, name string, offered []netip.Addr) (cfg dns.Config, ok bool) {
	cfg = dns.Config{Interface: name, Search: p.DNS.Search, Domains: p.DNS.Domains}
	switch p.DNS.Mode {
	case "auto":
		cfg.Servers = offered
	case "manual":
		for _, s := range p.DNS.Servers {
			if a, err := netip.ParseAddr(s); err == nil { // Parse has refused others
				cfg.Servers = append(cfg.Servers, a)
			}
		}
	}
	return cfg, len(cfg.Servers) > 0
}

func host(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

// unique drops what is there already, in order.
func unique(in []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range in {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
