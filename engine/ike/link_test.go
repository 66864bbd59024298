package ike

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// stream is a repeatable source of octets.
type stream struct{ *rand.ChaCha8 }

func newStream(seed uint64) stream {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	return stream{rand.NewChaCha8(s)}
}

// side is one end of a link with what it has been told.
type side struct {
	name   string
	conn   *Conn
	events []Event
	up     map[uint32]Child // by inbound SPI
	use    uint32
	down   *Down
	phase1 []Phase1Up
	drops  map[DropReason]int
	moves  int
	wasUse []uint32
}

func (s *side) take(t *testing.T, e Event) {
	t.Helper()
	if s.down != nil {
		t.Fatalf("%s: event %T after Down", s.name, e)
	}
	s.events = append(s.events, e)
	switch e := e.(type) {
	case Phase1Up:
		s.phase1 = append(s.phase1, e)
	case ChildUp:
		if _, ok := s.up[e.In]; ok {
			t.Fatalf("%s: child %08x up twice", s.name, e.In)
		}
		s.up[e.In] = e.Child
	case ChildUse:
		if _, ok := s.up[e.In]; !ok {
			t.Fatalf("%s: told to use %08x, which is not up", s.name, e.In)
		}
		s.use = e.In
		s.wasUse = append(s.wasUse, e.In)
	case ChildDown:
		if _, ok := s.up[e.In]; !ok {
			t.Fatalf("%s: child %08x down without having been up", s.name, e.In)
		}
		delete(s.up, e.In)
		if s.use == e.In {
			s.use = 0
		}
	case PeerMoved:
		s.moves++
	case Drop:
		s.drops[e.Reason]++
	case Down:
		s.down = &e
	}
}

// reason is why the side went down, 0 while it is up or after its own Close.
func (s *side) reason() Reason {
	if s.down == nil || s.down.Err == nil {
		return 0
	}
	return s.down.Err.(*Error).Reason
}

// flight is a datagram on its way.
type flight struct {
	at  time.Time
	n   int // keeps the order of those that arrive together
	dst *side
	pkt Packet
}

// link connects two machines under a virtual clock.
type link struct {
	t      *testing.T
	now    time.Time
	a, b   *side // initiator, responder
	rng    *rand.Rand
	queue  []flight
	n      int
	delay  time.Duration
	jitter time.Duration
	loss   float64
	dup    float64
	// natPort is what the NAT in front of a makes of its ports, by port.
	natAddr netip.AddrPort
	nat4500 netip.AddrPort
	// filter may change what arrives or add to it; nil drops.
	filter func(dst *side, p Packet) []Packet
	sizes  []int
}

var (
	addrA = netip.MustParseAddrPort("192.0.2.10:500")
	addrB = netip.MustParseAddrPort("198.51.100.1:500")
)

// pair is a configuration of both ends that fits.
func pair() (a, b Config) {
	psk := secret.Secret("lab-psk")
	p1 := suite.MustPhase1("aes256-sha256-ecp256")
	p2 := suite.MustPhase2("aes128-sha1")
	a = Config{Role: Initiator, PSK: psk, Local: addrA, Remote: addrB, Phase1: p1, Phase2: p2, InnerPort: 40000}
	b = Config{Role: Responder, PSK: psk, Local: addrB, Remote: addrA, Phase1: p1, Phase2: p2}
	return a, b
}

func newLink(t *testing.T, seed uint64, a, b Config) *link {
	t.Helper()
	a.Rand, b.Rand = newStream(2*seed), newStream(2*seed+1)
	mk := func(name string, cfg Config) *side {
		return &side{name: name, conn: New(cfg), up: map[uint32]Child{}, drops: map[DropReason]int{}}
	}
	return &link{t: t, now: time.Unix(1_700_000_000, 0), a: mk("a", a), b: mk("b", b),
		rng: rand.New(rand.NewPCG(seed, 7)), delay: 10 * time.Millisecond, natAddr: addrA,
		nat4500: netip.AddrPortFrom(addrA.Addr(), 4500)}
}

func (l *link) other(s *side) *side {
	if s == l.a {
		return l.b
	}
	return l.a
}

// do calls a machine and takes up what it puts out.
func (l *link) do(s *side, f func(c *Conn, now time.Time, out *Output)) {
	l.t.Helper()
	var out Output
	f(s.conn, l.now, &out)
	for _, e := range out.Events {
		s.take(l.t, e)
	}
	for _, d := range out.Datagrams {
		l.sizes = append(l.sizes, len(d.Data))
		l.carry(s, d)
	}
}

// carry puts a datagram on the wire.
func (l *link) carry(s *side, d Datagram) {
	from := addrB
	if d.Port == Port4500 {
		from = netip.AddrPortFrom(addrB.Addr(), 4500)
	}
	if s == l.a {
		from = l.natAddr
		if d.Port == Port4500 {
			from = l.nat4500
		}
	} else if (d.Port == Port500 && d.To != l.natAddr) || (d.Port == Port4500 && d.To != l.nat4500) {
		return // the NAT knows no such mapping
	}
	copies := 1
	if l.rng.Float64() < l.dup {
		copies = 2
	}
	for range copies {
		if l.rng.Float64() < l.loss {
			continue
		}
		at := l.now.Add(l.delay)
		if l.jitter > 0 {
			at = at.Add(time.Duration(l.rng.Int64N(int64(l.jitter))))
		}
		l.n++
		l.queue = append(l.queue, flight{at, l.n, l.other(s), Packet{from, d.Port, clone(d.Data)}})
	}
}

// run lets time pass until a condition holds, and says whether it came to that.
func (l *link) run(d time.Duration, until func() bool) bool {
	l.t.Helper()
	end := l.now.Add(d)
	for steps := 0; ; steps++ {
		if until != nil && until() {
			return true
		}
		if steps > 200_000 {
			l.t.Fatalf("no end of events at %v", l.now)
		}
		next, who := end, (*side)(nil)
		for _, s := range []*side{l.a, l.b} {
			if at := s.conn.Deadline(); !at.IsZero() && at.Before(next) {
				next, who = at, s
			}
		}
		i := l.first()
		if i >= 0 && !l.queue[i].at.After(next) {
			f := l.queue[i]
			l.queue = slices.Delete(l.queue, i, i+1)
			l.advance(f.at)
			l.deliver(f)
			continue
		}
		l.advance(next)
		if who == nil {
			return until == nil
		}
		l.do(who, func(c *Conn, now time.Time, out *Output) { c.Advance(now, out) })
	}
}

func (l *link) advance(to time.Time) {
	if to.After(l.now) {
		l.now = to
	}
}

func (l *link) first() int {
	best := -1
	for i, f := range l.queue {
		if best < 0 || f.at.Before(l.queue[best].at) || (f.at.Equal(l.queue[best].at) && f.n < l.queue[best].n) {
			best = i
		}
	}
	return best
}

func (l *link) deliver(f flight) {
	l.t.Helper()
	list := []Packet{f.pkt}
	if l.filter != nil {
		list = l.filter(f.dst, f.pkt)
	}
	for _, p := range list {
		l.do(f.dst, func(c *Conn, now time.Time, out *Output) { c.Handle(now, p, out) })
	}
}

// start starts both ends.
func (l *link) start() {
	l.t.Helper()
	l.do(l.b, func(c *Conn, now time.Time, out *Output) { c.Start(now, out) })
	l.do(l.a, func(c *Conn, now time.Time, out *Output) { c.Start(now, out) })
}

// connected says that both ends use the same child.
func (l *link) connected() bool {
	a, ok := l.a.up[l.a.use]
	if !ok || l.b.use == 0 {
		return false
	}
	return a.Out == l.b.use
}

// connect starts and waits for the first child.
func (l *link) connect(d time.Duration) {
	l.t.Helper()
	l.start()
	if !l.run(d, l.connected) {
		l.t.Fatalf("not connected after %v: %s\n%s", d, l.a, l.b)
	}
}

func (s *side) String() string {
	return fmt.Sprintf("%s: phase 1 %d, children %d, use %08x, down %v, drops %v", s.name, len(s.phase1), len(s.up), s.use, s.down, s.drops)
}

// sameKeys checks that what each end sends on the other can read.
func (l *link) sameKeys() {
	l.t.Helper()
	a, ok := l.a.up[l.a.use]
	if !ok {
		l.t.Fatalf("nothing in use: %s", l.a)
	}
	b, ok := l.b.up[a.Out]
	if !ok {
		l.t.Fatalf("a sends on %08x, which b does not have: %s", a.Out, l.b)
	}
	if a.In != b.Out || string(a.KeyIn) != string(b.KeyOut) || string(a.KeyOut) != string(b.KeyIn) || len(a.KeyIn) != keymatLen(a.Suite) {
		l.t.Fatalf("keys or SPIs differ: %+v, %+v", a, b)
	}
	if a.Suite != b.Suite || a.Encapsulated != b.Encapsulated {
		l.t.Fatalf("terms differ: %+v, %+v", a, b)
	}
}

// exchange is the exchange type of a datagram.
func exchange(p Packet) isakmp.ExchangeType {
	b := p.Data
	if p.Port == Port4500 {
		if len(b) < markerLen {
			return 0
		}
		b = b[markerLen:]
	}
	h, err := isakmp.ParseHeader(b)
	if err != nil {
		return 0
	}
	return h.Exchange
}
