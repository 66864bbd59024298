package l2tp

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

var epoch = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// seeded is a repeatable source of randomness for a Conn.
func seeded(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(s)
}

// end is one end of a simulated tunnel, and all that it said.
type end struct {
	*Conn
	events []Event
	sent   []MessageType // 0 for a ZLB
}

// up and down look into the events of an end.
func (e *end) up() (s SessionUp, ok bool) {
	for _, ev := range e.events {
		if u, is := ev.(SessionUp); is {
			s, ok = u, true
		}
	}
	return s, ok
}

func (e *end) down() (d Down, n int) {
	for _, ev := range e.events {
		if x, is := ev.(Down); is {
			d, n = x, n+1
		}
	}
	return d, n
}

// reason is that of Down, 0 while it is not down, 255 for a Down without error.
func (e *end) reason() Reason {
	d, n := e.down()
	if n == 0 {
		return 0
	}
	var err *Error
	if !errors.As(d.Err, &err) {
		return 255
	}
	return err.Reason
}

const closedByUs Reason = 255

// link joins two ends in virtual time.
type link struct {
	t         testing.TB
	now       time.Time
	lac, lns  *end
	rng       *rand.Rand
	loss, dup float64
	delay     time.Duration
	jitter    time.Duration
	cut       bool // nothing gets through any more
	filter    func(to *end, pkt []byte) bool
	flying    []flying
	maxFlight int
}

type flying struct {
	at  time.Time
	to  *end
	pkt []byte
}

func newLink(t testing.TB, seed uint64, lac, lns Config) *link {
	lac.Role, lns.Role = LAC, LNS
	if lac.Rand == nil {
		lac.Rand = seeded(seed)
	}
	if lns.Rand == nil {
		lns.Rand = seeded(seed + 1e6)
	}
	return &link{t: t, now: epoch, lac: &end{Conn: New(lac)}, lns: &end{Conn: New(lns)},
		rng: rand.New(rand.NewPCG(seed, 1)), delay: 10 * time.Millisecond}
}

func (l *link) other(e *end) *end {
	if e == l.lac {
		return l.lns
	}
	return l.lac
}

// do runs one call of an end and sends what comes of it.
func (l *link) do(e *end, f func(out *Output)) {
	var out Output
	f(&out)
	for _, ev := range out.Events {
		if _, n := e.down(); n > 0 {
			if _, isDrop := ev.(Drop); !isDrop {
				l.t.Errorf("%v said %+v after Down", e.cfg.Role, ev)
			}
		}
		e.events = append(e.events, ev)
	}
	for _, pkt := range out.Packets {
		l.send(e, pkt)
	}
	l.maxFlight = max(l.maxFlight, e.ctl.flight)
	if e.ctl.flight > e.ctl.window && e.tunnel == TunnelEstablished {
		l.t.Errorf("%v has %d messages in a window of %d", e.cfg.Role, e.ctl.flight, e.ctl.window)
	}
}

func (l *link) send(from *end, pkt []byte) {
	var kind MessageType
	if _, body, err := ParseHeader(pkt); err != nil {
		l.t.Fatalf("%v sent %x: %v", from.cfg.Role, pkt, err)
	} else if len(body) > 0 {
		m, err := ParseMessage(body, from.cfg.Secret)
		if err != nil {
			l.t.Fatalf("%v sent %x: %v", from.cfg.Role, pkt, err)
		}
		kind = m.Type
	}
	from.sent = append(from.sent, kind)
	to := l.other(from)
	if l.filter != nil && !l.filter(to, pkt) {
		return
	}
	for copies := 1; copies > 0; copies-- {
		if l.rng.Float64() < l.dup {
			copies++
		}
		if l.cut || l.rng.Float64() < l.loss {
			continue
		}
		at := l.now.Add(l.delay)
		if l.jitter > 0 {
			at = at.Add(time.Duration(l.rng.Int64N(int64(l.jitter))))
		}
		l.flying = append(l.flying, flying{at, to, append([]byte(nil), pkt...)})
	}
}

// run lets the time pass until stop says so, or until limit.
func (l *link) run(limit time.Duration, stop func() bool) bool {
	end := l.now.Add(limit)
	for steps := 0; stop == nil || !stop(); steps++ {
		if steps > 200000 {
			l.t.Fatal("the simulation does not come to rest")
		}
		next, do := end, func() {}
		if d := l.lac.Deadline(); !d.IsZero() && d.Before(next) {
			next, do = d, func() { l.do(l.lac, func(out *Output) { l.lac.Advance(l.now, out) }) }
		}
		if d := l.lns.Deadline(); !d.IsZero() && d.Before(next) {
			next, do = d, func() { l.do(l.lns, func(out *Output) { l.lns.Advance(l.now, out) }) }
		}
		for i, f := range l.flying {
			if f.at.Before(next) {
				next, do = f.at, func() {
					l.flying = append(l.flying[:i:i], l.flying[i+1:]...)
					l.do(f.to, func(out *Output) {
						l.check(f.to)
						f.to.Handle(l.now, f.pkt, out)
					})
				}
			}
		}
		if next.After(l.now) {
			l.now = next
		}
		if next.Equal(end) {
			return stop != nil && stop()
		}
		do()
	}
	return true
}

// check: Advance before the deadline does nothing.
func (l *link) check(e *end) {
	var out Output
	if d := e.Deadline(); d.IsZero() || l.now.Before(d) {
		if e.Advance(l.now, &out); len(out.Packets)+len(out.Events) > 0 {
			l.t.Errorf("%v: Advance before the deadline gave %+v", e.cfg.Role, out)
		}
	}
}

func (l *link) start() {
	l.do(l.lns, func(out *Output) { l.lns.Start(l.now, out) })
	l.do(l.lac, func(out *Output) { l.lac.Start(l.now, out) })
}

func (l *link) bothUp() bool {
	_, a := l.lac.up()
	_, b := l.lns.up()
	return a && b
}

func (l *link) bothDown() bool {
	_, a := l.lac.down()
	_, b := l.lns.down()
	return a > 0 && b > 0
}

// connect brings both ends up or fails.
func (l *link) connect() {
	l.t.Helper()
	l.start()
	if !l.run(30*time.Second, l.bothUp) {
		l.t.Fatalf("not up: LAC %v/%v %+v, LNS %v/%v %+v", l.lac.tunnel, l.lac.session, l.lac.events, l.lns.tunnel, l.lns.session, l.lns.events)
	}
}

// A thousand bad networks: each comes up with ids that fit and ends in order.
func TestLossyLink(t *testing.T) {
	lost := 0
	for seed := range uint64(1000) {
		lac, lns := Config{HostName: "pc"}, Config{HostName: "gw"}
		if seed%2 == 1 {
			lac.Secret, lns.Secret, lac.HideAVPs, lns.HideAVPs = secret.Secret("s"), secret.Secret("s"), true, seed%4 == 1
		}
		l := newLink(t, seed, lac, lns)
		l.loss, l.dup, l.delay, l.jitter = 0.2, 0.1, 5*time.Millisecond, 80*time.Millisecond
		l.start()
		if !l.run(30*time.Second, l.bothUp) {
			t.Fatalf("seed %d: not up: LAC %v/%v %+v, LNS %v/%v %+v", seed, l.lac.tunnel, l.lac.session, l.lac.events, l.lns.tunnel, l.lns.session, l.lns.events)
		}
		a, _ := l.lac.up()
		b, _ := l.lns.up()
		if a.LocalTunnel != b.PeerTunnel || a.PeerTunnel != b.LocalTunnel || a.LocalSession != b.PeerSession || a.PeerSession != b.LocalSession ||
			a.LocalTunnel == 0 || b.LocalTunnel == 0 || a.LocalSession == 0 || b.LocalSession == 0 {
			t.Fatalf("seed %d: ids %+v and %+v do not fit", seed, a, b)
		}
		l.loss = 0.05 // at 0.2 one HELLO in 450 loses all of its six packets or their answers
		l.run(5*time.Minute, nil)
		l.loss = 0.2
		if _, n := l.lac.down(); n > 0 {
			t.Fatalf("seed %d: LAC down: %+v", seed, l.lac.events)
		}
		first, second := l.lac, l.lns
		if seed%3 == 0 {
			first, second = second, first
		}
		closed := l.now
		l.do(first, func(out *Output) { first.Close(l.now, "bye", out) })
		if !l.run(3*time.Minute, l.bothDown) {
			t.Fatalf("seed %d: not down: %+v, %+v", seed, l.lac.events, l.lns.events)
		}
		if first.reason() != closedByUs || first.closedAt.After(closed.Add(closeTime)) {
			t.Errorf("seed %d: the closing end says %v after %v", seed, first.reason(), first.closedAt.Sub(closed))
		}
		switch second.reason() {
		case PeerClosed:
		case PeerDead, Idle: // all StopCCN were lost: HELLO found out, or the LNS got CDN alone
			lost++
		default:
			t.Errorf("seed %d: the other end says %v", seed, second.reason())
		}
		l.run(40*time.Second, nil)
		for _, e := range []*end{l.lac, l.lns} {
			if _, n := e.down(); n != 1 || !e.Deadline().IsZero() {
				t.Errorf("seed %d: %v said Down %d times, deadline %v", seed, e.cfg.Role, n, e.Deadline())
			}
		}
	}
	if lost > 10 {
		t.Errorf("%d of 1000 ends were not told, want at most 10", lost)
	}
}

// Without loss: how many packets, and which.
func TestCleanSequence(t *testing.T) {
	l := newLink(t, 1, Config{HostName: "pc"}, Config{HostName: "gw"})
	l.connect()
	l.run(time.Second, nil)
	l.do(l.lac, func(out *Output) { l.lac.Close(l.now, "", out) })
	l.run(time.Second, nil)
	wantTypes(t, "LAC", l.lac.sent, SCCRQ, SCCCN, ICRQ, ICCN, CDN, StopCCN)
	// SCCCN and CDN get their ZLB at once; ICRP and the last ZLB carry the rest.
	wantTypes(t, "LNS", l.lns.sent, SCCRP, 0, ICRP, 0, 0, 0)
	if l.lac.reason() != closedByUs || l.lns.reason() != PeerClosed {
		t.Errorf("LAC says %v, LNS %v", l.lac.reason(), l.lns.reason())
	}
	if took := l.lac.closedAt.Sub(epoch); took > 2*time.Second {
		t.Errorf("closed after %v", took)
	}
}

func wantTypes(t *testing.T, who string, got []MessageType, want ...MessageType) {
	t.Helper()
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && got[i] == want[i]
	}
	if !same {
		t.Errorf("%s sent %v, want %v", who, got, want)
	}
}
