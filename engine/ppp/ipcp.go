package ppp

import (
	"net/netip"
	"slices"
	"time"
)

// From the specification: IPCP options (RFC 1332, 3; RFC 1877, 1).
const (
	optionAddress = 3
	optionDNS1    = 129
	optionNBNS1   = 130
	optionDNS2    = 131
	optionNBNS2   = 132
)

// Ours: what a peer without an address of its own is told, twice, before its
// 0.0.0.0 is taken as it is. The IPv4 dummy address (RFC 7600) is routed nowhere.
var dummyAddress = netip.AddrFrom4([4]byte{192, 0, 0, 8})

const maxDummyNaks = 2

// serverOptions are the options in which a client asks for name servers, in
// the order of its request.
var serverOptions = [...]uint8{optionDNS1, optionNBNS1, optionDNS2, optionNBNS2}

// ipcp is the IP Control Protocol (RFC 1332). Van Jacobson compression is
// rejected: the data plane has none.
type ipcp struct {
	automaton
	local      netip.Addr
	noAddress  bool          // the peer rejects the option
	servers    [4]netip.Addr // client: as in serverOptions
	without    [4]bool       // client: rejected or empty
	peer       netip.Addr    // the zero Addr: not told
	dummies    int           // Naks of 0.0.0.0
	wasUp      bool          // NetworkUp was emitted and is true
	everUp     bool
	deadlineAt time.Time // when it must be up; zero: nothing
}

func (c *ipcp) request(dst []byte) []byte {
	if !c.noAddress {
		dst = appendOptionAddr(dst, optionAddress, c.local)
	}
	if c.conn.cfg.Server {
		return dst
	}
	for i, kind := range serverOptions {
		nbns := kind == optionNBNS1 || kind == optionNBNS2
		if !c.without[i] && (!nbns || c.conn.cfg.AskNBNS) {
			dst = appendOptionAddr(dst, kind, c.servers[i])
		}
	}
	return dst
}

// index is the place of a name server's option in serverOptions.
func index(kind uint8) (int, bool) {
	for i, k := range serverOptions {
		if k == kind {
			return i, true
		}
	}
	return 0, false
}

// offered is what the server hands out for a name server's option: the first
// one also as the second, as pppd does, for a Reject would cost a round trip.
func (c *ipcp) offered(i int) netip.Addr {
	cfg := &c.conn.cfg
	a := [...]netip.Addr{cfg.DNS[0], cfg.NBNS[0], cfg.DNS[1], cfg.NBNS[1]}
	if !a[i].IsValid() {
		return a[i%2]
	}
	return a[i]
}

func (c *ipcp) judge(_ time.Time, opts []option, _ *Output) verdict {
	var v verdict
	var peer netip.Addr
	for _, o := range opts {
		a, ok := o.addr()
		i, names := index(o.kind)
		switch {
		case o.kind == optionAddress && ok:
			peer = a
			c.judgeAddress(a, &v)
		case names && ok && c.conn.cfg.Server && c.offered(i).Is4():
			if want := c.offered(i); a != want {
				v.nak = appendOptionAddr(v.nak, o.kind, want)
			}
		default:
			v.rejects(o)
		}
	}
	if c.conn.cfg.Server && !peer.IsValid() {
		v.nak = appendOptionAddr(v.nak, optionAddress, c.conn.cfg.Peer)
	}
	if v.good() {
		c.peer = peer
	}
	return v
}

// judgeAddress takes whatever address a server has. A client gets its own.
func (c *ipcp) judgeAddress(a netip.Addr, v *verdict) {
	switch {
	case c.conn.cfg.Server && a != c.conn.cfg.Peer:
		v.nak = appendOptionAddr(v.nak, optionAddress, c.conn.cfg.Peer)
	case !c.conn.cfg.Server && a.IsUnspecified() && c.dummies < maxDummyNaks:
		c.dummies++
		v.nak = appendOptionAddr(v.nak, optionAddress, dummyAddress)
	}
}

func (c *ipcp) naked(_ time.Time, opts []option, _ *Output) {
	if c.conn.cfg.Server {
		return // our address is ours; maxNaks ends it
	}
	for _, o := range opts {
		a, ok := o.addr()
		if !ok {
			continue
		}
		if o.kind == optionAddress {
			c.local = a
		} else if i, names := index(o.kind); names {
			c.servers[i], c.without[i] = a, a.IsUnspecified()
		}
	}
}

func (c *ipcp) rejected(_ time.Time, opts []option, _ *Output) {
	for _, o := range opts {
		if i, names := index(o.kind); names {
			c.without[i] = true
		} else if o.kind == optionAddress {
			c.noAddress = true
		}
	}
}

func (c *ipcp) up(now time.Time, out *Output) {
	cfg := &c.conn.cfg
	c.deadlineAt = time.Time{}
	switch {
	case cfg.Server:
	case c.noAddress || !c.local.IsValid() || c.local.IsUnspecified():
		c.conn.fail(now, &Error{Reason: NoAddress, Detail: "peer acknowledged no address"}, out)
		return
	case !ofHost(c.local):
		c.conn.fail(now, &Error{Reason: NoAddress, Detail: "peer gives " + c.local.String() + ", which is no address of a host"}, out)
		return
	}
	e := NetworkUp{Local: c.local, Peer: c.peer}
	dns, nbns := []netip.Addr{c.servers[0], c.servers[2]}, []netip.Addr{c.servers[1], c.servers[3]}
	if cfg.Server {
		dns, nbns = cfg.DNS[:], cfg.NBNS[:]
	}
	e.DNS, e.NBNS = told(dns), told(nbns)
	if !ofHost(e.Peer) {
		e.Peer = netip.Addr{}
	}
	c.wasUp, c.everUp = true, true
	out.emit(e)
	if !cfg.IPv6Waits {
		c.conn.startIPv6(now, out)
	}
}

// ofHost says whether a can be the address of one host in a network: a gateway
// must not have its client route this machine's own or everybody's (RFC 6890).
func ofHost(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	first := a.As4()[0] // "this network", loopback; multicast, reserved, broadcast
	return first != 0 && first != 127 && first < 224
}

// told leaves out what is no address of a host, and repetitions.
func told(servers []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range servers {
		if ofHost(a) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func (c *ipcp) down(now time.Time, out *Output) {
	if c.wasUp {
		c.wasUp = false
		c.deadlineAt = now.Add(networkTime)
		out.emit(NetworkDown{})
	}
}

func (c *ipcp) other(time.Time, packet, *Output) handled { return unknownCode }

func (c *ipcp) exhausted(now time.Time, out *Output) {
	c.conn.fail(now, &Error{Reason: NoAddress, Detail: "IPCP goes round in circles"}, out)
}

func (c *ipcp) finished(now time.Time, on Trigger, out *Output) {
	if c.everUp {
		c.conn.fail(now, &Error{Reason: PeerClosed, Detail: "peer ended IPCP"}, out)
		return
	}
	detail := "no answer to IPCP"
	if on == onRXJBad {
		detail = "peer rejects the codes of IPCP"
	}
	c.conn.fail(now, &Error{Reason: NoAddress, Detail: detail}, out)
}
