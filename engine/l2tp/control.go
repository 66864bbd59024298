package l2tp

import "time"

// From the specification (RFC 2661, 5.8).
const (
	retransmitFirst = 1 * time.Second
	retransmitMax   = 8 * time.Second
)

// Ours.
const (
	// Five repeats, at 1, 3, 7, 15 and 23 s, and the end at 31 s: the RFC's full
	// cycle, longer than a Wi-Fi roam.
	maxRepeats = 5
	// While tunnel and session are set up a person waits, so a lost packet must
	// not cost a second. Doubling from here, seven packets go out before a
	// session is given up. Duplicates on a slow path hurt nobody.
	setupRepeat = 150 * time.Millisecond
	// ICCN, the last message of the set-up, is repeated at these steps too, for
	// 30 s in all.
	setupRepeats = 8
	// A gateway loses what comes while it installs the SA (strongSwan: 5 ms), so
	// the first SCCRQ is repeated long before a second is over.
	sccrqRepeat = 30 * time.Millisecond
	// Leaving is given up after closeTime, so it is repeated faster.
	closeRepeat = 400 * time.Millisecond
	// A duplicate shows that the peer misses our answer: it is repeated at once,
	// but no oftener than this.
	answerRepeat = 100 * time.Millisecond

	receiveWindow = 8    // messages; what we announce and what is kept out of order
	maxEarly      = 2048 // octets of a packet that is kept out of order
	maxSendWindow = 64   // messages in flight, whatever the peer announces
	maxBacklog    = 32   // messages not acknowledged: nothing more is taken from such a peer
)

// control is the reliable control channel of RFC 2661, 5.8: it numbers our
// messages (Ns), acknowledges the peer's (Nr), keeps to the peer's receive
// window and repeats what is unacknowledged.
//
//	queue:  | in flight: sent, unacknowledged | waiting for the window |
//	        0                              flight                 len(queue)
//	Ns:     ns-len(queue)                                             ns
type control struct {
	ns     uint16 // of the next message queued
	nr     uint16 // next Ns expected of the peer
	queue  []sent // oldest first
	flight int    // how many of queue are on the wire
	window int    // the peer's receive window

	early  []earlyPacket // received out of order
	ackDue bool          // the peer has not been told of nr, or not heard

	first    time.Duration // the first repeat comes after this
	interval time.Duration // what the next repeat waits
	repeats  int           // since the last progress
	endless  bool          // while setting up: a deadline ends it, not the count
	retryAt  time.Time
	lastSent time.Time
}

// sent is a message of ours without its header, whose Nr changes.
type sent struct {
	kind    MessageType
	session uint16
	body    []byte
}

type earlyPacket struct {
	ns     uint16
	packet []byte
}

// order is where a received Ns lies.
type order uint8

const (
	orderNext order = iota + 1
	orderDuplicate
	orderEarly
	orderBeyond
)

// place tells where ns lies: half of the number space is the past, the
// receive window is the future (RFC 2661, 5.8).
func (c *control) place(ns uint16) order {
	switch d := int16(ns - c.nr); {
	case d == 0:
		return orderNext
	case d < 0:
		return orderDuplicate
	case d < receiveWindow:
		return orderEarly
	}
	return orderBeyond
}

// keep stores a copy of an early packet, once. It is false when the packet is
// too large.
func (c *control) keep(ns uint16, packet []byte) bool {
	if len(packet) > maxEarly {
		return false
	}
	for _, e := range c.early {
		if e.ns == ns {
			return true
		}
	}
	c.early = append(c.early, earlyPacket{ns, append([]byte(nil), packet...)})
	return true
}

// next takes the packet whose turn has come out of those kept, and forgets
// those whose turn is over.
func (c *control) next() (packet []byte, ok bool) {
	kept := c.early[:0]
	for _, e := range c.early {
		switch c.place(e.ns) {
		case orderNext:
			packet, ok = e.packet, true
		case orderEarly:
			kept = append(kept, e)
		}
	}
	clear(c.early[len(kept):])
	c.early = kept
	return packet, ok
}

// push queues a message, which it keeps. flush puts it on the wire.
func (c *control) push(kind MessageType, session uint16, body []byte) {
	c.queue = append(c.queue, sent{kind, session, body})
	c.ns++
}

// ack removes what the peer has received: all before nr, modulo 65536. It is
// false for an Nr of messages that were never sent. One from the past is fine:
// the packet was overtaken.
func (c *control) ack(now time.Time, nr uint16) bool {
	n := int(int16(nr - (c.ns - uint16(len(c.queue)))))
	switch {
	case n > c.flight:
		return false
	case n <= 0:
		return true
	}
	clear(c.queue[:n])
	c.queue = c.queue[n:]
	c.flight -= n
	c.restart(now)
	return true
}

// restart begins the count of repeats anew, or stops it with nothing in flight.
func (c *control) restart(now time.Time) {
	c.repeats, c.interval = 0, c.first
	c.retryAt = time.Time{}
	if c.flight > 0 {
		c.retryAt = now.Add(c.interval)
	}
}

// empty: the peer has acknowledged everything.
func (c *control) empty() bool { return len(c.queue) == 0 }

// flush sends what the window lets pass, and a ZLB when the peer is owed an
// acknowledgement that nothing carried.
func (c *control) flush(now time.Time, tunnel uint16, out *Output) {
	for c.flight < min(len(c.queue), c.window) {
		c.transmit(c.flight, tunnel, out)
		c.flight++
		c.lastSent = now
		if c.retryAt.IsZero() {
			c.restart(now)
		}
	}
	c.acknowledge(tunnel, out)
}

// acknowledge sends the ZLB that is due, if one is (RFC 2661, 5.8).
func (c *control) acknowledge(tunnel uint16, out *Output) {
	if c.ackDue {
		c.ackDue = false
		out.packet(Header{Tunnel: tunnel, Ns: c.ns - uint16(len(c.queue)-c.flight), Nr: c.nr}.Append(nil, 0))
	}
}

// repeat sends all that is in flight again, with the present Nr.
func (c *control) repeat(now time.Time, tunnel uint16, out *Output) {
	for i := range c.flight {
		c.transmit(i, tunnel, out)
	}
	c.lastSent = now
}

// transmit makes a packet of message i.
func (c *control) transmit(i int, tunnel uint16, out *Output) {
	m := c.queue[i]
	if m.kind == SCCRQ {
		tunnel = 0 // also when it is repeated after the peer's id is known
	}
	h := Header{Tunnel: tunnel, Session: m.session, Ns: c.ns - uint16(len(c.queue)-i), Nr: c.nr}
	packet := h.Append(make([]byte, 0, controlHeaderLen+len(m.body)), len(m.body))
	out.packet(append(packet, m.body...))
	c.ackDue = false
}

// advance repeats what is due. It is false when the peer is to be given up.
func (c *control) advance(now time.Time, tunnel uint16, out *Output) bool {
	if c.retryAt.IsZero() || now.Before(c.retryAt) {
		return true
	}
	limit := maxRepeats
	if c.first == setupRepeat {
		limit = setupRepeats
	}
	if c.repeats >= limit && !c.endless {
		return false
	}
	c.repeats++
	c.interval = min(2*c.interval, retransmitMax)
	c.retryAt = now.Add(c.interval)
	c.repeat(now, tunnel, out)
	return true
}

// hurry makes the next repeats come after first, now and from now on.
func (c *control) hurry(now time.Time, first time.Duration) {
	c.first = first
	c.restart(now)
}

// stop ends all repeats. What is unacknowledged is kept for a late question.
func (c *control) stop() {
	c.retryAt = time.Time{}
	c.early = nil
}
