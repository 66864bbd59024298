// Package onlink finds the networks that the machine is on.
package onlink

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Ours: the widest prefixes that are taken for a local network. The router of a
// strange network says how wide the link is: told that it is half of the
// Internet, or all that an office may have, a client that trusts it sends that
// past the tunnel (CVE-2023-36672). Private networks are let be wider: containers
// and companies have such.
const (
	widest4       = 22
	widestPrivate = 16
	widest6       = 64
)

// Prefixes are the networks that the machine is connected to directly, each of
// them once, without loopback, links with two ends, those of the interface
// tunnel, and what is too wide to be a local network.
func Prefixes(tunnel string) ([]netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
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
	return local(found), nil
}

// local are the networks of addresses that are local ones.
func local(found []netip.Prefix) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range found {
		widest := widest4
		switch {
		case p.Addr().Is6():
			widest = widest6
		case p.Addr().IsPrivate() || p.Addr().IsLinkLocalUnicast():
			widest = widestPrivate
		}
		// A single address is the machine's own and no link.
		if p = p.Masked(); p.Bits() >= widest && !p.IsSingleIP() && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}
