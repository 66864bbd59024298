package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// lookupMachine answers every name in one way.
type lookupMachine struct {
	fakeMachine
	addrs []netip.Addr
	err   error
}

func (m *lookupMachine) lookup(context.Context, string) ([]netip.Addr, error) { return m.addrs, m.err }

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
		m      lookupMachine
		want   []netip.Addr
		code   failure.Code
	}{
		{"an address is its own", "2001:db8::1", lookupMachine{err: errors.New("asked")}, parse("2001:db8::1"), ""},
		{"IPv4 first, in the order of the answer", "gw.example", lookupMachine{addrs: parse("2001:db8::1", "198.51.100.2", "::ffff:198.51.100.1", "2001:db8::2")},
			parse("198.51.100.2", "198.51.100.1", "2001:db8::1", "2001:db8::2"), ""},
		{"each once", "gw.example", lookupMachine{addrs: parse("198.51.100.1", "198.51.100.2", "::ffff:198.51.100.1")}, parse("198.51.100.1", "198.51.100.2"), ""},
		{"IPv6 alone", "gw.example", lookupMachine{addrs: parse("2001:db8::2", "2001:db8::1")}, parse("2001:db8::2", "2001:db8::1"), ""},
		{"no such name", "gw.example", lookupMachine{err: &net.DNSError{Err: "no such host", IsNotFound: true}}, nil, failure.DNSNotFound},
		{"a name without addresses", "gw.example", lookupMachine{}, nil, failure.DNSNotFound},
		{"wrapped", "gw.example", lookupMachine{err: fmt.Errorf("lookup: %w", &net.DNSError{IsNotFound: true})}, nil, failure.DNSNotFound},
		{"name servers are silent", "gw.example", lookupMachine{err: &net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true}}, nil, failure.DNSNoAnswer},
		{"name servers are broken", "gw.example", lookupMachine{err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, nil, failure.DNSNoAnswer},
		{"no time left", "gw.example", lookupMachine{err: context.DeadlineExceeded}, nil, failure.DNSNoAnswer},
		{"a text that says no such host", "gw.example", lookupMachine{err: errors.New("no such host")}, nil, failure.DNSNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &directRun{machine: &c.m, profile: profile.Default(), events: newStream(jsonPrinter{&strings.Builder{}})}
			defer d.events.end()
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
