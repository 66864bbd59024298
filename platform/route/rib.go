//go:build windows || darwin

package route

import (
	"net"

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
	var out []entry
	for _, r := range routes {
		if r.Up {
			out = append(out, entry{prefix: r.Prefix, hop: hop{via: r.Via, dev: r.Dev, index: r.Index}, metric: r.Metric})
		}
	}
	return out, nil
}
