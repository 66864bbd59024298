package helper

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/dial"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// attempt is one try of the engine, from its start to its end.
type attempt struct {
	number uint64
	cancel context.CancelFunc
	abort  chan struct{} // closed: there is no time to take leave of the gateway

	mu       sync.Mutex // guards what follows
	session  dial.Session
	stopped  bool
	orderly  bool
	question *engine.Question // that is open; nil: none
	code     secret.Secret    // for the first question; nil: a person is asked
}

// asked takes a question of the engine's; given says that it is answered.
func (a *attempt) asked(q *engine.Question) (given bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.code == nil {
		a.question = q
		return false
	}
	go q.Answer(a.code) // not by the engine itself, which has to take it
	a.code = nil
	return true
}

// answer gives code, which it takes, to the question that is open.
func (a *attempt) answer(code secret.Secret) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.question == nil {
		code.Zero()
		return
	}
	go a.question.Answer(code)
	a.question = nil
}

// forget overwrites a code that nobody asked for.
func (a *attempt) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.code.Zero()
	a.code = nil
}

// stop ends the attempt wherever it is. Down comes later. An orderly end can be
// cut short, and not the other way round.
func (a *attempt) stop(orderly bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped && (orderly || !a.orderly) {
		return
	}
	a.stopped, a.orderly = true, orderly
	if !orderly {
		close(a.abort)
	}
	a.cancel()
	if a.session != nil {
		go end(a.session, orderly)
	}
}

func end(s dial.Session, orderly bool) {
	if e, ok := s.(interface{ Abort() }); ok && !orderly {
		e.Abort()
		return
	}
	s.Close()
}

// has is told of the session once there is one.
func (a *attempt) has(s dial.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session = s
	if a.stopped {
		go end(s, a.orderly)
	}
}

// start starts an attempt. It ends by itself, with Down.
func (l *loop) start(e supervisor.StartEngine) {
	ctx, cancel := context.WithCancel(context.Background())
	a := &attempt{number: e.Attempt, cancel: cancel, abort: make(chan struct{})}
	l.engine = a
	l.engineWorks(true)
	secrets := l.secrets.Clone()
	l.secrets.Forget(api.OTP)
	a.code, secrets.OTP = secrets.OTP, nil
	h, direct := l.Helper, l.killed
	go func() {
		err := h.connect(ctx, a, e, secrets, direct)
		cancel()
		secrets.Zero()
		a.forget()
		h.engineWorks(false)
		h.inputs.put(request{in: supervisor.Down{Attempt: e.Attempt, Failure: failureOf(err)}})
	}()
}

// connect connects and stays until the end.
func (h *Helper) connect(ctx context.Context, a *attempt, e supervisor.StartEngine, secrets *profile.Secrets, direct bool) error {
	r := &reporter{h: h, attempt: e.Attempt}
	d := dial.Dialer{
		Profile: e.Profile, Secrets: secrets, First: e.Hints.Server,
		Change: func(cfg *engine.Config) {
			cfg.Abort = a.abort
			cfg.Stack.Before = e.Hints.Address
			if e.Hints.MRU != 0 {
				cfg.Stack.MRU = e.Hints.MRU
			}
			if e.Profile.Routing.FromGateway {
				cfg.Learned = r.learned
			}
			cfg.Stack.PPP.InterfaceID = e.Hints.InterfaceID
			cfg.Learned6 = r.learned6
		},
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return h.system.Lookup(ctx, host, direct)
		},
		Connect: h.system.Connect,
		Trying: func(server netip.Addr) {
			// The firewall has to let it out first.
			done := make(chan error, 1)
			h.inputs.put(request{in: supervisor.Server{Attempt: e.Attempt, Address: server}, answer: done})
			select {
			case <-done:
			case <-ctx.Done():
			}
		},
		Device: r.device,
		Events: r.event,
		Ask: func(_ time.Time, q *engine.Question) {
			if a.asked(q) {
				r.put(supervisor.Coded{Attempt: e.Attempt})
				return
			}
			r.put(supervisor.Waiting{Attempt: e.Attempt, Left: q.Left, Ask: api.OTP, Prompt: q.Prompt})
		},
	}
	s, err := d.Dial(ctx)
	a.forget()
	if err != nil {
		return err
	}
	a.has(s)
	h.hub.count(s.Counters())
	defer h.hub.count(nil)
	return s.Wait()
}

// failureOf is what the supervisor is told; nil for what was stopped.
func failureOf(err error) *failure.Failure {
	var f *failure.Failure
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &f):
		return f
	}
	return failure.OfSystem(failure.Routes, failure.OSTUN, err)
}

// reporter turns what the engine says into inputs. Its methods are called by the
// engine's goroutines and do not block, but for device.
type reporter struct {
	h       *Helper
	attempt uint64
	id6     [8]byte // the interface identifier of IPv6; of the engine's control goroutine
}

func (r *reporter) event(_ time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.StageStarted:
		r.put(supervisor.Stage{Attempt: r.attempt, Stage: e.Stage})
	case stack.StageDone:
		r.put(supervisor.Stage{Attempt: r.attempt, Stage: e.Stage, Done: true, Detail: e.DetailMap()})
	case stack.Network6Up:
		r.id6 = e.LocalID
	case stack.Waiting:
		r.put(supervisor.Waiting{Attempt: r.attempt, Left: e.Left})
	}
}

// learned tells what the gateway pushes.
func (r *reporter) learned(_ time.Time, o dhcp.Options) {
	r.h.cfg.Log.Info("the gateway pushes", "from", o.Server, "routes", o.Routes, "dns", o.DNS, "search", o.Search, "refused", o.Refused)
	r.put(supervisor.Learned{Attempt: r.attempt, Routes: o.Routes, DNS: o.DNS, Search: o.Search})
}

// learned6 tells what the gateway carries of IPv6.
func (r *reporter) learned6(_ time.Time, n slaac.Network) {
	r.h.cfg.Log.Info("the gateway's IPv6", "address", n.Address, "default", n.Default, "mtu", n.MTU, "routes", n.Routes, "dns", n.DNS, "search", n.Search)
	r.put(supervisor.Learned6{Attempt: r.attempt, ID: r.id6, Address: n.Address, Default: n.Default, MTU: n.MTU, Routes: n.Routes, DNS: n.DNS, Search: n.Search})
}

func (r *reporter) put(in supervisor.Input) { r.h.inputs.put(request{in: in}) }

// device makes the tunnel's interface. Its address and the routes come with
// ApplyNetwork.
func (r *reporter) device(_ context.Context, server netip.Addr, n stack.Network) (dataplane.Device, error) {
	t, name, err := r.h.system.Tunnel(n.MTU)
	if err != nil {
		return nil, err
	}
	r.put(supervisor.Up{Attempt: r.attempt, Network: api.Network{
		Address: n.Local, Peer: n.Peer, DNS: n.DNS, MTU: n.MTU, Suite: n.Suite, Interface: name, Server: server.String()}})
	return t, nil
}
