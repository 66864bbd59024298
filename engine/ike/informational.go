package ike

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// handleInformational takes a message of an Informational exchange (RFC 2409,
// 5.7), or a notification in clear, which is no more than a hint.
func (c *Conn) handleInformational(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	if m.Flags&isakmp.FlagEncryption == 0 {
		c.handleClear(now, m, pkt, out)
		return
	}
	i := slices.IndexFunc(c.sas, func(sa *ikeSA) bool { return sa.is(m.Header) && sa.keys != nil })
	if i < 0 {
		out.drop(DropUnknownCookie)
		return
	}
	if m.MessageID == 0 {
		out.drop(DropMalformed)
		return
	}
	sa := c.sas[i]
	if sa.stage < stageUp {
		c.informationalEarly(now, m, out)
		return
	}
	h := digest256(sha256.Sum256(pkt.Data))
	if sa.infoRX == h {
		c.send(now, sa, sa.infoReply, out)
		return
	}
	q := sa.quick(m.MessageID) // CONNECTED comes with the ID of its Quick Mode
	if q == nil && sa.seen.has(m.MessageID) {
		out.drop(DropReplay)
		return
	}
	o, ok := sa.openFirst(m)
	if !ok && q != nil {
		o, ok = sa.openHashed(m, q.iv, nil)
	}
	if !ok {
		out.drop(DropBadHash)
		return
	}
	if q == nil {
		sa.seen.add(m.MessageID)
	}
	c.lastIn, sa.usedAt = now, now
	sa.infoRX, sa.infoReply = h, nil
	if c.freshDPD(sa, o.payloads) {
		c.moved(pkt, out)
	}
	c.handlePayloads(now, sa, o.payloads, q, out)
}

// informationalEarly takes an encrypted notification that comes instead of
// MM6. Under the right key it is the peer's last word, otherwise it shows that
// the keys differ.
func (c *Conn) informationalEarly(now time.Time, m isakmp.Message, out *Output) {
	for _, sa := range c.sas {
		if !sa.is(m.Header) || sa.stage != stageMM6 || sa.run != c.run {
			continue
		}
		if o, ok := sa.openHashed(m, sa.keys.messageIV(sa.iv, m.MessageID), nil); ok {
			c.refusedEarly(now, o.payloads, out)
			return
		}
	}
	if c.waitingFor(stageMM6) {
		c.blameMM5(now, &Error{Reason: PSKMismatch, Detail: "peer's answer does not decrypt"})
	}
	out.drop(DropBadHash)
}

func (c *Conn) refusedEarly(now time.Time, payloads []isakmp.Payload, out *Output) {
	for _, p := range payloads {
		if p.Type != isakmp.PayloadNotification {
			continue
		}
		if n, err := isakmp.ParseNotification(p.Body); err == nil && n.Type.IsError() {
			c.attemptFailed(now, &Error{Phase: 1, Reason: phase1Reason(n.Type), Notify: n.Type, Authenticated: true}, out)
			return
		}
	}
}

// handleClear takes a notification that anyone may have sent.
func (c *Conn) handleClear(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	p, ok := isakmp.Find(m.Payloads, isakmp.PayloadNotification)
	if !ok {
		out.drop(DropUnauthenticated) // a Delete in clear among them, as SoftEther sends it
		return
	}
	n, err := isakmp.ParseNotification(p.Body)
	if err != nil {
		out.drop(DropMalformed)
		return
	}
	if c.evidenceFrom(now, m, n, pkt) {
		out.emit(Hint{n.Type})
		return
	}
	if !sameAddr(pkt.From, c.to) || !n.Type.IsError() {
		out.drop(DropUnauthenticated)
		return
	}
	for _, sa := range c.sas {
		for _, q := range sa.quicks {
			if q.stage == quickQM2 && q.hint == 0 && sa.is(m.Header) {
				q.hint = n.Type
			}
		}
	}
	c.hint(now, n.Type, out)
}

// handlePayloads heeds authenticated notifications and Deletes. q is the Quick
// Mode that the message belongs to, if any.
func (c *Conn) handlePayloads(now time.Time, sa *ikeSA, payloads []isakmp.Payload, q *quick, out *Output) {
	deleted := false
	for _, p := range payloads {
		if c.state == stateClosed {
			return
		}
		switch p.Type {
		case isakmp.PayloadNotification:
			n, err := isakmp.ParseNotification(p.Body)
			if err != nil {
				out.drop(DropMalformed)
				continue
			}
			if sa.stage != stageGone {
				c.handleNotification(now, sa, n, q, out)
			}
		case isakmp.PayloadDelete:
			d, err := isakmp.ParseDelete(p.Body)
			if err != nil {
				out.drop(DropMalformed)
				continue
			}
			c.handleDelete(now, d, out)
			deleted = true
		}
	}
	if deleted {
		c.afterDelete(now, out)
	}
}

// handleNotification heeds an authenticated notification.
func (c *Conn) handleNotification(now time.Time, sa *ikeSA, n isakmp.Notification, q *quick, out *Output) {
	switch n.Type {
	case isakmp.RUThere, isakmp.RUThereAck:
		c.handleDPD(now, sa, n, out)
	case isakmp.InitialContact:
		out.emit(InitialContact{})
	case isakmp.Connected:
		if q != nil && q.child != nil && !q.child.useAt.IsZero() {
			q.child.useAt = now
		}
	case isakmp.ResponderLifetime:
		c.shorten(now, sa, n)
	case isakmp.InvalidSPI, isakmp.InvalidCookie:
		out.emit(Hint{n.Type})
	default:
		if n.Type.IsError() {
			c.quickRefused(now, sa, n, q, out)
		}
	}
}

// quickRefused ends the Quick Mode that an authenticated error is about: the
// one of its message ID, of its SPI, or the only one there is.
func (c *Conn) quickRefused(now time.Time, sa *ikeSA, n isakmp.Notification, q *quick, out *Output) {
	var spi uint32
	if len(n.SPI) == 4 {
		spi = binary.BigEndian.Uint32(n.SPI)
	}
	var ours []*quick
	for _, have := range sa.quicks {
		if have.initiator && have.stage == quickQM2 {
			ours = append(ours, have)
			if have.in == spi {
				q = have
			}
		}
	}
	switch {
	case q == nil && spi == 0 && len(ours) == 1:
		q = ours[0]
	case q == nil:
		for _, have := range ours {
			have.hint = n.Type // about something else, or by another's SPI
		}
		return
	}
	if q.initiator && q.stage == quickQM2 {
		c.quickFailed(now, sa, q, &Error{Reason: phase2Reason(n.Type), Notify: n.Type, Authenticated: true}, out)
	}
}

// responderLifetime is the lifetime in seconds of a RESPONDER-LIFETIME for this
// protocol, zero if there is none (RFC 2407, 4.6.3.1).
func responderLifetime(payloads []isakmp.Payload, proto isakmp.Protocol) time.Duration {
	for _, p := range payloads {
		if p.Type != isakmp.PayloadNotification {
			continue
		}
		if n, err := isakmp.ParseNotification(p.Body); err == nil && n.Type == isakmp.ResponderLifetime && n.Protocol == proto {
			return lifetimeOf(n)
		}
	}
	return 0
}

func lifetimeOf(n isakmp.Notification) time.Duration {
	list, err := isakmp.ParseAttributes(n.Data)
	if err != nil {
		return 0
	}
	var kind uint64
	for _, a := range list {
		v, _ := a.Number()
		switch a.Type {
		case isakmp.IPsecLifeType:
			kind = v
		case isakmp.IPsecLifeDuration:
			if kind == isakmp.LifeSeconds {
				return seconds(v)
			}
		}
	}
	return 0
}

// shorten heeds a RESPONDER-LIFETIME that comes by itself, of this ISAKMP SA or
// of the newest child.
func (c *Conn) shorten(now time.Time, sa *ikeSA, n isakmp.Notification) {
	life := lifetimeOf(n)
	if life <= 0 {
		return
	}
	expires, rekey := now.Add(life), now.Add(c.rekeyAfter(life))
	switch {
	case n.Protocol == isakmp.ProtocolISAKMP && expires.Before(sa.expiresAt):
		sa.expiresAt = expires
		if !sa.rekeyAt.IsZero() {
			sa.rekeyAt = rekey
		}
	case n.Protocol == isakmp.ProtocolESP && len(c.children) > 0:
		ch := c.children[len(c.children)-1]
		if expires.Before(ch.expiresAt) {
			ch.expiresAt, ch.Lifetime = expires, life
			if !ch.rekeyAt.IsZero() {
				ch.rekeyAt = rekey
			}
		}
	}
}

// handleDelete removes what the peer has deleted. An ESP SPI is the peer's
// inbound one, an ISAKMP SPI both cookies (RFC 2408, 3.15).
func (c *Conn) handleDelete(now time.Time, d isakmp.Delete, out *Output) {
	for _, spi := range d.SPIs {
		switch {
		case d.Protocol == isakmp.ProtocolESP && len(spi) == 4:
			i := slices.IndexFunc(c.children, func(ch *child) bool { return ch.Out == binary.BigEndian.Uint32(spi) })
			if i >= 0 {
				if ch := c.children[i]; ch == c.current {
					c.learn(&c.life2, now.Sub(ch.born))
				}
				c.dropChild(now, c.children[i], out)
			}
		case d.Protocol == isakmp.ProtocolISAKMP && len(spi) == cookieSPILen:
			for _, sa := range c.sas {
				if string(sa.spi()) == string(spi) && sa.stage == stageUp {
					if sa == c.newest() {
						c.learn(&c.life1, now.Sub(sa.born))
					}
					sa.stage, sa.deleteAt = stageGone, now.Add(goneLinger)
					c.abandonQuicks(now, sa, out)
				}
			}
		}
	}
}

// afterDelete goes on after the peer's Deletes: with what is left, with a new
// SA in place of the last one of its kind, or, if all is gone, not at all.
func (c *Conn) afterDelete(now time.Time, out *Output) {
	sa := c.newest()
	switch {
	case c.current == nil && sa == nil && !c.peerOpening():
		c.down(&Error{Phase: 1, Reason: PeerClosed}, out)
	case sa == nil:
		c.lostSA(now, out)
	case c.current == nil:
		c.ensureChild(now, out)
	}
}

// peerOpening says whether the peer is in the middle of a Main Mode of its own.
func (c *Conn) peerOpening() bool {
	return slices.ContainsFunc(c.sas, func(sa *ikeSA) bool { return !sa.initiator && sa.stage == stageMM5 })
}
