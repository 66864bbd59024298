package route

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/culvert-vpn/culvert/platform/internal/onlink"
)

// What of the machine's own networks stays beside a full tunnel. The router of a
// strange network says how wide the link is, and by DHCP what else is behind it:
// whoever believes all of that sends it past the tunnel (CVE-2023-36672,
// CVE-2024-3661). What somebody of this machine has set is not in question.

// local is the part of a route that is beside a full tunnel; not ok: none of it.
func (e entry) local() (part netip.Prefix, ok bool) {
	within := func(wider netip.Prefix) bool {
		return wider.Bits() <= e.prefix.Bits() && wider.Contains(e.prefix.Addr())
	}
	least := minBits4
	if e.prefix.Addr().Is6() {
		least = minBits6
	}
	switch {
	case within(linkLocal4) || within(linkLocal6):
		return e.prefix, true
	case !e.told:
		return e.prefix, e.prefix.Bits() >= least
	case e.hop.via.IsValid() || !e.own.IsValid():
		return netip.Prefix{}, false
	}
	return onlink.Around(netip.PrefixFrom(e.own, e.prefix.Bits())), true
}

// outward are the interfaces that default routes lead to.
func (p *planner) outward() map[int]bool {
	out := map[int]bool{}
	for _, e := range p.system {
		if e.prefix.Bits() == 0 {
			out[e.hop.index] = true
		}
	}
	return out
}

// near plans what keeps its way because it is near. With CaptureLocal that is
// not what is at the outside interface, but for the routers themselves.
func (p *planner) near() {
	outward := p.outward()
	var keep []netip.Prefix
	if p.full(all6) {
		keep = append(keep, linkLocal6)
	}
	for _, e := range p.system {
		if e.prefix.Bits() == 0 || !p.full(family(e.prefix)) || e.prefix.Addr().IsMulticast() {
			continue
		}
		part, ok := e.local()
		if ok && (!p.CaptureLocal || !outward[e.hop.index] || part.Addr().IsLinkLocalUnicast()) {
			keep = append(keep, part)
		}
	}
	for _, r := range p.routers() {
		if p.full(family(r.prefix)) {
			keep = append(keep, r.prefix)
		}
	}
	// Of what is in one another, the widest.
	slices.SortFunc(keep, func(a, b netip.Prefix) int { return cmp.Or(a.Bits()-b.Bits(), a.Addr().Compare(b.Addr())) })
	kept := slices.Clone(p.Outside)
	for _, x := range keep {
		if !covered(x, kept) {
			kept = append(kept, x)
			p.add(op{Do: throwRoute, Prefix: x, Table: ownTable})
		}
	}
}

// covered says that all of x is in one of list.
func covered(x netip.Prefix, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(y netip.Prefix) bool { return y.Bits() <= x.Bits() && y.Contains(x.Addr()) })
}

// routers are the routers of the default routes, by the links that they are on:
// the way to them is looked for when somebody makes a route by them, and most of
// them renew the DHCP lease.
func (p *planner) routers() []entry {
	var list []entry
	for _, e := range p.system {
		if e.prefix.Bits() == 0 && e.hop.via.IsValid() && !e.hop.via.IsLinkLocalUnicast() {
			list = append(list, entry{prefix: netip.PrefixFrom(e.hop.via.WithZone(""), e.hop.via.BitLen()), hop: hop{dev: e.hop.dev, index: e.hop.index}})
		}
	}
	return list
}

// capture plans routes that go before those of the outside interface, where there
// is no policy routing.
func (p *planner) capture() {
	outward := p.outward()
	p.keepRouters()
	for _, e := range p.system {
		if outward[e.hop.index] && p.drawnOver(e) {
			p.cover(e.prefix)
		}
	}
}

// narrow plans routes that go before those of a network that says that it is wider
// than a local one, and keeps the part of it that is believed.
func (p *planner) narrow() {
	outward := p.outward()
	for _, e := range p.system {
		if !e.told || e.hop.via.IsValid() || !p.drawnOver(e) || p.CaptureLocal && outward[e.hop.index] {
			continue
		}
		part, ok := e.local()
		if ok && part == e.prefix {
			continue
		}
		p.keepRouters()
		if ok && !p.has(part) {
			p.add(op{Do: addRoute, Prefix: part, Dev: e.hop.dev, Index: e.hop.index})
		}
		p.cover(e.prefix)
	}
}

// drawnOver says that a route is one of a network that a full tunnel is for, but
// for what the profile keeps outside.
func (p *planner) drawnOver(e entry) bool {
	x := e.prefix
	return x.Bits() != 0 && p.full(family(x)) && !x.Addr().IsLinkLocalUnicast() && !x.Addr().IsMulticast() && !x.IsSingleIP() && !covered(x, p.Outside)
}

// cover plans what goes before a route to x: into the tunnel, or refused.
func (p *planner) cover(x netip.Prefix) {
	o := p.through(x)
	if slices.Contains(p.Blocked, family(x)) && p.refuse {
		o = op{Do: blockRoute}
	}
	for _, o.Prefix = range halves(x) {
		if !p.has(o.Prefix) {
			p.add(o)
		}
	}
}

// has says that there is a route to x already, where there can be one only.
func (p *planner) has(x netip.Prefix) bool {
	return p.exclusive && slices.ContainsFunc(p.system, func(e entry) bool { return e.prefix == x })
}

// keepRouters keeps the routers outside, which are in a network that is not.
func (p *planner) keepRouters() {
	for _, r := range p.routers() {
		if !slices.ContainsFunc(p.system, func(e entry) bool { return e.prefix == r.prefix }) {
			p.add(op{Do: addRoute, Prefix: r.prefix, Dev: r.hop.dev, Index: r.hop.index})
		}
	}
}
