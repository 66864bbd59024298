package ike

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// A peer with the key renewed the ISAKMP SA as fast as it could, and each was
// kept for a minute.
func TestMainModeLoop(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	most := 0
	for range 300 {
		l.do(l.a, func(c *Conn, now time.Time, out *Output) {
			if c.run == nil {
				c.startMain(now, true, out)
			}
		})
		l.run(100*time.Millisecond, nil)
		most = max(most, len(l.b.conn.sas))
	}
	if got := len(l.b.phase1); got > budgetMost+30*int(time.Second/budgetEvery)+1 {
		t.Errorf("%d ISAKMP SAs in 30 s", got)
	}
	if most > maxUp+maxHalfOpen {
		t.Errorf("%d ISAKMP SAs at a time, want at most %d", most, maxUp+maxHalfOpen)
	}
	l.run(3*time.Minute, nil)
	if l.a.down != nil || l.b.down != nil || !l.connected() {
		t.Errorf("the relation is harmed: %s\n%s", l.a, l.b)
	}
}

// The same with Quick Modes, each deleted at once so that no child counts.
func TestQuickModeLoop(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	before := count[ChildUp](l.b)
	for range 300 {
		l.do(l.a, func(c *Conn, now time.Time, out *Output) {
			if sa := c.newest(); sa != nil && !c.quickRunning() {
				c.startQuick(now, sa, out)
			}
		})
		l.run(50*time.Millisecond, nil)
		l.do(l.a, func(c *Conn, now time.Time, out *Output) {
			for _, ch := range c.children[:len(c.children)-1] {
				c.deleteChild(now, ch, out)
			}
		})
		l.run(50*time.Millisecond, nil)
	}
	if got := count[ChildUp](l.b) - before; got > budgetMost+30*int(time.Second/budgetEvery)+1 {
		t.Errorf("%d children in 30 s", got)
	}
	l.run(time.Minute, nil)
	if l.a.down != nil || l.b.down != nil || !l.connected() {
		t.Errorf("the relation is harmed: %s\n%s", l.a, l.b)
	}
}

// A client that asked for lifetimes of a second made the gateway renew both
// phases each second.
func TestShortLivesAreThePeersCare(t *testing.T) {
	a, b := pair()
	a.Phase1Lifetime, a.Phase2Lifetime = time.Second, time.Second
	l := newLink(t, 1, a, b)
	l.start()
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.a && len(l.a.phase1) > 0 && l.b.use != 0 {
			return nil // the client is silent from then on
		}
		return []Packet{p}
	}
	l.run(30*time.Second, nil)
	for _, up := range l.b.phase1[1:] {
		if !up.ByPeer {
			t.Errorf("the gateway renewed the ISAKMP SA: %+v", up)
		}
	}
	for _, sa := range l.b.conn.sas {
		if sa.initiator {
			t.Errorf("the gateway is at it")
		}
	}
}

// Message IDs were forgotten after 256 others, those of dead peer detection
// among them: a Quick Mode could be replayed after an hour or two.
func TestQuickModeReplayedLate(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	var qm1 *Packet
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.b && exchange(p) == isakmp.ExchangeQuickMode && qm1 == nil {
			qm1 = &Packet{p.From, p.Port, clone(p.Data)}
		}
		return []Packet{p}
	}
	l.connect(time.Second)
	for range 2 * seenIDs {
		l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Probe(now, out) })
		l.run(time.Second, nil)
	}
	before := count[ChildUp](l.b)
	l.do(l.b, func(c *Conn, now time.Time, out *Output) { c.Handle(now, *qm1, out) })
	if count[ChildUp](l.b) != before || l.b.drops[DropReplay] == 0 {
		t.Errorf("the replay was taken: %s", l.b)
	}
}

// Whoever was faster with a copy of a handshake's messages, from elsewhere, got
// all the answers, those to the client's repeats too.
func TestFasterFromElsewhere(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.filter = func(dst *side, p Packet) []Packet {
		if dst == l.a || l.b.use != 0 {
			return []Packet{p}
		}
		copied := p
		copied.From = netip.MustParseAddrPort("203.0.113.66:4500")
		return []Packet{copied, p}
	}
	l.start()
	if !l.run(5*time.Second, l.connected) {
		t.Errorf("not connected: %s\n%s", l.a, l.b)
	}
}

// A child whose sequence runs out was never renewed when that was asked for in
// the middle of another Quick Mode.
func TestRekeyChildLater(t *testing.T) {
	a, b := pair()
	l := newLink(t, 1, a, b)
	l.connect(time.Second)
	l.run(40*time.Second, nil)
	old := l.a.use
	l.do(l.a, func(c *Conn, now time.Time, out *Output) {
		c.newest().quicks = append(c.newest().quicks, &quick{id: 1, stage: quickQM3, deadline: now.Add(quickTimeout), child: &child{}})
		c.RekeyChild(now, out)
	})
	if !l.run(quickTimeout+5*time.Second, func() bool { return l.a.use != old }) {
		t.Errorf("not renewed: %s", l.a)
	}
}

// A gateway that deleted each SA as soon as it was there had its client make new
// ones as fast as the line let it.
func TestDeleteLoop(t *testing.T) {
	for _, tt := range []struct {
		name  string
		proto isakmp.Protocol
		made  func(l *link) int
	}{
		{"ISAKMP SA", isakmp.ProtocolISAKMP, func(l *link) int { return len(l.a.phase1) }},
		{"child", isakmp.ProtocolESP, func(l *link) int { return count[ChildUp](l.a) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair()
			l := newLink(t, 1, a, b)
			l.delay = time.Millisecond
			l.connect(time.Second)
			const time10 = 10 * time.Second
			for end := l.now.Add(time10); l.now.Before(end); {
				l.run(10*time.Millisecond, nil)
				l.do(l.b, func(c *Conn, now time.Time, out *Output) {
					c.budget = budget{} // the gateway has no limit of its own
					switch {
					case c.newest() == nil || c.current == nil:
					case tt.proto == isakmp.ProtocolESP:
						c.deleteChild(now, c.current, out)
					default:
						c.deleteSA(now, c.newest(), out)
					}
				})
			}
			if got, most := tt.made(l), budgetMost+int(time10/budgetEvery)+2; got > most {
				t.Errorf("%d made in %v, want at most %d", got, time10, most)
			}
			if !l.run(20*time.Second, l.connected) || l.a.down != nil {
				t.Errorf("not connected any more: %s\n%s", l.a, l.b)
			}
		})
	}
}
