package cli

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// stuckMachine has a gateway that never answers, or never takes leave.
type stuckMachine struct {
	fakeMachine
	connects bool
	trying   func()
}

func (m *stuckMachine) connect(ctx context.Context, cfg engine.Config) (dial.Session, error) {
	cfg.Events(time.Now(), stack.StageStarted{Stage: failure.Phase1})
	if !m.connects {
		m.trying()
		<-ctx.Done()
		select {} // as the engine while it takes leave
	}
	d, err := cfg.Device(ctx, stack.Network{Local: netip.MustParseAddr("10.99.0.10"), MTU: 1400})
	if err != nil {
		return nil, err
	}
	m.trying()
	return stuckSession{&fakeSession{ended: make(chan struct{}), device: d}}, nil
}

// stuckSession never takes leave.
type stuckSession struct{ *fakeSession }

func (stuckSession) Close() { select {} }

func TestUpEndsAtOnce(t *testing.T) {
	const note = "log ended at once: the gateway was not told, and may keep the old connection for some minutes"
	for _, c := range []struct {
		name     string
		connects bool
		status   int
		closed   int
		want     []string
	}{
		{"connecting", false, 3, 0, []string{"stage phase1 started", "state disconnecting", note, "state disconnected"}},
		{"connected", true, 0, 1, []string{"stage phase1 started", "state connected", "state disconnecting", note, "state disconnected"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			hurry := make(chan struct{})
			// The first wish comes on the way or when it is connected, the second
			// one when the first one has been answered.
			m := &stuckMachine{connects: c.connects, trying: cancel}
			out := &watched{seen: map[string]func(){`"disconnecting"`: func() { close(hurry) }}}
			if c.connects {
				m.trying, out.seen[`"connected"`] = func() {}, cancel
			}
			file := write(t, "p.toml", "servers = [\"198.51.100.1\"]\nuser = \"alice\"\n", 0o644)
			status := runUp(ctx, hurry, m, Streams{strings.NewReader("psk = \"k\"\npassword = \"p\"\n"), out, out}, "--direct", "--json", "--secrets", "-", file)
			if status != c.status || m.dev.closed != c.closed {
				t.Errorf("status %d, the device was closed %d times, want %d and %d", status, m.dev.closed, c.status, c.closed)
			}
			want := append([]string{"state connecting", "stage resolve started", "stage resolve done"}, c.want...)
			if got := types(t, out.String()); !slices.Equal(got, want) {
				t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// watched is an output that says when a word came by.
type watched struct {
	strings.Builder
	seen map[string]func()
}

func (w *watched) Write(b []byte) (int, error) {
	for word, f := range w.seen {
		if strings.Contains(string(b), word) {
			f()
		}
	}
	return w.Builder.Write(b)
}

// No device is made once everything was taken back.
func TestNoDeviceAfterTheEnd(t *testing.T) {
	m := &fakeMachine{}
	d := &directRun{machine: m, profile: profile.Default(), events: newStream(jsonPrinter{&strings.Builder{}})}
	defer d.events.end()
	d.abandon()
	if dev, err := d.makeDevice(t.Context(), netip.Addr{}, stack.Network{}); err == nil {
		t.Errorf("made %v", dev)
	}
}

func TestStoppedWhileConnecting(t *testing.T) {
	var stdout, stderr strings.Builder
	p := newHumanPrinter(Streams{Out: &stdout, Err: &stderr})
	for _, s := range []api.State{api.Connecting, api.Disconnecting, api.Disconnected} {
		p.print(time.Time{}, api.StateEvent{State: s})
	}
	if want := "Stopped before it was connected; telling the server. Once more ends at once.\n"; stdout.String() != want || stderr.Len() > 0 {
		t.Errorf("printed %q%q, want %q", stdout.String(), stderr.String(), want)
	}
}

// stuckPrinter prints until it is let go.
type stuckPrinter struct{ let chan struct{} }

func (p stuckPrinter) print(time.Time, api.Event) { <-p.let }

// Whoever does not read our output holds up nothing for long.
func TestStreamNobodyReads(t *testing.T) {
	p := stuckPrinter{make(chan struct{})}
	defer close(p.let)
	s := newStream(p)
	start := time.Now()
	for range eventQueue + 1 { // one is being printed
		s.offer(start, api.StatsEvent{})
	}
	s.send(start, api.StatsEvent{})
	s.send(start, api.StatsEvent{})
	s.end()
	s.offer(start, api.StatsEvent{}) // late, and lost
	if took := time.Since(start); took < readerPatience || took > 10*readerPatience {
		t.Errorf("it took %v, want some times %v", took, readerPatience)
	}
}
