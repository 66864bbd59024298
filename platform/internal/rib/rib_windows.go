package rib

import (
	"fmt"
	"net"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// Read is the whole table.
func Read() ([]Route, error) {
	rows, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("read routing table: %w", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := map[uint32]string{}
	for _, l := range links {
		names[uint32(l.Index)] = l.Name //nolint:gosec // an interface index
	}
	type of struct {
		luid   winipcfg.LUID
		family winipcfg.AddressFamily
	}
	states := map[of]winipcfg.MibIPInterfaceRow{}
	for _, f := range []winipcfg.AddressFamily{windows.AF_INET, windows.AF_INET6} {
		ifs, err := winipcfg.GetIPInterfaceTable(f)
		if err != nil {
			return nil, fmt.Errorf("read interfaces: %w", err)
		}
		for _, i := range ifs {
			states[of{i.InterfaceLUID, f}] = i
		}
	}
	var out []Route
	for i := range rows {
		r := &rows[i]
		p := r.DestinationPrefix.Prefix()
		if !p.IsValid() || r.Loopback {
			continue
		}
		f := winipcfg.AddressFamily(windows.AF_INET)
		if p.Addr().Is6() {
			f = windows.AF_INET6
		}
		state := states[of{r.InterfaceLUID, f}]
		e := Route{Prefix: p.Masked(), Dev: names[r.InterfaceIndex], Index: int(r.InterfaceIndex), Metric: int(r.Metric) + int(state.Metric), Up: state.Connected}
		if via := r.NextHop.Addr(); via.IsValid() && !via.IsUnspecified() {
			e.Via = via.WithZone("")
		}
		out = append(out, e)
	}
	return out, nil
}
