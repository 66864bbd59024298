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
	Interface string       // the tunnel's
	Server    netip.Addr   // the gateway outside
	Local     netip.Addr   // ours inside
	Local6    netip.Addr   // our global IPv6 address inside; not valid: the gateway carries none
	Peer      netip.Addr   // the gateway's inside; not valid: none given
	MTU       int          // octets
	DNS       []netip.Addr // name servers that the gateway offered

	Pushed []netip.Prefix // routes that the gateway pushed
	OnLink []netip.Prefix // networks that the machine is on, beside the tunnel; counts for Pushed only
}

var (
	allIPv4 = netip.MustParsePrefix("0.0.0.0/0")
	allIPv6 = netip.MustParsePrefix("::/0")
)

// pushedBits is how wide a pushed route may be, at most. No network of anybody is
// wider than a /8 (the registry of IANA has nothing else): what is, is a default route, or one in
// disguise.
const pushedBits = 8

// pushedBits6 is the same of IPv6, whose widest network of anybody's is fc00::/7.
const pushedBits6 = 7

// Pushed tells which of the routes that the gateway pushed are taken, and which
// are not. A default route is not: in full mode it is there, and split mode is
// the profile's word against it, as "use default gateway on remote network" is
// on Windows. Nor is what the profile keeps outside: the gateway itself, what it
// excludes, and the local network.
func Pushed(p *profile.Profile, c Connection) (taken, ignored []netip.Prefix) {
	if !p.Routing.FromGateway {
		return nil, c.Pushed
	}
	outside := []netip.Prefix{host(c.Server)}
	if p.Routing.Mode == "full" {
		outside = append(outside, p.Routing.Exclude...)
	}
	if p.Routing.LocalNetwork {
		outside = append(outside, c.OnLink...)
	}
	for _, r := range c.Pushed {
		within := func(o netip.Prefix) bool { return o.Bits() <= r.Bits() && o.Contains(r.Addr()) }
		least := pushedBits
		if r.Addr().Is6() {
			least = pushedBits6
		}
		if r.Bits() < least || slices.ContainsFunc(outside, within) {
			ignored = append(ignored, r)
		} else {
			taken = append(taken, r)
		}
	}
	return taken, ignored
}

// Routes is what the system's routes should be.
func Routes(p *profile.Profile, c Connection) route.Config {
	server := host(c.Server)
	cfg := route.Config{Interface: c.Interface, Address: c.Local, MTU: c.MTU, Outside: []netip.Prefix{server}, CaptureLocal: !p.Routing.LocalNetwork}
	full := p.Routing.Mode == "full"
	if full {
		// A pushed route goes before wider ones that the machine has elsewhere.
		taken, _ := Pushed(p, c)
		cfg.Routes = unique(append([]netip.Prefix{allIPv4}, taken...))
		cfg.Outside = unique(append(cfg.Outside, p.Routing.Exclude...))
	} else {
		if c.Peer.IsValid() {
			cfg.Routes = append(cfg.Routes, host(c.Peer))
		}
		taken, _ := Pushed(p, c)
		cfg.Routes = unique(slices.Concat(cfg.Routes, p.Routing.Include, taken))
		if p.DNS.Mode == "auto" {
			cfg.Routes = reach(cfg.Routes, c)
		}
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
	if !cfg.Address6.IsValid() {
		refuse6(&cfg)
	}
	return cfg
}

// refuse6 refuses what would go through a tunnel that carries no IPv6: programs
// learn at once that there is no way.
func refuse6(cfg *route.Config) {
	for _, r := range cfg.Routes {
		if r.Addr().Is6() && !slices.Contains(cfg.Blocked, r) {
			cfg.Blocked = append(cfg.Blocked, r)
		}
	}
	cfg.Routes = slices.DeleteFunc(cfg.Routes, func(r netip.Prefix) bool { return r.Addr().Is6() })
}

// DNS is what the system's resolver should be, offered and search being the
// gateway's name servers and search list; ok is false when it stays as it is.
func DNS(p *profile.Profile, name string, offered []netip.Addr, search ...string) (cfg dns.Config, ok bool) {
	cfg = dns.Config{Interface: name, Domains: p.DNS.Domains}
	cfg.Servers, cfg.Search = p.Resolvers(offered, search)
	return cfg, len(cfg.Servers) > 0
}

// reach adds routes to what of the gateway's name servers the routes leave
// outside: they are to be asked through the tunnel, whatever else goes there.
func reach(routes []netip.Prefix, c Connection) []netip.Prefix {
	for _, a := range c.DNS {
		if (a.Is4() || c.Local6.IsValid()) && !slices.ContainsFunc(routes, func(r netip.Prefix) bool { return r.Contains(a) }) {
			routes = append(routes, host(a))
		}
	}
	return routes
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
