package ike

import (
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// traffic has both ends send ESP each interval, and counts what arrives on an
// SA that the receiver does not have.
type traffic struct {
	l          *link
	sent, lost int
}

// run lets time pass with ESP going both ways.
func (tr *traffic) run(d, interval time.Duration, until func() bool) bool {
	tr.l.t.Helper()
	end := tr.l.now.Add(d)
	type packet struct {
		at  time.Time
		dst *side
		spi uint32
	}
	var wire []packet
	for tr.l.now.Before(end) {
		if until != nil && until() {
			return true
		}
		for _, s := range []*side{tr.l.a, tr.l.b} {
			if ch, ok := s.up[s.use]; ok {
				tr.sent++
				wire = append(wire, packet{tr.l.now.Add(tr.l.delay), tr.l.other(s), ch.Out})
			}
		}
		next := tr.l.now.Add(interval)
		for len(wire) > 0 && !wire[0].at.After(next) {
			p := wire[0]
			wire = wire[1:]
			tr.l.run(p.at.Sub(tr.l.now), nil)
			if _, ok := p.dst.up[p.spi]; ok {
				p.dst.conn.Saw(p.spi, tr.l.now)
			} else {
				tr.lost++
			}
		}
		tr.l.run(next.Sub(tr.l.now), nil)
	}
	return until != nil && until()
}

func (l *link) rekeyChild(s *side) {
	l.t.Helper()
	l.do(s, func(c *Conn, now time.Time, out *Output) { c.RekeyChild(now, out) })
}

func (l *link) rekeyPhase1(s *side) {
	l.t.Helper()
	l.do(s, func(c *Conn, now time.Time, out *Output) { c.RekeyPhase1(now, out) })
}

// settled says that one child is left at each end, and one ISAKMP SA at the
// gateway, which the client has as well: beside others perhaps whose Delete was
// lost, until they expire.
func (l *link) settled() bool {
	return l.connected() && len(l.a.up) == 1 && len(l.b.up) == 1 && len(l.b.conn.sas) == 1 &&
		slices.Contains(l.a.conn.Cookies(), l.b.conn.Cookies()[0])
}

// TestRekeyChild renews the child from each side and from both at once, over a
// good link and a bad one: the ends come to use the same one, and nothing is
// ever sent on an SA that the other end does not have.
func TestRekeyChild(t *testing.T) {
	for name, who := range map[string]func(l *link){
		"initiator": func(l *link) { l.rekeyChild(l.a) },
		"responder": func(l *link) { l.rekeyChild(l.b) },
		"both":      func(l *link) { l.rekeyChild(l.a); l.rekeyChild(l.b) },
		"one after the other": func(l *link) {
			l.rekeyChild(l.a)
			l.run(25*time.Millisecond, nil)
			l.rekeyChild(l.b)
		},
		"and the other first": func(l *link) {
			l.rekeyChild(l.b)
			l.run(25*time.Millisecond, nil)
			l.rekeyChild(l.a)
		},
	} {
		for _, pfs := range []suite.Group{0, suite.ECP256} {
			for seed := range uint64(12) {
				a, b := pair()
				a.PFS = pfs
				l := newLink(t, seed, a, b)
				l.connect(time.Second)
				if seed >= 4 {
					l.loss, l.dup, l.jitter = 0.15, 0.2, 60*time.Millisecond
				}
				first := l.a.use
				who(l)
				tr := traffic{l: l}
				interval := 40 * time.Millisecond
				if seed%2 == 1 {
					interval = 20 * time.Second // an idle link settles as well
				}
				if !tr.run(150*time.Second, interval, func() bool { return l.a.use != first && l.settled() }) {
					t.Fatalf("%s, PFS %v, seed %d: not settled: %s\n%s", name, pfs, seed, l.a, l.b)
				}
				l.sameKeys()
				if tr.lost != 0 || tr.sent == 0 {
					t.Errorf("%s, PFS %v, seed %d: %d of %d packets lost", name, pfs, seed, tr.lost, tr.sent)
				}
				// Only when losses make the ends choose differently and no ESP
				// shows it may they delete each other's choice and start over.
				if !l.a.up[l.a.use].Rekey && (seed < 4 || seed%2 == 0) {
					t.Errorf("%s, seed %d: Child.Rekey is not set", name, seed)
				}
			}
		}
	}
}

// A rekeyed child is sent on only once the peer is known to receive on it.
func TestSwitchWaitsForThePeer(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	old := l.a.use
	l.rekeyChild(l.a)
	l.run(500*time.Millisecond, nil)
	if l.a.use != old || len(l.a.up) != 2 {
		t.Errorf("a = %s, want it to keep sending on the old child", l.a)
	}
	if l.b.use == 0 || l.b.up[l.b.use].Out == old {
		t.Errorf("b = %s, want it on the new child since QM3", l.b)
	}
	in := l.b.up[l.b.use].Out
	l.a.conn.Saw(in, l.now)
	l.run(time.Millisecond, nil)
	if l.a.use != in {
		t.Errorf("a = %s, want it on the new child once ESP came on it", l.a)
	}
	if !l.run(10*time.Second, l.settled) {
		t.Errorf("the old child is not deleted: %s\n%s", l.a, l.b)
	}
}

// A responder whose QM3 got lost learns from ESP that the child is good.
func TestESPInPlaceOfQM3(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	lost := 0
	l.start()
	l.run(time.Minute, func() bool { return l.a.use != 0 })
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b {
			lost++
			return nil
		}
		return []Packet{p}
	}
	l.run(200*time.Millisecond, nil)
	if l.b.use != 0 || lost == 0 {
		t.Fatalf("b = %s, want QM3 lost", l.b)
	}
	l.b.conn.Saw(l.a.up[l.a.use].Out, l.now)
	l.run(time.Millisecond, nil)
	if !l.connected() {
		t.Errorf("b = %s, want the child in use after ESP on it", l.b)
	}
}

func TestRekeyPhase1(t *testing.T) {
	for name, who := range map[string]func(l *link){
		"initiator": func(l *link) { l.rekeyPhase1(l.a) },
		"responder": func(l *link) { l.rekeyPhase1(l.b) },
		"both":      func(l *link) { l.rekeyPhase1(l.a); l.rekeyPhase1(l.b) },
		"phase 2 too": func(l *link) {
			l.rekeyPhase1(l.b)
			l.rekeyChild(l.a)
			l.run(30*time.Millisecond, nil)
			l.rekeyPhase1(l.a)
		},
	} {
		for seed := range uint64(12) {
			for _, encap := range []Encapsulation{EncapAuto, EncapESP} {
				a, b := pair()
				a.Encapsulation = encap
				l := newLink(t, seed, a, b)
				l.connect(time.Second)
				if seed >= 4 {
					l.loss, l.dup, l.jitter = 0.15, 0.2, 60*time.Millisecond
				}
				who(l)
				tr := traffic{l: l}
				if !tr.run(200*time.Second, 50*time.Millisecond, func() bool { return l.settled() && len(l.a.phase1) > 1 }) {
					t.Fatalf("%s, seed %d: not settled: %s %v\n%s %v", name, seed, l.a, l.a.conn.Cookies(), l.b, l.b.conn.Cookies())
				}
				if tr.lost != 0 {
					t.Errorf("%s, seed %d: %d of %d packets lost", name, seed, tr.lost, tr.sent)
				}
				last := l.a.phase1[len(l.a.phase1)-1]
				if last.NAT != l.a.phase1[0].NAT {
					t.Errorf("%s: NAT %v after the rekey, want %v", name, last.NAT, l.a.phase1[0].NAT)
				}
				if !last.Rekey || last.Encapsulated != (encap == EncapAuto) {
					t.Errorf("%s: Phase1Up = %+v, want a rekey that keeps the encapsulation", name, last)
				}
				if n := count[InitialContact](l.b); n != 1 {
					t.Errorf("%s: INITIAL-CONTACT %d times, want on the first Main Mode only", name, n)
				}
				// The new SA works.
				l.loss, l.dup, l.jitter = 0, 0, 0
				use := l.a.use
				l.rekeyChild(l.a)
				if !tr.run(40*time.Second, 50*time.Millisecond, func() bool { return l.a.use != use && l.connected() }) {
					t.Errorf("%s, seed %d: no rekey under the new SA: %s\n%s", name, seed, l.a, l.b)
				}
			}
		}
	}
}

// After two Main Modes that crossed, the client deletes neither SA: a gateway
// that holds the children under one of them would lose them with it.
func TestCrossedMainModesStay(t *testing.T) {
	for lead := -40 * time.Millisecond; lead <= 40*time.Millisecond; lead += 10 * time.Millisecond {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		if lead < 0 {
			l.rekeyPhase1(l.b)
			l.run(-lead, nil)
			l.rekeyPhase1(l.a)
		} else {
			l.rekeyPhase1(l.a)
			l.run(lead, nil)
			l.rekeyPhase1(l.b)
		}
		l.run(deleteBackstop-10*time.Second, nil)
		renewed := 0
		for _, sa := range l.b.conn.sas {
			if sa.stage == stageUp && sa.born != l.b.conn.sas[0].born || sa.initiator {
				renewed++
			}
		}
		if len(l.a.phase1) != 3 || renewed != 2 {
			t.Errorf("%v apart: %d Main Modes, and the gateway has %d of their SAs, want 3 and 2: %s", lead, len(l.a.phase1), renewed, l.b)
		}
	}
}

// A gateway that agrees to any lifetime and lets SAs live for less is found out:
// from then on the client comes first.
func TestLifetimesLearned(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	for _, sa := range l.b.conn.sas {
		sa.deleteAt = l.now.Add(65 * time.Second)
	}
	if !l.run(70*time.Second, func() bool { return len(l.a.phase1) == 2 && l.connected() }) {
		t.Fatalf("no Main Mode after the gateway's Delete: %s", l.a)
	}
	if !l.run(60*time.Second, func() bool { return len(l.a.phase1) == 3 }) {
		t.Errorf("no Main Mode within 60 s, want it before the 65 s that are known now: %s", l.a)
	}
	l.rekeyChild(l.b)
	l.run(3*time.Second, nil)
	l.a.conn.life2 = 25 * time.Second // as if offered
	for range 3 {
		use := l.a.use
		l.rekeyChild(l.a)
		if !l.run(2*time.Second, func() bool { return l.a.use != use }) {
			t.Fatalf("no rekey: %s", l.a)
		}
		if use = l.a.use; !l.run(24*time.Second, func() bool { return l.a.use != use }) {
			t.Errorf("no other child within 24 s: %s", l.a)
		}
	}
}

// A day with short lifetimes on a poor link.
func TestLongRun(t *testing.T) {
	for seed := range uint64(4) {
		a, b := pair()
		a.Phase1Lifetime, a.Phase2Lifetime = 10*time.Minute, 2*time.Minute
		b.Phase1Lifetime, b.Phase2Lifetime = time.Hour, time.Hour
		a.DPDInterval, b.DPDInterval = 30*time.Second, 45*time.Second
		if seed%2 == 1 {
			a.Phase1Lifetime, a.Phase2Lifetime, b.Phase1Lifetime, b.Phase2Lifetime = b.Phase1Lifetime, b.Phase2Lifetime, a.Phase1Lifetime, a.Phase2Lifetime
		}
		l := newLink(t, seed, a, b)
		l.connect(time.Second)
		l.loss, l.dup, l.jitter = 0.05, 0.1, 40*time.Millisecond
		tr := traffic{l: l}
		tr.run(3*time.Hour, 500*time.Millisecond, nil)
		if l.a.down != nil || l.b.down != nil || tr.lost != 0 {
			t.Fatalf("seed %d: %d of %d packets lost: %s\n%s", seed, tr.lost, tr.sent, l.a, l.b)
		}
		if n := count[ChildUp](l.a); n < 90 || n > 220 {
			t.Errorf("seed %d: %d children in 3 hours, want about 100", seed, n)
		}
		if n := len(l.a.phase1); n < 18 || n > 45 {
			t.Errorf("seed %d: %d Main Modes in 3 hours, want about 20", seed, n)
		}
		if len(l.a.up) > 3 || len(l.b.up) > 3 || len(l.a.conn.sas) > 4 || len(l.b.conn.sas) > 4 {
			t.Errorf("seed %d: SAs pile up: %s\n%s", seed, l.a, l.b)
		}
	}
}

// The ISAKMP SA of a gateway that forgot it is made anew for a rekey.
func TestRekeyWithoutAnswer(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.b.conn.sas = nil // only the children are left
	use := l.a.use
	l.rekeyChild(l.a)
	if !l.run(2*time.Minute, func() bool { return len(l.a.phase1) == 2 && l.a.use != use && l.connected() }) {
		t.Errorf("no recovery: %s\n%s", l.a, l.b)
	}
}

// When the peer has gone for good the machine says so.
func TestRekeyFails(t *testing.T) {
	a, b := pair()
	a.Phase1Lifetime, a.Phase2Lifetime = 10*time.Minute, 5*time.Minute
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.filter = dropAll
	if !l.run(time.Hour, func() bool { return l.a.down != nil }) || (l.a.reason() != NoAnswer && l.a.reason() != Phase2NoAnswer) {
		t.Errorf("a = %s, want the end by silence", l.a)
	}
	if !l.run(2*time.Hour, func() bool { return l.b.down != nil }) {
		t.Errorf("b = %s, want the end once all has expired", l.b)
	}
}

// A gateway that renews the ISAKMP SA from port 500 does not change how ESP travels.
func TestRekeyFromPort500(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.b.conn.to, l.b.conn.port = addrA, Port500
	l.rekeyPhase1(l.b)
	l.run(time.Second, nil)
	use := l.a.use
	l.rekeyChild(l.a)
	if !l.run(5*time.Second, func() bool { return l.a.use != use }) || len(l.a.phase1) != 2 || !l.a.up[l.a.use].Encapsulated || !l.a.phase1[1].Encapsulated {
		t.Errorf("a = %s, %+v, want the new child in UDP as well", l.a, l.a.phase1)
	}
}

// What a gateway says about an earlier relation does not shorten this one's
// wait, and neither does a notification that means nothing here.
func TestStrayNotifications(t *testing.T) {
	for _, kind := range []isakmp.NotifyType{isakmp.InvalidCookie, isakmp.InvalidSPI, isakmp.AddressNotification} {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.filter = dropAll
		l.start()
		n := isakmp.Notification{DOI: 1, Protocol: isakmp.ProtocolISAKMP, Type: kind}
		m := isakmp.Message{Header: isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeInformational, MessageID: 1, Initiator: isakmp.Cookie{1}},
			Payloads: []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}}}
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Handle(now, Packet{addrB, Port500, m.Append(nil)}, out) })
		l.run(5*time.Second, nil)
		l.filter = nil
		if !l.run(5*time.Second, l.connected) {
			t.Errorf("%v: %s", kind, l.a)
		}
	}
}
