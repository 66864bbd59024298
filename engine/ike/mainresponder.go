package ike

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// handleMM1 takes the peer's first message: a choice and a cookie, and no
// arithmetic until the cookie comes back.
func (c *Conn) handleMM1(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	if c.cfg.Role == Initiator && (c.state != stateUp || !sameAddr(pkt.From, c.to)) || m.Flags&isakmp.FlagEncryption != 0 {
		out.drop(DropUnexpected)
		return
	}
	h := digest256(sha256.Sum256(pkt.Data))
	if c.mm1Repeated(now, m, pkt, h, out) {
		return
	}
	p, ok := isakmp.Find(m.Payloads, isakmp.PayloadSA)
	if !ok {
		out.drop(DropMalformed)
		return
	}
	offer, err := isakmp.ParseSA(p.Body)
	if err != nil {
		out.drop(DropMalformed)
		return
	}
	s, life, answer, ok := choosePhase1(offer, c.cfg.Phase1)
	if !ok {
		c.refused = &Error{Phase: 1, Reason: NoProposal, Offered: offeredPhase1(offer), Detail: "allowed " + suiteNames(c.cfg.Phase1)}
		c.complain(now, m.Header, isakmp.NoProposalChosen, pkt, out)
		out.drop(DropNoProposal)
		return
	}
	if c.state == stateUp && !c.budget.left(now) || !c.roomForHalfOpen(now) {
		out.drop(DropLimit)
		return
	}
	sa := &ikeSA{stage: stageMM3, ckyI: m.Initiator, ckyR: c.cookie(), to: pkt.From, port: pkt.Port, suite: s,
		life: shorter(life, c.cfg.Phase1Lifetime), saBody: clone(p.Body), rx: h, born: now, deadline: now.Add(halfOpenTime)}
	sa.readVendorIDs(m.Payloads, c.cfg.Encapsulation != EncapESP)
	payloads := append([]isakmp.Payload{{Type: isakmp.PayloadSA, Body: answer.Append(nil)}}, sa.answeredVendorIDs()...)
	sa.reply = [][]byte{sa.clear(isakmp.ExchangeIdentityProtection, 0, payloads)}
	c.sas = append(c.sas, sa)
	c.send(now, sa, sa.reply, out)
}

// mm1Repeated answers an MM1 that was taken before.
func (c *Conn) mm1Repeated(now time.Time, m isakmp.Message, pkt Packet, h digest256, out *Output) bool {
	for _, sa := range c.sas {
		if sa.initiator || sa.ckyI != m.Initiator {
			continue
		}
		if sa.rx == h && sa.stage == stageMM3 {
			c.sendTo(now, pkt.From, pkt.Port, sa.reply, out)
			return true
		}
		if sa.stage >= stageUp || (sa.base != nil && sa.base.rx == h) {
			out.drop(DropUnexpected) // late: it has gone on since
			return true
		}
	}
	return false
}

// roomForHalfOpen says whether one more Main Mode of the peer's may begin. It
// makes room by forgetting the oldest whose cookie never came back.
func (c *Conn) roomForHalfOpen(now time.Time) bool {
	n := 0
	var oldest *ikeSA
	for _, sa := range c.sas {
		if sa.initiator || sa.stage >= stageUp {
			continue
		}
		n++
		if sa.stage == stageMM3 && oldest == nil && now.Sub(sa.born) > halfOpenYoung {
			oldest = sa
		}
	}
	if n < maxHalfOpen {
		return true
	}
	if oldest == nil {
		return false
	}
	c.removeSA(oldest)
	return true
}

// complain says in clear what is wrong: a hint for the person at the other end.
func (c *Conn) complain(now time.Time, h isakmp.Header, t isakmp.NotifyType, pkt Packet, out *Output) {
	n := isakmp.Notification{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: t}
	sa := &ikeSA{ckyI: h.Initiator, ckyR: h.Responder}
	id := c.messageID(sa)
	msg := sa.clear(isakmp.ExchangeInformational, id, []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}})
	c.sendTo(now, pkt.From, pkt.Port, [][]byte{msg}, out)
}

// handleMM3 takes the initiator's half of the exchange and makes MM4.
func (c *Conn) handleMM3(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet) (reason DropReason) {
	if sa.gxi, sa.ni, reason = keyExchange(m.Payloads); reason != 0 {
		return reason
	}
	if sa.dh == nil {
		var err error
		if sa.dh, err = generateDH(sa.suite.Group, c.cfg.Rand); err != nil {
			return DropKeyExchange
		}
		sa.gxr, sa.nr = sa.dh.public(), c.random(nonceLen)
	}
	if !c.derive(sa, sa.gxi) {
		return DropKeyExchange
	}
	sa.to, sa.port = pkt.From, pkt.Port
	payloads := []isakmp.Payload{{Type: isakmp.PayloadKeyExchange, Body: sa.gxr}, {Type: isakmp.PayloadNonce, Body: sa.nr}}
	if sa.natt != nattNone {
		if kind := c.detectNAT(sa, m.Payloads, pkt.From); kind != isakmp.PayloadNone {
			payloads = append(payloads, c.natPayload(sa, kind)...) // by the number that the peer uses
		}
	}
	sa.reply = [][]byte{sa.clear(isakmp.ExchangeIdentityProtection, 0, payloads)}
	sa.stage = stageMM5
	return 0
}

// handleMM5 authenticates the initiator and makes MM6. It may come from port
// 4500, or through a NAT from anywhere.
func (c *Conn) handleMM5(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet, out *Output) DropReason {
	id, o, reason := c.authenticate(sa, m, sa.keys.hashI)
	if reason == DropBadHash || reason == DropIdentity {
		sa.badMM5 = reason == DropBadHash
		if sa.complaints++; sa.complaints <= maxComplaints {
			t := isakmp.AuthenticationFailed
			if reason == DropIdentity {
				t = isakmp.InvalidIDInformation
			}
			c.complain(now, m.Header, t, pkt, out)
		}
	}
	if reason != 0 {
		return reason
	}
	sa.mm5IV, sa.peerID = sa.iv, id
	sa.reply, sa.iv = c.mm6(sa, o.next)
	sa.to, sa.port = pkt.From, pkt.Port
	// A gateway may renew the SA on port 500, and ESP still goes in UDP.
	sa.encap = sa.port == Port4500 || (c.cfg.Role == Initiator && c.port == Port4500)
	sa.stage = stageUp
	c.initialContact(o.payloads, out)
	return 0
}

// mm6 builds the last message of Main Mode; last is its last block.
func (c *Conn) mm6(sa *ikeSA, iv []byte) (msgs [][]byte, last []byte) {
	own := isakmp.AddrIdentification(c.cfg.Local.Addr(), 0, 0).Append(nil)
	payloads := []isakmp.Payload{
		{Type: isakmp.PayloadID, Body: own},
		{Type: isakmp.PayloadHash, Body: sa.keys.hashR(sa.gxi, sa.gxr, sa.ckyI[:], sa.ckyR[:], sa.saBody, own)},
	}
	msg, last := sa.seal(isakmp.ExchangeIdentityProtection, 0, iv, payloads)
	return sa.split(msg), last
}

// anotherMM5 takes an MM5 that differs from the one that established the SA
// only in what its HASH does not cover: payloads behind it and padding. One of
// the two was tampered with, and the peer can read only the answer to its own.
// Which one that is shows in the IV of what it sends next.
func (c *Conn) anotherMM5(now time.Time, sa *ikeSA, m isakmp.Message, out *Output) bool {
	if sa.mm5IV == nil || m.Flags&isakmp.FlagEncryption == 0 {
		return false
	}
	before := sa.iv
	sa.iv = sa.mm5IV
	_, o, reason := c.authenticate(sa, m, sa.keys.hashI)
	sa.iv = before
	if reason != 0 {
		return false
	}
	msgs, last := c.mm6(sa, o.next)
	if !slices.ContainsFunc(sa.otherIVs, func(iv []byte) bool { return string(iv) == string(last) }) {
		if len(sa.otherIVs) >= maxBranches {
			return false
		}
		sa.otherIVs = append(sa.otherIVs, last)
	}
	c.send(now, sa, msgs, out)
	return true
}

// adoptEndpoint makes the place where a Main Mode was completed the peer's.
// The client stays with the gateway it dialled when that one rekeys.
func (c *Conn) adoptEndpoint(sa *ikeSA, out *Output) {
	if c.state != stateUp {
		c.to, c.port = sa.to, sa.port
		return
	}
	if !sa.initiator {
		c.moved(Packet{From: sa.to, Port: sa.port}, out)
	}
}

// established makes an authenticated SA the one for new exchanges.
func (c *Conn) established(now time.Time, sa *ikeSA, out *Output) {
	rekey := c.state == stateUp
	for _, old := range c.sas {
		if old != sa && old.stage == stageUp && sa.port == Port4500 {
			// An ephemeral port 4500 is not known here, so nothing can be
			// detected by it; and what was found on port 500 still holds.
			sa.nat = old.nat
		}
	}
	c.state, c.lastIn, c.idleAt, c.refused = stateUp, now, time.Time{}, nil
	if sa.run != nil {
		c.run, sa.run = nil, nil
	}
	sa.resend.stop()
	sa.dh, sa.deadline = nil, time.Time{}
	sa.usedAt = now
	if c.rekeyAfterwards && c.current != nil {
		c.current.rekeyAt = now
	}
	c.rekeyAfterwards = false
	sa.expiresAt, sa.rekeyAt = now.Add(sa.life), c.rekeyPhase1At(now, sa)
	// Branches of the same Main Mode have lost; and the newest goes last.
	c.sas = slices.DeleteFunc(c.sas, func(other *ikeSA) bool {
		return other == sa || (other.ckyI == sa.ckyI && other.initiator == sa.initiator && other.stage < stageUp)
	})
	c.sas = append(c.sas, sa)
	c.supersede(now, sa)
	if !sa.initiator {
		c.budget.spend(now)
	}
	c.limitUp(now, out)
	out.emit(Phase1Up{Suite: sa.suite, PeerID: sa.peerID, NAT: sa.nat, Encapsulated: sa.encap, Rekey: rekey, ByPeer: !sa.initiator, VendorIDs: slices.Clone(sa.vendorIDs)})
	if c.dpd.tries > 0 {
		c.dpd = dpd{seq: c.dpd.seq} // it lives
	}
	c.ensureChild(now, out)
}

// halfOpenExpired forgets a Main Mode that the peer did not complete.
func (c *Conn) halfOpenExpired(now time.Time, sa *ikeSA) {
	c.removeSA(sa)
	if sa.badMM5 {
		c.refused = &Error{Phase: 1, Reason: PSKMismatch, Detail: "peer's message 5 does not decrypt"}
	}
	if len(c.sas) == 0 && len(c.children) == 0 {
		c.idleAt = now
	}
}
