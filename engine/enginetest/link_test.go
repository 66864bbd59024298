package enginetest

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// run sends n numbered frames, one each interval, and returns the numbers in
// the order of arrival, with the time each took.
func run(seed uint64, c Conditions, n int, interval time.Duration) (order []int, took []time.Duration, stats Stats) {
	s := New(seed)
	sent := make([]time.Time, n)
	p := NewPipe(s, c, func(now time.Time, f Frame) {
		i := int(f[0])<<8 | int(f[1])
		order = append(order, i)
		took = append(took, now.Sub(sent[i]))
	})
	for i := range n {
		s.After(time.Duration(i)*interval, func(now time.Time) {
			sent[i] = now
			f := make(Frame, 100)
			f[0], f[1] = byte(i>>8), byte(i)
			p.Send(f)
		})
	}
	s.Run(s.Now().Add(time.Hour))
	return order, took, p.Stats
}

func TestPerfectPipe(t *testing.T) {
	order, took, stats := run(1, Conditions{}, 100, 0)
	for i := range order {
		if order[i] != i || took[i] != 0 {
			t.Fatalf("frame %d arrived as number %d after %v, want in order at once", order[i], i, took[i])
		}
	}
	if want := (Stats{Sent: 100, Delivered: 100}); stats != want {
		t.Errorf("Stats = %+v, want %+v", stats, want)
	}
}

func TestPipeIsDeterministic(t *testing.T) {
	c := Conditions{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond}
	order, took, stats := run(7, c, 1000, time.Millisecond)
	again, tookAgain, statsAgain := run(7, c, 1000, time.Millisecond)
	if !reflect.DeepEqual(order, again) || !reflect.DeepEqual(took, tookAgain) || stats != statsAgain {
		t.Error("the same seed gave another run")
	}
	if other, _, _ := run(8, c, 1000, time.Millisecond); reflect.DeepEqual(order, other) {
		t.Error("another seed gave the same run")
	}
}

func TestProbabilities(t *testing.T) {
	const n = 20_000
	near := func(what string, got int, p float64) {
		t.Helper()
		if want := p * n; math.Abs(float64(got)-want) > 5*math.Sqrt(n*p*(1-p)) {
			t.Errorf("%s %d of %d packets, want about %.0f", what, got, n, want)
		}
	}
	order, _, stats := run(3, Conditions{Loss: 0.2, Delay: time.Millisecond}, n, time.Millisecond)
	near("lost", stats.Lost, 0.2)
	if len(order) != n-stats.Lost || stats.Delivered != len(order) {
		t.Errorf("%d arrived, %d delivered, %d lost of %d", len(order), stats.Delivered, stats.Lost, n)
	}
	order, _, stats = run(3, Conditions{Duplicate: 0.1}, n, time.Millisecond)
	near("duplicated", stats.Duplicated, 0.1)
	if len(order) != n+stats.Duplicated {
		t.Errorf("%d arrived, want %d and %d again", len(order), n, stats.Duplicated)
	}
	order, _, stats = run(3, Conditions{Reorder: 0.05, Delay: 2 * time.Millisecond}, n, time.Millisecond)
	near("reordered", stats.Reordered, 0.05)
	overtaken := 0
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			overtaken++
		}
	}
	if overtaken == 0 || overtaken > stats.Reordered {
		t.Errorf("%d packets came behind a later one, want 1 to %d", overtaken, stats.Reordered)
	}
}

func TestJitterKeepsOrder(t *testing.T) {
	order, took, _ := run(5, Conditions{Delay: 10 * time.Millisecond, Jitter: 50 * time.Millisecond}, 1000, time.Millisecond)
	low, high := time.Hour, time.Duration(0)
	for i := range order {
		if order[i] != i {
			t.Fatalf("packet %d arrived as number %d", order[i], i)
		}
		low, high = min(low, took[i]), max(high, took[i])
	}
	if low < 10*time.Millisecond || high > 60*time.Millisecond || high-low < 25*time.Millisecond {
		t.Errorf("packets took %v to %v, want 10ms to 60ms", low, high)
	}
}

func TestMTU(t *testing.T) {
	s := New(1)
	var got []int
	p := NewPipe(s, Conditions{MTU: 100}, func(_ time.Time, f Frame) { got = append(got, len(f)) })
	for _, n := range []int{99, 100, 101} {
		p.Send(make(Frame, n))
	}
	s.Run(s.Now())
	if want := []int{99, 100}; !reflect.DeepEqual(got, want) || p.Stats.TooBig != 1 {
		t.Errorf("arrived: %v, too big: %d, want %v, 1", got, p.Stats.TooBig, want)
	}
}

func TestRate(t *testing.T) {
	// 100 octets at 8,000 bit/s take 100 ms; the queue holds 250 ms.
	order, took, stats := run(1, Conditions{Rate: 8000, Queue: 250 * time.Millisecond}, 10, 0)
	want := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond}
	if !reflect.DeepEqual(took, want) || stats.Overflowed != 7 {
		t.Errorf("packets %v took %v, %d overflowed, want %v, 7", order, took, stats.Overflowed, want)
	}
	if _, took, _ = run(1, Conditions{Rate: 8000}, 3, time.Second); took[2] != 100*time.Millisecond {
		t.Errorf("a packet on an idle line took %v, want 100ms", took[2])
	}
}

// What is in flight belongs to the line: neither end sees the other's memory,
// nor its own a second time.
func TestPayloadIsCopied(t *testing.T) {
	s := New(1)
	var got []string
	p := NewPipe(s, Conditions{Duplicate: 1, Delay: 1}, func(_ time.Time, f Frame) {
		got = append(got, string(f))
		clear(f)
	})
	p.Filter = func(_ time.Time, f Frame) (Frame, bool) {
		f[0] = 'F'
		return f, string(f) != "Frop"
	}
	f := Frame("from")
	p.Send(f)
	if string(f) != "from" {
		t.Errorf("the filter changed the sender's memory to %q", f)
	}
	copy(f, "drop")
	p.Send(f)
	s.Run(s.Now().Add(1))
	if want := []string{"From", "From"}; !reflect.DeepEqual(got, want) || p.Stats.Lost != 1 {
		t.Errorf("arrived: %q, lost: %d, want %q, 1", got, p.Stats.Lost, want)
	}
}

var (
	gateway = netip.MustParseAddrPort("198.51.100.1:4500")
	other   = netip.MustParseAddrPort("198.51.100.2:4500")
	client1 = netip.MustParseAddrPort("192.168.1.10:4500")
	client2 = netip.MustParseAddrPort("192.168.1.11:4500")
	public  = netip.MustParseAddr("203.0.113.5")
)

func TestSize(t *testing.T) {
	six := netip.MustParseAddrPort("[2001:db8::1]:4500")
	tests := []struct {
		name string
		d    Datagram
		want int
	}{
		{"UDP", Datagram{To: gateway, Proto: ProtoUDP, Data: make([]byte, 100)}, 128},
		{"UDP over IPv6", Datagram{To: six, Proto: ProtoUDP, Data: make([]byte, 100)}, 148},
		{"ESP", Datagram{To: gateway, Proto: ProtoESP, Data: make([]byte, 100)}, 120},
		{"ESP over IPv6", Datagram{To: six, Proto: ProtoESP, Data: make([]byte, 100)}, 140},
	}
	for _, tt := range tests {
		if got := tt.d.Size(); got != tt.want {
			t.Errorf("%s: Size() = %d, want %d", tt.name, got, tt.want)
		}
	}
}

// seen collects what arrives somewhere, as "from > to: data".
type seen []string

func (s *seen) take(_ time.Time, d Datagram) {
	*s = append(*s, fmt.Sprintf("%v > %v: %s", d.From, d.To, d.Data))
}

// want compares and empties.
func (s *seen) want(t *testing.T, where string, lines ...string) {
	t.Helper()
	if got := []string(*s); !reflect.DeepEqual(got, append([]string(nil), lines...)) {
		t.Errorf("%s saw %q, want %q", where, got, lines)
	}
	*s = nil
}

func udp(from, to netip.AddrPort, data string) Datagram {
	return Datagram{From: from, To: to, Proto: ProtoUDP, Data: []byte(data)}
}

func TestLink(t *testing.T) {
	s := New(1)
	var a, b seen
	l := NewLink(s, LinkConfig{ToB: Conditions{Delay: 10 * time.Millisecond}, ToA: Conditions{Delay: time.Second}, A: a.take, B: b.take})
	l.Send(A, udp(client1, gateway, "up"))
	l.Send(B, udp(gateway, client1, "down"))
	s.Run(s.Now().Add(10 * time.Millisecond))
	b.want(t, "B", "192.168.1.10:4500 > 198.51.100.1:4500: up")
	a.want(t, "A")
	s.Run(s.Now().Add(time.Second))
	a.want(t, "A", "198.51.100.1:4500 > 192.168.1.10:4500: down")

	nobody := NewLink(s, LinkConfig{})
	nobody.Send(A, udp(client1, gateway, "x"))
	nobody.Send(B, udp(gateway, client1, "x"))
	s.Run(s.Now())
	if nobody.ToA.Stats.Delivered != 1 || nobody.ToB.Stats.Delivered != 1 {
		t.Error("a link without receivers did not deliver to nobody")
	}
	defer func() {
		if recover() == nil {
			t.Error("Send from no end did not panic")
		}
	}()
	l.Send(0, Datagram{})
}

// natWorld is a gateway and two clients behind one NAT.
type natWorld struct {
	*Sim
	nat     *NAT
	l1, l2  *Link
	a, b, g seen
}

func newNATWorld(cfg NATConfig) *natWorld {
	w := &natWorld{Sim: New(1)}
	cfg.Address = public
	w.nat = NewNAT(w.Sim, cfg)
	w.l1 = NewLink(w.Sim, LinkConfig{NAT: w.nat, A: w.a.take, B: w.g.take})
	w.l2 = NewLink(w.Sim, LinkConfig{NAT: w.nat, A: w.b.take, B: w.g.take})
	return w
}

func (w *natWorld) run() { w.Run(w.Now()) }

func port(n uint16) netip.AddrPort { return netip.AddrPortFrom(public, n) }

func TestNAT(t *testing.T) {
	w := newNATWorld(NATConfig{})
	w.l1.Send(A, udp(client1, gateway, "1"))
	w.l2.Send(A, udp(client2, gateway, "2"))
	w.l1.Send(A, udp(client1, other, "1 again"))
	w.run()
	w.g.want(t, "gateway", "203.0.113.5:20000 > 198.51.100.1:4500: 1", "203.0.113.5:20001 > 198.51.100.1:4500: 2",
		"203.0.113.5:20000 > 198.51.100.2:4500: 1 again")

	// Both answers over the one link: the NAT knows whose they are.
	w.l1.Send(B, udp(gateway, port(20000), "to 1"))
	w.l1.Send(B, udp(gateway, port(20001), "to 2"))
	w.l1.Send(B, udp(gateway, port(20002), "to nobody"))
	w.l1.Send(B, udp(gateway, client1, "past the NAT"))
	w.run()
	w.a.want(t, "client 1", "198.51.100.1:4500 > 192.168.1.10:4500: to 1")
	w.b.want(t, "client 2", "198.51.100.1:4500 > 192.168.1.11:4500: to 2")
	if w.nat.Refused != 2 {
		t.Errorf("Refused = %d, want 2", w.nat.Refused)
	}
}

func TestSymmetricNAT(t *testing.T) {
	w := newNATWorld(NATConfig{Symmetric: true})
	w.l1.Send(A, udp(client1, gateway, "x"))
	w.l1.Send(A, udp(client1, other, "y"))
	w.run()
	w.g.want(t, "gateway", "203.0.113.5:20000 > 198.51.100.1:4500: x", "203.0.113.5:20001 > 198.51.100.2:4500: y")
	w.l1.Send(B, udp(other, port(20000), "not asked"))
	w.l1.Send(B, udp(other, port(20001), "asked"))
	w.run()
	w.a.want(t, "client", "198.51.100.2:4500 > 192.168.1.10:4500: asked")
}

func TestNATKeepsPorts(t *testing.T) {
	w := newNATWorld(NATConfig{KeepPorts: true})
	w.l1.Send(A, udp(client1, gateway, "1"))
	w.l2.Send(A, udp(client2, gateway, "2"))
	w.run()
	w.g.want(t, "gateway", "203.0.113.5:4500 > 198.51.100.1:4500: 1", "203.0.113.5:20000 > 198.51.100.1:4500: 2")
}

func TestNATExpiry(t *testing.T) {
	w := newNATWorld(NATConfig{Expiry: 30 * time.Second})
	w.l1.Send(A, udp(client1, gateway, "a"))
	w.Run(w.Now().Add(29 * time.Second))
	w.l1.Send(A, udp(client1, gateway, "b")) // keeps it alive
	w.Run(w.Now().Add(29 * time.Second))
	w.l1.Send(B, udp(gateway, port(20000), "c")) // does not
	w.Run(w.Now().Add(time.Second))
	w.l1.Send(B, udp(gateway, port(20000), "d"))
	w.run()
	w.a.want(t, "client", "198.51.100.1:4500 > 192.168.1.10:4500: c")
	w.l1.Send(A, udp(client1, gateway, "e"))
	w.run()
	w.g.want(t, "gateway", "203.0.113.5:20000 > 198.51.100.1:4500: a", "203.0.113.5:20000 > 198.51.100.1:4500: b",
		"203.0.113.5:20001 > 198.51.100.1:4500: e")
}

func TestNATForgetsAndMoves(t *testing.T) {
	w := newNATWorld(NATConfig{})
	w.l1.Send(A, udp(client1, gateway, "a"))
	w.run()
	w.nat.Forget()
	w.l1.Send(B, udp(gateway, port(20000), "lost"))
	w.l1.Send(A, udp(client1, gateway, "b"))
	w.run()
	w.nat.Move(netip.MustParseAddr("203.0.113.9"))
	w.l1.Send(A, udp(client1, gateway, "c"))
	w.run()
	w.a.want(t, "client")
	w.g.want(t, "gateway", "203.0.113.5:20000 > 198.51.100.1:4500: a", "203.0.113.5:20001 > 198.51.100.1:4500: b",
		"203.0.113.9:20002 > 198.51.100.1:4500: c")
}

// ESP has no ports: all that comes in is for who sent last.
func TestNATWithoutPorts(t *testing.T) {
	w := newNATWorld(NATConfig{KeepPorts: true})
	esp := func(from, to netip.Addr, data string) Datagram {
		return Datagram{netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0), ProtoESP, []byte(data)}
	}
	w.l1.Send(A, esp(client1.Addr(), gateway.Addr(), "1"))
	w.l1.Send(B, esp(gateway.Addr(), public, "to 1"))
	w.run()
	w.l2.Send(A, esp(client2.Addr(), gateway.Addr(), "2"))
	w.l1.Send(B, esp(gateway.Addr(), public, "to 2"))
	w.run()
	w.g.want(t, "gateway", "203.0.113.5:0 > 198.51.100.1:0: 1", "203.0.113.5:0 > 198.51.100.1:0: 2")
	w.a.want(t, "client 1", "198.51.100.1:0 > 192.168.1.10:0: to 1")
	w.b.want(t, "client 2", "198.51.100.1:0 > 192.168.1.11:0: to 2")
}

func TestNATPortsWrap(t *testing.T) {
	w := newNATWorld(NATConfig{Symmetric: true, Expiry: time.Hour})
	const ports = 1<<16 - firstNATPort
	for i := range ports {
		w.nat.outbound(w.l1, udp(client1, netip.AddrPortFrom(gateway.Addr(), uint16(i+1)), ""))
	}
	w.Run(w.Now().Add(time.Hour))
	d := w.nat.outbound(w.l1, udp(client1, gateway, ""))
	if d.From != port(firstNATPort) {
		t.Errorf("after all ports From = %v, want %v again", d.From, port(firstNATPort))
	}
	if _, in, ok := w.nat.inbound(udp(gateway, d.From, "x")); !ok || in.To != client1 || !bytes.Equal(in.Data, []byte("x")) {
		t.Errorf("inbound = %v, %v, want to %v", in, ok, client1)
	}
}

func BenchmarkLink(b *testing.B) {
	s := New(1)
	n := 0
	l := NewLink(s, LinkConfig{
		ToB: Conditions{Loss: 0.1, Delay: 10 * time.Millisecond},
		NAT: NewNAT(s, NATConfig{Address: public}),
		B:   func(time.Time, Datagram) { n++ },
	})
	d := udp(client1, gateway, "a message of some length")
	for b.Loop() {
		l.Send(A, d)
		s.Run(s.Now().Add(time.Millisecond))
	}
}
