package netstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// device is what the data plane asks for.
type device interface {
	Read(bufs []*packet.Buffer) (int, error)
	Write(bufs []*packet.Buffer) error
	MTU() int
	Close() error
}

var _ device = (*Stack)(nil)

var (
	addrA  = netip.MustParseAddr("10.99.0.1")
	addrB  = netip.MustParseAddr("10.99.0.10")
	addrA6 = netip.MustParseAddr("fd00::1")
	addrB6 = netip.MustParseAddr("fd00::10")
)

// soon is longer than anything here takes.
const soon = 30 * time.Second

// pair is two stacks, back to back.
type pair struct{ a, b *Stack }

// newPair connects two stacks in memory. What filter says no to is lost. At
// the end of the test both are closed, and nothing of them may run on.
func newPair(t testing.TB, filter func() bool) pair {
	t.Helper()
	before := goroutines()
	p := pair{newStack(t, addrA, addrA6), newStack(t, addrB, addrB6)}
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(p.a, p.b, filter) })
	pumps.Go(func() { pump(p.b, p.a, filter) })
	t.Cleanup(func() {
		_, _ = p.a.Close(), p.b.Close()
		pumps.Wait()
		noLeak(t, before)
	})
	return p
}

func newStack(t testing.TB, a, a6 netip.Addr) *Stack {
	t.Helper()
	s, err := New(Config{Address: a, Address6: a6, MTU: 1400})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pump carries what from sends until one of the two is closed.
func pump(from, to *Stack, filter func() bool) {
	batch := packet.NewBatch(64)
	for {
		n, err := from.Read(batch)
		if err != nil {
			return
		}
		for _, b := range batch[:n] {
			if filter != nil && !filter() {
				b.Drop()
			}
		}
		if to.Write(batch[:n]) != nil {
			return
		}
	}
}

// goroutines lists those that run this package's or gVisor's code.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(g, "gvisor.dev/") || strings.Contains(g, "(*Stack)") {
			found = append(found, g)
		}
	}
	return found
}

func noLeak(t testing.TB, before []string) {
	t.Helper()
	late := time.After(soon)
	for {
		now := goroutines()
		if len(now) <= len(before) {
			return
		}
		select {
		case <-late:
			t.Errorf("%d goroutines are left:\n%s", len(now)-len(before), strings.Join(now, "\n\n"))
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// blob is n octets that depend on seed.
func blob(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// serve answers each connection to the listener with the hash of what came,
// then with reply, and tells the test of faults.
func serve(t testing.TB, l net.Listener, reply []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept() = %v, want %v", err, net.ErrClosed)
			}
			return
		}
		go func() {
			defer c.Close()
			h := sha256.New()
			if _, err := io.Copy(h, c); err != nil {
				t.Errorf("server: read: %v", err)
				return
			}
			if _, err := c.Write(append(h.Sum(nil), reply...)); err != nil {
				t.Errorf("server: write: %v", err)
			}
		}()
	}
}

// exchange sends data to the server of serve and checks hash and reply.
func exchange(s *Stack, to string, data, reply []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	c, err := s.DialContext(ctx, "tcp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * soon)); err != nil {
		return err
	}
	if _, err := c.Write(data); err != nil {
		return err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	want := sha256.Sum256(data)
	if !bytes.Equal(got, append(want[:], reply...)) {
		return fmt.Errorf("%s: got %d octets back, and not the %d that were to come", to, len(got), len(want)+len(reply))
	}
	return nil
}

// outage loses, from the packet with number first on, what comes within d: too
// short for any timeout, so that no repetition of a repetition is lost.
func outage(first int, d time.Duration) func() bool {
	var n int
	var until time.Time
	return func() bool {
		if n++; n == first {
			until = time.Now().Add(d)
		}
		return n < first || time.Now().After(until)
	}
}

func TestTransfer(t *testing.T) {
	all := func() bool { return true }
	rng := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name string
		to   string
		size int
		pass func() bool // whether the next packet arrives
	}{
		{"IPv4", "10.99.0.1:80", 16 << 20, all},
		{"IPv6", "[fd00::1]:80", 4 << 20, all},
		{"one packet in 200 lost", "10.99.0.1:80", 2 << 20, func() bool { return rng.Float64() >= 0.005 }},
		// A queue on the way overflows. TCP must not fall back to a segment a
		// timeout.
		{"hundreds lost at once", "10.99.0.1:80", 8 << 20, outage(2000, 5*time.Millisecond)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			p := newPair(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return tt.pass()
			})
			reply := blob(2, tt.size)
			l, err := p.a.ListenTCP(80)
			if err != nil {
				t.Fatal(err)
			}
			go serve(t, l, reply)
			if err := exchange(p.b, tt.to, blob(1, tt.size), reply); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestManyConnections(t *testing.T) {
	p := newPair(t, nil)
	reply := blob(2, 20_000)
	l, err := p.a.ListenTCP(0)
	if err != nil {
		t.Fatal(err)
	}
	go serve(t, l, reply)
	to := netip.AddrPortFrom(addrA, uint16(l.Addr().(*net.TCPAddr).Port)).String()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := exchange(p.b, to, blob(uint64(i), 30_000), reply); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestUDP(t *testing.T) {
	p := newPair(t, nil)
	for _, to := range []string{"10.99.0.1:53", "[fd00::1]:53"} {
		server, err := p.a.ListenUDP(53)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			buf := make([]byte, 4096)
			for {
				n, from, err := server.ReadFrom(buf)
				if err != nil {
					return
				}
				if _, err := server.WriteTo(buf[:n], from); err != nil {
					t.Errorf("WriteTo(%v) = %v", from, err)
				}
			}
		}()
		c, err := p.b.DialContext(t.Context(), "udp", to)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		// The last one goes in fragments.
		for _, size := range []int{1, 1300, 4000} {
			want, got := blob(3, size), make([]byte, 4096)
			if _, err := c.Write(want); err != nil {
				t.Fatal(err)
			}
			n, err := c.Read(got)
			if err != nil || !bytes.Equal(got[:n], want) {
				t.Errorf("%s: Read() = %d octets, %v, want the %d that were sent", to, n, err, size)
			}
		}
		_, _ = c.Close(), server.Close()
	}
}

func TestPing(t *testing.T) {
	p := newPair(t, nil)
	for _, a := range []netip.Addr{addrA, addrA6, netip.AddrFrom16(addrA.As16()), addrB} {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		rtt, err := p.b.Ping(ctx, a)
		cancel()
		if err != nil || rtt <= 0 || rtt > soon {
			t.Errorf("Ping(%v) = %v, %v", a, rtt, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if rtt, err := p.b.Ping(ctx, netip.MustParseAddr("192.0.2.1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping of an address that is nobody's = %v, %v, want %v", rtt, err, context.DeadlineExceeded)
	}
	if _, err := p.b.Ping(t.Context(), netip.Addr{}); err == nil {
		t.Error("Ping of no address did not fail")
	}
}

// A gateway's stack talks to each of its clients through the one interface.
func TestGatewayOfMany(t *testing.T) {
	before := goroutines()
	gw := newStack(t, addrA, netip.Addr{})
	clients := map[netip.Addr]*Stack{}
	var wg sync.WaitGroup
	for i := range 3 {
		a := netip.AddrFrom4([4]byte{10, 99, 0, byte(10 + i)})
		s := newStack(t, a, netip.Addr{})
		clients[a] = s
		wg.Go(func() { pump(s, gw, nil) })
	}
	wg.Go(func() {
		batch := packet.NewBatch(32)
		for {
			n, err := gw.Read(batch)
			if err != nil {
				return
			}
			for i, b := range batch[:n] {
				to, _ := netip.AddrFromSlice(b.Bytes()[16:20])
				if s := clients[to]; s != nil {
					_ = s.Write(batch[i : i+1])
				}
			}
		}
	})
	reply := blob(5, 100_000)
	l, err := gw.ListenTCP(80)
	if err != nil {
		t.Fatal(err)
	}
	go serve(t, l, reply)
	var done sync.WaitGroup
	for _, s := range clients {
		done.Go(func() {
			if err := exchange(s, "10.99.0.1:80", blob(6, 100_000), reply); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	for _, s := range clients {
		_ = s.Close()
	}
	_ = gw.Close()
	wg.Wait()
	noLeak(t, before)
}

func TestDialFails(t *testing.T) {
	p := newPair(t, nil)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	short, cancelShort := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelShort()
	tests := []struct {
		name             string
		ctx              context.Context
		network, address string
		want             error // nil: any
	}{
		{"nobody listens", t.Context(), "tcp", "10.99.0.1:81", syscall.ECONNREFUSED},
		{"nobody listens, IPv6", t.Context(), "tcp6", "[fd00::1]:81", syscall.ECONNREFUSED},
		{"context done before", canceled, "tcp", "10.99.0.1:81", context.Canceled},
		{"context done meanwhile", short, "tcp", "192.0.2.1:81", context.DeadlineExceeded},
		{"a name", t.Context(), "tcp", "localhost:80", nil},
		{"no port", t.Context(), "tcp", "10.99.0.1", nil},
		{"wrong family", t.Context(), "tcp6", "10.99.0.1:80", nil},
		{"wrong family of udp", t.Context(), "udp4", "[fd00::1]:80", nil},
		{"unknown network", t.Context(), "ip", "10.99.0.1:80", net.UnknownNetworkError("ip")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := p.b.DialContext(tt.ctx, tt.network, tt.address)
			var op *net.OpError
			if c != nil || !errors.As(err, &op) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("DialContext(%s, %s) = %v, %v, want an OpError around %v", tt.network, tt.address, c, err, tt.want)
			}
		})
	}
}

func TestNoFamily(t *testing.T) {
	s := newStack(t, addrA, netip.Addr{})
	defer s.Close()
	if _, err := s.DialContext(t.Context(), "tcp", "[fd00::1]:80"); !errors.Is(err, syscall.EHOSTUNREACH) && !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("DialContext to IPv6 without an address of it = %v, want unreachable", err)
	}
}

func TestConfig(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		good bool
	}{
		{"IPv4", Config{Address: addrA, MTU: 1400}, true},
		{"IPv6", Config{Address6: addrA6, MTU: 1400}, true},
		{"smallest", Config{Address: addrA, MTU: 68}, true},
		{"largest", Config{Address: addrA, MTU: maxMTU}, true},
		{"none", Config{MTU: 1400}, false},
		{"too small", Config{Address: addrA, MTU: 67}, false},
		{"too small for IPv6", Config{Address: addrA, Address6: addrA6, MTU: 1279}, false},
		{"too large", Config{Address: addrA, MTU: maxMTU + 1}, false},
		{"IPv6 as IPv4", Config{Address: addrA6, MTU: 1400}, false},
		{"IPv4 as IPv6", Config{Address6: addrA, MTU: 1400}, false},
		{"mapped", Config{Address6: netip.AddrFrom16(addrA.As16()), MTU: 1400}, false},
		{"zone", Config{Address6: addrA6.WithZone("eth0"), MTU: 1400}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New(tt.cfg)
			if (err == nil) != tt.good {
				t.Fatalf("New(%+v) = %v, want good %v", tt.cfg, err, tt.good)
			}
			if err == nil {
				if s.MTU() != tt.cfg.MTU {
					t.Errorf("MTU() = %d, want %d", s.MTU(), tt.cfg.MTU)
				}
				_ = s.Close()
			}
		})
	}
}

func BenchmarkTransfer(b *testing.B) {
	p := newPair(b, nil)
	l, err := p.a.ListenTCP(80)
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}()
		}
	}()
	c, err := p.b.DialContext(b.Context(), "tcp", "10.99.0.1:80")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		if _, err := c.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(p.a.Dropped()+p.b.Dropped()), "drops")
}
