package ike

import (
	"bytes"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Ours.
const (
	maxChildren = 16
	// useAfter is how long QM3 has to arrive before a rekeyed child is sent
	// on, unless the peer's ESP shows that it has.
	useAfter = time.Second
	// A replaced child that still carries the peer's packets, or that is the
	// peer's to delete, is kept for that long; longer if the peer made it later
	// than the one in use, and may think more of it.
	seenLately     = 3 * time.Second
	retireLimit    = 30 * time.Second
	redundantLimit = 2 * time.Minute
	// Packets that the peer sent before it read our Delete are still received.
	dyingTime = 2 * time.Second
)

// child is a pair of ESP SAs.
type child struct {
	Child
	initiator bool // our Quick Mode
	confirmed bool // QM3 was sent or has arrived: it may be sent on
	ours      bool // once it is replaced: for this end to delete
	dying     bool // deleted at the peer already
	order     int
	replaces  uint32 // the inbound SPI of what was in use when its Quick Mode began
	tie       []byte // the lesser of its nonces
	group     suite.Group
	ids       identities

	born                                           time.Time
	seen                                           time.Time // authenticated ESP arrived on it
	useAt, rekeyAt, expiresAt, retiredAt, deleteAt time.Time
}

// newChild makes the keys of a Quick Mode's outcome.
func (c *Conn) newChild(now time.Time, sa *ikeSA, q *quick, terms phase2Terms, out uint32, gxy []byte) *child {
	n := keymatLen(terms.suite)
	c.order++
	ch := &child{
		Child: Child{
			In: q.in, Out: out, Suite: terms.suite, Encapsulated: c.inUDP(sa, q), Rekey: c.current != nil, Lifetime: terms.life,
			KeyIn:     keymat(sa.keys, uint8(isakmp.ProtocolESP), q.in, gxy, q.ni, q.nr, n),
			KeyOut:    keymat(sa.keys, uint8(isakmp.ProtocolESP), out, gxy, q.ni, q.nr, n),
			LocalPort: q.ids.own.Port, PeerPort: q.ids.peer.Port,
		},
		initiator: q.initiator, order: c.order, replaces: q.replaces, group: terms.group, ids: q.ids,
		expiresAt: now.Add(terms.life), born: now,
	}
	if !q.initiator {
		c.learn(&c.life2, terms.life)
	}
	ch.rekeyAt = c.rekeyAt(now, shorter(c.life2, terms.life), c.cfg.Phase2Lifetime)
	ch.tie = q.ni
	if bytes.Compare(q.nr, q.ni) < 0 {
		ch.tie = q.nr
	}
	q.child = ch
	c.children = append(c.children, ch)
	return ch
}

// inUDP says whether the ESP of a Quick Mode's child goes in UDP. The peer of a
// responder decides by the port it uses.
func (c *Conn) inUDP(sa *ikeSA, q *quick) bool {
	if c.cfg.Role == Responder && !q.initiator {
		return q.port == Port4500
	}
	return sa.encap
}

// child is the one with this inbound SPI.
func (c *Conn) child(in uint32) *child {
	for _, ch := range c.children {
		if ch.In == in {
			return ch
		}
	}
	return nil
}

// better says which of two children is to be sent on: the newer one, unless
// both ends replaced the same child at the same time. Then it is the one that
// has not the least nonce, which is what IKEv2 does (RFC 7296, 2.8.1) and comes
// out the same at both ends.
func better(a, b *child) bool {
	if a.replaces == b.replaces && a.replaces != 0 && a.initiator != b.initiator {
		return bytes.Compare(a.tie, b.tie) > 0
	}
	return a.order > b.order
}

// use makes a child the one that is sent on, unless a better one is already,
// and plans the end of the others.
func (c *Conn) use(now time.Time, ch *child, out *Output) {
	if c.current == nil || (ch != c.current && better(ch, c.current)) {
		c.current = ch
		ch.deleteAt, ch.retiredAt = time.Time{}, time.Time{}
		out.emit(ChildUse{ch.In})
	}
	for _, other := range c.children {
		if other == c.current || !other.confirmed || !other.retiredAt.IsZero() || !other.useAt.IsZero() {
			continue
		}
		// Whoever made the better one deletes the older ones; of two that
		// crossed, whoever made the worse one deletes that.
		other.ours = c.current.initiator
		if other.order > c.current.order {
			other.ours = other.initiator
		}
		other.retiredAt, other.rekeyAt, other.deleteAt = now, time.Time{}, now.Add(deleteAfter)
	}
}

// dropChild removes a child. When it was in use, the best of the others takes
// its place.
func (c *Conn) dropChild(now time.Time, ch *child, out *Output) {
	if c.child(ch.In) != ch {
		return
	}
	c.children = slices.DeleteFunc(c.children, func(have *child) bool { return have == ch })
	out.emit(ChildDown{ch.In})
	if ch != c.current {
		return
	}
	c.current = nil
	var best *child
	for _, other := range c.children {
		if other.confirmed && !other.dying && (best == nil || better(other, best)) {
			best = other
		}
	}
	if best == nil {
		return
	}
	best.useAt, best.retiredAt, best.deleteAt = time.Time{}, time.Time{}, time.Time{}
	if best.rekeyAt.IsZero() {
		best.rekeyAt = now.Add(deleteAfter) // it had been given up already
	}
	c.current = best
	out.emit(ChildUse{best.In})
}

// ensureChild sees to it that a client has a child or is getting one.
func (c *Conn) ensureChild(now time.Time, out *Output) {
	if c.cfg.Role != Initiator || c.state != stateUp || c.current != nil || c.quickRunning() {
		return
	}
	if sa := c.newest(); sa == nil && c.run != nil || !c.mayMake(now) {
		return
	} else if sa != nil {
		c.startQuick(now, sa, out)
	} else {
		c.startMain(now, true, out)
	}
}

// quickRunning says whether a Quick Mode is in progress, ours or the peer's.
func (c *Conn) quickRunning() bool {
	for _, sa := range c.sas {
		for _, q := range sa.quicks {
			if sa.stage == stageUp && q.stage != quickDone {
				return true
			}
		}
	}
	return false
}

// Expecting lists the inbound SPIs of our Quick Modes in progress. The peer may
// send on them as soon as it has sent its answer, ahead of ChildUp.
func (c *Conn) Expecting() []uint32 {
	var spis []uint32
	for _, sa := range c.sas {
		for _, q := range sa.quicks {
			if q.initiator && q.stage == quickQM2 {
				spis = append(spis, q.in)
			}
		}
	}
	return spis
}

// RekeyChild renews the child in use now, or as soon as there is an ISAKMP SA
// without a Quick Mode in progress. It does nothing when there is no child.
func (c *Conn) RekeyChild(now time.Time, out *Output) {
	if sa := c.newest(); sa != nil && c.current != nil && !c.quickRunning() {
		c.startQuick(now, sa, out)
	} else if c.current != nil {
		c.current.rekeyAt = now.Add(time.Second)
	}
	c.settle(out)
}

// advanceChildren does what is due on children.
func (c *Conn) advanceChildren(now time.Time, out *Output) {
	for _, ch := range slices.Clone(c.children) {
		if c.state == stateClosed || c.child(ch.In) != ch {
			continue
		}
		switch {
		case due(ch.deleteAt, now) && ch.dying:
			c.dropChild(now, ch, out)
		case due(ch.expiresAt, now):
			c.deleteChild(now, ch, out)
		case due(ch.useAt, now):
			c.switchTo(now, ch, out)
		case due(ch.deleteAt, now):
			c.retire(now, ch, out)
		case due(ch.rekeyAt, now):
			ch.rekeyAt = time.Time{}
			if sa := c.newest(); ch != c.current {
				continue
			} else if sa == nil || c.quickRunning() {
				ch.rekeyAt = now.Add(time.Second)
			} else {
				c.startQuick(now, sa, out)
			}
		}
	}
	if c.state == stateUp && len(c.sas) == 0 && len(c.children) == 0 && c.idleAt.IsZero() {
		c.idleAt = now
	}
}

// retire deletes a child that another has replaced, unless the peer still sends
// on it. Should it do that for good, because two rekeys have crossed and a loss
// made the ends choose differently, the responder follows the initiator.
func (c *Conn) retire(now time.Time, ch *child, out *Output) {
	seen := now.Sub(ch.seen) < seenLately
	if seen && c.cfg.Role == Responder && c.current != nil && now.Sub(c.current.seen) >= seenLately {
		c.current = nil
		ch.retiredAt = time.Time{}
		c.use(now, ch, out)
		return
	}
	limit := retireLimit
	if c.current != nil && ch.order > c.current.order && !ch.ours {
		limit = redundantLimit
	}
	if (seen || !ch.ours) && now.Sub(ch.retiredAt) < limit {
		ch.deleteAt = now.Add(deleteAfter)
		return
	}
	c.sendDeleteESP(now, c.newest(), []uint32{ch.In}, out)
	ch.dying, ch.deleteAt = true, now.Add(dyingTime)
}

// switchTo sends on a child whose time has come, or that the peer already sends on.
func (c *Conn) switchTo(now time.Time, ch *child, out *Output) {
	ch.useAt = time.Time{}
	if !ch.confirmed {
		// Its ESP came before QM3, which was lost then: it proves the same.
		ch.confirmed = true
		for _, sa := range c.sas {
			for _, q := range sa.quicks {
				if q.child == ch {
					q.finish(now)
				}
			}
		}
	}
	c.use(now, ch, out)
}

// deleteChild removes a child at both ends at once.
func (c *Conn) deleteChild(now time.Time, ch *child, out *Output) {
	c.sendDeleteESP(now, c.newest(), []uint32{ch.In}, out)
	c.dropChild(now, ch, out)
	c.ensureChild(now, out)
}

// childDeadline takes the children's times into account.
func (c *Conn) childDeadline(at *time.Time) {
	for _, ch := range c.children {
		earliest(at, ch.expiresAt)
		earliest(at, ch.useAt)
		earliest(at, ch.deleteAt)
		earliest(at, ch.rekeyAt)
	}
}
