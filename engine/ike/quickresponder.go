package ike

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// handleQM1 takes the first message of the peer's Quick Mode, and answers it
// with QM2: the child can be received on from then on.
func (c *Conn) handleQM1(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet, h digest256, out *Output) DropReason {
	open := 0
	for _, q := range sa.quicks {
		if q.stage != quickDone {
			open++
		}
	}
	if open >= maxExchanges || len(c.children) >= maxChildren || !c.budget.left(now) {
		return DropLimit
	}
	o, ok := sa.openFirst(m)
	if !ok {
		return DropBadHash
	}
	c.lastIn, sa.usedAt = now, now
	q := &quick{id: m.MessageID, stage: quickQM3, to: pkt.From, port: pkt.Port, iv: o.next, rx: h, deadline: now.Add(quickTimeout)}
	if c.current != nil {
		q.replaces = c.current.In
	}
	p, _ := isakmp.Find(o.payloads, isakmp.PayloadSA)
	offer, err := isakmp.ParseSA(p.Body)
	if err != nil {
		return DropMalformed
	}
	group := c.cfg.PFS
	if c.cfg.Role == Initiator {
		group = 0 // a gateway that rekeys may leave out what the client asks for
	}
	terms, spi, answer, ok := choosePhase2(offer, c.cfg.Phase2, group, c.inUDP(sa, q))
	if !ok {
		c.refuse(now, sa, offer, isakmp.NoProposalChosen, out)
		return DropNoProposal
	}
	if !c.acceptIDs(q, readIDs(o.payloads), o.payloads) {
		c.refuse(now, sa, offer, isakmp.InvalidIDInformation, out)
		return DropIdentity
	}
	c.budget.spend(now)
	if terms.group != 0 {
		if q.dh, err = generateDH(terms.group, c.cfg.Rand); err != nil {
			c.refuse(now, sa, offer, isakmp.NoProposalChosen, out)
			return DropNoProposal
		}
	}
	q.group = terms.group
	gxy, reason := q.exchange(o.payloads, &q.ni)
	if reason != 0 {
		c.refuse(now, sa, offer, isakmp.InvalidKeyInformation, out)
		return reason
	}
	q.ni, q.nr, q.in = clone(q.ni), c.random(nonceLen), c.newSPI()
	sa.seenQuick.add(q.id)
	c.sendQM2(now, sa, q, terms, answer, o, out)
	terms.life = shorter(terms.life, c.cfg.Phase2Lifetime)
	ch := c.newChild(now, sa, q, terms, spi, gxy)
	ch.PeerNATOA = originalAddress(o.payloads, true)
	out.emit(ChildUp{ch.Child})
	return 0
}

// sendQM2 accepts terms in the peer's own words, with another SPI.
func (c *Conn) sendQM2(now time.Time, sa *ikeSA, q *quick, terms phase2Terms, answer isakmp.SA, o opened, out *Output) {
	answer.Proposals[0].SPI = binary.BigEndian.AppendUint32(nil, q.in)
	payloads := []isakmp.Payload{{Type: isakmp.PayloadSA, Body: answer.Append(nil)}, {Type: isakmp.PayloadNonce, Body: q.nr}}
	if q.dh != nil {
		payloads = append(payloads, isakmp.Payload{Type: isakmp.PayloadKeyExchange, Body: q.dh.public()})
	}
	natOA := false
	for _, p := range o.payloads {
		switch p.Type {
		case isakmp.PayloadID:
			payloads = append(payloads, p) // as they came
		case isakmp.PayloadNATOA, isakmp.PayloadNATOADraft:
			natOA = true
		}
	}
	if natOA && sa.natt != nattNone {
		payloads = append(payloads, c.originalAddresses(sa, false)...)
	}
	if terms.life == 0 || c.cfg.Phase2Lifetime < terms.life {
		payloads = append(payloads, isakmp.Payload{Type: isakmp.PayloadNotification, Body: c.lifetimeNotice(q.in).Append(nil)})
	}
	msg, next := sa.sealHashed(isakmp.ExchangeQuickMode, q.id, q.iv, q.ni, payloads)
	q.iv, q.reply = next, sa.split(msg)
	q.resend.start(now, q.reply)
	if done := slices.IndexFunc(sa.quicks, func(q *quick) bool { return q.stage == quickDone }); done >= 0 && len(sa.quicks) > maxFinished {
		sa.quicks = slices.Delete(sa.quicks, done, done+1)
	}
	sa.quicks = append(sa.quicks, q)
	c.sendTo(now, q.to, q.port, q.reply, out)
}

// lifetimeNotice is the RESPONDER-LIFETIME that shortens what the peer wants
// (RFC 2407, 4.6.3.1).
func (c *Conn) lifetimeNotice(spi uint32) isakmp.Notification {
	return isakmp.Notification{
		DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, Type: isakmp.ResponderLifetime, SPI: binary.BigEndian.AppendUint32(nil, spi),
		Data: isakmp.AppendAttributes(nil, []isakmp.Attribute{
			isakmp.BasicAttribute(isakmp.IPsecLifeType, isakmp.LifeSeconds),
			isakmp.NumberAttribute(isakmp.IPsecLifeDuration, lifeSeconds(c.cfg.Phase2Lifetime)),
		}),
	}
}

// acceptIDs takes the peer's idea of what the SA is for: anything in UDP. No
// IDs mean the two hosts themselves.
func (c *Conn) acceptIDs(q *quick, ids []isakmp.Identification, payloads []isakmp.Payload) bool {
	_, sent := isakmp.Find(payloads, isakmp.PayloadID)
	if !sent {
		q.ids = identities{isakmp.AddrIdentification(c.cfg.Local.Addr(), 0, 0), isakmp.AddrIdentification(q.to.Addr(), 0, 0)}
		return true
	}
	if len(ids) != 2 {
		return false
	}
	for _, id := range ids {
		if id.Protocol != 0 && id.Protocol != protoUDP {
			return false
		}
	}
	q.ids = identities{own: ids[1], peer: ids[0]}
	return true
}

// refuse says under the ISAKMP SA why a Quick Mode cannot be. The SPI is the
// one that the peer proposed, so that it knows which Quick Mode is meant.
func (c *Conn) refuse(now time.Time, sa *ikeSA, offer isakmp.SA, t isakmp.NotifyType, out *Output) {
	n := isakmp.Notification{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, Type: t, SPI: offer.Proposals[0].SPI}
	c.informational(now, sa, []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}}, out)
}

// handleQM3 takes the initiator's confirmation.
func (c *Conn) handleQM3(now time.Time, sa *ikeSA, q *quick, m isakmp.Message, pkt Packet, h digest256, out *Output) DropReason {
	o, ok := sa.open(m, q.iv)
	if !ok || o.payloads[0].Type != isakmp.PayloadHash || !sa.equalHash3(q, o.payloads[0].Body) {
		return DropBadHash
	}
	q.iv, q.rx, q.reply = o.next, h, nil
	q.finish(now)
	c.lastIn, sa.usedAt = now, now
	c.moved(pkt, out)
	if ch := q.child; ch != nil && c.child(ch.In) == ch && !ch.confirmed {
		ch.confirmed, ch.useAt = true, time.Time{}
		c.use(now, ch, out)
	}
	return 0
}
