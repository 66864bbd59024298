//go:build windows || darwin

package route

import (
	"net"
	"net/netip"

	"github.com/culvert-vpn/culvert/platform/internal/rib"
)

// linkOf is an interface as every system knows it.
func linkOf(name string) (link, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return link{}, err
	}
	return link{index: i.Index, mtu: i.MTU, up: i.Flags&net.FlagUp != 0}, nil
}

// table is the system's routes by interfaces that are up.
func table() ([]entry, error) {
	routes, err := rib.Read()
	if err != nil {
		return nil, err
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	hosts, own := map[int]bool{}, map[int][]netip.Prefix{}
	for _, l := range links {
		hosts[l.Index] = l.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0
		addrs, err := l.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				own[l.Index] = append(own[l.Index], p)
			}
		}
	}
	var out []entry
	for _, r := range routes {
		if !r.Up {
			continue
		}
		e := entry{prefix: r.Prefix, hop: hop{via: r.Via, dev: r.Dev, index: r.Index}, metric: r.Metric, told: hosts[r.Index]}
		if !r.Via.IsValid() {
			e.own = ownIn(r.Prefix, own[r.Index])
		}
		out = append(out, e)
	}
	return out, nil
}
