// Package dial connects as a profile says: it looks the gateways up and tries
// their addresses in turn, until the engine is connected with one of them or one
// has said a definite no.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// lookupTimeout is longer than three tries of a resolver.
const lookupTimeout = 20 * time.Second

// Session is a connection; *engine.Session is one.
type Session interface {
	Wait() error
	Close()
	Ended() <-chan struct{}
	Counters() *dataplane.Counters
}

// Dialer says how to connect. Its functions are called from the goroutine of
// Dial, but for what the engine calls from its own.
type Dialer struct {
	Profile *profile.Profile
	Secrets *profile.Secrets // borrowed until the session has ended

	// First is an address of the gateway that worked; it is tried before any
	// look-up. Not valid: none.
	First netip.Addr
	// Change, if any, has the last word on each engine.Config.
	Change func(cfg *engine.Config)

	Lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	Connect func(ctx context.Context, cfg engine.Config) (Session, error)
	// Trying, if any, is told before each try.
	Trying func(server netip.Addr)
	// Device makes the device; see engine.Config.
	Device func(ctx context.Context, server netip.Addr, n stack.Network) (dataplane.Device, error)
	// Ask, if any, is told what the gateway asks a person; see engine.Config.
	Ask func(now time.Time, q *engine.Question)
	// Events gets what happens, the look-ups' stages too; see engine.Config.
	Events func(now time.Time, e stack.Event)
}

// Dial connects. Its error is a *failure.Failure, of the first gateway that was
// tried and with what became of the others in its evidence, or ctx's.
func (d *Dialer) Dial(ctx context.Context) (Session, error) {
	var first *failure.Failure
	names := d.Profile.Servers
	if d.First.IsValid() {
		names = append([]string{d.First.String()}, names...)
	}
	tried := map[netip.Addr]bool{}
	for _, name := range names {
		addrs, err := d.resolve(ctx, name)
		for _, a := range addrs {
			if tried[a] {
				continue
			}
			tried[a] = true
			var s Session
			if s, err = d.try(ctx, a); err == nil {
				return s, nil
			}
			if first, err = note(first, err, a.String()); err != nil {
				return nil, err
			}
		}
		if first, err = note(first, err, name); err != nil {
			return nil, err
		}
	}
	return nil, first
}

// try has the engine connect to one address.
func (d *Dialer) try(ctx context.Context, server netip.Addr) (Session, error) {
	if d.Trying != nil {
		d.Trying(server)
	}
	cfg := EngineConfig(d.Profile, d.Secrets)
	cfg.Gateway = server
	cfg.Events, cfg.Ask = d.Events, d.Ask
	cfg.Device = func(ctx context.Context, n stack.Network) (dataplane.Device, error) { return d.Device(ctx, server, n) }
	if d.Change != nil {
		d.Change(&cfg)
	}
	return d.Connect(ctx, cfg)
}

// note keeps a failure that another gateway may not have: the first one is the
// one to report. Any other error comes back.
func note(first *failure.Failure, err error, where string) (*failure.Failure, error) {
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
func (d *Dialer) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	d.Events(time.Now(), stack.StageStarted{Stage: failure.Resolve})
	var addrs []netip.Addr
	var err error
	if a, perr := netip.ParseAddr(name); perr == nil {
		addrs = []netip.Addr{a}
	} else {
		lctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		addrs, err = d.Lookup(lctx, name)
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
	d.Events(time.Now(), stack.StageDone{Stage: failure.Resolve, Detail: []stack.Detail{{Key: "address", Value: addrs[0].String()}}})
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
