package route

import (
	"fmt"
	"net/netip"
	"slices"
)

// Ours: the table, by its look a neighbour of wg-quick's 51820, and the
// priority of the rule: behind Tailscale's, before everybody's who lets the
// kernel choose.
const (
	ownTable    = 51701
	priorityOwn = 5330
)

// Ours: routes of the machine's from these lengths on go before the tunnel. What
// is wider is a default route in disguise: halves, and 2000::/3 where a provider
// says it instead of ::/0.
const (
	minBits4 = 8
	minBits6 = 7
)

var (
	all4                   = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	all6                   = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	linkLocal4, linkLocal6 = netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")
	// What finds neighbours belongs to the local network.
	neighbours = []netip.Prefix{netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("255.255.255.255/32")}
)

// planner lists what a Config wants.
type planner struct {
	Config
	traits
	tunnel  hop
	system  []entry               // without the tunnel's routes and without ours
	drawn   map[netip.Prefix]bool // Routes and Blocked
	planned map[place]bool
	ops     []op
}

// plan lists what cfg wants, in the order in which it has to be made: what
// stays outside before what draws traffic into the tunnel, and the rules, which
// switch it on, at the end.
func (m *Manager) plan(cfg Config) ([]op, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l, err := m.run.link(cfg.Interface)
	if err != nil {
		return nil, fmt.Errorf("route: interface %s: %w", cfg.Interface, err)
	}
	p := &planner{Config: cfg, traits: m.run.traits(), tunnel: hop{dev: cfg.Interface, index: l.index},
		drawn: setOf(cfg.Routes, cfg.Blocked), planned: map[place]bool{}}
	if err := m.look(p); err != nil {
		return nil, err
	}
	p.add(op{Do: setLink, MTU: cfg.MTU, OldMTU: l.mtu, WasUp: l.up, Dev: cfg.Interface, Index: l.index})
	for _, a := range []netip.Addr{cfg.Address, cfg.Address6} {
		if a.IsValid() {
			p.add(op{Do: addAddress, Dev: cfg.Interface, Index: l.index, Prefix: netip.PrefixFrom(a, a.BitLen())})
		}
	}
	p.outside()
	if p.policy {
		p.near()
	}
	p.blocked()
	if err := p.inside(); err != nil {
		return nil, err
	}
	if !p.policy {
		if cfg.CaptureLocal {
			p.capture()
		}
		p.narrow()
	}
	p.rules()
	return p.ops, nil
}

// check finds what contradicts itself.
func (c *Config) check() error {
	for _, p := range slices.Concat(c.Routes, c.Outside, c.Blocked) {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			return fmt.Errorf("route: %v is not a network", p)
		}
	}
	outside, blocked := setOf(c.Outside), setOf(c.Blocked)
	for _, p := range c.Routes {
		if outside[p] {
			return fmt.Errorf("route: %v is wanted both inside and outside of the tunnel", p)
		}
		if blocked[p] {
			return fmt.Errorf("route: %v is wanted both inside of the tunnel and blocked", p)
		}
	}
	return nil
}

func setOf(lists ...[]netip.Prefix) map[netip.Prefix]bool {
	s := map[netip.Prefix]bool{}
	for _, l := range lists {
		for _, p := range l {
			s[p] = true
		}
	}
	return s
}

// look reads the system's routes, if the plan depends on them.
func (m *Manager) look(p *planner) error {
	if p.policy && !p.full(all4) && !p.full(all6) && !slices.ContainsFunc(p.Outside, p.pinned) {
		return nil
	}
	routes, err := m.run.routes()
	if err != nil {
		return fmt.Errorf("route: list routes: %w", err)
	}
	ours := map[entry]bool{}
	for _, o := range m.applied {
		if o.Do == addRoute && o.Table == 0 {
			ours[entry{prefix: o.Prefix, hop: o.hop()}] = true
		}
	}
	p.system = slices.DeleteFunc(routes, func(e entry) bool {
		return e.hop.dev == p.Interface || ours[entry{prefix: e.prefix, hop: e.hop}]
	})
	return nil
}

// add plans o, unless something else is planned in its place.
func (p *planner) add(o op) {
	if at := o.place(); !p.planned[at] {
		p.planned[at] = true
		p.ops = append(p.ops, o)
	}
}

// full is whether the whole family of a goes into the tunnel or nowhere.
func (p *planner) full(family netip.Prefix) bool { return p.drawn[family] }

// pinned is whether x needs a route by its present way: it is a part of what
// goes elsewhere by the main table.
func (p *planner) pinned(x netip.Prefix) bool {
	widest := 0
	if p.policy {
		widest = 1
	}
	for bits := widest; bits < x.Bits(); bits++ {
		if wider, err := x.Addr().Prefix(bits); err == nil && p.drawn[wider] {
			return true
		}
	}
	return false
}

// outside plans what keeps its way.
func (p *planner) outside() {
	for _, x := range p.Outside {
		if p.policy && p.full(family(x)) {
			p.add(op{Do: throwRoute, Prefix: x, Table: ownTable})
		}
		if p.pinned(x) {
			p.pin(x)
		}
	}
	if p.policy && !p.CaptureLocal && p.full(all4) {
		for _, x := range neighbours {
			p.add(op{Do: throwRoute, Prefix: x, Table: ownTable})
		}
	}
}

// pin plans a route to x by its present way. Where there is none, x is refused:
// inside of the tunnel the tunnel's own packets would go round in circles.
func (p *planner) pin(x netip.Prefix) {
	if x.Addr().IsLoopback() {
		return
	}
	best, found := way(p.system, x.Addr())
	switch {
	case found && best.prefix == x:
		return // somebody's own route, and as good
	case found:
		p.add(op{Do: addRoute, Prefix: x, Via: best.hop.via, Dev: best.hop.dev, Index: best.hop.index})
	case p.refuse:
		p.add(op{Do: blockRoute, Prefix: x})
	}
}

// way is the route of a table that packets to dst take.
func way(table []entry, dst netip.Addr) (entry, bool) {
	var best entry
	found := false
	for _, e := range table {
		if !e.prefix.Contains(dst) {
			continue
		}
		if n := e.prefix.Bits() - best.prefix.Bits(); !found || n > 0 || n == 0 && e.metric < best.metric {
			best, found = e, true
		}
	}
	return best, found
}

// blocked plans what is refused.
func (p *planner) blocked() {
	for _, x := range p.Blocked {
		switch {
		case p.policy && x.Bits() == 0:
			p.add(op{Do: blockRoute, Prefix: x, Table: ownTable})
		case !p.refuse:
			p.add(p.through(x))
		case p.halves && x.Bits() == 0:
			for _, h := range halves(x) {
				p.add(op{Do: blockRoute, Prefix: h})
			}
		default:
			p.add(op{Do: blockRoute, Prefix: x})
		}
	}
}

// inside plans what goes through the tunnel.
func (p *planner) inside() error {
	foreign := map[netip.Prefix]bool{}
	for _, e := range p.system {
		foreign[e.prefix] = true
	}
	for _, x := range p.Routes {
		parts := []netip.Prefix{x}
		if p.halves && x.Bits() == 0 {
			parts = halves(x)
		}
		for _, x := range parts {
			if p.exclusive && foreign[x] {
				return fmt.Errorf("%w: %v", ErrTaken, x)
			}
			o := p.through(x)
			if p.policy && x.Bits() == 0 {
				o.Table = ownTable
			}
			p.add(o)
		}
	}
	return nil
}

// through is a route by the tunnel's interface.
func (p *planner) through(x netip.Prefix) op {
	o := op{Do: addRoute, Prefix: x, Dev: p.tunnel.dev, Index: p.tunnel.index}
	for _, a := range []netip.Addr{p.Address, p.Address6} {
		if a.BitLen() == x.Addr().BitLen() {
			o.Src = a
		}
	}
	return o
}

// rules plans what leads lookups into our table.
func (p *planner) rules() {
	if !p.policy {
		return
	}
	for _, f := range []netip.Prefix{all4, all6} {
		if !p.full(f) {
			continue
		}
		p.add(op{Do: addRule, Prefix: f, Priority: priorityOwn, Table: ownTable, NotMark: p.Mark})
	}
}

func family(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4() {
		return all4
	}
	return all6
}

// halves is p, which is no single address, in two.
func halves(p netip.Prefix) []netip.Prefix {
	upper := p.Addr().AsSlice()
	upper[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	a, _ := netip.AddrFromSlice(upper) // of the same length
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(a, p.Bits()+1)}
}

// ownIn is the first of our addresses that is in p.
func ownIn(p netip.Prefix, own []netip.Prefix) netip.Addr {
	for _, a := range own {
		if p.Contains(a.Addr()) {
			return a.Addr()
		}
	}
	return netip.Addr{}
}
