package ike

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// quickStage is how far a Quick Mode has come.
type quickStage uint8

const (
	quickQM2  quickStage = 1 // we sent QM1
	quickQM3  quickStage = 2 // we sent QM2
	quickDone quickStage = 3
)

// quick is one Quick Mode (RFC 2409, 5.5).
type quick struct {
	id        uint32
	stage     quickStage
	initiator bool
	iv        []byte // of its next message
	to        netip.AddrPort
	port      Port

	offer    []suite.Phase2
	encap    uint16
	group    suite.Group
	in       uint32
	dh       *dhKey
	ni, nr   []byte
	replaces uint32
	ids      identities
	child    *child
	hint     isakmp.NotifyType // the peer's unauthenticated word

	request []isakmp.Payload // ours, until it is answered
	others  []otherStart

	rx       digest256
	reply    [][]byte
	resend   resend
	deadline time.Time
}

// otherStart is what else the peer may have taken our QM1 with: another last
// block of phase 1, and the IV of QM2 after that.
type otherStart struct{ phase1, next []byte }

// openAnswer opens what answers QM1, and settles which one it answers.
func (sa *ikeSA) openAnswer(q *quick, m isakmp.Message, nonce []byte) (o opened, ok bool) {
	if o, ok = sa.openHashed(m, q.iv, nonce); ok {
		sa.settleIV()
		return o, true
	}
	for _, other := range q.others {
		if o, ok = sa.openHashed(m, other.next, nonce); ok {
			sa.iv, q.iv, q.others = other.phase1, other.next, nil
			sa.settleIV()
			return o, true
		}
	}
	return opened{}, false
}

// identities are the IDs of Quick Mode: what the SA is for.
type identities struct{ own, peer isakmp.Identification }

// payloads are the two ID payloads, the Quick Mode's initiator first.
func (ids identities) payloads(initiator bool) []isakmp.Payload {
	own := isakmp.Payload{Type: isakmp.PayloadID, Body: ids.own.Append(nil)}
	peer := isakmp.Payload{Type: isakmp.PayloadID, Body: ids.peer.Append(nil)}
	if initiator {
		return []isakmp.Payload{own, peer}
	}
	return []isakmp.Payload{peer, own}
}

// startQuick begins a Quick Mode for a new child or for one that replaces the
// one in use.
func (c *Conn) startQuick(now time.Time, sa *ikeSA, out *Output) {
	q := &quick{id: c.messageID(sa), stage: quickQM2, initiator: true, to: c.to, port: c.port, in: c.newSPI(), ni: c.random(nonceLen),
		offer: c.cfg.Phase2, group: c.cfg.PFS, encap: isakmp.EncapsulationTransport, deadline: now.Add(quickTimeout)}
	q.ids = identities{
		isakmp.AddrIdentification(c.cfg.Local.Addr(), protoUDP, c.cfg.InnerPort),
		isakmp.AddrIdentification(c.to.Addr(), protoUDP, portL2TP),
	}
	if c.current != nil {
		q.replaces = c.current.In
		if c.cfg.Role == Responder {
			// What the client asked for before it will accept again.
			q.offer, q.group, q.ids = []suite.Phase2{c.current.Suite}, c.current.group, c.current.ids
		}
	}
	if sa.encap {
		q.encap = sa.natt.encapsulation()
	}
	payloads := []isakmp.Payload{
		{Type: isakmp.PayloadSA, Body: offerPhase2(q.offer, q.in, q.encap, q.group, c.cfg.Phase2Lifetime).Append(nil)},
		{Type: isakmp.PayloadNonce, Body: q.ni},
	}
	if q.group != 0 {
		var err error
		if q.dh, err = generateDH(q.group, c.cfg.Rand); err != nil {
			c.broken = err
			return
		}
		payloads = append(payloads, isakmp.Payload{Type: isakmp.PayloadKeyExchange, Body: q.dh.public()})
	}
	payloads = append(payloads, q.ids.payloads(true)...)
	if sa.encap {
		payloads = append(payloads, c.originalAddresses(sa, true)...)
	}
	msg, next := sa.sealHashed(isakmp.ExchangeQuickMode, q.id, sa.keys.messageIV(sa.iv, q.id), nil, payloads)
	q.iv, q.request = next, payloads
	sa.quicks = append(sa.quicks, q)
	msgs := sa.split(msg)
	q.resend.start(now, msgs)
	c.send(now, sa, msgs, out)
}

// originalAddresses are the NAT-OA payloads: the Quick Mode initiator's
// address, then the responder's (RFC 3947, 5.2).
func (c *Conn) originalAddresses(sa *ikeSA, initiator bool) []isakmp.Payload {
	_, kind := sa.natt.natPayloads()
	list := []netip.Addr{c.cfg.Local.Addr(), c.to.Addr()}
	if !initiator {
		slices.Reverse(list)
	}
	var payloads []isakmp.Payload
	for _, a := range list {
		if !a.IsValid() {
			return nil
		}
		payloads = append(payloads, isakmp.Payload{Type: kind, Body: isakmp.AppendNATOA(nil, a)})
	}
	return payloads
}

// newSPI is an inbound SPI that is not in use.
func (c *Conn) newSPI() uint32 {
	for range randomTries {
		if spi := binary.BigEndian.Uint32(c.random(4)); spi >= firstSPI && c.child(spi) == nil {
			return spi
		}
	}
	c.broken = errNotRandom
	return firstSPI
}

// handleQuick takes a message of Quick Mode.
func (c *Conn) handleQuick(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	i := slices.IndexFunc(c.sas, func(sa *ikeSA) bool { return sa.is(m.Header) && sa.stage >= stageUp })
	switch {
	case i < 0:
		out.drop(DropUnknownCookie)
		return
	case m.Flags&isakmp.FlagEncryption == 0:
		out.drop(DropUnauthenticated)
		return
	case m.MessageID == 0:
		out.drop(DropMalformed)
		return
	case c.sas[i].stage == stageGone:
		out.drop(DropUnexpected)
		return
	}
	sa := c.sas[i]
	h := digest256(sha256.Sum256(pkt.Data))
	var reason DropReason
	q := sa.quick(m.MessageID)
	switch {
	case q == nil && (sa.seen.has(m.MessageID) || sa.seenQuick.has(m.MessageID)):
		reason = DropReplay
	case q == nil:
		reason = c.handleQM1(now, sa, m, pkt, h, out)
	case q.rx == h:
		c.repeatQuick(now, q, pkt, out)
	case q.stage == quickQM2:
		reason = c.handleQM2(now, sa, q, m, pkt, h, out)
	case q.stage == quickQM3:
		reason = c.handleQM3(now, sa, q, m, pkt, h, out)
	default:
		reason = c.handleConnected(now, sa, q, m, out)
	}
	if reason != 0 {
		out.drop(reason)
	}
}

// quick is the exchange with a message ID.
func (sa *ikeSA) quick(id uint32) *quick {
	for _, q := range sa.quicks {
		if q.id == id {
			return q
		}
	}
	return nil
}

// repeatQuick answers a repeated message as it was answered before: a responder
// to where it comes from, for the first to come may have been a copy.
func (c *Conn) repeatQuick(now time.Time, q *quick, pkt Packet, out *Output) {
	to, port := q.to, q.port
	if !q.initiator {
		to, port = pkt.From, pkt.Port
	}
	c.sendTo(now, to, port, q.reply, out)
	if q.initiator && q.child != nil && !q.child.useAt.IsZero() {
		q.child.useAt = now.Add(useAfter) // QM3 was lost: the peer does not receive on it yet
	}
}

// handleQM2 takes the responder's choice, and answers it with QM3.
func (c *Conn) handleQM2(now time.Time, sa *ikeSA, q *quick, m isakmp.Message, pkt Packet, h digest256, out *Output) DropReason {
	o, ok := sa.openAnswer(q, m, q.ni)
	if !ok {
		// A notification instead, within the exchange.
		if o, ok = sa.openAnswer(q, m, nil); !ok {
			return DropBadHash
		}
		c.handlePayloads(now, sa, o.payloads, q, out)
		return 0
	}
	p, _ := isakmp.Find(o.payloads, isakmp.PayloadSA)
	answer, err := isakmp.ParseSA(p.Body)
	if err != nil {
		c.quickFailed(now, sa, q, &Error{Reason: Malformed, Authenticated: true, Detail: err.Error()}, out)
		return DropMalformed
	}
	terms, spi, ok := acceptedPhase2(answer, q.offer, q.encap, q.group)
	if !ok {
		c.quickFailed(now, sa, q, &Error{Reason: Phase2NoProposal, Authenticated: true, Detail: "peer chose what was not offered"}, out)
		return DropNoProposal
	}
	gxy, reason := q.exchange(o.payloads, &q.nr)
	if reason != 0 {
		c.quickFailed(now, sa, q, &Error{Reason: Malformed, Authenticated: true, Detail: "bad nonce or key exchange"}, out)
		return reason
	}
	if ids := readIDs(o.payloads); len(ids) == 2 && ids[1].Port != 0 && ids[1].Protocol == protoUDP {
		q.ids.peer.Port = ids[1].Port
	}
	terms.life = shorter(terms.life, c.cfg.Phase2Lifetime)
	terms.life = shorter(responderLifetime(o.payloads, isakmp.ProtocolESP), terms.life)
	q.nr = clone(q.nr)
	hash3 := prf(sa.keys.h, sa.keys.skeyidA, []byte{0}, binary.BigEndian.AppendUint32(nil, q.id), q.ni, q.nr)
	msg, next := sa.seal(isakmp.ExchangeQuickMode, q.id, o.next, []isakmp.Payload{{Type: isakmp.PayloadHash, Body: hash3}})
	q.iv, q.rx, q.reply = next, h, sa.split(msg)
	q.finish(now)
	c.moved(pkt, out)
	c.lastIn, sa.usedAt = now, now
	c.send(now, sa, q.reply, out)

	ch := c.newChild(now, sa, q, terms, spi, gxy)
	ch.PeerNATOA = originalAddress(o.payloads, false)
	out.emit(ChildUp{ch.Child})
	ch.confirmed = true
	switch {
	case c.current == nil && m.Flags&isakmp.FlagCommit == 0:
		c.use(now, ch, out)
	default:
		ch.useAt = now.Add(useAfter)
	}
	return 0
}

// exchange reads the peer's nonce into nonce, and with PFS its public value,
// of which it makes the secret.
func (q *quick) exchange(payloads []isakmp.Payload, nonce *[]byte) (gxy []byte, reason DropReason) {
	n, ok := isakmp.Find(payloads, isakmp.PayloadNonce)
	if !ok || len(n.Body) < leastPeerNonce || len(n.Body) > maxPeerNonce {
		return nil, DropKeyExchange
	}
	*nonce = n.Body
	if q.dh == nil {
		return nil, 0
	}
	ke, ok := isakmp.Find(payloads, isakmp.PayloadKeyExchange)
	if !ok {
		return nil, DropKeyExchange
	}
	gxy, err := q.dh.shared(ke.Body)
	if err != nil {
		return nil, DropKeyExchange
	}
	return gxy, 0
}

// readIDs are the ID payloads, nil if one is bad.
func readIDs(payloads []isakmp.Payload) []isakmp.Identification {
	var ids []isakmp.Identification
	for _, p := range payloads {
		if p.Type != isakmp.PayloadID {
			continue
		}
		id, err := isakmp.ParseIdentification(p.Body)
		if err != nil {
			return nil
		}
		id.Data = clone(id.Data)
		ids = append(ids, id)
	}
	return ids
}

// finish stops repeating and keeps the exchange for the peer's repeats.
func (q *quick) finish(now time.Time) {
	q.stage, q.deadline, q.dh = quickDone, now.Add(quickLinger), nil
	q.request, q.others = nil, nil
	q.resend.stop()
}

// handleConnected takes what follows a finished Quick Mode: the CONNECTED of a
// peer that set the commit bit (RFC 2408, 3.1).
func (c *Conn) handleConnected(now time.Time, sa *ikeSA, q *quick, m isakmp.Message, out *Output) DropReason {
	o, ok := sa.openHashed(m, q.iv, nil)
	if !ok {
		return DropUnexpected
	}
	c.handlePayloads(now, sa, o.payloads, q, out)
	return 0
}

// quickFailed ends a Quick Mode of ours. Without a child the relation ends with it.
func (c *Conn) quickFailed(now time.Time, sa *ikeSA, q *quick, err *Error, out *Output) {
	q.finish(now)
	err.Phase = 2
	if err.Reason == Phase2NoProposal {
		err.Offered = suiteNames(q.offer)
		if q.group != 0 {
			err.Offered += " with PFS " + q.group.String()
		}
	}
	if c.current != nil {
		c.current.rekeyAt = now.Add(rekeyRetry)
		if err.Reason == Phase2NoAnswer && c.cfg.Role == Initiator && c.run == nil {
			c.rekeyAfterwards = true
			c.startMain(now, true, out) // the peer may have lost the ISAKMP SA
		}
		return
	}
	if c.cfg.Role == Initiator {
		c.deleteAll(now, out) // the peer would keep the ISAKMP SA for hours
		c.down(err, out)
	}
}

// advanceQuick repeats and gives up.
func (c *Conn) advanceQuick(now time.Time, out *Output) {
	for _, sa := range slices.Clone(c.sas) {
		for _, q := range slices.Clone(sa.quicks) {
			switch {
			case c.state == stateClosed:
				return
			case due(q.deadline, now):
				c.quickExpired(now, sa, q, out)
			case q.resend.due(now):
				c.sendTo(now, q.to, q.port, q.resend.msgs, out)
			}
		}
	}
}

// quickExpired forgets a Quick Mode whose time is over.
func (c *Conn) quickExpired(now time.Time, sa *ikeSA, q *quick, out *Output) {
	sa.quicks = slices.DeleteFunc(sa.quicks, func(have *quick) bool { return have == q })
	switch q.stage {
	case quickQM2:
		err := &Error{Reason: Phase2NoAnswer}
		if q.hint != 0 {
			err = &Error{Reason: phase2Reason(q.hint), Notify: q.hint}
		}
		c.quickFailed(now, sa, q, err, out)
	case quickQM3:
		c.dropChild(now, q.child, out)
	}
}

// abandonQuicks forgets the Quick Modes of an ISAKMP SA that is no more. A rekey
// among them is begun anew.
func (c *Conn) abandonQuicks(now time.Time, sa *ikeSA, out *Output) {
	for _, q := range sa.quicks {
		switch {
		case q.stage == quickQM3:
			c.dropChild(now, q.child, out)
		case q.stage == quickQM2 && c.current != nil:
			c.current.rekeyAt = now.Add(time.Second)
		}
	}
	sa.quicks = nil
}

// quickDeadline takes the exchanges' times into account.
func (c *Conn) quickDeadline(at *time.Time) {
	for _, sa := range c.sas {
		for _, q := range sa.quicks {
			earliest(at, q.deadline)
			earliest(at, q.resend.at)
		}
	}
}

// equalHash3 checks HASH(3).
func (sa *ikeSA) equalHash3(q *quick, got []byte) bool {
	want := prf(sa.keys.h, sa.keys.skeyidA, []byte{0}, binary.BigEndian.AppendUint32(nil, q.id), q.ni, q.nr)
	return hmac.Equal(got, want)
}
