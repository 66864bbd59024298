package route

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/culvert-vpn/culvert/platform/internal/onlink"
)

// OnLink is the IPv4 networks that the machine is on, without loopback, links
// with two ends, the tunnel's interface, and what is too wide for a local network:
// each a network of several hosts.
func OnLink(tunnel string) ([]netip.Prefix, error) {
	found, err := onlink.Prefixes(tunnel)
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	return slices.DeleteFunc(found, func(p netip.Prefix) bool { return !p.Addr().Is4() }), nil
}
