package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// fakeSession is a connection that ends when it is told to.
type fakeSession struct {
	ended    chan struct{}
	err      error
	device   dataplane.Device
	counters dataplane.Counters
}

func (s *fakeSession) end(err error) {
	s.err = err
	s.device.Close()
	close(s.ended)
}
func (s *fakeSession) Wait() error                   { <-s.ended; return s.err }
func (s *fakeSession) Close()                        { s.end(nil) }
func (s *fakeSession) Ended() <-chan struct{}        { return s.ended }
func (s *fakeSession) Counters() *dataplane.Counters { return &s.counters }

// fakeDevice counts how often it is closed.
type fakeDevice struct {
	closed int
	err    error
}

func (d *fakeDevice) Read([]*packet.Buffer) (int, error) { return 0, net.ErrClosed }
func (d *fakeDevice) Write([]*packet.Buffer) error       { return nil }
func (d *fakeDevice) Close() error                       { d.closed++; return d.err }

// fakeMachine has gateways that answer as the test says.
type fakeMachine struct {
	prepared error
	names    map[string][]netip.Addr
	fails    map[string]error // by address; else it connects
	then     func(*fakeSession)
	dev      fakeDevice
	tried    []string
	configs  []engine.Config
	suite    string // of phase 2; empty: aes128gcm16
}

func (m *fakeMachine) prepare() error { return m.prepared }

func (m *fakeMachine) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	a, ok := m.names[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return a, nil
}

func (m *fakeMachine) connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	m.tried = append(m.tried, cfg.Gateway.String())
	m.configs = append(m.configs, cfg)
	now := time.Now()
	cfg.Events(now, stack.StageStarted{Stage: failure.Phase1})
	if err := m.fails[cfg.Gateway.String()]; err != nil {
		return nil, err
	}
	cfg.Events(now.Add(41*time.Millisecond), stack.StageDone{Stage: failure.Phase1, Detail: []stack.Detail{{Key: "suite", Value: "aes256-sha256-modp2048"}, {Key: "vendor", Value: ""}}})
	cfg.Events(now, stack.StageStarted{Stage: failure.Routes})
	s := &fakeSession{ended: make(chan struct{})}
	var err error
	s.device, err = cfg.Device(ctx, stack.Network{Local: netip.MustParseAddr("10.99.0.10"), Peer: netip.MustParseAddr("10.99.0.1"),
		DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1")}, MTU: 1400, Suite: cmp.Or(m.suite, "aes128gcm16")})
	if err != nil {
		return nil, err
	}
	cfg.Events(now, stack.StageDone{Stage: failure.Routes})
	go m.then(s)
	return s, nil
}

func (m *fakeMachine) device(*profile.Profile, netip.Addr, stack.Network) (dataplane.Device, string, error) {
	return &m.dev, "culvert0", nil
}

func fail(at failure.Stage, code failure.Code) error {
	return &failure.Failure{Stage: at, Code: code, Evidence: []string{"seen"}}
}

// types is "type" of each line, with what tells it from others.
func types(t *testing.T, stdout string) []string {
	t.Helper()
	var list []string
	for line := range strings.Lines(stdout) {
		var e struct{ Type, Stage, State, Code, Msg string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, strings.Join(slices.DeleteFunc([]string{e.Type, e.Stage, e.State, e.Code, e.Msg}, func(s string) bool { return s == "" }), " "))
	}
	return list
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestUpStories(t *testing.T) {
	v4, v6, other := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("198.51.100.2")
	names := map[string][]netip.Addr{"one.example": {v6, v4, v4}, "two.example": {other}}
	const dnsNote = "log the gateway offers name servers, which --direct does not set: names are looked up as before"
	const slowNote = "log 3des-sha1 is slow: it is computed packet by packet; AES with SHA-1 or SHA-256, or AES-GCM, is ten times as fast and more"
	connected := []string{"stage phase1 started", "stage phase1 done", "stage routes started", "stage routes done", "state connected", dnsNote}
	resolved := []string{"stage resolve started", "stage resolve done"}
	begin := append([]string{"state connecting"}, resolved...)
	for _, c := range []struct {
		name   string
		m      fakeMachine
		stop   bool // the wish to stop comes once connected
		status int
		tried  []string
		want   []string
	}{
		{"until told to stop", fakeMachine{then: func(*fakeSession) {}}, true, 0, []string{"198.51.100.1"},
			slices.Concat(begin, connected, []string{"state disconnecting", "state disconnected"})},
		{"lost", fakeMachine{then: func(s *fakeSession) { s.end(fail(failure.Connected, failure.PathDead)) }}, false, 5, []string{"198.51.100.1"},
			slices.Concat(begin, connected, []string{"failure connected path.dead", "state disconnected"})},
		{"a slow suite", fakeMachine{suite: "3des-sha1", then: func(*fakeSession) {}}, true, 0, []string{"198.51.100.1"},
			slices.Concat(begin, connected[:5], []string{slowNote, dnsNote, "state disconnecting", "state disconnected"})},
		{"no rights", fakeMachine{prepared: fail(failure.Routes, failure.OSPermission)}, false, 3, nil,
			[]string{"state connecting", "failure routes os.permission", "state disconnected"}},
		{"wrong password: no other gateway is tried", fakeMachine{fails: map[string]error{"198.51.100.1": fail(failure.Authenticate, failure.PPPBadCredentials)}}, false, 3,
			[]string{"198.51.100.1"}, slices.Concat(begin, []string{"stage phase1 started", "failure authenticate ppp.bad-credentials", "state disconnected"})},
		{"the third address answers", fakeMachine{then: func(s *fakeSession) { s.end(fail(failure.Connected, failure.GatewayClosed)) },
			fails: map[string]error{"198.51.100.1": fail(failure.Phase1, failure.IKENoAnswer), "2001:db8::1": fail(failure.Phase1, failure.IKEUnreachable)}}, false, 5,
			[]string{"198.51.100.1", "2001:db8::1", "198.51.100.2"},
			slices.Concat(begin, []string{"stage phase1 started", "log no luck there; trying 2001:db8::1", "stage phase1 started"}, resolved,
				[]string{"log no luck there; trying 198.51.100.2"}, connected, []string{"failure connected gateway.closed", "state disconnected"})},
		{"an error of the program", fakeMachine{fails: map[string]error{"198.51.100.1": errors.New("engine: no randomness")}}, false, 1, []string{"198.51.100.1"},
			slices.Concat(begin, []string{"stage phase1 started", "log engine: no randomness", "state disconnected"})},
		{"interrupted on the way", fakeMachine{fails: map[string]error{"198.51.100.1": context.Canceled}}, false, 3, []string{"198.51.100.1"},
			slices.Concat(begin, []string{"stage phase1 started", "state disconnected"})},
		{"not everything goes back", fakeMachine{then: func(*fakeSession) {}, dev: fakeDevice{err: errors.New("route: stuck")}}, true, 1, []string{"198.51.100.1"},
			slices.Concat(begin, connected, []string{"state disconnecting", "log not everything could be put back: route: stuck", "state disconnected"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.names = names
			file := write(t, "p.toml", "servers = [\"one.example\", \"two.example\"]\nuser = \"alice\"\n", 0o644)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var stdout, stderr strings.Builder
			stop := writerFunc(func(b []byte) (int, error) {
				if c.stop && strings.Contains(string(b), "looked up as before") { // the last that is told of a connection
					cancel()
				}
				return stdout.Write(b)
			})
			status := runUp(ctx, nil, &c.m, Streams{strings.NewReader("psk = \"k\"\npassword = \"p\"\n"), stop, &stderr}, "--direct", "--json", "--secrets", "-", file)
			if status != c.status || stderr.Len() != 0 {
				t.Errorf("status %d, errors %q, want %d", status, stderr.String(), c.status)
			}
			if !slices.Equal(c.m.tried, c.tried) {
				t.Errorf("tried %v, want %v", c.m.tried, c.tried)
			}
			if got := types(t, stdout.String()); !slices.Equal(got, c.want) {
				t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if want := map[bool]int{true: 1}[c.m.then != nil]; c.m.dev.closed != want {
				t.Errorf("the device was closed %d times, want %d", c.m.dev.closed, want)
			}
			for _, cfg := range c.m.configs {
				if string(cfg.Stack.IKE.PSK) != "\x00" || string(cfg.Stack.PPP.Password) != "\x00" {
					t.Error("the secrets are still in memory")
				}
			}
		})
	}
}

// Of several gateways that do not answer the first one's failure is told, with
// what the others said.
func TestUpAllFail(t *testing.T) {
	m := &fakeMachine{names: map[string][]netip.Addr{"one.example": {netip.MustParseAddr("198.51.100.1")}},
		fails: map[string]error{"198.51.100.1": fail(failure.Phase1, failure.IKENoAnswer), "2001:db8::1": fail(failure.Phase1, failure.IKEUnreachable)}}
	file := write(t, "p.toml", "servers = [\"one.example\", \"2001:db8::1\", \"none.example\"]\nuser = \"alice\"\n", 0o644)
	var stdout, stderr strings.Builder
	status := runUp(t.Context(), nil, m, Streams{strings.NewReader("psk = \"k\"\npassword = \"p\"\n"), &stdout, &stderr}, "--direct", "--secrets", "-", file)
	const want = "\n  evidence  seen\n            also tried 2001:db8::1: phase1: ike.unreachable (seen)\n            also tried none.example: resolve: dns.not-found (lookup none.example: no such host)\n"
	if status != 3 || !strings.HasPrefix(stderr.String(), "\nNo VPN server answered.\n") || !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("status %d, errors\n%s\nwant 3 and at the end\n%s", status, stderr.String(), want)
	}
}

func TestUpConnectedLine(t *testing.T) {
	m := &fakeMachine{then: func(s *fakeSession) { s.end(fail(failure.Connected, failure.PathDead)) }}
	file := write(t, "p.toml", "servers = [\"198.51.100.1\"]\nuser = \"alice\"\n[dns]\nmode = \"off\"\n[ipsec]\nenabled = false\n", 0o644)
	var stdout, stderr strings.Builder
	runUp(t.Context(), nil, m, Streams{strings.NewReader("password = \"p\"\n"), &stdout, &stderr}, "--direct", "--json", "--secrets", "-", file)
	for _, want := range []string{
		`"type":"stage","stage":"phase1","state":"done","ms":41,"detail":{"suite":"aes256-sha256-modp2048"}}`,
		`"detail":{"interface":"culvert0"}}`,
		`"type":"state","state":"connected","address":"10.99.0.10","peer":"10.99.0.1","dns":["10.99.0.1"],"mtu":1400,"suite":"aes128gcm16","interface":"culvert0","server":"198.51.100.1"}`,
		`"level":"warn","msg":"ipsec.enabled = false: nothing on this connection is encrypted"}`,
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %s in\n%s", want, stdout.String())
		}
	}
	if strings.Contains(stdout.String(), "name servers") {
		t.Error("warns of name servers that nobody wants")
	}
}

// runUp is culvert up on a machine.
func runUp(ctx context.Context, hurry <-chan struct{}, m machine, s Streams, args ...string) int {
	return runCommand(ctx, hurry, append([]string{"up"}, args...), s, &around{machine: m})
}
