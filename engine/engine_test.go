package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// TestCancel cancels at each stage: Connect gives ctx's error soon, and
// nothing is left.
func TestCancel(t *testing.T) {
	for _, stage := range []failure.Stage{failure.Phase1, failure.Phase2, failure.Tunnel, failure.Session,
		failure.Link, failure.Authenticate, failure.Network, failure.Routes} {
		t.Run(stage.String(), func(t *testing.T) {
			b := newBed(t)
			ctx, cancel := context.WithCancel(t.Context())
			b.at(stage, cancel)
			b.cfg.Device = func(ctx context.Context, _ stack.Network) (dataplane.Device, error) {
				if stage == failure.Routes {
					<-ctx.Done()
				}
				return b.device, nil
			}
			start := time.Now()
			s, err := Connect(ctx, b.cfg)
			if s != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("Connect = %v, %v, want nil, context canceled", s, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("that took %v", took)
			}
			b.clean(t)
			if stage == failure.Routes && b.device.closed.Load() == 0 {
				t.Error("the device that was made too late was not closed")
			}
		})
	}
}

// A device that was made while the session ended was left to nobody, now and then.
func TestDeviceTooLate(t *testing.T) {
	for range 500 {
		s := &Session{control: make(chan message, controlQueue), ended: make(chan struct{})}
		s.ctx, s.cancel = context.WithCancel(t.Context())
		d := newDevice()
		s.cfg.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return d, nil }
		for range controlQueue - 1 {
			s.tell(message{})
		}
		s.makeDevice(stack.Network{})
		s.finish(nil)
		if d.closed.Load() != 1 {
			t.Fatalf("the device was closed %d times, want once", d.closed.Load())
		}
	}
}

func TestCloseTwice(t *testing.T) {
	b := newBed(t)
	s := connected(t, b)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(s.Close)
	}
	wg.Wait()
	s.Close()
	if err := s.Wait(); err != nil {
		t.Errorf("Wait after Close = %v", err)
	}
	if n := b.device.closed.Load(); n != 1 {
		t.Errorf("the device was closed %d times, want once", n)
	}
}

// TestDeviceFails ends the session for a device that cannot be made or breaks,
// whatever its error looks like.
func TestDeviceFails(t *testing.T) {
	for _, broken := range []error{errors.New("no such device"), context.Canceled} {
		b := newBed(t)
		b.cfg.Device = func(context.Context, stack.Network) (dataplane.Device, error) { return nil, broken }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := Connect(ctx, b.cfg)
		cancel()
		var f *failure.Failure
		if !errors.As(err, &f) || f.Code != failure.OSTUN || f.Stage != failure.Routes {
			t.Errorf("Device gives %v, Connect gives %v, want %v", broken, err, failure.OSTUN)
		}
	}
	b := newBed(t)
	s := connected(t, b)
	for range controlQueue { // garbage that the control goroutine may be behind with
		b.clients(500)[0].deliver(b.clients(500)[0].remote, []byte("garbage"))
	}
	b.device.broken <- errors.New("the device is gone")
	var f *failure.Failure
	if err := ends(t, s, 6*time.Second); !errors.As(err, &f) || f.Code != failure.OSTUN {
		t.Errorf("Wait = %v, want %v", err, failure.OSTUN)
	}
}

// TestUnreachable has ICMP messages arrive, which anybody can forge. Each kind
// that the session did not know ended the reading of its socket for good; one
// before the first answer ended the connection.
func TestUnreachable(t *testing.T) {
	kinds := []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENOPROTOOPT, syscall.EMSGSIZE, errors.New("WSAECONNRESET")}
	t.Run("forged before the answer", func(t *testing.T) {
		b := newBed(t)
		b.at(failure.Phase1, func() {
			for _, k := range kinds {
				b.clients(500)[0].fail(k)
				b.clients(4500)[0].fail(k)
			}
		})
		connected(t, b)
	})
	t.Run("forged later", func(t *testing.T) {
		b := newBed(t)
		s := connected(t, b)
		for range 2 * patientErrors {
			for _, k := range kinds {
				b.clients(4500)[0].fail(k)
			}
		}
		s.Close()
		if err := s.Wait(); err != nil || s.Counters().DropControlFull.Load() != 0 {
			t.Errorf("the session ended with %v, %d messages dropped", err, s.Counters().DropControlFull.Load())
		}
	})
	t.Run("true", func(t *testing.T) {
		b := newBed(t)
		b.cut.Store(true)
		b.at(failure.Phase1, func() { b.clients(500)[0].fail(syscall.ECONNREFUSED) })
		start := time.Now()
		_, err := Connect(t.Context(), b.cfg)
		var f *failure.Failure
		if !errors.As(err, &f) || f.Code != failure.IKEUnreachable || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Connect = %v, want %v", err, failure.IKEUnreachable)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("that took %v", took)
		}
	})
}

// A socket that is closed under the session ends it.
func TestSocketGone(t *testing.T) {
	b := newBed(t)
	s := connected(t, b)
	b.clients(4500)[0].Close()
	var f *failure.Failure
	if err := ends(t, s, 6*time.Second); !errors.As(err, &f) || f.Code != failure.NetworkChanged || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Wait = %v, want %v", err, failure.NetworkChanged)
	}
}

// TestGatewayVanishes cuts the line: DPD notices, and Close does not wait long
// for who does not answer.
func TestGatewayVanishes(t *testing.T) {
	b := newBed(t)
	b.cfg.Stack.IKE.DPDInterval = time.Second
	s := connected(t, b)
	b.cut.Store(true)
	var f *failure.Failure
	if err := ends(t, s, 30*time.Second); !errors.As(err, &f) || f.Code != failure.PathDead {
		t.Errorf("Wait = %v, want %v", err, failure.PathDead)
	}
	b = newBed(t)
	s = connected(t, b)
	b.cut.Store(true)
	start := time.Now()
	s.Close()
	if took := time.Since(start); took > 4500*time.Millisecond {
		t.Errorf("Close took %v with a gateway that is gone", took)
	}
}

// An address other than the one that the device has went unnoticed: the
// session stayed, and carried nothing.
func TestAnotherAddress(t *testing.T) {
	for _, tt := range []struct {
		name, second string
		want         failure.Code
	}{
		{"the same", "10.99.0.2", ""},
		{"another", "10.99.0.3", failure.GatewayRestarted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			s := connected(t, b)
			l := &loop{Session: s, network: &stack.Network{Local: netip.MustParseAddr("10.99.0.2")}}
			l.networkUp(time.Now(), stack.Network{Local: netip.MustParseAddr(tt.second)})
			if got := l.failure; (got == nil) != (tt.want == "") || got != nil && got.Code != tt.want {
				t.Errorf("failure = %v, want %q", got, tt.want)
			}
		})
	}
}

// TestAbort ends a session, and a Connect, without waiting for anybody.
func TestAbort(t *testing.T) {
	b := newBed(t)
	s := connected(t, b)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(s.Abort)
	}
	wg.Wait()
	if err := s.Wait(); err != nil || b.device.closed.Load() != 1 {
		t.Errorf("Wait after Abort = %v, the device was closed %d times, want nil and once", err, b.device.closed.Load())
	}
	// A gateway that does not acknowledge the end would be waited for.
	b = newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	abort := make(chan struct{})
	b.cfg.Abort = abort
	var stopped time.Time
	b.cfg.Device = func(ctx context.Context, _ stack.Network) (dataplane.Device, error) {
		b.cut.Store(true)
		cancel()
		// The order to end in order comes first, and is cut short.
		time.AfterFunc(200*time.Millisecond, func() {
			stopped = time.Now()
			close(abort)
		})
		<-ctx.Done()
		return b.device, nil
	}
	if _, err := Connect(ctx, b.cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("Connect = %v, want %v", err, context.Canceled)
	}
	if took := time.Since(stopped); stopped.IsZero() || took > 2500*time.Millisecond {
		t.Errorf("Connect ended %v after it was aborted, want at once, and not before", took)
	}
}
