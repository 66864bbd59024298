package ppp

import "time"

// From the specification: IPV6CP options (RFC 5072, 4).
const optionInterfaceID = 1

// ipv6cp is the IPv6 Control Protocol (RFC 5072). It never ends the link: a
// peer without IPv6 is the rule.
type ipv6cp struct {
	automaton
	local, peer [8]byte
	noID        bool
	wasUp       bool
}

func (c *ipv6cp) request(dst []byte) []byte {
	if c.local == ([8]byte{}) {
		c.local = c.conn.newInterfaceID()
	}
	if c.noID {
		return dst
	}
	return appendOption(dst, optionInterfaceID, c.local[:]...)
}

func (c *ipv6cp) judge(_ time.Time, opts []option, _ *Output) verdict {
	var v verdict
	var peer [8]byte
	for _, o := range opts {
		if o.kind != optionInterfaceID || len(o.data) != len(peer) {
			v.rejects(o)
			continue
		}
		// RFC 5072, 4.1: zero asks for one, and the two must differ.
		if peer = [8]byte(o.data); peer == ([8]byte{}) || peer == c.local {
			id := c.conn.newInterfaceID()
			v.nak = appendOption(v.nak, optionInterfaceID, id[:]...)
		}
	}
	if v.good() {
		c.peer = peer
	}
	return v
}

func (c *ipv6cp) naked(_ time.Time, opts []option, _ *Output) {
	for _, o := range opts {
		if o.kind == optionInterfaceID && len(o.data) == len(c.local) {
			c.local = [8]byte(o.data) // zero: request draws another
		}
	}
}

func (c *ipv6cp) rejected(_ time.Time, opts []option, _ *Output) {
	for _, o := range opts {
		c.noID = c.noID || o.kind == optionInterfaceID
	}
}

func (c *ipv6cp) up(_ time.Time, out *Output) {
	c.wasUp = true
	out.emit(Network6Up{LocalID: c.local, PeerID: c.peer})
}

func (c *ipv6cp) down(_ time.Time, out *Output) {
	if c.wasUp {
		c.wasUp = false
		out.emit(Network6Down{})
	}
}

func (c *ipv6cp) other(time.Time, packet, *Output) handled { return unknownCode }

// exhausted leaves IPv6 alone: what is asked from here on is answered with
// Terminate-Ack.
func (c *ipv6cp) exhausted(now time.Time, out *Output) { c.fire(now, onClose, out) }

func (c *ipv6cp) finished(time.Time, Trigger, *Output) {}
