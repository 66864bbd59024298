package whole

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// limit is how long anything may take that a test waits for, on a busy machine.
const limit = testroom.Patience

// The account at the gateways.
const (
	user     = "alice"
	password = "correct horse"
	psk      = "the group's key"
)

// daemon is a culvertd at work, and a client of it.
type daemon struct {
	*testroom.Process
	*client.Client
	t      *testing.T
	socket string
	log    *events
}

// stateDir is where the helper keeps its journal, as a path of the room.
const stateDir = "var/lib/culvert"

// begin starts the helper and waits until it answers.
func (r *room) begin(args ...string) *daemon {
	r.t.Helper()
	socket := r.Path("/run/culvert/culvertd.sock")
	_ = os.Remove(socket) // of one that was killed
	cmd := r.Command("/usr/sbin/culvertd", append([]string{"--state", "/" + stateDir, "--debug"}, args...)...)
	cmd.Env = append(cmd.Env, r.environ...)
	d := &daemon{t: r.t, socket: socket, Client: client.New(socket), Process: r.Launch(cmd)}
	eventually(r.t, "the helper", func() bool {
		if d.Ended() {
			r.t.Fatal("culvertd has ended")
		}
		_, err := d.Version(r.t.Context())
		return err == nil
	})
	d.log = d.watch()
	return d
}

// profile is a profile that says what follows beyond the usual.
func profile(lines ...string) string {
	tables := map[string][]string{"": {`id = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"`, `name = "Office"`, `user = "` + user + `"`}}
	order := []string{""}
	for _, l := range append([]string{`servers = ["198.51.100.1"]`}, lines...) {
		table := ""
		key, _, _ := strings.Cut(l, " =")
		if t, rest, ok := strings.Cut(key, "."); ok {
			table, l = t, rest+strings.TrimPrefix(l, key)
		}
		if _, ok := tables[table]; !ok {
			order = append(order, table)
		}
		tables[table] = append(tables[table], l)
	}
	var b strings.Builder
	for _, name := range order {
		if name != "" {
			fmt.Fprintf(&b, "[%s]\n", name)
		}
		seen := map[string]bool{} // the last one counts
		for i := len(tables[name]) - 1; i >= 0; i-- {
			if key, _, _ := strings.Cut(tables[name][i], " ="); !seen[key] {
				seen[key] = true
				b.WriteString(tables[name][i] + "\n")
			}
		}
	}
	return b.String()
}

// killSwitch is what a profile says that lets nothing out.
var killSwitch = []string{`routing.kill_switch = true`, `routing.local_network = false`}

// request is what asks for a connection with the usual secrets.
func request(text string) api.ConnectRequest {
	return api.ConnectRequest{Profile: text, Secrets: api.Secrets{PSK: api.Secret(psk), Password: api.Secret(password)}}
}

// connect asks for a connection.
func (d *daemon) connect(text string) {
	d.t.Helper()
	must(d.t, d.Connect(d.t.Context(), request(text)))
}

// connected asks for a connection and waits for it.
func (d *daemon) connected(text string) api.Status {
	d.t.Helper()
	from := d.log.len()
	d.connect(text)
	return d.log.state(d.t, from, api.Connected)
}

// disconnected disconnects and waits for the end of it.
func (d *daemon) disconnected() {
	d.t.Helper()
	from := d.log.len()
	must(d.t, d.Disconnect(d.t.Context()))
	d.log.state(d.t, from, api.Disconnected)
}

// told is an event and when it came.
type told struct {
	at time.Time
	e  api.Event
}

// events is what a helper has told since the watch began.
type events struct {
	mu    sync.Mutex    // guards what follows
	all   []told        // in order
	more  chan struct{} // closed and replaced with each event
	ended bool
}

// watch collects the helper's events until it goes away.
func (d *daemon) watch() *events {
	d.t.Helper()
	log := &events{more: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := d.Watch(ctx, func(_ time.Time, e api.Event) bool {
			log.add(e)
			return true
		})
		var gone *client.Error
		if !errors.Is(err, context.Canceled) && !errors.As(err, &gone) {
			d.t.Errorf("events: %v", err)
		}
		log.end()
	}()
	d.t.Cleanup(func() {
		cancel()
		<-done
		if d.t.Failed() {
			d.t.Logf("--- events\n%s", log)
		}
	})
	log.until(d.t, 0, "first event", func(api.Event) bool { return true })
	return log
}

func (l *events) add(e api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, told{time.Now(), e})
	close(l.more)
	l.more = make(chan struct{})
}

func (l *events) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.more)
	l.more = make(chan struct{})
}

// len is how many events there have been: a place to look from.
func (l *events) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// until waits for the first event from the one with index from on that matches,
// and says when it came.
func (l *events) until(t *testing.T, from int, what string, match func(api.Event) bool) told {
	t.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		l.mu.Lock()
		all, more, ended := l.all, l.more, l.ended
		l.mu.Unlock()
		for ; from < len(all); from++ {
			if match(all[from].e) {
				return all[from]
			}
		}
		if ended {
			t.Fatalf("the helper went away before: %s", what)
		}
		select {
		case <-more:
		case <-timeout.C:
			t.Fatalf("no %s within %v", what, limit)
		}
	}
}

// state waits for one of some states.
func (l *events) state(t *testing.T, from int, want ...api.State) api.Status {
	t.Helper()
	e := l.until(t, from, fmt.Sprint("state ", want), func(e api.Event) bool {
		s, ok := e.(api.Status)
		return ok && slices.Contains(want, s.State)
	})
	return e.e.(api.Status)
}

// String is the last events for who reads why a test failed.
func (l *events) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, t := range l.all[max(0, len(l.all)-20):] {
		b.WriteString(t.at.Format("05.000 "))
		if s, ok := t.e.(api.Status); ok {
			s.Stages = nil // they have had events of their own
			t.e = s
		}
		_ = api.Encode(&b, t.at, t.e) // a Builder takes everything
	}
	return b.String()
}

// gateway is our own gateway at work in the world.
type gateway struct {
	*testroom.Process
	r             *room
	config        string
	network       *testroom.Network
	psk, password string
}

// gateway starts culvert gateway; lines are for its configuration.
func (r *room) gateway(lines ...string) *gateway {
	r.t.Helper()
	g := &gateway{r: r, config: filepath.Join(r.t.TempDir(), "gateway.toml"), network: r.world, psk: psk, password: password}
	g.configure(lines...)
	g.boot()
	return g
}

// configure writes the configuration, which counts from the next start on.
func (g *gateway) configure(lines ...string) {
	g.r.t.Helper()
	text := fmt.Sprintf("listen = %q\npsk = %q\ninside = \"tun\"\n%s\n\n[users]\n%s = %q\n", gatewayAddr, g.psk, strings.Join(lines, "\n"), user, g.password)
	must(g.r.t, os.WriteFile(g.config, []byte(text), 0o600))
}

// boot starts the gateway, again if need be.
func (g *gateway) boot() {
	g.r.t.Helper()
	g.Process = g.network.Start(culvert, "gateway", "--config", g.config)
	g.Says("Serving")
}

// crash ends the gateway as a power cut does: nobody is told.
func (g *gateway) crash() { g.Kill() }
