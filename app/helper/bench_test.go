package helper

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/platform/dns"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/route"
)

// fakeSystem notes what is done to the machine, and its engine connects at once.
type fakeSystem struct {
	mu      sync.Mutex
	done    []string
	refuse  error // of Connect
	session *fakeSession
	secrets []string // that Connect was given
	learned func(time.Time, dhcp.Options)

	learned6 func(time.Time, slaac.Network)
	taken    netip.Prefix // SetRoutes refuses it
	ways     map[netip.Addr]string
	prompts  []string // what Connect asks a person
	codes    []string // and was told
}

func (f *fakeSystem) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, fmt.Sprintf(format, args...))
}

func (f *fakeSystem) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.done)
}

func (f *fakeSystem) Lookup(context.Context, string, bool) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("198.51.100.1")}, nil
}

func (f *fakeSystem) Connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	f.note("connect to %v", cfg.Gateway)
	f.mu.Lock()
	f.secrets = append(f.secrets, string(cfg.Stack.IKE.PSK)+" "+string(cfg.Stack.PPP.Password))
	refuse := f.refuse
	f.learned, f.learned6 = cfg.Learned, cfg.Learned6
	f.mu.Unlock()
	cfg.Events(time.Now(), stack.StageStarted{Stage: failure.Phase1})
	if refuse != nil {
		return nil, refuse
	}
	cfg.Events(time.Now(), stack.StageDone{Stage: failure.Phase1, Detail: []stack.Detail{{Key: "suite", Value: "x"}}})
	if err := f.ask(ctx, cfg); err != nil {
		return nil, err
	}
	s := &fakeSession{ended: make(chan struct{})}
	if _, err := cfg.Device(ctx, stack.Network{Local: netip.MustParseAddr("10.99.0.10"), Peer: netip.MustParseAddr("10.99.0.1"),
		DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1")}, MTU: 1400, Suite: "aes128gcm16"}); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.session = s
	f.mu.Unlock()
	return s, nil
}

// ask has a person give the code 424242, as often as there are prompts.
func (f *fakeSystem) ask(ctx context.Context, cfg engine.Config) error {
	for _, prompt := range f.prompts {
		given := make(chan string, 1)
		cfg.Ask(time.Now(), &engine.Question{Question: stack.Question{Prompt: prompt, Left: time.Minute}, Answer: func(code secret.Secret) {
			given <- string(code)
			code.Zero()
		}})
		select {
		case code := <-given:
			f.mu.Lock()
			f.codes = append(f.codes, code)
			f.mu.Unlock()
			if code != "424242" {
				return &failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *fakeSystem) Tunnel(int) (dataplane.Device, string, error) {
	f.note("tunnel")
	return nil, "culvert0", nil
}

func (f *fakeSystem) Way(to netip.Addr) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	way := f.ways[to]
	return way, way != ""
}

func (f *fakeSystem) Resolvers() []netip.AddrPort { return nil }

func (f *fakeSystem) SetRoutes(_ context.Context, c route.Config) error {
	f.note("routes %v", c.Routes)
	if slices.Contains(c.Routes, f.taken) {
		return route.ErrTaken
	}
	return nil
}

func (f *fakeSystem) ClearRoutes() error { f.note("no routes"); return nil }

func (f *fakeSystem) Follow(context.Context) error { f.note("follow"); return nil }

func (f *fakeSystem) SetDNS(_ context.Context, c dns.Config) error {
	f.note("dns %v%s", c.Servers, strings.Join(append([]string{""}, c.Search...), " "))
	return nil
}

func (f *fakeSystem) ClearDNS() error { f.note("no dns"); return nil }

func (f *fakeSystem) SetFirewall(_ context.Context, c firewall.Config) error {
	f.note("firewall: kill switch %v, gateways %v, interface %q", c.KillSwitch, c.Gateways, c.Interface)
	if c.BlockIPv6 {
		f.note("firewall: no IPv6")
	}
	return nil
}

func (f *fakeSystem) Recover(*Journal) error { f.note("recover"); return nil }

type fakeSession struct {
	once     sync.Once
	ended    chan struct{}
	err      error
	counters dataplane.Counters
}

func (s *fakeSession) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
	})
}

func (s *fakeSession) Wait() error { <-s.ended; return s.err }

func (s *fakeSession) Close() { s.end(nil) }

func (s *fakeSession) Ended() <-chan struct{} { return s.ended }

func (s *fakeSession) Counters() *dataplane.Counters { return &s.counters }

// bench is a helper in service, and a client of it.
type bench struct {
	t      *testing.T
	sys    *fakeSystem
	client *http.Client
	socket string
	dir    string
	stop   func()
	log    *strings.Builder
	tell   func(in supervisor.Input)
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	b := &bench{t: t, sys: &fakeSystem{}, dir: dir, socket: filepath.Join(t.TempDir(), "s"), log: &strings.Builder{}}
	l, err := ipc.Listen(b.socket)
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{Listener: l, Authorize: func(context.Context, ipc.Peer) error { return nil },
		System: func(*Journal) (System, error) { return b.sys, nil }, StateDir: dir, Version: "1.2.3",
		Log: logging.New(logging.Config{Output: b.log})})
	if err != nil {
		t.Fatal(err)
	}
	b.tell = h.Tell
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(b.stop)
	b.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return ipc.Dial(ctx, b.socket)
	}}, Timeout: 20 * time.Second}
	t.Cleanup(b.client.CloseIdleConnections)
	h.Tell(supervisor.Route{Online: true, Way: "eth0"})
	return b
}

// call makes a request and gives the status and the body.
func (b *bench) call(method, path, body string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequest(method, "http://helper"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// watch opens the stream of events.
func (b *bench) watch() *bufio.Scanner {
	b.t.Helper()
	resp, err := (&http.Client{Transport: b.client.Transport}).Get("http://helper/v1/events")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { resp.Body.Close() })
	return bufio.NewScanner(resp.Body)
}

// until reads lines up to one with s.
func until(t *testing.T, lines *bufio.Scanner, s string) string {
	t.Helper()
	var seen []string
	for lines.Scan() {
		seen = append(seen, lines.Text())
		if strings.Contains(lines.Text(), s) {
			return lines.Text()
		}
	}
	t.Fatalf("no %q in\n%s", s, strings.Join(seen, "\n"))
	return ""
}

const profileText = "name = \"Office\"\nservers = [\"gw.example\"]\nuser = \"alice\"\n"

func connectBody(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(api.ConnectRequest{Profile: text, Secrets: api.Secrets{PSK: api.Secret("the key"), Password: api.Secret(`correct "horse" ä`)}})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
