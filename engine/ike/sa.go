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

// Ours.
const (
	nonceLen       = 32 // RFC 2409, 5 allows 8 to 256
	seenIDs        = 256
	maxExchanges   = 8 // Quick Modes at a time under one ISAKMP SA, finished ones not counted
	maxFinished    = 16
	cookieSPILen   = 16 // both cookies, as the SPI of an ISAKMP SA
	maxPeerNonce   = 256
	leastPeerNonce = 8
	randomTries    = 16 // a source that gives no fresh number in so many is broken
)

// stage is how far an ISAKMP SA has come.
type stage uint8

const (
	stageMM2  stage = iota + 1 // we sent MM1
	stageMM4                   // we sent MM3
	stageMM6                   // we sent MM5
	stageMM3                   // we sent MM2
	stageMM5                   // we sent MM4
	stageUp                    // authenticated
	stageGone                  // deleted by the peer: only more Deletes are read
)

// digest256 names a message for the detection of duplicates.
type digest256 [sha256.Size]byte

// ikeSA is an ISAKMP SA, from the first message of its Main Mode on.
type ikeSA struct {
	stage     stage
	initiator bool     // we sent MM1
	run       *attempt // of an initiator's Main Mode
	// base is the SA as it was before the last message in clear was accepted.
	// Nothing authenticates those, so the first to come may be a forged one:
	// a different one gets a branch of its own, and the one that the peer's
	// HASH fits wins.
	base *ikeSA

	ckyI, ckyR isakmp.Cookie
	to         netip.AddrPort
	port       Port

	suite     suite.Phase1
	life      time.Duration
	natt      nattVersion
	nat       NAT
	encap     bool
	dpd, frag bool
	vendorIDs []string
	peerID    isakmp.Identification

	saBody   []byte // of the initiator's SA payload
	dh       *dhKey
	ni, nr   []byte
	gxi, gxr []byte
	keys     *phase1Keys
	iv       []byte // in Main Mode of its next message, then the last block of phase 1
	mm5IV    []byte // of MM5, until the peer's next message
	mm6IV    []byte // of MM6, likewise
	otherIVs [][]byte

	rx     digest256 // the last message accepted
	reply  [][]byte  // what answered it
	resend resend

	complaints int       // notifications sent in clear
	badMM5     bool      // something did not decrypt
	deadline   time.Time // of the stage
	born       time.Time

	rekeyAt, expiresAt, deleteAt time.Time
	usedAt                       time.Time // by the peer
	quicks                       []*quick
	seen                         idRing
	seenQuick                    idRing // of the peer's Quick Modes: apart, for they are few
	infoRX                       digest256
	infoReply                    [][]byte
	peerDPD                      uint32
	peerDPDSet                   bool
	fragID                       uint16
	parts                        []assembly
}

// idRing remembers the message IDs that were used last.
type idRing struct {
	ids [seenIDs]uint32
	n   int
}

func (r *idRing) add(id uint32) {
	r.ids[r.n%seenIDs] = id
	r.n++
}

func (r *idRing) has(id uint32) bool { return slices.Contains(r.ids[:min(r.n, seenIDs)], id) }

// header is that of the SA's messages.
func (sa *ikeSA) header(ex isakmp.ExchangeType, id uint32) isakmp.Header {
	return isakmp.Header{Initiator: sa.ckyI, Responder: sa.ckyR, Version: isakmp.Version1, Exchange: ex, MessageID: id}
}

// clear builds a message in clear.
func (sa *ikeSA) clear(ex isakmp.ExchangeType, id uint32, payloads []isakmp.Payload) []byte {
	return isakmp.Message{Header: sa.header(ex, id), Payloads: payloads}.Append(nil)
}

// seal builds an encrypted message; next is the IV of the one after it.
func (sa *ikeSA) seal(ex isakmp.ExchangeType, id uint32, iv []byte, payloads []isakmp.Payload) (msg, next []byte) {
	m := isakmp.Message{Header: sa.header(ex, id)}
	m.Flags = isakmp.FlagEncryption
	m.NextPayload = isakmp.FirstType(payloads)
	m.Encrypted, next = encryptCBC(sa.keys.enc, iv, isakmp.AppendPayloads(nil, payloads))
	return m.Append(nil), next
}

// sealHashed is seal with a HASH payload in front, over prefix, the message ID
// and all that follows it (RFC 2409, 5.5 and 5.7).
func (sa *ikeSA) sealHashed(ex isakmp.ExchangeType, id uint32, iv, nonce []byte, payloads []isakmp.Payload) (msg, next []byte) {
	hash := sa.hash(id, nonce, isakmp.AppendPayloads(nil, payloads))
	return sa.seal(ex, id, iv, append([]isakmp.Payload{{Type: isakmp.PayloadHash, Body: hash}}, payloads...))
}

// hash is HASH(1) of Quick Mode and Informational, HASH(2) with the
// initiator's nonce.
func (sa *ikeSA) hash(id uint32, nonce, rest []byte) []byte {
	return prf(sa.keys.h, sa.keys.skeyidA, binary.BigEndian.AppendUint32(nil, id), nonce, rest)
}

// opened is a decrypted message.
type opened struct {
	payloads []isakmp.Payload
	rest     []byte // all octets of the payloads after the first
	next     []byte // the IV of the exchange's next message
}

// open decrypts m and reads its payloads. ok is false when they make no sense,
// which is what a wrong key looks like.
func (sa *ikeSA) open(m isakmp.Message, iv []byte) (o opened, ok bool) {
	plain, next, err := decryptCBC(sa.keys.enc, iv, m.Encrypted)
	if err != nil {
		return opened{}, false
	}
	payloads, n, err := isakmp.ParsePayloads(m.NextPayload, plain)
	if err != nil || len(payloads) == 0 {
		return opened{}, false
	}
	const generic = 4
	return opened{payloads, plain[generic+len(payloads[0].Body) : n], next}, true
}

// openHashed is open for a message that begins with a HASH, which must be right.
func (sa *ikeSA) openHashed(m isakmp.Message, iv, nonce []byte) (o opened, ok bool) {
	o, ok = sa.open(m, iv)
	if !ok || o.payloads[0].Type != isakmp.PayloadHash || !hmac.Equal(o.payloads[0].Body, sa.hash(m.MessageID, nonce, o.rest)) {
		return opened{}, false
	}
	o.payloads = o.payloads[1:]
	return o, true
}

// openFirst is openHashed for the first message of an exchange of the peer's.
func (sa *ikeSA) openFirst(m isakmp.Message) (o opened, ok bool) {
	if o, ok = sa.openHashed(m, sa.keys.messageIV(sa.iv, m.MessageID), nil); !ok {
		for _, iv := range sa.otherIVs {
			if o, ok = sa.openHashed(m, sa.keys.messageIV(iv, m.MessageID), nil); ok {
				sa.iv = iv
				break
			}
		}
	}
	if ok {
		sa.settleIV()
	}
	return o, ok
}

// settleIV is called when the peer's IV is known.
func (sa *ikeSA) settleIV() { sa.mm5IV, sa.mm6IV, sa.otherIVs = nil, nil, nil }

// messageID is a fresh one for an exchange under the SA.
func (c *Conn) messageID(sa *ikeSA) uint32 {
	for range randomTries {
		id := binary.BigEndian.Uint32(c.random(4))
		if id != 0 && !sa.seen.has(id) {
			sa.seen.add(id)
			return id
		}
	}
	c.broken = errNotRandom
	return 1
}

// informational sends an encrypted Informational message of its own.
func (c *Conn) informational(now time.Time, sa *ikeSA, payloads []isakmp.Payload, out *Output) [][]byte {
	id := c.messageID(sa)
	msg, _ := sa.sealHashed(isakmp.ExchangeInformational, id, sa.keys.messageIV(sa.iv, id), nil, payloads)
	msgs := sa.split(msg)
	c.send(now, sa, msgs, out)
	return msgs
}

// spi is the SA's name in payloads: both cookies.
func (sa *ikeSA) spi() []byte { return append(append([]byte(nil), sa.ckyI[:]...), sa.ckyR[:]...) }

// is says whether a message's cookies are the SA's.
func (sa *ikeSA) is(h isakmp.Header) bool { return sa.ckyI == h.Initiator && sa.ckyR == h.Responder }

// clone copies what is kept of a borrowed message.
func clone(b []byte) []byte { return append([]byte(nil), b...) }
