package engine

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/gateway"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

var (
	gatewayAddr = netip.MustParseAddr("198.51.100.1")
	clientAddr  = netip.MustParseAddr("192.0.2.77")
)

// wire is a network in memory that loses nothing unless it is told to. It does
// not allocate once it has carried a few datagrams.
type wire struct {
	mu      sync.Mutex
	sockets map[netip.AddrPort]*socket
	port    uint16
	open    int
	cut     atomic.Bool
}

func newWire() *wire { return &wire{sockets: map[netip.AddrPort]*socket{}, port: 40000} }

const slots = 512

type datagram struct {
	from netip.AddrPort
	data []byte
}

// socket is a socket of the wire: a ring of datagrams that have arrived.
type socket struct {
	wire          *wire
	local, remote netip.AddrPort
	mu            sync.Mutex
	ready         sync.Cond
	ring          [slots]datagram
	head, n       int
	errs          []error
	closed        bool
}

func (w *wire) add(local, remote netip.AddrPort) *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if local.Port() == 0 {
		w.port++
		local = netip.AddrPortFrom(local.Addr(), w.port)
	}
	s := &socket{wire: w, local: local, remote: remote}
	s.ready.L = &s.mu
	w.sockets[local] = s
	w.open++
	return s
}

func (w *wire) Open(_ stack.Via, port uint16, remote netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	s := w.add(netip.AddrPortFrom(clientAddr, port), remote)
	return s, s.local, nil
}

func (w *wire) Listen(_ stack.Via, local netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	s := w.add(local, netip.AddrPort{})
	return s, s.local, nil
}

// clients are the sockets that are connected to port, of all that were opened.
func (w *wire) clients(port uint16) (list []*socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sockets {
		if s.remote.Port() == port {
			list = append(list, s)
		}
	}
	return list
}

func (s *socket) deliver(from netip.AddrPort, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.n == slots || s.remote.IsValid() && s.remote != from {
		return
	}
	d := &s.ring[(s.head+s.n)%slots]
	d.from, d.data = from, append(d.data[:0], data...)
	s.n++
	s.ready.Signal()
}

// fail makes the next read give an error.
func (s *socket) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
	s.ready.Signal()
}

func (s *socket) ReadBatch(bufs [][]byte, sizes, _ []int, peers []netip.AddrPort) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.n == 0 && len(s.errs) == 0 && !s.closed {
		s.ready.Wait()
	}
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case len(s.errs) > 0:
		err := s.errs[0]
		s.errs = s.errs[1:]
		return 0, err
	}
	n := 0
	for ; n < len(bufs) && s.n > 0; n++ {
		d := &s.ring[s.head]
		sizes[n] = copy(bufs[n], d.data)
		if !s.remote.IsValid() {
			peers[n] = d.from
		}
		s.head, s.n = (s.head+1)%slots, s.n-1
	}
	return n, nil
}

func (s *socket) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	for i, b := range bufs {
		to := s.remote
		if peers != nil {
			to = peers[i]
		}
		s.wire.mu.Lock()
		dst := s.wire.sockets[to]
		s.wire.mu.Unlock()
		if dst != nil && !s.wire.cut.Load() {
			dst.deliver(s.local, b)
		}
	}
	return nil
}

func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.wire.mu.Lock()
		s.wire.open--
		delete(s.wire.sockets, s.local)
		s.wire.mu.Unlock()
	}
	s.ready.Broadcast()
	return nil
}

// device gives what is fed to it and counts what it gets.
type device struct {
	feed   chan []byte
	broken chan error
	done   chan struct{}
	once   sync.Once
	got    atomic.Int64
	closed atomic.Int32
}

func newDevice() *device {
	return &device{feed: make(chan []byte, 64), broken: make(chan error, 1), done: make(chan struct{})}
}

func (d *device) Read(bufs []*packet.Buffer) (int, error) {
	select {
	case ip := <-d.feed:
		bufs[0].Reset()
		bufs[0].Set(ip)
		return 1, nil
	case err := <-d.broken:
		return 0, err
	case <-d.done:
		return 0, net.ErrClosed
	}
}

func (d *device) Write(bufs []*packet.Buffer) error {
	for _, b := range bufs {
		if b.Len() > 0 {
			d.got.Add(1)
		}
	}
	return nil
}

func (d *device) Close() error {
	d.closed.Add(1)
	d.once.Do(func() { close(d.done) })
	return nil
}

// bed is a gateway on a wire, and what a client needs to get to it.
type bed struct {
	*wire
	gateway *gateway.Gateway
	device  *device
	cfg     Config
}

func newBed(t testing.TB, change ...func(*gateway.Config)) *bed {
	t.Helper()
	b := &bed{wire: newWire(), device: newDevice()}
	cfg := gateway.Config{Listen: gatewayAddr, PSK: secret.Secret("lab-psk"), Network: b.wire,
		Users:   map[string]secret.Secret{"alice": secret.Secret("correct horse")},
		Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if b.gateway, err = gateway.Start(cfg); err != nil {
		t.Fatal(err)
	}
	b.cfg = clientConfig(b.wire)
	b.cfg.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return b.device, nil }
	t.Cleanup(func() {
		b.gateway.Close()
		b.clean(t)
	})
	return b
}

func clientConfig(w *wire) Config {
	cfg := Config{Gateway: gatewayAddr, Network: w}
	cfg.Stack = stack.Config{IPsec: true,
		IKE: ike.Config{PSK: secret.Secret("lab-psk"), Phase1: suite.MustPhase1("aes128-sha256-ecp256"), Phase2: suite.DefaultPhase2()},
		PPP: ppp.Config{User: "alice", Password: secret.Secret("correct horse"), Auth: []ppp.AuthMethod{ppp.MSCHAPv2}}}
	return cfg
}

// clean says that nothing of any Session is left: no goroutine and no socket.
func (b *bed) clean(t testing.TB) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		left := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(left, "engine.(*Session)") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines are left:\n%s", left)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sockets {
		if s.remote.IsValid() {
			t.Errorf("the socket from %v to %v is left open", s.local, s.remote)
		}
	}
}

// at calls f once, when the client starts a stage.
func (b *bed) at(s failure.Stage, f func()) {
	var once sync.Once
	b.cfg.Events = func(_ time.Time, e stack.Event) {
		if started, ok := e.(stack.StageStarted); ok && started.Stage == s {
			once.Do(f)
		}
	}
}

func connected(t testing.TB, b *bed) *Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := Connect(ctx, b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ends waits for the session's end.
func ends(t testing.TB, s *Session, within time.Duration) error {
	t.Helper()
	select {
	case <-s.Ended():
		return s.Wait()
	case <-time.After(within):
		t.Fatalf("the session has not ended after %v", within)
		return nil
	}
}
