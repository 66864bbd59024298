// Package dns makes the system's resolver ask the tunnel's servers, for all
// names or for some domains only, and puts back what was there before. What is
// wanted is given whole: setting it twice is setting it once.
package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ErrUnsupported is a system whose resolver this package cannot set.
var ErrUnsupported = errors.New("dns: not supported on this system")

// ErrNotTaken is a setting that was accepted and yet is not in force.
var ErrNotTaken = errors.New("the setting is not in force")

// ErrNoSplit is a resolver that cannot ask one server for some domains and
// another one for the rest, as libc's cannot. Nothing was changed.
var ErrNoSplit = errors.New("cannot send only some domains to the tunnel's servers")

// Error is what went wrong with one of the system's ways to set a resolver.
type Error struct {
	Backend string // as Manager.Backend names it
	Err     error
}

func (e *Error) Error() string { return "dns: " + e.Backend + ": " + e.Err.Error() }

// Unwrap gives the cause: ErrNotTaken, ErrNoSplit, context.DeadlineExceeded for
// a service that does not answer, or what the system said.
func (e *Error) Unwrap() error { return e.Err }

// ChangedError tells that somebody else has replaced our setting meanwhile.
// Theirs stays, and nothing of ours is left.
type ChangedError struct {
	Backend string
	What    string // the file or the property
}

func (e *ChangedError) Error() string {
	return "dns: " + e.Backend + ": " + e.What + " was changed by somebody else meanwhile and stays as it is"
}

// Config is what is wanted.
type Config struct {
	Interface string       // of the tunnel; it is up and has its address
	Servers   []netip.Addr // at least one, asked in this order
	Search    []string     // appended to short names; these domains go to Servers too
	// Domains, and all names below them, go to Servers and nothing else does.
	// Empty: everything goes there.
	Domains []string
}

// split reports whether only some domains go through the tunnel.
func (c Config) split() bool { return len(c.Domains) != 0 }

// routed are the domains that go to the tunnel's servers when not all do.
func (c Config) routed() []string {
	all := slices.Clone(c.Domains)
	for _, s := range c.Search {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// serverText is the servers as text.
func (c Config) serverText() []string {
	var s []string
	for _, a := range c.Servers {
		s = append(s, a.String())
	}
	return s
}

// normal is c checked, in one spelling and without duplicates. Names and
// addresses come from gateways, and end in files and scripts of root.
func (c Config) normal() (Config, error) {
	if c.Interface == "" || strings.ContainsFunc(c.Interface, func(r rune) bool { return r < ' ' || r == '/' || r == '"' || r == 0x7f }) {
		return Config{}, fmt.Errorf("dns: no interface can be named %q", c.Interface)
	}
	n := Config{Interface: c.Interface}
	for _, a := range c.Servers {
		a = a.Unmap()
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return Config{}, fmt.Errorf("dns: %v is no address of a server", a)
		}
		if !slices.Contains(n.Servers, a) {
			n.Servers = append(n.Servers, a)
		}
	}
	if len(n.Servers) == 0 {
		return Config{}, errors.New("dns: no servers given")
	}
	var err error
	if n.Search, err = domainNames(c.Search); err != nil {
		return Config{}, err
	}
	n.Domains, err = domainNames(c.Domains)
	return n, err
}

// domainNames is names in one spelling, without duplicates.
func domainNames(names []string) ([]string, error) {
	var all []string
	for _, s := range names {
		d, err := domainName(s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all, nil
}

// domainName is s in lower case and without dots around it, when it is a name
// (RFC 1035, 2.3.4, with the underscore of RFC 2782).
func domainName(s string) (string, error) {
	d := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(s), "~"), "."), ".")
	if len(d) > 253 {
		return "", fmt.Errorf("dns: %q is no domain: too long", s)
	}
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", fmt.Errorf("dns: %q is no domain", s)
		}
	}
	return d, nil
}

// errNoInterface is a tunnel whose interface is gone, and its servers with it.
var errNoInterface = errors.New("no such interface")

func isNoInterface(err error) bool { return errors.Is(err, errNoInterface) }
