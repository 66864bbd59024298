package gateway

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// client is one connection. All but path and queued belongs to the control goroutine.
type client struct {
	id      uint64
	conn    *stack.Conn
	path    atomic.Pointer[dataplane.Path]
	queued  atomic.Int32 // L2TP packets of its that wait for the control goroutine
	peer    netip.AddrPort
	plain   bool
	born    time.Time
	proven  bool // has sent our cookie back: it is where it says to be
	known   bool // authenticated, or plain L2TP with a tunnel
	contact bool // says that it has no other connection
	up      bool
	since   time.Time // when up changed last
	ending  bool
	user    string     // logged in, or ""
	address netip.Addr // given out, or the zero Addr
	cookies []ike.CookiePair

	prefix6     netip.Prefix  // given out; not valid: none
	router      *slaac.Router // what it is told; nil: IPv6 does not flow
	advertiseAt time.Time     // again; zero: not due
}

// table is how packets find their client; it is never changed once stored.
type table struct {
	bySPI  map[uint32]*client
	byAddr map[netip.Addr]*client     // inner
	byNet  map[[8]byte]*client        // inner, by the network half of an IPv6 address
	byPeer map[netip.AddrPort]*client // plain L2TP
}

// registry is what the control goroutine knows of its clients.
type registry struct {
	*Gateway
	clients  map[*client]struct{}
	byCookie map[isakmp.Cookie]*client // the initiator's
	used     map[netip.Addr]*client
	spent    map[string]uint64 // the step of the last TOTP of a user
	used6    map[netip.Prefix]*client
	lastID   uint64
	next     netip.Addr   // of the pool, to try first
	next6    netip.Prefix // of Pool6, given out last
}

func newRegistry(g *Gateway) *registry {
	return &registry{Gateway: g, clients: map[*client]struct{}{}, byCookie: map[isakmp.Cookie]*client{},
		used: map[netip.Addr]*client{}, spent: map[string]uint64{}, next: g.cfg.Pool.Addr(), used6: map[netip.Prefix]*client{}, next6: g.cfg.first6()}
}

// forIKE is the client that an IKE message belongs to: by the initiator's
// cookie, by its endpoint when a client that is up starts a new Main Mode there,
// or a new one. nil: nobody's.
func (r *registry) forIKE(now time.Time, m message) *client {
	data := m.data
	if m.via == stack.Port4500 {
		data = data[min(4, len(data)):] // the non-ESP marker
	}
	h, err := isakmp.ParseHeader(data)
	if err != nil {
		return nil
	}
	if c := r.byCookie[h.Initiator]; c != nil {
		c.proven = c.proven || slices.Contains(c.cookies, ike.CookiePair{Initiator: h.Initiator, Responder: h.Responder})
		return c
	}
	if !h.Responder.IsZero() || h.Exchange != isakmp.ExchangeIdentityProtection {
		return nil
	}
	for c := range r.clients {
		if c.known && c.peer == m.peer && r.renews(c, m.via) {
			return c
		}
	}
	return r.add(now, m.peer, true)
}

// renews says whether a first message of Main Mode from where a client is comes
// from that client: new ones begin on port 500, where raw ESP stays.
func (r *registry) renews(c *client, via stack.Via) bool {
	p := c.path.Load()
	return via == stack.Port4500 || c.up && p != nil && p.Encapsulation == dataplane.ESP
}

// forPlain is the client that L2TP without IPsec belongs to, where the data
// plane does not know it yet: a new one for what opens a tunnel.
func (r *registry) forPlain(now time.Time, m message) *client {
	if _, ok := l2tp.IsNewTunnel(m.data); !ok {
		return nil
	}
	for c := range r.clients {
		if c.plain && c.peer == m.peer {
			return c
		}
	}
	return r.add(now, m.peer, false)
}

// add makes a client, and makes room for it first: anybody can send a first
// message, in anybody's name.
func (r *registry) add(now time.Time, peer netip.AddrPort, ipsec bool) *client {
	r.makeRoom(peer.Addr())
	r.lastID++
	c := &client{id: r.lastID, peer: peer, plain: !ipsec, born: now, since: now}
	c.conn = stack.New(r.stackConfig(c, ipsec))
	r.clients[c] = struct{}{}
	return c
}

// makeRoom forgets clients that stay beyond what may be half open: of those
// that have not authenticated the oldest from the same address if there are many
// of them, then the oldest that has not shown to be where it says; of those that
// have not logged in the oldest.
func (r *registry) makeRoom(from netip.Addr) {
	var same, unproven, half, guests oldest
	for c := range r.clients {
		switch {
		case c.up || c.user != "":
		case c.known:
			guests.see(c)
		default:
			half.see(c)
			if !c.proven {
				unproven.see(c)
			}
			if c.peer.Addr() == from {
				same.see(c)
			}
		}
	}
	switch {
	case same.n >= maxHalfOpenAt:
		r.remove(same.c)
	case half.n >= maxHalfOpen && unproven.n > 0:
		r.remove(unproven.c)
	case half.n >= maxHalfOpen:
		r.remove(half.c)
	}
	if guests.n >= maxGuests {
		r.dismiss(guests.c)
	}
}

// oldest counts clients and keeps the oldest.
type oldest struct {
	c *client
	n int
}

func (o *oldest) see(c *client) {
	if o.n++; o.c == nil || c.born.Before(o.c.born) {
		o.c = c
	}
}

func (r *registry) stackConfig(c *client, ipsec bool) stack.Config {
	cfg := &r.cfg
	k := stack.Config{Role: stack.Gateway, Rand: cfg.Rand, IPsec: ipsec, Remote: c.peer, MRU: cfg.MTU,
		Assign: func(user string) netip.Addr { return r.assign(c, user) }}
	k.L2TP = l2tp.Config{HostName: "culvert", Secret: cfg.TunnelSecret}
	k.PPP = ppp.Config{Name: "culvert", Auth: cfg.Auth, Local: cfg.Address, EchoInterval: echoInterval, EchoFailures: echoFailures,
		Lookup:    func(user string) (secret.Secret, bool) { s, ok := cfg.Users[user]; return s, ok },
		TakesCode: func(user string) bool { _, ok := cfg.Codes[user]; return ok }, CheckCode: r.checkCode, CodePrompt: cfg.CodePrompt}
	copy(k.PPP.DNS[:], cfg.DNS)
	k.PPP.IPv6 = cfg.Pool6.IsValid()
	if !ipsec {
		k.Local = r.links[stack.Port1701].local
		return k
	}
	k.Local = r.links[stack.Port500].local
	k.IKE = ike.Config{PSK: cfg.PSK, Phase1: cfg.Phase1, Phase2: cfg.Phase2, PFS: cfg.PFS, Phase1Lifetime: cfg.Phase1Life,
		Phase2Lifetime: cfg.Phase2Life, DPDInterval: cfg.DPDInterval, LocalNATT: r.links[stack.Port4500].local}
	if !cfg.ESP {
		k.IKE.Encapsulation = ike.EncapUDP
	}
	return k
}

// assign gives a client that has logged in as user an address of the pool: the
// one it has, or the next that is free. Addresses go round, so that one which was
// given back rests a while.
func (r *registry) assign(c *client, user string) netip.Addr {
	c.user = user
	r.supersede(c)
	if c.address.IsValid() {
		return c.address
	}
	if r.cfg.MaxClients > 0 && len(r.used) >= r.cfg.MaxClients {
		return netip.Addr{}
	}
	pool := r.cfg.Pool.Masked()
	a := r.next
	for range 1 << (32 - pool.Bits()) {
		a = a.Next()
		if !pool.Contains(a) {
			a = pool.Addr()
		}
		last := !pool.Contains(a.Next())
		if a == pool.Addr() || last || a == r.cfg.Address || r.used[a] != nil {
			continue
		}
		r.next, r.used[a], c.address = a, c, a
		return a
	}
	return netip.Addr{}
}

// supersede ends what a client left behind that says it has no other connection:
// those of the same user from the same endpoint. The endpoint alone does not do,
// for a client can make its packets look as if they came from another's.
func (r *registry) supersede(c *client) {
	for old := range r.clients {
		if old != c && c.contact && old.peer == c.peer && old.user == c.user && !old.plain {
			r.dismiss(old)
		}
	}
}

// dismiss forgets a client that something is known of.
func (r *registry) dismiss(c *client) {
	r.remove(c)
	if r.cfg.Events != nil {
		r.cfg.Events(time.Now(), Event{c.id, c.peer, stack.Down{}})
	}
}

// remove forgets a client.
func (r *registry) remove(c *client) {
	delete(r.clients, c)
	delete(r.used, c.address)
	delete(r.used6, c.prefix6)
	for _, k := range c.cookies {
		if r.byCookie[k.Initiator] == c {
			delete(r.byCookie, k.Initiator)
		}
	}
	if c.path.Swap(nil) != nil {
		r.publish()
	}
}

// index keeps the cookies and SPIs of a client up to date.
func (r *registry) index(c *client) {
	for _, k := range c.cookies {
		if r.byCookie[k.Initiator] == c {
			delete(r.byCookie, k.Initiator)
		}
	}
	c.cookies = c.conn.Cookies()
	for _, k := range c.cookies {
		r.byCookie[k.Initiator] = c
	}
}

// publish makes a new table of the clients' present paths.
func (r *registry) publish() {
	t := &table{map[uint32]*client{}, map[netip.Addr]*client{}, map[[8]byte]*client{}, map[netip.AddrPort]*client{}}
	for c := range r.clients {
		p := c.path.Load()
		if p == nil {
			continue
		}
		for _, in := range p.In {
			t.bySPI[in.SPI()] = c
		}
		if p.Encapsulation == dataplane.Plain {
			t.byPeer[c.peer] = c
		}
		if p.Network && c.address.IsValid() {
			t.byAddr[c.address] = c
		}
		if p.Network6 && c.prefix6.IsValid() {
			t.byNet[half(c.prefix6.Addr())] = c
		}
	}
	r.table.Store(t)
}
