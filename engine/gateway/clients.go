package gateway

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// client is one connection. All but path belongs to the control goroutine.
type client struct {
	id      uint64
	conn    *stack.Conn
	path    atomic.Pointer[dataplane.Path]
	peer    netip.AddrPort
	born    time.Time
	known   bool // authenticated, or plain L2TP with a tunnel
	up      bool
	address netip.Addr // given out, or the zero Addr
	cookies []ike.CookiePair
	spis    []uint32
}

// table is how packets find their client; it is never changed once stored.
type table struct {
	bySPI  map[uint32]*client
	byAddr map[netip.Addr]*client     // inner
	byPeer map[netip.AddrPort]*client // plain L2TP
}

// registry is what the control goroutine knows of its clients.
type registry struct {
	*Gateway
	clients  map[*client]struct{}
	byCookie map[isakmp.Cookie]*client // the initiator's
	used     map[netip.Addr]*client
	lastID   uint64
	next     netip.Addr // of the pool, to try first
}

func newRegistry(g *Gateway) *registry {
	return &registry{Gateway: g, clients: map[*client]struct{}{}, byCookie: map[isakmp.Cookie]*client{},
		used: map[netip.Addr]*client{}, next: g.cfg.Pool.Addr()}
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
		return c
	}
	if !h.Responder.IsZero() || h.Exchange != isakmp.ExchangeIdentityProtection {
		return nil
	}
	for c := range r.clients {
		if c.known && c.peer == m.peer && m.via == stack.Port4500 {
			return c
		}
	}
	return r.add(now, m.peer, true)
}

// add makes a client. When too many have not authenticated yet, the oldest of
// those goes.
func (r *registry) add(now time.Time, peer netip.AddrPort, ipsec bool) *client {
	half := 0
	var oldest *client
	for c := range r.clients {
		if !c.known {
			half++
			if oldest == nil || c.born.Before(oldest.born) {
				oldest = c
			}
		}
	}
	if half >= maxHalfOpen {
		r.remove(oldest)
	}
	r.lastID++
	c := &client{id: r.lastID, peer: peer, born: now}
	c.conn = stack.New(r.stackConfig(c, ipsec))
	r.clients[c] = struct{}{}
	return c
}

func (r *registry) stackConfig(c *client, ipsec bool) stack.Config {
	cfg := &r.cfg
	k := stack.Config{Role: stack.Gateway, Rand: cfg.Rand, IPsec: ipsec, Remote: c.peer, MRU: cfg.MTU,
		Assign: func() netip.Addr { return r.assign(c) }}
	k.L2TP = l2tp.Config{HostName: "culvert", Secret: cfg.TunnelSecret}
	k.PPP = ppp.Config{Name: "culvert", Auth: cfg.Auth, Local: cfg.Address, EchoInterval: echoInterval, EchoFailures: echoFailures,
		Lookup: func(user string) (secret.Secret, bool) { s, ok := cfg.Users[user]; return s, ok }}
	copy(k.PPP.DNS[:], cfg.DNS)
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

// assign gives a client an address of the pool: the one it has, or the next that
// is free. Addresses go round, so that one which was given back rests a while.
func (r *registry) assign(c *client) netip.Addr {
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

// remove forgets a client.
func (r *registry) remove(c *client) {
	delete(r.clients, c)
	delete(r.used, c.address)
	for _, k := range c.cookies {
		if r.byCookie[k.Initiator] == c {
			delete(r.byCookie, k.Initiator)
		}
	}
	c.path.Store(nil)
	r.publish()
}

// index keeps the cookies and SPIs of a client up to date.
func (r *registry) index(c *client) {
	for _, k := range c.cookies {
		delete(r.byCookie, k.Initiator)
	}
	c.cookies = c.conn.Cookies()
	for _, k := range c.cookies {
		r.byCookie[k.Initiator] = c
	}
}

// publish makes a new table of the clients' present paths.
func (r *registry) publish() {
	t := &table{map[uint32]*client{}, map[netip.Addr]*client{}, map[netip.AddrPort]*client{}}
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
	}
	r.table.Store(t)
}
