package helper

import (
	"context"
	"runtime"
	"testing"

	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

// stuckSystem hangs in Follow until it is let go.
type stuckSystem struct {
	fakeSystem
	in, out chan struct{}
}

func (s *stuckSystem) Follow(context.Context) error {
	s.in <- struct{}{}
	<-s.out
	return nil
}

// TestPulse: a loop that works or has nothing to do is healthy, one that hangs
// is not, however often it is asked.
func TestPulse(t *testing.T) {
	sys := &stuckSystem{in: make(chan struct{}), out: make(chan struct{})}
	l, err := ipc.Listen(t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	h, err := New(Config{Listener: l, Authorize: func(context.Context, ipc.Peer) error { return nil }, StateDir: t.TempDir(),
		System: func(*Journal) (System, error) { return sys, nil }, Ready: func() { close(ready) }})
	if err != nil {
		t.Fatal(err)
	}
	if !h.Healthy() {
		t.Error("not healthy before it runs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	<-ready
	for i := range 5 {
		for h.pulse.asked.Load() { // the loop has the last look's question, and nothing else to do
			runtime.Gosched()
		}
		if !h.Healthy() {
			t.Errorf("look %d: an idle loop is not healthy", i)
		}
	}
	h.ping()
	h.Tell(supervisor.Route{Online: true})
	<-sys.in
	h.Healthy() // what it did until now
	for i := range 5 {
		if h.Healthy() {
			t.Errorf("look %d: a loop that hangs is healthy", i)
		}
	}
	close(sys.out)
	h.ping()
	if !h.Healthy() {
		t.Error("not healthy after it went on")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ping waits until the loop has taken all that was sent before.
func (h *Helper) ping() {
	done := make(chan error, 1)
	h.inputs.put(request{in: supervisor.Answer{}, answer: done}) // nothing is asked for
	<-done
}
