package netmon

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/platform/internal/rib"
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// callbacks is the source of a Windows machine: NotifyIpInterfaceChange,
// NotifyRouteChange2 and NotifyUnicastIpAddressChange. Sleep and wake come by
// Monitor.Power.
type callbacks struct {
	unregister []func() error
}

func newSource(in *inbox) (source, error) {
	s := &callbacks{}
	i, err := winipcfg.RegisterInterfaceChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPInterfaceRow) { in.tell(reread) })
	if err != nil {
		return nil, fmt.Errorf("netmon: NotifyIpInterfaceChange: %w", err)
	}
	s.unregister = append(s.unregister, i.Unregister)
	r, err := winipcfg.RegisterRouteChangeCallback(func(_ winipcfg.MibNotificationType, r *winipcfg.MibIPforwardRow2) {
		if r.DestinationPrefix.PrefixLength == 0 {
			in.tell(reread)
		} else {
			in.tell(Routes)
		}
	})
	if err != nil {
		s.close()
		return nil, fmt.Errorf("netmon: NotifyRouteChange2: %w", err)
	}
	s.unregister = append(s.unregister, r.Unregister)
	a, err := winipcfg.RegisterUnicastAddressChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibUnicastIPAddressRow) { in.tell(reread) })
	if err != nil {
		s.close()
		return nil, fmt.Errorf("netmon: NotifyUnicastIpAddressChange: %w", err)
	}
	s.unregister = append(s.unregister, a.Unregister)
	return s, nil
}

func (s *callbacks) close() {
	for _, u := range s.unregister {
		_ = u() // what is not told any more needs no end
	}
}

func (*callbacks) suspended() (time.Duration, bool) { return 0, false }

func (*callbacks) tick() {}

func (s *callbacks) read(ignore func(string) bool) (snapshot, error) {
	routes, err := rib.Read()
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: %w", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: %w", err)
	}
	rows, err := winipcfg.GetUnicastIPAddressTable(windows.AF_UNSPEC)
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: list addresses: %w", err)
	}
	var nets []network
	for _, l := range links {
		if l.Flags&net.FlagLoopback == 0 {
			nets = append(nets, network{l.Index, l.Name, l.Flags&net.FlagUp != 0 && l.Flags&net.FlagRunning != 0})
		}
	}
	var addrs []address
	for i := range rows {
		r := &rows[i]
		ip := r.Address.Addr().WithZone("")
		if !ip.IsValid() {
			continue
		}
		addrs = append(addrs, address{
			index: int(r.InterfaceIndex), prefix: netip.PrefixFrom(ip, int(r.OnLinkPrefixLength)),
			old: r.DadState == winipcfg.DadStateDeprecated, late: r.DadState != winipcfg.DadStateDeprecated && r.DadState != winipcfg.DadStatePreferred,
			random: r.SuffixOrigin == windows.IpSuffixOriginRandom,
		})
	}
	return choose(nets, ways(routes), addrs, ignore), nil
}
