package engine

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// peer is a gateway without any data plane of its own, for one client.
type peer struct {
	conn  *stack.Conn
	links map[stack.Via]*socket
	path  atomic.Pointer[dataplane.Path]
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newPeer(t testing.TB, w *wire, suites []suite.Phase2) *peer {
	p := &peer{links: map[stack.Via]*socket{}, stop: make(chan struct{})}
	arrived := make(chan stack.Datagram, slots)
	for via, port := range map[stack.Via]uint16{stack.Port500: 500, stack.Port4500: 4500} {
		s := w.add(netip.AddrPortFrom(gatewayAddr, port), netip.AddrPort{})
		p.links[via] = s
		p.wg.Go(func() {
			buf, sizes, peers := [][]byte{make([]byte, 4096)}, make([]int, 1), make([]netip.AddrPort, 1)
			for {
				if _, err := s.ReadBatch(buf, sizes, nil, peers); err != nil {
					return
				}
				if path := p.path.Load(); path != nil && path.Network {
					continue // counted by the wire; nothing is allocated here
				}
				arrived <- stack.Datagram{Via: via, Peer: peers[0], Data: append([]byte(nil), buf[0][:sizes[0]]...)}
			}
		})
	}
	k := stack.Config{Role: stack.Gateway, Rand: rand.Reader, IPsec: true, Local: netip.AddrPortFrom(gatewayAddr, 500), Remote: netip.AddrPortFrom(clientAddr, 1)}
	k.IKE = ike.Config{PSK: secret.Secret("lab-psk"), Phase1: suite.AllPhase1(), Phase2: suites}
	k.PPP = ppp.Config{Auth: []ppp.AuthMethod{ppp.MSCHAPv2}, Local: netip.MustParseAddr("10.99.0.1"), Peer: netip.MustParseAddr("10.99.0.2"),
		Lookup: func(string) (secret.Secret, bool) { return secret.Secret("correct horse"), true }}
	p.conn = stack.New(k)
	p.wg.Go(func() { p.run(arrived) })
	t.Cleanup(func() {
		close(p.stop)
		for _, s := range p.links {
			s.Close()
		}
		p.wg.Wait()
	})
	return p
}

func (p *peer) run(arrived chan stack.Datagram) {
	var out stack.Output
	call := func(f func(time.Time, *stack.Output)) {
		out.Reset()
		f(time.Now(), &out)
		for _, d := range out.Datagrams {
			_ = p.links[d.Via].WriteBatch([][]byte{d.Data}, []netip.AddrPort{d.Peer})
		}
		p.path.Store(p.conn.Path())
	}
	call(p.conn.Start)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case d := <-arrived:
			call(func(now time.Time, out *stack.Output) { p.conn.Handle(now, d, out) })
		case <-timer.C:
			call(p.conn.Advance)
		}
		if d := p.conn.Deadline(); !d.IsZero() {
			timer.Reset(max(0, time.Until(d)))
		}
	}
}

// source is a device that gives as many packets as it is told to.
type source struct {
	*device
	ip   []byte
	left atomic.Int64
	more chan struct{}
}

func (s *source) Read(bufs []*packet.Buffer) (int, error) {
	for s.left.Load() <= 0 {
		select {
		case <-s.more:
		case <-s.done:
			return 0, net.ErrClosed
		}
	}
	n := int(min(s.left.Load(), int64(len(bufs))))
	for _, b := range bufs[:n] {
		b.Reset()
		b.Set(s.ip)
	}
	s.left.Add(-int64(n))
	return n, nil
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: waited for too long", what)
		}
	}
}

// mallocs counts what the whole process allocates while f runs.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// TestNoAllocation moves 10,000 packets each way through a Session: none of
// them may cost an allocation.
func TestNoAllocation(t *testing.T) {
	const packets, most = 10_000, 500 // timers and the like: no packet's
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			suites := suite.MustPhase2(name)
			p := newPeer(t, w, suites)
			ip := make([]byte, 1000)
			ip[0] = 0x45
			d := &source{device: newDevice(), ip: ip, more: make(chan struct{}, 1)}
			cfg := clientConfig(w)
			cfg.Stack.IKE.Phase2 = suites
			cfg.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return d, nil }
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s, err := Connect(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			await(t, "the peer's network", func() bool { return p.path.Load().Network })

			transmit := func() {
				want := s.Counters().TxPackets.Load() + packets
				d.left.Store(packets)
				d.more <- struct{}{}
				await(t, "transmit", func() bool { return s.Counters().TxPackets.Load() >= want && d.left.Load() == 0 })
			}
			batch := packet.NewBatch(dataplane.BatchSize)
			writer := dataplane.NewWriter(p.links[stack.Port4500], false)
			receive := func() {
				want := d.got.Load() + packets
				for sent := 0; sent < packets; {
					for _, b := range batch {
						b.Reset()
						b.Set(ip)
					}
					n := min(len(batch), packets-sent)
					if err := p.path.Load().Seal(time.Now(), batch[:n]); err != nil {
						t.Fatal(err)
					}
					before := d.got.Load()
					if err := writer.Write(batch[:n]); err != nil {
						t.Fatal(err)
					}
					await(t, "receive", func() bool { return d.got.Load() >= before+int64(n) })
					sent += n
				}
				if d.got.Load() != want {
					t.Errorf("%d packets arrived, want %d", d.got.Load()-want+packets, packets)
				}
			}
			for name, f := range map[string]func(){"transmit": transmit, "receive": receive} {
				f() // the rings of the wire have their memory then
				if n := mallocs(f); n > most {
					t.Errorf("%s: %d allocations for %d packets", name, n, packets)
				} else {
					t.Logf("%s: %d allocations for %d packets", name, n, packets)
				}
			}
		})
	}
}

// TestMemory bounds what a connected session holds.
func TestMemory(t *testing.T) {
	const most = 8 << 20 // nearly all of it the buffers of port 4500, for datagrams of any size
	w := newWire()
	newPeer(t, w, suite.DefaultPhase2())
	d := newDevice()
	cfg := clientConfig(w)
	cfg.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return d, nil }
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	after := heap()
	if after > before && after-before > most {
		t.Errorf("a connected session holds %d KB, want at most %d KB", (after-before)>>10, most>>10)
	}
	t.Logf("a connected session holds %d KB", (int64(after)-int64(before))>>10)
	runtime.KeepAlive(s)
}
