package slaac

import (
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// Conn finds out what a link has. Its methods are for one goroutine. It has no
// end: what it says lasts as long as IPV6CP is opened.
type Conn struct {
	cfg       Config
	local     netip.Addr // link-local
	started   bool
	sent      int       // solicitations
	solicitAt time.Time // the next one; zero: none

	routers  table[netip.Addr]
	prefixes []learnedPrefix
	onLink   table[netip.Prefix]
	routes   table[netip.Prefix]
	servers  table[netip.Addr]
	search   table[string]
	mtu      int
	dhcp     exchange

	told   Network
	toldAt time.Time
	tellAt time.Time // what has changed since; zero: nothing has
}

// learnedPrefix is a prefix that we have an address in, and until when: zero for
// preferred is over.
type learnedPrefix struct {
	netip.Prefix
	valid, preferred time.Time
}

// never is a century: what has no end outlives every connection.
const never = 100 * 365 * 24 * time.Hour

// end is when something with a lifetime is over.
func end(now time.Time, life time.Duration) time.Time { return now.Add(min(life, never)) }

// entry is something, and when it is over.
type entry[T comparable] struct {
	what T
	ends time.Time
}

// table keeps things with their ends, in the order in which they came first.
type table[T comparable] []entry[T]

// keep takes in one thing, or lets it live on; without a lifetime it is over.
func (t *table[T]) keep(now time.Time, what T, life time.Duration, most int) {
	i := slices.IndexFunc(*t, func(e entry[T]) bool { return e.what == what })
	switch {
	case i >= 0:
		(*t)[i].ends = end(now, life)
	case life > 0 && len(*t) < most:
		*t = append(*t, entry[T]{what, end(now, life)})
	}
}

// expire forgets what is over.
func (t *table[T]) expire(now time.Time) {
	*t = slices.DeleteFunc(*t, func(e entry[T]) bool { return !now.Before(e.ends) })
}

func (t table[T]) list() []T {
	var out []T
	for _, e := range t {
		out = append(out, e.what)
	}
	return out
}

func (t table[T]) next() (at time.Time) {
	for _, e := range t {
		at = earlier(at, e.ends)
	}
	return at
}

// earlier is the earlier of two moments of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// New prepares the search; Start begins it.
func New(cfg Config) *Conn { return &Conn{cfg: cfg, local: linkLocal(cfg.LocalID)} }

// Start asks for routers.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.started {
		return
	}
	c.started = true
	c.solicit(now, out)
}

// solicit sends a Router Solicitation (RFC 4861, 6.3.7), without the delay in
// front of the first: nobody else is on the link.
func (c *Conn) solicit(now time.Time, out *Output) {
	c.sent++
	c.solicitAt = time.Time{}
	if c.sent < maxSolicitations {
		c.solicitAt = now.Add(solicitEvery)
	}
	out.Packets = append(out.Packets, icmp(c.local, allRouters, typeSolicit, make([]byte, 4)))
}

// Handle takes an IPv6 packet that came out of the tunnel and that Link is about;
// it borrows ip.
func (c *Conn) Handle(now time.Time, ip []byte, out *Output) {
	if !c.started {
		return
	}
	p, err := parsePacket(ip)
	switch {
	case err != nil:
	case p.proto == protoUDP:
		err = c.handleDHCP(now, p, out)
	case p.proto == protoICMPv6 && len(p.payload) > 0 && p.payload[0] == typeAdvertisement:
		err = c.handleAdvertisement(now, p, out)
	default:
		answer := answerNeighbour(p, 0, c.mine)
		if answer == nil {
			err = ErrForeign
			break
		}
		out.Packets = append(out.Packets, answer)
	}
	if err != nil {
		out.Events = append(out.Events, Drop{err})
		return
	}
	c.settle(now, out)
}

// mine says that an address is one of ours.
func (c *Conn) mine(a netip.Addr) bool {
	return a == c.local || a == c.dhcp.address || slices.ContainsFunc(c.prefixes, func(p learnedPrefix) bool { return a == fromID(p.Prefix, c.cfg.LocalID) })
}

func (c *Conn) handleAdvertisement(now time.Time, p packet, out *Output) error {
	if p.to != allNodes && p.to != c.local {
		return ErrForeign
	}
	a, err := parseAdvertisement(p)
	if err != nil {
		return err
	}
	if p.from == c.local {
		return ErrForeign
	}
	if a.lifetime > 0 { // RFC 4861, 6.3.7: otherwise another router may answer
		c.solicitAt = time.Time{}
	}
	c.routers.keep(now, p.from, a.lifetime, maxRouters)
	for _, x := range a.prefixes {
		if x.onLink {
			c.onLink.keep(now, x.Prefix, x.valid, maxPrefixes)
		}
		if x.autonomous {
			c.keepPrefix(now, x)
		}
	}
	for _, x := range a.routes {
		c.routes.keep(now, x.what, x.life, maxRoutes)
	}
	for _, x := range a.servers {
		c.servers.keep(now, x.what, x.life, maxServers)
	}
	for _, x := range a.search {
		c.search.keep(now, x.what, x.life, maxSearch)
	}
	if a.mtu != 0 && a.mtu <= c.cfg.MTU { // RFC 4861, 6.3.4
		c.mtu = a.mtu
	}
	c.expire(now)
	c.beginDHCP(now, a, out)
	return nil
}

// keepPrefix makes an address, or lets one live on (RFC 4862, 5.5.3).
func (c *Conn) keepPrefix(now time.Time, x prefix) {
	if x.Bits() != prefixBits {
		return
	}
	i := slices.IndexFunc(c.prefixes, func(p learnedPrefix) bool { return p.Prefix == x.Prefix })
	if i < 0 {
		if x.valid > 0 && len(c.prefixes) < maxPrefixes {
			c.prefixes = append(c.prefixes, learnedPrefix{x.Prefix, end(now, x.valid), end(now, x.preferred)})
		}
		return
	}
	p := &c.prefixes[i]
	p.preferred = end(now, x.preferred)
	switch left := p.valid.Sub(now); {
	case x.valid > leastLeft || x.valid > left:
		p.valid = end(now, x.valid)
	case left > leastLeft:
		p.valid = now.Add(leastLeft)
	}
}

// Advance does what is due.
func (c *Conn) Advance(now time.Time, out *Output) {
	if !c.started {
		return
	}
	if due(c.solicitAt, now) {
		c.solicit(now, out)
	}
	c.expire(now)
	c.dhcp.advance(c, now, out)
	c.settle(now, out)
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// expire forgets what is over.
func (c *Conn) expire(now time.Time) {
	c.routers.expire(now)
	c.onLink.expire(now)
	c.routes.expire(now)
	c.servers.expire(now)
	c.search.expire(now)
	c.prefixes = slices.DeleteFunc(c.prefixes, func(p learnedPrefix) bool { return !now.Before(p.valid) })
	for i := range c.prefixes {
		if p := &c.prefixes[i]; !now.Before(p.preferred) {
			p.preferred = time.Time{}
		}
	}
}

// settle tells what is known, if that has changed: at once, and then not more
// often than every pause, for whoever hears it changes the system's routes.
func (c *Conn) settle(now time.Time, out *Output) {
	n := c.network()
	switch {
	case reflect.DeepEqual(n, c.told):
		c.tellAt = time.Time{}
	case now.Sub(c.toldAt) < pause:
		c.tellAt = c.toldAt.Add(pause)
	default:
		c.told, c.toldAt, c.tellAt = n, now, time.Time{}
		out.Events = append(out.Events, Learned{n})
	}
}

// network is what is known now.
func (c *Conn) network() Network {
	var n Network
	n.Address = c.address()
	if !n.Address.IsValid() {
		return Network{} // what else is there is of no use
	}
	n.Default = len(c.routers) > 0
	n.MTU = c.mtu
	n.Routes = unique(append(c.onLink.list(), c.routes.list()...), maxRoutes)
	// RFC 8106, 5.3.1: servers of either kind.
	n.DNS = unique(append(c.servers.list(), c.dhcp.servers...), maxServers)
	n.Search = unique(append(c.search.list(), c.dhcp.search...), maxSearch)
	return n
}

// address is ours: one that is preferred before one that is not any more (RFC
// 4862, 5.5.4), that of a prefix before one of DHCPv6, the one that we have before
// others.
func (c *Conn) address() netip.Addr {
	var best, fallback netip.Addr
	for _, p := range c.prefixes {
		a := fromID(p.Prefix, c.cfg.LocalID)
		switch preferred := !p.preferred.IsZero(); {
		case preferred && (!best.IsValid() || a == c.told.Address):
			best = a
		case !preferred && (!fallback.IsValid() || a == c.told.Address):
			fallback = a
		}
	}
	switch {
	case best.IsValid():
		return best
	case c.dhcp.address.IsValid():
		return c.dhcp.address
	}
	return fallback
}

func unique[T comparable](in []T, most int) []T {
	var out []T
	for _, x := range in {
		if !slices.Contains(out, x) && len(out) < most {
			out = append(out, x)
		}
	}
	return out
}

// Deadline is when Advance is to be called; zero: nothing is pending.
func (c *Conn) Deadline() time.Time {
	at := earlier(c.solicitAt, c.tellAt)
	for _, t := range []time.Time{c.routers.next(), c.onLink.next(), c.routes.next(), c.servers.next(), c.search.next(), c.dhcp.deadline()} {
		at = earlier(at, t)
	}
	for _, p := range c.prefixes {
		at = earlier(at, p.valid)
		at = earlier(at, p.preferred)
	}
	return at
}
