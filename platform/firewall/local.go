package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Ours: the widest on-link prefixes that are taken for a local network. The
// router of a strange network says how wide the link is: told that it is half
// of the Internet, a client that trusts it sends that half past the tunnel
// (CVE-2023-36672).
const (
	widestLink4 = 22
	widestLink6 = 64
)

// LocalPrefixes are the networks that the machine is connected to directly,
// without those of the tunnel's interface, and without any that are too wide to
// be a local network. Private and link-local ones are left out too:
// LocalNetwork has them.
func LocalPrefixes(tunnel string) ([]netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("firewall: list interfaces: %w", err)
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
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				found = append(found, p)
			}
		}
	}
	return onLink(found), nil
}

func onLink(found []netip.Prefix) []netip.Prefix {
	var local []netip.Prefix
	for _, p := range found {
		p = p.Masked()
		widest := widestLink4
		if p.Addr().Is6() {
			widest = widestLink6
		}
		known := slices.ContainsFunc(localNetworks, func(l netip.Prefix) bool {
			return l.Bits() <= p.Bits() && l.Contains(p.Addr())
		})
		// A single address is the machine's own and no link.
		if known || p.Bits() < widest || p.IsSingleIP() || slices.Contains(local, p) {
			continue
		}
		local = append(local, p)
	}
	return local
}
