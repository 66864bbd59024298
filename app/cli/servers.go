package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// resolveTimeout is longer than three tries of a resolver.
const resolveTimeout = 20 * time.Second

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
