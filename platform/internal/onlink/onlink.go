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
// and companies have such. Of a wider one the part around our own address is
// believed: the network that gave the address might have said no more than that.
const (
	widest4       = 22
	widestPrivate = 16
	widest6       = 64
)

// Prefixes are the networks that the machine is connected to directly, each of
// them once, without loopback, links with two ends, and those of the interface
// tunnel; of one that is too wide to be a local network, a part.
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
		// A single address is the machine's own and no link.
		if p.IsSingleIP() {
			continue
		}
		if p = Around(p); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// Around is what of the link of an own address, whose network is said to have so
// many bits, is believed to be local.
func Around(own netip.Prefix) netip.Prefix {
	widest := widest4
	switch a := own.Addr(); {
	case a.Is6():
		widest = widest6
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		widest = widestPrivate
	}
	return netip.PrefixFrom(own.Addr(), max(own.Bits(), widest)).Masked()
}
