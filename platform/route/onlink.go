package route

import (
	"fmt"
	"net"
	"net/netip"
)

// OnLink is the IPv4 networks that the machine is on, without loopback, links
// with two ends, and the tunnel's interface: each a network of several hosts.
func OnLink(tunnel string) ([]netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("route: list interfaces: %w", err)
	}
	var found []netip.Prefix
	for _, l := range links {
		if l.Name == tunnel || l.Flags&net.FlagUp == 0 || l.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, err := l.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && p.Bits() > 0 && p.Bits() < 32 {
				found = append(found, p.Masked())
			}
		}
	}
	return found, nil
}
