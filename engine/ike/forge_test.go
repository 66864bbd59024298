package ike

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// mutate changes a few octets of a message behind the marker, or its length.
func mutate(rng *rand.Rand, p Packet) Packet {
	p.Data = clone(p.Data)
	body := p.Data
	if p.Port == Port4500 {
		if len(body) <= markerLen {
			return p // a keepalive
		}
		body = body[markerLen:]
	}
	for range 1 + rng.IntN(3) {
		switch rng.IntN(8) {
		case 0:
			body[16+rng.IntN(12)] = byte(rng.Uint32()) // the header after the cookies
		case 1:
			body[8+rng.IntN(8)] ^= byte(1 + rng.IntN(255)) // another responder cookie
		case 2:
			p.Data = p.Data[:rng.IntN(len(p.Data)+1)]
			return p
		default:
			body[rng.IntN(len(body))] ^= byte(1 + rng.IntN(255))
		}
	}
	return p
}

// kindOf tells the messages apart: 1 to 6 for those of Main Mode, 7 for all others.
func kindOf(l *link, dst *side, p Packet) int {
	body := p.Data
	if p.Port == Port4500 && len(body) > markerLen {
		body = body[markerLen:]
	}
	h, err := isakmp.ParseHeader(body)
	if err != nil || h.Exchange != isakmp.ExchangeIdentityProtection {
		return 7
	}
	kind := map[isakmp.PayloadType]int{isakmp.PayloadSA: 1, isakmp.PayloadKeyExchange: 3, isakmp.PayloadID: 5}[h.NextPayload]
	if dst == l.a {
		kind++
	}
	return kind
}

// TestForgedMessages puts mutated copies around messages: a forger who sees
// everything and is faster. It has one message of Main Mode each time, or all
// that come after it. The ends connect all the same, and stay up.
func TestForgedMessages(t *testing.T) {
	for seed := range uint64(700) {
		a, b := pair()
		a.Phase1 = suite.MustPhase1("aes256-sha256-ecp256", "aes128-sha1-ecp256")
		b.Phase1 = a.Phase1
		l := newLink(t, seed, a, b)
		kind := 1 + int(seed%7)
		l.filter = func(dst *side, p Packet) []Packet {
			if kindOf(l, dst, p) != kind {
				return []Packet{p}
			}
			return []Packet{mutate(l.rng, p), mutate(l.rng, p), p, mutate(l.rng, p)}
		}
		l.start()
		if !l.run(40*time.Second, l.connected) {
			t.Fatalf("kind %d, seed %d: not connected: %s\n%s", kind, seed, l.a, l.b)
		}
		l.sameKeys()
		kind = 7
		l.rekeyPhase1(l.a)
		l.rekeyChild(l.b)
		l.run(8*time.Second, nil)
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
		l.run(20*time.Second, nil)
		if l.a.down != nil || l.b.down != nil || !l.connected() || l.a.conn.dpd.tries != 0 {
			t.Fatalf("seed %d: forged messages did harm: %s\n%s", seed, l.a, l.b)
		}
		l.sameKeys()
	}
}

// Each message of a session, replayed at every later time and from elsewhere,
// changes nothing.
func TestReplays(t *testing.T) {
	a, b := pair()
	a.DPDInterval, b.DPDInterval = 5*time.Second, 7*time.Second
	l := newLink(t, 1, a, b)
	type record struct {
		dst *side
		p   Packet
	}
	var all []record
	l.filter = func(dst *side, p Packet) []Packet {
		q := p
		q.Data = clone(p.Data)
		all = append(all, record{dst, q})
		return []Packet{p}
	}
	l.connect(time.Second)
	l.run(20*time.Second, nil)
	l.rekeyChild(l.a)
	l.run(20*time.Second, nil)
	l.rekeyPhase1(l.b)
	l.run(20*time.Second, nil)
	recorded := all
	l.filter = nil
	ua, ub, sa, sb := l.a.use, l.b.use, len(l.a.conn.sas), len(l.b.conn.sas)
	moves, contacts, ups := l.b.moves, count[InitialContact](l.b), count[ChildUp](l.a)+count[ChildUp](l.b)
	for range 3 {
		for _, r := range recorded {
			p := r.p
			p.From = addrFor(p.From)
			for _, p := range []Packet{r.p, p} {
				l.do(r.dst, func(c *Conn, now time.Time, out *Output) { c.Handle(now, p, out) })
			}
			l.run(15*time.Millisecond, nil)
		}
	}
	l.run(time.Minute, nil)
	if l.a.down != nil || l.b.down != nil || l.a.use != ua || l.b.use != ub || len(l.a.conn.sas) != sa || len(l.b.conn.sas) != sb {
		t.Errorf("replays did harm: %s\n%s", l.a, l.b)
	}
	if l.b.moves != moves || count[InitialContact](l.b) != contacts || count[ChildUp](l.a)+count[ChildUp](l.b) != ups {
		t.Errorf("replays were believed: %s\n%s", l.a, l.b)
	}
}

// An attacker without any knowledge: cookies are all it has seen.
func TestRandomMessages(t *testing.T) {
	a, b := pair()
	l := newLink(t, 9, a, b)
	l.connect(time.Second)
	cky := l.a.conn.Cookies()[0]
	for i := range 20000 {
		h := isakmp.Header{Initiator: cky.Initiator, Responder: cky.Responder, Version: isakmp.Version1, MessageID: l.rng.Uint32() % 4,
			Exchange: []isakmp.ExchangeType{2, 4, 5, 32, 6}[l.rng.IntN(5)], Flags: isakmp.Flags(l.rng.IntN(4)), NextPayload: isakmp.PayloadType(l.rng.IntN(22))}
		body := make([]byte, l.rng.IntN(12)*16)
		for i := range body {
			body[i] = byte(l.rng.Uint32())
		}
		m := isakmp.Message{Header: h, Encrypted: body}
		if h.Flags&isakmp.FlagEncryption == 0 {
			m.Payloads = []isakmp.Payload{{Type: isakmp.PayloadType(1 + l.rng.IntN(21)), Body: body}}
		}
		dst, from := l.a, addrB
		if i%2 == 0 {
			dst, from = l.b, addrA
		}
		l.do(dst, func(c *Conn, now time.Time, out *Output) { c.Handle(now, Packet{from, Port500, m.Append(nil)}, out) })
	}
	l.run(time.Minute, nil)
	if l.a.down != nil || l.b.down != nil || !l.connected() || len(l.a.conn.sas) != 1 || len(l.b.conn.sas) != 1 {
		t.Errorf("noise did harm: %s\n%s", l.a, l.b)
	}
}

// Fragments that never become a message take up no more than their bound.
func TestFragmentFlood(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	cky := l.a.conn.Cookies()[0]
	for i := range 5000 {
		f := isakmp.Fragment{ID: uint16(i), Number: uint8(1 + i%255), Last: i%7 == 0, Data: make([]byte, 1400)}
		m := isakmp.Message{Header: isakmp.Header{Initiator: cky.Initiator, Responder: cky.Responder, Version: isakmp.Version1, Exchange: isakmp.ExchangeQuickMode},
			Payloads: []isakmp.Payload{{Type: isakmp.PayloadFragmentation, Body: f.Append(nil)}}}
		if i%3 == 0 {
			m.Payloads[0].Body[1] = 1 // many of one message
		}
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Handle(now, Packet{addrB, Port500, m.Append(nil)}, out) })
	}
	size := 0
	for _, p := range l.a.conn.sas[0].parts {
		for _, b := range p.parts {
			size += len(b)
		}
	}
	if size > maxAssemblies*maxAssembled || l.a.drops[DropLimit] == 0 {
		t.Errorf("%d octets kept, drops %v", size, l.a.drops)
	}
}

// addrFor is where an attacker replays from.
func addrFor(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+7) }

// strongSwan's MM6 ends with a whole block of padding, which its HASH does not
// cover, and phase 2 starts from that block: a forged copy with another one,
// ahead of the real one, made the client speak to nobody.
func TestForgedPadding(t *testing.T) {
	for _, forgedFirst := range []bool{true, false} {
		a, b := pair()
		l := newLink(t, 1, a, b)
		forged := 0
		l.filter = func(dst *side, p Packet) []Packet {
			if kindOf(l, dst, p) != 6 {
				return []Packet{p}
			}
			pad(t, l.b.conn.sas[0], &p)
			bad := p
			bad.Data = clone(p.Data)
			bad.Data[len(bad.Data)-1] ^= 1
			forged++
			if forgedFirst {
				return []Packet{bad, p}
			}
			return []Packet{p, bad}
		}
		l.connect(5 * time.Second)
		if forged == 0 {
			t.Fatal("no MM6 seen")
		}
		l.sameKeys()
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
		l.run(20*time.Second, nil)
		if l.a.down != nil || l.b.down != nil || l.a.conn.dpd.tries != 0 {
			t.Errorf("forged first %v: no answer to a probe: %s\n%s", forgedFirst, l.a, l.b)
		}
	}
}

// pad adds a block of padding to the MM6 that sa has just sent.
func pad(t *testing.T, sa *ikeSA, p *Packet) {
	t.Helper()
	size := sa.keys.enc.BlockSize()
	block, last := encryptCBC(sa.keys.enc, p.Data[len(p.Data)-size:], make([]byte, size))
	p.Data = append(clone(p.Data), block...)
	at := len(p.Data) - len(block) - int(binary.BigEndian.Uint32(p.Data[markerLen+24:]))
	if at != markerLen {
		t.Fatalf("MM6 is not one message behind a marker: it starts at %d", at)
	}
	binary.BigEndian.PutUint32(p.Data[at+24:], uint32(len(p.Data)-at))
	sa.iv = last
}
