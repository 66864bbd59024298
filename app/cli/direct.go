package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// resolveTimeout is longer than three tries of a resolver.
const resolveTimeout = 20 * time.Second

// session is what the engine gives for a connection.
type session interface {
	Wait() error
	Close()
	Ended() <-chan struct{}
	Counters() *dataplane.Counters
}

// machine is what a connection does to the system: faked in tests.
type machine interface {
	// prepare checks that the network may be changed, and takes away what an
	// earlier process left.
	prepare() error
	lookup(ctx context.Context, host string) ([]netip.Addr, error)
	connect(ctx context.Context, cfg engine.Config) (session, error)
	// device makes the interface and its routes; closing it undoes both.
	device(p *profile.Profile, server netip.Addr, n stack.Network) (dataplane.Device, string, error)
}

// directRun is one use of up --direct.
type directRun struct {
	machine machine
	profile *profile.Profile
	secrets *profile.Secrets
	events  *stream
	hurry   <-chan struct{} // closed: there is no time to tell the gateway

	started map[failure.Stage]time.Time // of the control goroutine, and before it runs
	server  netip.Addr                  // the one being tried, then the one that is connected

	mu      sync.Mutex // guards what follows, which other goroutines set
	network stack.Network
	name    string // of the interface
	restore error  // what closing the device said

	making sync.Mutex // guards what follows, and is held while Device is at work
	device *restoring // nil: not yet
	over   bool       // no device is to be made any more
}

// errHurry is the wish to end without waiting for the gateway.
var errHurry = errors.New("no time to end in order")

// connecting connects, and says at once that it stops when ctx is done. Its
// error is errHurry when not even that may take a while.
func (d *directRun) connecting(ctx context.Context) (session, error) {
	type result struct {
		s   session
		err error
	}
	connected := make(chan result, 1)
	go func() { // ends by itself; after errHurry with the process
		s, err := d.connectAny(ctx)
		connected <- result{s, err}
	}()
	stop := ctx.Done()
	for {
		select {
		case r := <-connected:
			if r.err != nil || stop != nil {
				return r.s, r.err
			}
			// It came up in the last moment: that it stops was said already.
			return nil, cmp.Or(d.close(r.s), context.Canceled)
		case <-stop:
			d.state(api.StateEvent{State: api.Disconnecting})
			stop = nil
		case <-d.hurry:
			return nil, errHurry
		}
	}
}

// close ends the session in order; errHurry when there is no time for that.
func (d *directRun) close(s session) error {
	closed := make(chan struct{})
	go func() { // ends by itself; after errHurry with the process
		s.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-d.hurry:
		return errHurry
	}
}

// abandon takes back what was done to the system and leaves the rest to the end
// of the process.
func (d *directRun) abandon() {
	d.making.Lock()
	defer d.making.Unlock()
	d.over = true
	if d.device != nil {
		d.device.Close() // restoreError has what it says
	}
	d.log("warn", "ended at once: the gateway was not told, and may keep the old connection for some minutes")
}

// connectAny tries the gateways of the profile in their order, each address of
// each, until one lets us in or says a definite no.
func (d *directRun) connectAny(ctx context.Context) (session, error) {
	var first *failure.Failure
	for _, name := range d.profile.Servers {
		addrs, err := d.resolve(ctx, name)
		for _, a := range addrs {
			var s session
			if s, err = d.connect(ctx, a); err == nil {
				return s, nil
			}
			if first, err = d.note(first, err, a.String()); err != nil {
				return nil, err
			}
		}
		if first, err = d.note(first, err, name); err != nil {
			return nil, err
		}
	}
	return nil, first
}

// note keeps a failure that another gateway may not have: the first one is the
// one to report. Any other error comes back.
func (d *directRun) note(first *failure.Failure, err error, where string) (*failure.Failure, error) {
	var f *failure.Failure
	switch {
	case err == nil:
		return first, nil
	case !errors.As(err, &f) || !slices.Contains(tryElsewhere, f.Code):
		return first, err
	case first == nil:
		return f, nil
	}
	first.Evidence = append(first.Evidence, fmt.Sprintf("also tried %s: %v", where, f))
	return first, nil
}

// tryElsewhere is what the next gateway may do better. A wrong password or key
// it will not, and trying it twice may lock the account.
var tryElsewhere = []failure.Code{
	failure.DNSNotFound, failure.DNSNoAnswer,
	failure.IKENoAnswer, failure.IKEUnreachable, failure.IKENotIKE, failure.IKEPort4500Blocked,
	failure.IPsecNoAnswer, failure.L2TPNoAnswer, failure.L2TPRefused, failure.L2TPSessionRefused, failure.L2TPSessionNoAnswer, failure.PPPNoAnswer,
}

// resolve finds the addresses of a gateway.
func (d *directRun) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	d.started = map[failure.Stage]time.Time{}
	d.stack(time.Now(), stack.StageStarted{Stage: failure.Resolve})
	var addrs []netip.Addr
	var err error
	if a, perr := netip.ParseAddr(name); perr == nil {
		addrs = []netip.Addr{a}
	} else {
		lctx, cancel := context.WithTimeout(ctx, resolveTimeout)
		addrs, err = d.machine.lookup(lctx, name)
		cancel()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: name, IsNotFound: true}
	}
	if err != nil {
		code := failure.DNSNoAnswer
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			code = failure.DNSNotFound
		}
		return nil, &failure.Failure{Stage: failure.Resolve, Code: code, Evidence: []string{err.Error()}, Err: err}
	}
	addrs = inOrder(addrs)
	d.stack(time.Now(), stack.StageDone{Stage: failure.Resolve, Detail: []stack.Detail{{Key: "address", Value: addrs[0].String()}}})
	return addrs, nil
}

// inOrder is each of addrs once, IPv4 first: many a name has an IPv6 address
// that only a web server listens on.
func inOrder(addrs []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return out
}

func (d *directRun) connect(ctx context.Context, server netip.Addr) (session, error) {
	if d.server.IsValid() {
		d.log("info", "no luck there; trying "+server.String())
	}
	d.server = server
	d.started = map[failure.Stage]time.Time{}
	cfg := engineConfig(d.profile, d.secrets)
	cfg.Gateway = server
	cfg.Events = d.stack
	cfg.Device = func(_ context.Context, n stack.Network) (dataplane.Device, error) { return d.makeDevice(server, n) }
	return d.machine.connect(ctx, cfg)
}

func (d *directRun) makeDevice(server netip.Addr, n stack.Network) (dataplane.Device, error) {
	d.making.Lock()
	defer d.making.Unlock()
	if d.over {
		return nil, context.Canceled
	}
	dev, name, err := d.machine.device(d.profile, server, n)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.network, d.name = n, name
	d.device = &restoring{Device: dev, d: d}
	return d.device, nil
}

// restoring keeps what closing the device says: the engine has no use for it.
type restoring struct {
	dataplane.Device
	d    *directRun
	once sync.Once
	err  error
}

// Close may be called by the engine and by us.
func (r *restoring) Close() error {
	r.once.Do(func() {
		r.err = r.Device.Close()
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		r.d.restore = errors.Join(r.d.restore, r.err)
	})
	return r.err
}

func (d *directRun) restoreError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.restore
}

// stack turns an event of the engine into one of the stream. It is called by
// the engine's control goroutine and does not block.
func (d *directRun) stack(now time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.StageStarted:
		if first := e.Stage == failure.Phase1 || !d.profile.IPsec.Enabled && e.Stage == failure.Tunnel; first && !d.started[e.Stage].IsZero() {
			d.events.offer(now, api.LogEvent{Level: "info", Message: "once more, in another way"})
		}
		d.started[e.Stage] = now
		d.events.offer(now, api.StageEvent{Stage: e.Stage, State: api.Started})
	case stack.StageDone:
		out := api.StageEvent{Stage: e.Stage, State: api.Done, Detail: map[string]string{}}
		if t, ok := d.started[e.Stage]; ok {
			ms := now.Sub(t).Milliseconds()
			out.MS = &ms
		}
		for _, k := range e.Detail {
			if k.Value != "" {
				out.Detail[k.Key] = k.Value
			}
		}
		if e.Stage == failure.Routes {
			d.mu.Lock()
			if d.name != "" {
				out.Detail["interface"] = d.name
			}
			d.mu.Unlock()
		}
		d.events.offer(now, out)
	case stack.Waiting:
		d.events.offer(now, api.StateEvent{State: api.Waiting, SecondsLeft: int((e.Left + time.Second - 1) / time.Second)})
	}
}

// connected tells what was agreed on.
func (d *directRun) connected() {
	d.mu.Lock()
	n, name := d.network, d.name
	d.mu.Unlock()
	d.state(api.StateEvent{State: api.Connected, Address: n.Local, Peer: n.Peer, DNS: n.DNS, MTU: n.MTU, Suite: n.Suite, Interface: name, Server: d.server.String()})
	if len(n.DNS) > 0 && d.profile.DNS.Mode == "auto" {
		d.log("warn", "the gateway offers name servers; setting them is not supported yet, so names are looked up as before")
	}
}
