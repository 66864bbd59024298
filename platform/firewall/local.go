package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/culvert-vpn/culvert/platform/internal/onlink"
)

// LocalPrefixes are the networks that the machine is connected to directly,
// without those of the tunnel's interface, and without any that are too wide to
// be a local network. Private and link-local ones are left out too:
// LocalNetwork has them.
func LocalPrefixes(tunnel string) ([]netip.Prefix, error) {
	found, err := onlink.Prefixes(tunnel)
	if err != nil {
		return nil, fmt.Errorf("firewall: %w", err)
	}
	return withoutKnown(found), nil
}

func withoutKnown(found []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(found, func(p netip.Prefix) bool {
		return slices.ContainsFunc(localNetworks, func(l netip.Prefix) bool { return l.Bits() <= p.Bits() && l.Contains(p.Addr()) })
	})
}
