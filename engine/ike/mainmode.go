package ike

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// Ours: bounds on what unauthenticated messages may cost.
const (
	maxHalfOpen   = 6           // Main Modes that the peer began
	halfOpenYoung = time.Second // one that came this recently is not put out by another
	maxBranches   = 6           // of one Main Mode: each costs a Diffie-Hellman
	maxComplaints = 3           // notifications in clear for one Main Mode
)

// handleMain takes a message of Main Mode (RFC 2409, 5). It is offered to each
// branch that waits for it, and one in clear to those that have already taken
// another in its place.
func (c *Conn) handleMain(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	switch {
	case m.MessageID != 0 || m.Initiator.IsZero():
		out.drop(DropMalformed)
		return
	case m.Responder.IsZero():
		c.handleMM1(now, m, pkt, out)
		return
	case c.probeAnswered(now, m):
		return
	}
	h := digest256(sha256.Sum256(pkt.Data))
	known, done, reason := false, false, DropUnexpected
	for _, sa := range slices.Clone(c.sas) {
		if sa.ckyI != m.Initiator || !slices.Contains(c.sas, sa) {
			continue // of another Main Mode, or put out by a branch just now
		}
		known = known || sa.is(m.Header)
		if sa.rx == h && sa.is(m.Header) {
			c.mm4Repeated(now, sa, pkt)
			if sa.initiator {
				c.send(now, sa, sa.reply, out)
			} else {
				// The first to come may have been a copy, from elsewhere.
				c.sendTo(now, pkt.From, pkt.Port, sa.reply, out)
			}
			done = true
			continue
		}
		accepted, why := c.offer(now, sa, m, pkt, h, out)
		done = done || accepted
		if why != 0 {
			known, reason = true, why
		}
	}
	switch {
	case done:
	case !known:
		out.drop(DropUnknownCookie)
	default:
		out.drop(reason)
	}
}

// offer gives a message to a branch, or to one that starts from an earlier
// point of it.
func (c *Conn) offer(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet, h digest256, out *Output) (accepted bool, reason DropReason) {
	if sa.expects(m) {
		return c.step(now, sa, m, pkt, h, out)
	}
	if sa.stage >= stageUp {
		return c.anotherMM5(now, sa, m, out) || c.anotherMM6(now, sa, m, out), 0
	}
	for base := sa.base; base != nil; base = base.base {
		if !base.expects(m) {
			continue
		}
		if c.tookPlace(base, h) {
			return false, 0
		}
		if c.branches(sa) >= maxBranches {
			return false, DropLimit
		}
		fork := *base
		c.sas = append(c.sas, &fork)
		accepted, reason = c.step(now, &fork, m, pkt, h, out)
		if !accepted {
			c.removeSA(&fork)
		}
		return accepted, reason
	}
	return false, 0
}

// tookPlace says whether a branch from base has taken the message already.
func (c *Conn) tookPlace(base *ikeSA, h digest256) bool {
	return slices.ContainsFunc(c.sas, func(sa *ikeSA) bool { return sa.base == base && sa.rx == h })
}

// branches counts the branches of an SA's Main Mode.
func (c *Conn) branches(sa *ikeSA) (n int) {
	for _, other := range c.sas {
		if other.ckyI == sa.ckyI && other.initiator == sa.initiator {
			n++
		}
	}
	return n
}

// expects says whether m has the form of what the SA waits for.
func (sa *ikeSA) expects(m isakmp.Message) bool {
	encrypted := m.Flags&isakmp.FlagEncryption != 0
	switch sa.stage {
	case stageMM2:
		return !encrypted
	case stageMM4, stageMM3:
		return !encrypted && sa.is(m.Header)
	case stageMM6, stageMM5:
		return encrypted && sa.is(m.Header)
	}
	return false
}

// step takes the message that the SA's stage waits for. A message that is no
// good leaves the SA as it was.
func (c *Conn) step(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet, h digest256, out *Output) (accepted bool, reason DropReason) {
	before := *sa
	switch sa.stage {
	case stageMM2:
		reason = c.handleMM2(now, sa, m)
	case stageMM3:
		reason = c.handleMM3(now, sa, m, pkt)
		// The key pair and the nonce are kept for another MM3 that may follow.
		before.dh, before.gxr, before.nr = sa.dh, sa.gxr, sa.nr
	case stageMM4:
		reason = c.handleMM4(now, sa, m, pkt)
	case stageMM5:
		reason = c.handleMM5(now, sa, m, pkt, out)
	case stageMM6:
		reason = c.handleMM6(now, sa, m, out)
	}
	if c.state == stateClosed {
		return true, 0
	}
	if reason != 0 {
		before.complaints, before.badMM5 = sa.complaints, sa.badMM5
		*sa = before
		return false, reason
	}
	sa.rx = h
	if sa.stage < stageUp {
		sa.base = &before
	} else {
		sa.base = nil
	}
	if sa.stage == stageMM4 || sa.stage == stageMM6 {
		sa.resend.start(now, sa.reply)
		if sa.stage == stageMM6 {
			sa.resend.max = resendMM5
		}
	}
	if sa.stage == stageUp {
		c.adoptEndpoint(sa, out)
	}
	c.send(now, sa, sa.reply, out)
	if sa.stage == stageUp {
		c.established(now, sa, out)
	}
	return true, 0
}

// handleMM2 takes the responder's choice and makes MM3.
func (c *Conn) handleMM2(now time.Time, sa *ikeSA, m isakmp.Message) DropReason {
	p, ok := isakmp.Find(m.Payloads, isakmp.PayloadSA)
	if !ok {
		return DropMalformed
	}
	answer, err := isakmp.ParseSA(p.Body)
	if err != nil {
		return DropMalformed
	}
	s, life, ok := acceptedPhase1(answer, c.cfg.Phase1)
	if !ok {
		return DropNoProposal
	}
	sa.suite, sa.life = s, shorter(life, c.cfg.Phase1Lifetime)
	sa.readVendorIDs(m.Payloads, c.cfg.Encapsulation != EncapESP)
	if sa.natt == nattNone && c.cfg.Encapsulation == EncapUDP {
		c.blame(now, &Error{Reason: NATTMissing}, notifyGrace)
		return DropNoNATT
	}
	sa.ckyR = m.Responder
	if sa.dh, err = c.dhKey(s.Group); err != nil {
		return DropNoProposal
	}
	sa.gxi = sa.dh.public()
	sa.ni = c.random(nonceLen)
	payloads := []isakmp.Payload{{Type: isakmp.PayloadKeyExchange, Body: sa.gxi}, {Type: isakmp.PayloadNonce, Body: sa.ni}}
	if sa.natt != nattNone {
		kind, _ := sa.natt.natPayloads()
		payloads = append(payloads, c.natPayload(sa, kind)...)
	}
	sa.reply = [][]byte{sa.clear(isakmp.ExchangeIdentityProtection, 0, payloads)}
	sa.stage, sa.deadline = stageMM4, now.Add(mm4Timeout)
	sa.run.evidence, sa.run.verdictAt = nil, time.Time{} // it goes on after all
	return 0
}

// dhKey is the key that New made, once and if the group is right, or a new one.
func (c *Conn) dhKey(g suite.Group) (*dhKey, error) {
	if c.spare != nil && c.spareGroup == g {
		k := c.spare
		c.spare = nil
		return k, nil
	}
	return generateDH(g, c.cfg.Rand)
}

// keyExchange reads KE and nonce of MM3 or MM4.
func keyExchange(payloads []isakmp.Payload) (gx, nonce []byte, reason DropReason) {
	ke, haveKE := isakmp.Find(payloads, isakmp.PayloadKeyExchange)
	n, haveNonce := isakmp.Find(payloads, isakmp.PayloadNonce)
	switch {
	case !haveKE || !haveNonce:
		return nil, nil, DropMalformed
	case len(n.Body) < leastPeerNonce || len(n.Body) > maxPeerNonce:
		return nil, nil, DropKeyExchange
	}
	return clone(ke.Body), clone(n.Body), 0
}

// derive makes the keys of the SA out of what both have sent.
func (c *Conn) derive(sa *ikeSA, peerGX []byte) bool {
	gxy, err := sa.dh.shared(peerGX)
	if err != nil {
		return false
	}
	sa.keys, err = derivePhase1(sa.suite, c.cfg.PSK, sa.ni, sa.nr, sa.gxi, sa.gxr, gxy, sa.ckyI[:], sa.ckyR[:])
	if err != nil {
		return false
	}
	sa.iv = sa.keys.iv
	return true
}

// handleMM4 takes the responder's half of the exchange and makes MM5, which
// goes to port 4500 when ESP is to travel in UDP (RFC 3947, 4).
func (c *Conn) handleMM4(now time.Time, sa *ikeSA, m isakmp.Message, pkt Packet) (reason DropReason) {
	if sa.gxr, sa.nr, reason = keyExchange(m.Payloads); reason != 0 {
		return reason
	}
	kind := isakmp.PayloadNone
	if sa.natt != nattNone {
		kind = c.detectNAT(sa, m.Payloads, pkt.From)
	}
	if kind == isakmp.PayloadNone && c.cfg.Encapsulation == EncapUDP {
		c.blame(now, &Error{Reason: NATTMissing}, notifyGrace)
		return DropNoNATT
	}
	if !c.derive(sa, sa.gxr) {
		return DropKeyExchange
	}
	sa.encap = sa.port == Port4500 || (kind != isakmp.PayloadNone && (c.forcesUDP() || sa.nat.Local || sa.nat.Remote))
	id := isakmp.AddrIdentification(c.cfg.Local.Addr(), 0, 0).Append(nil)
	payloads := []isakmp.Payload{
		{Type: isakmp.PayloadID, Body: id},
		{Type: isakmp.PayloadHash, Body: sa.keys.hashI(sa.gxi, sa.gxr, sa.ckyI[:], sa.ckyR[:], sa.saBody, id)},
	}
	if !sa.run.rekey && !c.contactSent {
		n := isakmp.Notification{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: isakmp.InitialContact, SPI: sa.spi()}
		payloads = append(payloads, isakmp.Payload{Type: isakmp.PayloadNotification, Body: n.Append(nil)})
	}
	msg, next := sa.seal(isakmp.ExchangeIdentityProtection, 0, sa.iv, payloads)
	sa.iv = next
	sa.reply = sa.split(msg)
	if sa.encap && sa.port == Port500 && c.cfg.Role == Initiator {
		sa.to, sa.port = c.cfg.RemoteNATT, Port4500
	}
	sa.stage, sa.deadline = stageMM6, now.Add(mm6Timeout)
	if sa.run.mm5At.IsZero() {
		sa.run.mm5At, sa.run.heard = now, false
		sa.run.evidence, sa.run.verdictAt = nil, time.Time{}
		if sa.port == Port4500 && sa.run.port == Port500 {
			sa.run.probeAt = now.Add(probeFirst)
		}
	}
	return 0
}

// handleMM6 authenticates the responder.
func (c *Conn) handleMM6(now time.Time, sa *ikeSA, m isakmp.Message, out *Output) DropReason {
	id, o, reason := c.authenticate(sa, m, sa.keys.hashR)
	if reason == DropBadHash {
		c.blameMM5(now, &Error{Reason: PSKMismatch, Detail: "peer's answer does not decrypt"})
		return reason
	}
	if reason == DropIdentity {
		// The peer has the key and is another one: no use in waiting.
		c.attemptFailed(now, &Error{Phase: 1, Reason: IdentityRejected, Authenticated: true, Detail: "peer is " + id.String()}, out)
		return reason
	}
	if reason != 0 {
		return reason
	}
	sa.mm6IV, sa.iv, sa.peerID, sa.reply = sa.iv, o.next, id, nil
	sa.stage = stageUp
	c.contactSent = true
	c.initialContact(o.payloads, out)
	return 0
}

// anotherMM6 takes an MM6 that differs from the one that established the SA
// only in what its HASH does not cover, as anotherMM5 does: strongSwan has a
// whole block of padding there. A Quick Mode under way goes out once more for a
// peer that has this one as its last.
func (c *Conn) anotherMM6(now time.Time, sa *ikeSA, m isakmp.Message, out *Output) bool {
	if sa.mm6IV == nil || m.Flags&isakmp.FlagEncryption == 0 {
		return false
	}
	before := sa.iv
	sa.iv = sa.mm6IV
	_, o, reason := c.authenticate(sa, m, sa.keys.hashR)
	sa.iv = before
	if reason != 0 || len(sa.otherIVs) >= maxBranches {
		return false
	}
	same := func(iv []byte) bool { return string(iv) == string(o.next) }
	if same(sa.iv) || slices.ContainsFunc(sa.otherIVs, same) {
		return true
	}
	sa.otherIVs = append(sa.otherIVs, o.next)
	for _, q := range sa.quicks {
		if !q.initiator || q.stage != quickQM2 {
			continue
		}
		msg, next := sa.sealHashed(isakmp.ExchangeQuickMode, q.id, sa.keys.messageIV(o.next, q.id), nil, q.request)
		q.others = append(q.others, otherStart{o.next, next})
		msgs := sa.split(msg)
		q.resend.msgs = append(slices.Clip(q.resend.msgs), msgs...)
		c.send(now, sa, msgs, out)
	}
	return true
}

// authenticate reads MM5 or MM6: an ID and the HASH over it.
func (c *Conn) authenticate(sa *ikeSA, m isakmp.Message, hash func(gxi, gxr, ckyI, ckyR, saBody, idBody []byte) []byte) (id isakmp.Identification, o opened, reason DropReason) {
	o, ok := sa.open(m, sa.iv)
	if !ok {
		return id, o, DropBadHash
	}
	idp, haveID := isakmp.Find(o.payloads, isakmp.PayloadID)
	hp, haveHash := isakmp.Find(o.payloads, isakmp.PayloadHash)
	if !haveID || !haveHash || !hmac.Equal(hp.Body, hash(sa.gxi, sa.gxr, sa.ckyI[:], sa.ckyR[:], sa.saBody, idp.Body)) {
		return id, o, DropBadHash
	}
	id, err := isakmp.ParseIdentification(idp.Body)
	if err != nil {
		return id, o, DropMalformed
	}
	id.Data = clone(id.Data)
	if want := c.cfg.RemoteID; want != nil && (want.Type != id.Type || string(want.Data) != string(id.Data)) {
		return id, o, DropIdentity
	}
	return id, o, 0
}

// initialContact passes an INITIAL-CONTACT on.
func (c *Conn) initialContact(payloads []isakmp.Payload, out *Output) {
	for _, p := range payloads {
		if p.Type != isakmp.PayloadNotification {
			continue
		}
		if n, err := isakmp.ParseNotification(p.Body); err == nil && n.Type == isakmp.InitialContact {
			out.emit(InitialContact{})
		}
	}
}

// shorter is the shorter of two lifetimes, where zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a <= 0 || (b > 0 && b < a) {
		return b
	}
	return a
}
