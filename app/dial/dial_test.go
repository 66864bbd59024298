package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// names answers every name in one way.
type names struct {
	addrs []netip.Addr
	err   error
}

func (n names) lookup(context.Context, string) ([]netip.Addr, error) { return n.addrs, n.err }

func TestResolve(t *testing.T) {
	parse := func(list ...string) (out []netip.Addr) {
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		server string
		m      names
		want   []netip.Addr
		code   failure.Code
	}{
		{"an address is its own", "2001:db8::1", names{err: errors.New("asked")}, parse("2001:db8::1"), ""},
		{"IPv4 first, in the order of the answer", "gw.example", names{addrs: parse("2001:db8::1", "198.51.100.2", "::ffff:198.51.100.1", "2001:db8::2")},
			parse("198.51.100.2", "198.51.100.1", "2001:db8::1", "2001:db8::2"), ""},
		{"each once", "gw.example", names{addrs: parse("198.51.100.1", "198.51.100.2", "::ffff:198.51.100.1")}, parse("198.51.100.1", "198.51.100.2"), ""},
		{"IPv6 alone", "gw.example", names{addrs: parse("2001:db8::2", "2001:db8::1")}, parse("2001:db8::2", "2001:db8::1"), ""},
		{"no such name", "gw.example", names{err: &net.DNSError{Err: "no such host", IsNotFound: true}}, nil, failure.DNSNotFound},
		{"a name without addresses", "gw.example", names{}, nil, failure.DNSNotFound},
		{"wrapped", "gw.example", names{err: fmt.Errorf("lookup: %w", &net.DNSError{IsNotFound: true})}, nil, failure.DNSNotFound},
		{"name servers are silent", "gw.example", names{err: &net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true}}, nil, failure.DNSNoAnswer},
		{"name servers are broken", "gw.example", names{err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, nil, failure.DNSNoAnswer},
		{"no time left", "gw.example", names{err: context.DeadlineExceeded}, nil, failure.DNSNoAnswer},
		{"a text that says no such host", "gw.example", names{err: errors.New("no such host")}, nil, failure.DNSNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Dialer{Profile: profile.Default(), Lookup: c.m.lookup, Events: func(time.Time, stack.Event) {}}
			got, err := d.resolve(t.Context(), c.server)
			var f *failure.Failure
			if errors.As(err, &f); c.code != "" && (f == nil || f.Code != c.code || f.Stage != failure.Resolve) || c.code == "" && err != nil {
				t.Errorf("resolve = %v, want %q", err, c.code)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("resolve = %v, want %v", got, c.want)
			}
		})
	}
}

// TestDial tries addresses in turn, none twice, until one lets us in or says a
// definite no.
func TestDial(t *testing.T) {
	a, b, c := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("198.51.100.3")
	silent := &failure.Failure{Stage: failure.Phase1, Code: failure.IKENoAnswer}
	wrong := &failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials}
	for _, tt := range []struct {
		name  string
		first netip.Addr
		fails map[netip.Addr]error
		tried []netip.Addr
		want  error
	}{
		{"the first", netip.Addr{}, nil, []netip.Addr{a}, nil},
		{"the second", netip.Addr{}, map[netip.Addr]error{a: silent}, []netip.Addr{a, b}, nil},
		{"one that worked before", c, nil, []netip.Addr{c}, nil},
		{"one that worked before and does not now", b, map[netip.Addr]error{a: silent, b: silent}, []netip.Addr{b, a, c}, nil},
		{"a wrong password", netip.Addr{}, map[netip.Addr]error{a: wrong}, []netip.Addr{a}, wrong},
		{"none", netip.Addr{}, map[netip.Addr]error{a: silent, b: silent, c: silent}, []netip.Addr{a, b, c}, silent},
		{"stopped", netip.Addr{}, map[netip.Addr]error{a: context.Canceled}, []netip.Addr{a}, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tried []netip.Addr
			p := profile.Default()
			p.Servers = []string{"one.example", c.String()}
			d := &Dialer{Profile: p, Secrets: &profile.Secrets{}, First: tt.first, Lookup: names{addrs: []netip.Addr{a, b}}.lookup,
				Events: func(time.Time, stack.Event) {}, Change: func(cfg *engine.Config) { cfg.Stack.MRU = 1280 },
				Trying: func(server netip.Addr) { tried = append(tried, server) },
				Connect: func(_ context.Context, cfg engine.Config) (Session, error) {
					if cfg.Stack.MRU != 1280 {
						t.Error("Change was not asked")
					}
					return nil, tt.fails[cfg.Gateway]
				}}
			_, err := d.Dial(t.Context())
			if !errors.Is(err, tt.want) && err != tt.want {
				t.Errorf("Dial = %v, want %v", err, tt.want)
			}
			if !slices.Equal(tried, tt.tried) {
				t.Errorf("tried %v, want %v", tried, tt.tried)
			}
		})
	}
}
