package netmon

import (
	"cmp"
	"net/netip"
	"slices"
)

// snapshot is a State and what else is needed to tell what changed.
type snapshot struct {
	State
	running map[int]bool // links
	outside map[int]bool // interfaces of the last default routes that there were
}

// wayOut is a default route as the system has it.
type wayOut struct {
	index  int
	via    netip.Addr
	source netip.Addr // named by the route; not valid: none
	metric int
	ipv6   bool
}

// network is an interface as the system has it.
type network struct {
	index   int
	name    string
	running bool
}

// address is one of an interface.
type address struct {
	index  int
	prefix netip.Prefix
	old    bool // deprecated: not for new connections
	late   bool // tentative: not usable yet
	random bool // temporary (RFC 8981): changes by itself
}

// choose is the state that the system's lists amount to.
func choose(nets []network, ways []wayOut, addrs []address, ignore func(string) bool) snapshot {
	s := snapshot{running: map[int]bool{}, outside: map[int]bool{}}
	names := map[int]string{}
	for _, n := range nets {
		if ignore(n.name) {
			continue
		}
		s.running[n.index] = n.running
		names[n.index] = n.name
	}
	slices.SortStableFunc(ways, func(a, b wayOut) int {
		return cmp.Or(cmp.Compare(a.metric, b.metric), cmp.Compare(a.index, b.index))
	})
	for _, w := range ways {
		d := &s.IPv4
		if w.ipv6 {
			d = &s.IPv6
		}
		if d.Valid() || !s.running[w.index] {
			continue
		}
		*d = Default{Interface: names[w.index], Index: w.index, Gateway: w.via, Source: w.source}
		if !d.Source.IsValid() {
			d.Source = sourceOf(w, addrs)
		}
		s.outside[w.index] = true
	}
	for _, a := range addrs {
		if s.outside[a.index] && !a.late && !a.prefix.Addr().IsLinkLocalUnicast() {
			s.Addresses = append(s.Addresses, a.prefix)
		}
	}
	slices.SortFunc(s.Addresses, netip.Prefix.Compare)
	s.Addresses = slices.Compact(s.Addresses)
	return s
}

// sourceOf is the address that packets by w leave with: the first one in the
// router's network, else the first. Ones that change by themselves come last:
// that they do is no change of the network.
func sourceOf(w wayOut, addrs []address) netip.Addr {
	var best netip.Addr
	rank := 0
	for _, a := range addrs {
		ip := a.prefix.Addr()
		if a.index != w.index || ip.Is4() == w.ipv6 || a.late || a.old || ip.IsLinkLocalUnicast() {
			continue
		}
		r := 1
		if !a.random {
			r += 2
		}
		if a.prefix.Contains(w.via.WithZone("")) {
			r++
		}
		if r > rank {
			best, rank = ip, r
		}
	}
	return best
}

// since is what is different from old.
func (s snapshot) since(old snapshot) Change {
	var c Change
	route := func(d Default) Default {
		d.Source = netip.Addr{}
		return d
	}
	if route(s.IPv4) != route(old.IPv4) {
		c |= DefaultIPv4
	}
	if route(s.IPv6) != route(old.IPv6) {
		c |= DefaultIPv6
	}
	if s.IPv4.Source != old.IPv4.Source || s.IPv6.Source != old.IPv6.Source || !slices.Equal(s.Addresses, old.Addresses) {
		c |= Addresses
	}
	for i := range old.outside {
		if s.running[i] != old.running[i] {
			c |= Link
		}
	}
	return c
}

// wasOutside remembers which interfaces led outside while none does: that one
// of them comes back is worth telling.
func (s *snapshot) wasOutside(old snapshot) {
	if len(s.outside) == 0 {
		s.outside = old.outside
	}
}
