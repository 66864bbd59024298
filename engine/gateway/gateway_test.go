package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/netstack"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// sockets are plain UDP sockets on the loopback interface, one datagram a call.
type sockets struct{}

func (sockets) Listen(_ stack.Via, local netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return socket{c}, c.LocalAddr().(*net.UDPAddr).AddrPort(), c.SetReadBuffer(1 << 20)
}

func (sockets) Open(_ stack.Via, port uint16, remote netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}, net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return socket{c}, c.LocalAddr().(*net.UDPAddr).AddrPort(), c.SetReadBuffer(1 << 20)
}

type socket struct{ *net.UDPConn }

func (s socket) ReadBatch(bufs [][]byte, sizes, _ []int, peers []netip.AddrPort) (int, error) {
	n, from, err := s.ReadFromUDPAddrPort(bufs[0])
	if err != nil {
		return 0, err
	}
	sizes[0], peers[0] = n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

func (s socket) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	for i, b := range bufs {
		var err error
		if peers == nil {
			_, err = s.Write(b)
		} else {
			_, err = s.WriteToUDPAddrPort(b, peers[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func start(t testing.TB, change func(*Config)) *Gateway {
	t.Helper()
	cfg := Config{Listen: loopback, AnyPort: true, Plain: true, PSK: secret.Secret("lab-psk"), Network: sockets{}, HTTP: true,
		Users:   map[string]secret.Secret{"alice": secret.Secret("correct horse"), "bob": secret.Secret("battery staple")},
		Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")}
	if change != nil {
		change(&cfg)
	}
	g, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// visitor is a client with a userspace network.
type visitor struct {
	*engine.Session
	net  *netstack.Stack
	web  *http.Client
	info stack.Network
}

func connect(t testing.TB, g *Gateway, change func(*engine.Config)) (*visitor, error) {
	t.Helper()
	v := &visitor{}
	cfg := engine.Config{Gateway: loopback, IKEPort: g.Addr(stack.Port500).Port(), NATTPort: g.Addr(stack.Port4500).Port(),
		L2TPPort: g.Addr(stack.Port1701).Port(), Network: sockets{}}
	cfg.Stack = stack.Config{IPsec: true,
		IKE: ike.Config{PSK: secret.Secret("lab-psk"), Phase1: suite.MustPhase1("aes128-sha256-ecp256"), Phase2: suite.DefaultPhase2()},
		PPP: ppp.Config{User: "alice", Password: secret.Secret("correct horse"), Auth: []ppp.AuthMethod{ppp.MSCHAPv2, ppp.CHAPMD5, ppp.PAP}}}
	cfg.Device = func(_ context.Context, n stack.Network) (d dataplane.Device, err error) {
		v.info = n
		v.net, err = netstack.New(netstack.Config{Address: n.Local, MTU: n.MTU})
		return v.net, err
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	s, err := engine.Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	v.Session = s
	v.web = &http.Client{Transport: &http.Transport{DialContext: v.net.DialContext}}
	t.Cleanup(func() { v.web.CloseIdleConnections(); v.Close() })
	return v, nil
}

// transfer moves n octets each way and compares what came with what was sent.
func (v *visitor) transfer(n int64) error {
	resp, err := v.web.Get(fmt.Sprintf("http://10.99.0.1/bytes?n=%d", n))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	h := sha256.New()
	got, err := io.Copy(h, resp.Body)
	if sum := fmt.Sprintf("%x", h.Sum(nil)); err != nil || got != n || sum != resp.Trailer.Get(Digest) {
		return fmt.Errorf("download: %d octets of %d, SHA-256 %s, want %s: %v", got, n, sum, resp.Trailer.Get(Digest), err)
	}
	h.Reset()
	post, err := v.web.Post("http://10.99.0.1/digest", "application/octet-stream", io.TeeReader(NewSource(n), h))
	if err != nil {
		return err
	}
	defer post.Body.Close()
	body, err := io.ReadAll(post.Body)
	if want := fmt.Sprintf("%x %d\n", h.Sum(nil), n); err != nil || string(body) != want {
		return fmt.Errorf("upload: the gateway says %q, want %q: %v", body, want, err)
	}
	return nil
}

func TestManyClients(t *testing.T) {
	g := start(t, nil)
	const clients = 12
	var wg sync.WaitGroup
	addresses := make(chan netip.Addr, clients)
	for i := range clients {
		wg.Go(func() {
			v, err := connect(t, g, func(c *engine.Config) {
				if i%4 == 3 {
					c.Stack.IPsec = false
				}
				c.Stack.PPP.Auth = c.Stack.PPP.Auth[i%3:]
			})
			if err == nil {
				addresses <- v.info.Local
				err = v.transfer(256 << 10)
			}
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	close(addresses)
	seen := map[netip.Addr]bool{}
	for a := range addresses {
		if seen[a] || !g.cfg.Pool.Contains(a) || a == g.cfg.Address {
			t.Errorf("address %v was given out twice, or is not of the pool", a)
		}
		seen[a] = true
	}
	if got := g.Clients(); got != clients {
		t.Errorf("Clients() = %d, want %d", got, clients)
	}
}

func TestComeAndGo(t *testing.T) {
	// One address: each client needs that of the one before.
	g := start(t, func(c *Config) { c.Pool = netip.MustParsePrefix("10.99.0.0/30") })
	for i := range 5 {
		v, err := connect(t, g, nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if want := netip.MustParseAddr("10.99.0.2"); v.info.Local != want || v.info.Peer != g.cfg.Address {
			t.Errorf("addresses %v and %v, want %v and %v", v.info.Local, v.info.Peer, want, g.cfg.Address)
		}
		v.Close()
		if err := v.Wait(); err != nil {
			t.Errorf("an orderly end gives %v", err)
		}
	}
	if v, err := connect(t, g, nil); err != nil {
		t.Fatal(err)
	} else if _, err = connect(t, g, nil); err == nil {
		t.Errorf("two clients share the only address %v", v.info.Local)
	}
}

func TestRefusals(t *testing.T) {
	g := start(t, nil)
	for _, tt := range []struct {
		name   string
		change func(*engine.Config)
		want   failure.Code
	}{
		{"password", func(c *engine.Config) { c.Stack.PPP.Password = secret.Secret("wrong") }, failure.PPPBadCredentials},
		{"user", func(c *engine.Config) { c.Stack.PPP.User = "mallory" }, failure.PPPBadCredentials},
		{"key", func(c *engine.Config) { c.Stack.IKE.PSK = secret.Secret("wrong") }, failure.IKEPSKMismatch},
		{"suite", func(c *engine.Config) { c.Stack.IKE.Phase1 = suite.MustPhase1("des-md5-modp768") }, failure.IKENoProposal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := connect(t, g, tt.change)
			var f *failure.Failure
			if !errors.As(err, &f) || f.Code != tt.want {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestGarbage serves a client while others throw garbage at every port.
func TestGarbage(t *testing.T) {
	g := start(t, nil)
	v, err := connect(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewSource(1))
	for _, via := range []stack.Via{stack.Port500, stack.Port4500, stack.Port1701} {
		s, _, err := sockets{}.Open(via, 0, g.Addr(via))
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			p := make([]byte, rng.Intn(300))
			rng.Read(p)
			if rng.Intn(2) == 0 && len(p) > 28 { // what looks like a first message of Main Mode
				marker := 0
				if via == stack.Port4500 {
					marker = copy(p, make([]byte, 4))
				}
				copy(p[marker+8:], make([]byte, 8))
				copy(p[marker+16:], []byte{1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, byte(len(p) >> 8), byte(len(p) - marker)})
			}
			if err := s.WriteBatch([][]byte{p}, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
	}
	if err := v.transfer(64 << 10); err != nil {
		t.Errorf("during the garbage: %v", err)
	}
	if _, err := connect(t, g, nil); err != nil {
		t.Errorf("a new client after the garbage: %v", err)
	}
}

// TestSpoof sends from an address that is another client's.
func TestSpoof(t *testing.T) {
	g := start(t, nil)
	victim, err := connect(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	var liar packetPipe
	v, err := connect(t, g, func(c *engine.Config) {
		c.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return &liar, nil }
		liar.send, liar.done = make(chan []byte, 1), make(chan struct{})
	})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := g.Inner().ListenUDP(9)
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	before := g.Dropped.Load()
	udp := append([]byte{0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0}, victim.info.Local.AsSlice()...)
	udp = append(append(udp, g.cfg.Address.AsSlice()...), 0, 9, 0, 9, 0, 12, 0, 0, 'e', 'v', 'i', 'l')
	liar.send <- udp
	for end := time.Now().Add(30 * time.Second); g.Dropped.Load() == before && time.Now().Before(end); {
		<-time.After(time.Millisecond)
	}
	if err := heard.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, from, err := heard.ReadFrom(b); err == nil {
		t.Errorf("%v got %q through in the name of %v", v.counters(), b[:n], from)
	}
	if g.Dropped.Load() == before {
		t.Error("the packet was not counted as dropped")
	}
}

func (v *visitor) counters() string { return fmt.Sprint(v.Counters().TxPackets.Load()) }

// packetPipe is a device that sends what it is given.
type packetPipe struct {
	send chan []byte
	done chan struct{}
	once sync.Once
}

func (p *packetPipe) Read(bufs []*packet.Buffer) (int, error) {
	select {
	case ip := <-p.send:
		bufs[0].Set(ip)
		return 1, nil
	case <-p.done:
		return 0, net.ErrClosed
	}
}
func (p *packetPipe) Write([]*packet.Buffer) error { return nil }
func (p *packetPipe) Close() error                 { p.once.Do(func() { close(p.done) }); return nil }

// TestRekey moves data while both phases are renewed by both ends.
func TestRekey(t *testing.T) {
	g := start(t, func(c *Config) { c.Phase1Life, c.Phase2Life = 5*time.Second, 2*time.Second })
	v, err := connect(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(8 * time.Second); time.Now().Before(until); {
		if err := v.transfer(1 << 20); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-v.Ended():
		t.Errorf("the session ended: %v", v.Wait())
	default:
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no key":          func(c *Config) { c.PSK = nil },
		"no address":      func(c *Config) { c.Listen = netip.IPv4Unspecified() },
		"tiny pool":       func(c *Config) { c.Pool = netip.MustParsePrefix("10.99.0.0/31") },
		"three resolvers": func(c *Config) { c.DNS = make([]netip.Addr, 3) },
	} {
		cfg := Config{Listen: loopback, PSK: secret.Secret("k"), Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24"), Network: sockets{}}
		change(&cfg)
		if g, err := Start(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: Start gave %v, want ErrConfig", name, err)
			if g != nil {
				g.Close()
			}
		}
	}
}

func TestSource(t *testing.T) {
	b, err := io.ReadAll(NewSource(200_000))
	if err != nil || len(b) != 200_000 || bytes.Count(b, []byte{0}) > 2000 || strings.Contains(string(b), "\x00\x00\x00\x00\x00") {
		t.Errorf("%d octets, %v, or too regular", len(b), err)
	}
}

// BenchmarkDownload measures the whole path in one process: two stacks, two
// ends, loopback sockets.
func BenchmarkDownload(b *testing.B) {
	g := start(b, nil)
	for _, s := range []string{"aes128gcm16", "aes128-sha1"} {
		b.Run(s, func(b *testing.B) {
			v, err := connect(b, g, func(c *engine.Config) { c.Stack.IKE.Phase2 = suite.MustPhase2(s) })
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(8 << 20)
			for b.Loop() {
				resp, err := v.web.Get(fmt.Sprintf("http://10.99.0.1/bytes?n=%d", 8<<20))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 8<<20 {
					b.Fatal(n, err)
				}
				resp.Body.Close()
			}
		})
	}
}

// TestAutoPFS connects to a gateway that demands PFS with a client that does
// not offer it at first.
func TestAutoPFS(t *testing.T) {
	g := start(t, func(c *Config) { c.PFS = suite.ECP256 })
	if _, err := connect(t, g, nil); err == nil {
		t.Error("a gateway that demands PFS took a client without")
	}
	_, err := connect(t, g, func(c *engine.Config) {
		c.AutoPFS, c.Stack.IKE.Phase1 = true, suite.MustPhase1("aes128-sha1-modp1024")
	})
	var f *failure.Failure
	if !errors.As(err, &f) || f.Code != failure.IPsecNoProposal || len(f.Evidence) != 2 {
		t.Errorf("PFS in another group gives %v, want %v and the evidence of both tries", err, failure.IPsecNoProposal)
	}
	v, err := connect(t, g, func(c *engine.Config) { c.AutoPFS = true })
	if err != nil {
		t.Fatal(err)
	}
	if err := v.transfer(64 << 10); err != nil {
		t.Error(err)
	}
}
