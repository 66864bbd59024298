package ike

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

func TestClose(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Close(now, out) })
	if l.a.down == nil || l.a.down.Err != nil {
		t.Errorf("a = %s, want Down without an error", l.a)
	}
	l.run(time.Second, nil)
	if l.b.reason() != PeerClosed {
		t.Errorf("b = %s, want PeerClosed", l.b)
	}
	l.do(l.a, func(c *Conn, now time.Time, out *Output) {
		c.Close(now, out)
		c.Start(now, out)
		c.Advance(now, out)
		c.Probe(now, out)
		c.RekeyChild(now, out)
		c.RekeyPhase1(now, out)
		c.Handle(now, Packet{addrB, Port500, make([]byte, 28)}, out)
		c.Saw(1, now)
		c.Sent(now, true)
		c.Moved(addrB)
		if len(out.Events)+len(out.Datagrams) != 0 || len(c.Cookies()) != 0 || !c.Deadline().IsZero() {
			t.Errorf("after Down there is %+v", out)
		}
	})
}

func TestCloseEarly(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.start()
	l.run(25*time.Millisecond, nil)
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Close(now, out) })
	if l.a.down == nil || l.a.down.Err != nil {
		t.Errorf("a = %s, want Down without an error", l.a)
	}
	if !l.run(2*time.Minute, func() bool { return l.b.down != nil }) || l.b.reason() != NoAnswer {
		t.Errorf("b = %s, want it to give the half-open peer up", l.b)
	}
}

// deletes sends Deletes from the responder: of the child, of the ISAKMP SA.
func (l *link) deletes(order ...isakmp.Protocol) {
	l.t.Helper()
	l.do(l.b, func(c *Conn, now time.Time, out *Output) {
		for _, p := range order {
			if p == isakmp.ProtocolESP {
				c.sendDeleteESP(now, c.newest(), []uint32{c.current.In}, out)
			} else {
				c.sendDeleteIKE(now, c.newest(), out)
			}
		}
	})
}

func TestDeletes(t *testing.T) {
	const esp, ike = isakmp.ProtocolESP, isakmp.ProtocolISAKMP
	t.Run("child and ISAKMP SA", func(t *testing.T) {
		for _, order := range [][]isakmp.Protocol{{esp, ike}, {ike, esp}, {esp, esp, ike}} {
			a, b := pair()
			l := newLink(t, 1, a, b)
			l.connect(time.Second)
			l.deletes(order...)
			if !l.run(time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != PeerClosed {
				t.Errorf("%v: a = %s, want PeerClosed", order, l.a)
			}
		}
	})
	t.Run("child only", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		old := l.a.use
		l.deletes(esp)
		l.do(l.b, func(c *Conn, now time.Time, out *Output) { c.dropChild(now, c.current, out) })
		if !l.run(time.Second, func() bool { return l.a.use != old && l.connected() }) {
			t.Errorf("no new child: %s\n%s", l.a, l.b)
		}
		if _, ok := l.a.up[old]; ok {
			t.Error("the deleted child is still up")
		}
	})
	t.Run("child only, and no answer after it", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.deletes(esp)
		l.run(15*time.Millisecond, nil)
		l.filter = dropAll
		if !l.run(time.Minute, func() bool { return l.a.down != nil }) || l.a.reason() != Phase2NoAnswer {
			t.Errorf("a = %s, want Phase2NoAnswer", l.a)
		}
	})
	t.Run("ISAKMP SA only", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		use := l.a.use
		l.deletes(ike)
		l.b.conn.sas = nil
		if !l.run(time.Second, func() bool { return len(l.a.phase1) == 2 }) || l.a.use != use || !l.connected() {
			t.Errorf("want a new ISAKMP SA and the same child: %s\n%s", l.a, l.b)
		}
	})
	t.Run("ISAKMP SA only, and no answer after it", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.deletes(ike)
		l.run(15*time.Millisecond, nil)
		l.filter = dropAll
		if !l.run(time.Minute, func() bool { return l.a.down != nil }) || l.a.reason() != NoAnswer {
			t.Errorf("a = %s, want NoAnswer", l.a)
		}
	})
	t.Run("the child in use while there is another", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		old := l.a.use
		l.rekeyChild(l.a)
		l.run(1200*time.Millisecond, nil)
		if l.a.use == old || len(l.a.up) != 2 {
			t.Fatalf("a = %s, want two children", l.a)
		}
		l.deletes(esp)
		l.run(15*time.Millisecond, nil)
		if l.a.use != old || l.a.down != nil {
			t.Errorf("a = %s, want the other child in use again", l.a)
		}
	})
	t.Run("the responder's children", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.do(l.a, func(c *Conn, now time.Time, out *Output) {
			c.sendDeleteESP(now, c.newest(), []uint32{c.current.In}, out)
		})
		l.run(time.Second, nil)
		if l.b.down != nil || len(l.b.up) != 0 {
			t.Errorf("b = %s, want it to wait for a new Quick Mode", l.b)
		}
	})
}

func TestDPD(t *testing.T) {
	t.Run("answered", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval, b.DPDInterval = 10*time.Second, 15*time.Second
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		n := len(l.sizes)
		l.run(10*time.Minute, nil)
		if l.a.down != nil || l.b.down != nil || len(l.sizes)-n < 100 {
			t.Errorf("after 10 idle minutes and %d datagrams: %s\n%s", len(l.sizes)-n, l.a, l.b)
		}
	})
	t.Run("dead", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval, b.DPDInterval = 10*time.Second, 10*time.Second
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.filter = dropAll
		begin := l.now
		l.run(time.Minute, func() bool { return l.a.down != nil && l.b.down != nil })
		if got := l.now.Sub(begin); l.a.reason() != PeerDead || l.b.reason() != PeerDead || got > 30*time.Second {
			t.Errorf("after %v: %s\n%s, want PeerDead", got, l.a, l.b)
		}
	})
	t.Run("ESP is proof enough", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval = 10 * time.Second
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.filter = dropAll
		for range 60 {
			l.run(time.Second, nil)
			l.a.conn.Saw(l.a.use, l.now)
		}
		if l.a.down != nil {
			t.Errorf("a = %s, want it up while ESP comes", l.a)
		}
	})
	t.Run("data in vain", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval = time.Minute
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.run(5*time.Second, nil)
		l.filter = dropAll
		begin := l.now
		for l.a.down == nil && l.now.Sub(begin) < time.Minute {
			l.a.conn.Sent(l.now, true)
			l.run(100*time.Millisecond, nil)
		}
		if got := l.now.Sub(begin); l.a.reason() != PeerDead || got > 7200*time.Millisecond || got < 5*time.Second {
			t.Errorf("after %v: %s, want PeerDead within 7 s", got, l.a)
		}
	})
	t.Run("data one way", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval = time.Minute
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		n := len(l.sizes)
		for range 600 {
			l.a.conn.Sent(l.now, true)
			l.run(100*time.Millisecond, nil)
		}
		if n := len(l.sizes) - n; l.a.down != nil || n < 20 || n > 60 {
			t.Errorf("a minute of data that nobody answers, and %d datagrams: %s, want a question and its answer every two or three seconds", n, l.a)
		}
	})
	t.Run("data answered", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval = 10 * time.Second
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.run(time.Second, nil)
		if !l.a.conn.AwaitsData() || l.b.conn.AwaitsData() {
			t.Error("idle: the client has to be told of data, and the gateway need not")
		}
		idle := l.a.conn.Deadline()
		l.a.conn.Sent(l.now, true)
		if d := l.a.conn.Deadline(); l.a.conn.AwaitsData() || !d.Before(idle) || d.Sub(l.now) != vainAfter {
			t.Errorf("after data the deadline is in %v, want %v", d.Sub(l.now), vainAfter)
		}
		l.run(time.Second, nil)
		l.a.conn.Saw(l.a.use, l.now)
		if d := l.a.conn.Deadline(); !l.a.conn.AwaitsData() || d.Before(idle) {
			t.Errorf("after an answer the deadline is in %v, want no look before the next question", d.Sub(l.now))
		}
		// That it was answered is no reason to hurry when it falls silent later.
		l.filter = dropAll
		begin := l.now
		l.run(time.Minute, func() bool { return l.a.down != nil })
		if got := l.now.Sub(begin); l.a.reason() != PeerDead || got < 20*time.Second {
			t.Errorf("after %v: %s, want PeerDead in some 26 s", got, l.a)
		}
	})
	t.Run("asked for", func(t *testing.T) {
		a, b := pair()
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		probe := func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) }
		l.do(l.a, probe)
		l.run(time.Minute, nil)
		if l.a.down != nil {
			t.Errorf("a = %s, want it up", l.a)
		}
		l.filter = dropAll
		l.do(l.a, probe)
		if !l.run(20*time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != PeerDead {
			t.Errorf("a = %s, want PeerDead", l.a)
		}
	})
	t.Run("a peer that does not speak it", func(t *testing.T) {
		a, b := pair()
		a.DPDInterval = 10 * time.Second
		l := newLink(t, 1, a, b)
		l.connect(time.Second)
		l.a.conn.newest().dpd = false
		l.filter = dropAll
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
		l.run(5*time.Minute, nil)
		if l.a.down != nil {
			t.Errorf("a = %s, want it up", l.a)
		}
	})
}

// A hint in clear causes a question, seldom, and nothing else.
func TestHints(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	n := len(l.sizes)
	for range 100 {
		l.notifyInClear(isakmp.InvalidSPI)
		l.run(50*time.Millisecond, nil)
	}
	if got := count[Hint](l.a); got != 100 {
		t.Errorf("%d hints, want 100", got)
	}
	if got := len(l.sizes) - n; got > 6 || got < 2 || l.a.down != nil {
		t.Errorf("100 hints in 5 s caused %d datagrams, want a question and its answer: %s", got, l.a)
	}
	// With a peer that has really lost its SAs the end is near.
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b {
			l.notifyInClear(isakmp.InvalidCookie)
			return nil
		}
		return []Packet{p}
	}
	begin := l.now
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
	if !l.run(10*time.Second, func() bool { return l.a.down != nil }) || l.a.reason() != PeerDead {
		t.Errorf("after %v: %s, want PeerDead", l.now.Sub(begin), l.a)
	}
}

// A Delete in clear is nobody's word.
func TestDeleteInClear(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	cky := l.a.conn.Cookies()[0]
	spi := l.a.up[l.a.use].Out
	d := isakmp.Delete{DOI: 1, Protocol: isakmp.ProtocolESP, SPIs: [][]byte{{byte(spi >> 24), byte(spi >> 16), byte(spi >> 8), byte(spi)}}}
	m := isakmp.Message{Header: isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeInformational, MessageID: 1,
		Initiator: cky.Initiator, Responder: cky.Responder}, Payloads: []isakmp.Payload{{Type: isakmp.PayloadDelete, Body: d.Append(nil)}}}
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Handle(now, Packet{addrB, Port500, m.Append(nil)}, out) })
	if len(l.a.up) != 1 || l.a.drops[DropUnauthenticated] != 1 {
		t.Errorf("a = %s, want the child kept", l.a)
	}
}

func TestKeepalive(t *testing.T) {
	a, b := pair()
	a.Keepalive = 20 * time.Second
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	n := len(l.sizes)
	keepalives := 0
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b && p.Port == Port4500 && len(p.Data) == 1 && p.Data[0] == 0xff {
			keepalives++
		}
		return []Packet{p}
	}
	l.run(201*time.Second, nil)
	if keepalives != 10 || len(l.sizes)-n != 10 {
		t.Errorf("%d keepalives and %d datagrams in 201 s, want 10 of the initiator alone", keepalives, len(l.sizes)-n)
	}
	for range 201 {
		l.a.conn.Sent(l.now, true)
		l.run(time.Second, nil)
	}
	if keepalives != 10 {
		t.Errorf("%d keepalives while others are sent, want none", keepalives-10)
	}
}

// The responder follows its peer to a new port after an authenticated message,
// but not after a replayed one.
func TestPeerMoves(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.natAddr, l.nat4500 = netip.MustParseAddrPort("203.0.113.9:1024"), netip.MustParseAddrPort("203.0.113.9:1025")
	l.connect(time.Second)
	var probe Packet
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b {
			probe = p
			probe.Data = clone(p.Data)
		}
		return []Packet{p}
	}
	l.nat4500 = netip.MustParseAddrPort("203.0.113.9:2000")
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
	l.run(time.Second, nil)
	if l.b.moves != 1 || l.b.conn.to != l.nat4500 || l.a.conn.dpd.tries != 0 {
		t.Errorf("b has moved %d times, to %v, want once to %v", l.b.moves, l.b.conn.to, l.nat4500)
	}
	l.filter = nil
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
	l.run(time.Second, nil)
	probe.From = netip.MustParseAddrPort("203.0.113.66:666")
	l.do(l.b, func(c *Conn, now time.Time, out *Output) { c.Handle(now, probe, out) })
	if l.b.moves != 1 {
		t.Error("a replayed message moves the peer")
	}
	l.b.conn.Moved(addrA)
	if l.b.conn.to != addrA {
		t.Error("Moved does not move")
	}
}

// The gateway says that lifetimes are shorter than was agreed.
func TestResponderLifetimeLater(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	use := l.a.use
	l.do(l.b, func(c *Conn, now time.Time, out *Output) {
		for _, proto := range []isakmp.Protocol{isakmp.ProtocolESP, isakmp.ProtocolISAKMP} {
			n := c.lifetimeNotice(1)
			n.Protocol = proto
			n.Data = isakmp.AppendAttributes(nil, []isakmp.Attribute{isakmp.BasicAttribute(isakmp.IPsecLifeType, isakmp.LifeSeconds),
				isakmp.NumberAttribute(isakmp.IPsecLifeDuration, 100)})
			c.informational(now, c.newest(), []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}}, out)
		}
	})
	l.run(99*time.Second, nil)
	if l.a.use == use || len(l.a.phase1) != 2 {
		t.Errorf("a = %s, want both phases renewed within 100 s", l.a)
	}
}

// A peer that sets the commit bit says CONNECTED when it is ready (RFC 2408, 3.1).
func TestCommitBit(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.a && exchange(p) == isakmp.ExchangeQuickMode {
			p.Data[markerLen+19] |= byte(isakmp.FlagCommit)
		}
		return []Packet{p}
	}
	l.start()
	l.run(500*time.Millisecond, nil)
	if l.a.use != 0 || len(l.a.up) != 1 {
		t.Fatalf("a = %s, want it to wait with sending", l.a)
	}
	l.do(l.b, func(c *Conn, now time.Time, out *Output) {
		sa := c.newest()
		id := sa.quicks[0].id
		n := isakmp.Notification{DOI: 1, Protocol: isakmp.ProtocolESP, Type: isakmp.Connected}
		msg, _ := sa.sealHashed(isakmp.ExchangeInformational, id, sa.keys.messageIV(sa.iv, id), nil, []isakmp.Payload{{Type: isakmp.PayloadNotification, Body: n.Append(nil)}})
		c.send(now, sa, [][]byte{msg}, out)
	})
	l.run(15*time.Millisecond, nil)
	if l.a.use == 0 {
		t.Errorf("a = %s, want the child in use after CONNECTED", l.a)
	}
}
