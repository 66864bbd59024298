package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/doctor"
	"github.com/culvert-vpn/culvert/app/helper"
	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/platform/dns"
	"github.com/culvert-vpn/culvert/platform/firewall"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/platform/route"
)

// calmSystem is a machine to which a helper may do anything, and whose gateway
// answers as the test says.
type calmSystem struct {
	mu       sync.Mutex    // guards what follows
	fails    error         // of connecting; nil: it connects
	hangs    chan struct{} // not nil: connecting waits for its close
	password string        // not empty: any other is wrong
	secrets  []string      // that connecting was given
	session  *calmSession  // the last one
}

func (m *calmSystem) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (*calmSystem) Lookup(context.Context, string, bool) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("198.51.100.1")}, nil
}

func (m *calmSystem) Connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	m.mu.Lock()
	fails, hangs := m.fails, m.hangs
	m.secrets = append(m.secrets, string(cfg.Stack.IKE.PSK)+" "+string(cfg.Stack.PPP.Password))
	if m.password != "" && m.password != string(cfg.Stack.PPP.Password) {
		fails = &failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691"}}
	}
	m.mu.Unlock()
	now := time.Now()
	cfg.Events(now, stack.StageStarted{Stage: failure.Phase1})
	if hangs != nil {
		select {
		case <-hangs:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fails != nil {
		return nil, fails
	}
	cfg.Events(now, stack.StageDone{Stage: failure.Phase1, Detail: []stack.Detail{{Key: "suite", Value: "aes256-sha256-modp2048"}}})
	cfg.Events(now, stack.StageStarted{Stage: failure.Routes})
	if _, err := cfg.Device(ctx, stack.Network{Local: netip.MustParseAddr("10.99.0.10"), Peer: netip.MustParseAddr("10.99.0.1"),
		DNS: []netip.Addr{netip.MustParseAddr("10.99.0.1")}, MTU: 1400, Suite: "aes128gcm16"}); err != nil {
		return nil, err
	}
	s := &calmSession{ended: make(chan struct{})}
	s.counters.RxBytes.Store(12_345_678)
	s.counters.TxBytes.Store(999)
	m.set(func() { m.session = s })
	return s, nil
}

func (*calmSystem) Tunnel(int) (dataplane.Device, string, error)           { return nil, "culvert0", nil }
func (*calmSystem) Resolvers() []netip.AddrPort                            { return nil }
func (*calmSystem) Way(netip.Addr) (string, bool)                          { return "", false }
func (*calmSystem) SetRoutes(context.Context, route.Config) error          { return nil }
func (*calmSystem) ClearRoutes() error                                     { return nil }
func (*calmSystem) Follow(context.Context) error                           { return nil }
func (*calmSystem) SetDNS(context.Context, dns.Config) error               { return nil }
func (*calmSystem) ClearDNS() error                                        { return nil }
func (*calmSystem) SetFirewall(_ context.Context, _ firewall.Config) error { return nil }
func (*calmSystem) Recover(*helper.Journal) error                          { return nil }

type calmSession struct {
	once     sync.Once
	ended    chan struct{}
	err      error
	counters dataplane.Counters
}

func (s *calmSession) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.ended)
	})
}
func (s *calmSession) Wait() error                   { <-s.ended; return s.err }
func (s *calmSession) Close()                        { s.end(nil) }
func (s *calmSession) Ended() <-chan struct{}        { return s.ended }
func (s *calmSession) Counters() *dataplane.Counters { return &s.counters }

// fakeKeys is a keychain; with an error there is none.
type fakeKeys struct {
	err    error
	values map[string]string
}

func (k *fakeKeys) Set(_ context.Context, id string, kind keyring.Kind, value []byte) error {
	if k.err != nil {
		return k.err
	}
	k.values[id+"/"+string(kind)] = string(value)
	return nil
}

func (k *fakeKeys) Get(_ context.Context, id string, kind keyring.Kind) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	v, ok := k.values[id+"/"+string(kind)]
	if !ok {
		return nil, keyring.ErrNotFound
	}
	return []byte(v), nil
}

func (k *fakeKeys) Delete(_ context.Context, id string, kind keyring.Kind) error {
	delete(k.values, id+"/"+string(kind))
	return k.err
}

func (k *fakeKeys) DeleteProfile(ctx context.Context, id string) error {
	for _, kind := range keyring.Kinds {
		if err := k.Delete(ctx, id, kind); err != nil {
			return err
		}
	}
	return nil
}

// person answers questions in order, and then no more.
type person struct {
	answers []string
	asked   []string // the questions; a hidden one in brackets
	done    func()   // called when there is no answer left
}

func (p *person) ask(_ context.Context, question string, hidden bool) ([]byte, error) {
	if hidden {
		question = "[" + question + "]"
	}
	p.asked = append(p.asked, question)
	if len(p.answers) == 0 {
		if p.done != nil {
			p.done()
		}
		return nil, io.EOF
	}
	a := p.answers[0]
	p.answers = p.answers[1:]
	return []byte(a), nil
}

// desk is a person's computer with a helper in service.
type desk struct {
	*testing.T
	dir     string
	sys     *calmSystem
	keys    *fakeKeys
	folders profile.Folders
	around  *around
	refuse  error // of the helper, for everybody
	stop    func()
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{T: t, dir: dir, sys: &calmSystem{}, keys: &fakeKeys{values: map[string]string{}},
		folders: profile.Folders{User: filepath.Join(dir, "profiles"), Machine: filepath.Join(dir, "machine")}}
	d.serve()
	d.around = &around{helper: client.New(filepath.Join(dir, "s")), store: profile.NewStore(d.folders), keys: d.keys, machine: &fakeMachine{},
		checks: func(context.Context, bool) []doctor.Check { return nil }}
	return d
}

// serve starts the helper, again if need be.
func (d *desk) serve() {
	t, dir := d.T, d.dir
	t.Helper()
	socket := filepath.Join(dir, "s")
	l, err := ipc.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	h, err := helper.New(helper.Config{Listener: l, StateDir: dir, Version: "culvert test", Log: logging.New(logging.Config{}),
		System:    func(*helper.Journal) (helper.System, error) { return d.sys, nil },
		Authorize: func(context.Context, ipc.Peer) error { return d.refuse }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the helper: %v", err)
		}
	})
	t.Cleanup(d.stop)
	h.Tell(supervisor.Route{Online: true, Way: "eth0"})
}

// profile saves a profile, with its secrets in the keychain.
func (d *desk) profile(name, more string) *profile.Profile {
	d.Helper()
	p, err := profile.Parse(name, []byte("name = \""+name+"\"\nservers = [\"gw.example\"]\nuser = \"alice\"\n"+more))
	if err != nil {
		d.Fatal(err)
	}
	if _, err := d.around.store.Create(p); err != nil {
		d.Fatal(err)
	}
	d.keys.values[p.ID+"/psk"], d.keys.values[p.ID+"/password"] = "the key", "correct horse"
	return p
}

// run is one command line.
func (d *desk) run(args ...string) (status int, stdout, stderr string) {
	d.Helper()
	return d.runUntil(d.Context(), nil, args...)
}

// runUntil is run with an end, and with what is called at words of the output.
func (d *desk) runUntil(ctx context.Context, at map[string]func(), args ...string) (status int, stdout, stderr string) {
	d.Helper()
	screen := &watched{seen: at}
	var second bytes.Buffer
	status = runCommand(ctx, nil, args, Streams{strings.NewReader(""), screen, &second}, d.around)
	return status, screen.String(), second.String()
}

// expect runs a command line whose end and output are known; a word of the output
// that is in neither of the two is an error as well where want is empty.
func (d *desk) expect(status int, stdout, stderr string, args ...string) string {
	d.Helper()
	s, out, err := d.run(args...)
	if s != status || !strings.Contains(out, stdout) || !strings.Contains(err, stderr) || stdout == "" && out != "" || stderr == "" && err != "" {
		d.Errorf("culvert %q: status %d\n%s%s\nwant %d, %q and %q", args, s, out, err, status, stdout, stderr)
	}
	return out + err
}

var errLocked = fmt.Errorf("%w: locked", keyring.ErrUnavailable)
