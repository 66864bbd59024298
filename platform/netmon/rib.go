//go:build windows || darwin

package netmon

import "github.com/culvert-vpn/culvert/platform/internal/rib"

// ways are the default routes of a table.
func ways(routes []rib.Route) []wayOut {
	var out []wayOut
	for _, r := range routes {
		if r.Prefix.Bits() == 0 && r.Up {
			out = append(out, wayOut{index: r.Index, via: r.Via, metric: r.Metric, ipv6: r.Prefix.Addr().Is6()})
		}
	}
	return out
}
