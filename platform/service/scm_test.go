package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

var errRefused = errors.New("refused")

// bench runs serve as the manager does, a step at a time.
type bench struct {
	requests chan request
	tick     chan time.Time
	reports  chan status
	result   chan error
	ready    func()
	events   <-chan Event
	finish   chan error // main returns what comes
}

func startBench(ctx context.Context) *bench {
	b := &bench{requests: make(chan request), tick: make(chan time.Time), reports: make(chan status), result: make(chan error, 1), finish: make(chan error)}
	begun := make(chan struct{})
	m := manager{requests: b.requests, tick: b.tick, report: func(s status) { b.reports <- s }}
	go func() {
		b.result <- m.serve(ctx, func(ctx context.Context, ready func(), events <-chan Event) error {
			b.ready, b.events = ready, events
			close(begun)
			select {
			case err := <-b.finish:
				return err
			case <-ctx.Done():
				return errors.Join(<-b.finish, ctx.Err())
			}
		})
	}()
	b.expectQuiet(status{starting, 0, pendingHint})
	<-begun
	return b
}

func (b *bench) expectQuiet(want status) bool { return <-b.reports == want }

func (b *bench) expect(t *testing.T, want status) {
	t.Helper()
	if got := <-b.reports; got != want {
		t.Errorf("reported %+v, want %+v", got, want)
	}
}

func TestServe(t *testing.T) {
	b := startBench(t.Context())
	b.tick <- time.Time{}
	b.expect(t, status{starting, 1, pendingHint})
	b.requests <- interrogate
	b.expect(t, status{starting, 1, pendingHint})
	b.ready()
	b.expect(t, status{phase: running})
	b.ready()
	b.tick <- time.Time{} // nothing to tell while it runs
	b.requests <- 0       // nothing to us
	b.requests <- interrogate
	b.expect(t, status{phase: running})
	b.requests <- suspend
	b.requests <- resume
	for _, want := range []Event{Suspend, Resume} {
		if got := <-b.events; got != want {
			t.Errorf("event %v, want %v", got, want)
		}
	}
	b.requests <- halt
	b.expect(t, status{stopping, 0, pendingHint})
	b.requests <- halt // is stopping already
	b.tick <- time.Time{}
	b.expect(t, status{stopping, 1, pendingHint})
	b.finish <- nil
	if err := <-b.result; err != nil {
		t.Errorf("serve = %v, want nil: it was told to stop", err)
	}
}

func TestServeEnds(t *testing.T) {
	t.Run("by itself, badly", func(t *testing.T) {
		b := startBench(t.Context())
		b.finish <- errRefused
		if err := <-b.result; !errors.Is(err, errRefused) {
			t.Errorf("serve = %v, want %v", err, errRefused)
		}
	})
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := startBench(ctx)
		cancel()
		b.expect(t, status{stopping, 0, pendingHint})
		b.finish <- nil
		if err := <-b.result; err != nil {
			t.Errorf("serve = %v, want nil", err)
		}
	})
	t.Run("before it was ready", func(t *testing.T) {
		b := startBench(t.Context())
		b.requests <- halt
		b.expect(t, status{stopping, 0, pendingHint})
		b.ready() // too late: it must not be told to run again
		b.tick <- time.Time{}
		b.expect(t, status{stopping, 1, pendingHint})
		b.finish <- nil
		<-b.result
	})
}

// TestEventsFull has a main that does not listen: the last events are kept, and
// the manager is not kept waiting.
func TestEventsFull(t *testing.T) {
	b := startBench(t.Context())
	for range eventQueue {
		b.requests <- suspend
	}
	b.requests <- resume
	b.requests <- interrogate
	b.expect(t, status{starting, 0, pendingHint})
	var got []Event
	for range eventQueue {
		got = append(got, <-b.events)
	}
	if got[0] != Suspend || got[eventQueue-1] != Resume {
		t.Errorf("kept %v, want resume at the end", got)
	}
	b.finish <- nil
	<-b.result
}

func TestPowerRequest(t *testing.T) {
	for event, want := range map[uint32]request{0x04: suspend, 0x12: resume, 0x07: 0, 0x0a: 0, 0x8013: 0} {
		if got := powerRequest(event); got != want {
			t.Errorf("powerRequest(%#x) = %d, want %d", event, got, want)
		}
	}
}

// fakeSCM is the manager's database with at most one service.
type fakeSCM struct {
	def    Definition
	known  bool
	runs   bool
	fail   string // the operation that is refused
	broken error  // of state
	ops    []string
}

func (f *fakeSCM) state(string) (Definition, bool, bool, error) {
	return f.def, f.known, f.runs, f.broken
}

func (f *fakeSCM) do(_ context.Context, o scmOp) error {
	f.ops = append(f.ops, o.String())
	if o.String() == f.fail {
		return errRefused
	}
	return nil
}

var newDefinition = Definition{Name: "culvertd", Program: "/new/culvertd", Arguments: []string{"run"}}

func TestSCMInstall(t *testing.T) {
	old := Definition{Name: "culvertd", Program: "/old/culvertd"}
	const (
		create     = `create culvertd: /new/culvertd ["run"]`
		configure  = `configure culvertd: /new/culvertd ["run"]`
		asItWas    = `configure culvertd: /old/culvertd []`
		restart    = "restart on failure culvertd"
		start      = "start culvertd"
		stop       = "stop culvertd"
		deleteThis = "delete culvertd"
	)
	for _, c := range []struct {
		name string
		fake fakeSCM
		want []string
	}{
		{"new", fakeSCM{}, []string{create, restart, start}},
		{"there, stopped", fakeSCM{def: old, known: true}, []string{configure, restart, start}},
		{"there, running", fakeSCM{def: old, known: true, runs: true}, []string{stop, configure, restart, start}},
		{"not to be made", fakeSCM{fail: create}, []string{create}},
		{"not to be started", fakeSCM{fail: start}, []string{create, restart, start, deleteThis}},
		{"not to be stopped", fakeSCM{def: old, known: true, runs: true, fail: stop}, []string{stop, asItWas, start}},
		{"not to be changed", fakeSCM{def: old, known: true, runs: true, fail: configure}, []string{stop, configure, asItWas, start}},
		{"a new one that does not start", fakeSCM{def: old, known: true, fail: restart}, []string{configure, restart, asItWas}},
		{"not to be seen", fakeSCM{broken: errRefused}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := scmInstall(t.Context(), &c.fake, newDefinition)
			if wantErr := c.fake.fail != "" || c.fake.broken != nil; wantErr != errors.Is(err, errRefused) {
				t.Errorf("scmInstall = %v", err)
			}
			if !slices.Equal(c.fake.ops, c.want) {
				t.Errorf("did\n%q, want\n%q", c.fake.ops, c.want)
			}
		})
	}
}

func TestSCMRemove(t *testing.T) {
	for _, c := range []struct {
		name string
		fake fakeSCM
		want []string
	}{
		{"not there", fakeSCM{}, nil},
		{"stopped", fakeSCM{known: true}, []string{"delete culvertd"}},
		{"running", fakeSCM{known: true, runs: true}, []string{"stop culvertd", "delete culvertd"}},
		{"not to be stopped", fakeSCM{known: true, runs: true, fail: "stop culvertd"}, []string{"stop culvertd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := scmRemove(t.Context(), &c.fake, "culvertd")
			if (c.fake.fail != "") != errors.Is(err, errRefused) {
				t.Errorf("scmRemove = %v", err)
			}
			if !slices.Equal(c.fake.ops, c.want) {
				t.Errorf("did %q, want %q", c.fake.ops, c.want)
			}
		})
	}
}

func TestDefinition(t *testing.T) {
	for _, d := range []Definition{
		{},
		{Name: "culvertd"},
		{Name: "culvertd", Program: "culvertd"},
		{Name: "../culvertd", Program: "/culvertd"},
		{Name: ".culvertd", Program: "/culvertd"},
		{Name: "-k", Program: "/culvertd"},
		{Name: "a b", Program: "/culvertd"},
		{Name: "a\x00", Program: "/culvertd"},
	} {
		if err := Install(t.Context(), d); !errors.Is(err, ErrDefinition) {
			t.Errorf("Install(%+v) = %v, want ErrDefinition", d, err)
		}
	}
	if err := Remove(t.Context(), "a/b"); !errors.Is(err, ErrDefinition) {
		t.Errorf("Remove = %v, want ErrDefinition", err)
	}
	if got := fmt.Sprint(Suspend, Resume, Event(9)); got != "suspend resume unknown event" {
		t.Errorf("events are %q", got)
	}
}
