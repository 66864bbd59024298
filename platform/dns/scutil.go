package dns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const kindScutil = "scutil"

// scutilPart sets the resolver of macOS: services of ours in the dynamic store
// of configd, which a restart empties.
//
// A service that is not the primary one gives the resolver its "supplemental
// match domains" only; an empty one among them matches every name. Names in a
// service without SupplementalMatchDomainsNoSearch are appended to short names
// as well, hence the second service.
type scutilPart struct {
	run       scutilRunner
	Interface string `json:"interface,omitempty"`
}

// scutilRunner runs a program of the system with that input, and gives its
// output.
type scutilRunner func(ctx context.Context, input, program string, args ...string) (string, error)

func (p *scutilPart) kind() string { return kindScutil }

// keys of the two services: for routing, and for the search list.
func scutilKeys(iface string) (route, search string) {
	const service = "State:/Network/Service/culvert-"
	return service + iface + "/DNS", service + iface + "-search/DNS"
}

// scutilSet is the commands that publish one service (scutil(8)). Its order is
// before that of every other resolver.
func scutilSet(key string, cfg Config, domains []string, noSearch bool) string {
	var b strings.Builder
	b.WriteString("d.init\nd.add ServerAddresses * " + strings.Join(cfg.serverText(), " ") + "\n")
	b.WriteString("d.add SupplementalMatchDomains *")
	for _, d := range domains {
		if d == "" {
			d = `""`
		}
		b.WriteString(" " + d)
	}
	b.WriteString("\nd.add SearchOrder # 1\n")
	if noSearch {
		b.WriteString("d.add SupplementalMatchDomainsNoSearch # 1\n")
	}
	b.WriteString("set " + key + "\n")
	return b.String()
}

func (p *scutilPart) set(ctx context.Context, cfg Config, note func() error) error {
	p.Interface = cfg.Interface
	if err := note(); err != nil {
		return err
	}
	route, search := scutilKeys(cfg.Interface)
	domains := cfg.Domains
	if !cfg.split() {
		domains = []string{""}
	}
	script := scutilSet(route, cfg, domains, true)
	if len(cfg.Search) != 0 {
		script += scutilSet(search, cfg, cfg.Search, false)
	} else {
		script += "remove " + search + "\n"
	}
	if _, err := p.run(ctx, script+"quit\n", "/usr/sbin/scutil"); err != nil {
		return err
	}
	return p.flush(ctx)
}

// flush empties the caches of the two that have one.
func (p *scutilPart) flush(ctx context.Context) error {
	if _, err := p.run(ctx, "", "/usr/bin/dscacheutil", "-flushcache"); err != nil {
		return err
	}
	_, err := p.run(ctx, "", "/usr/bin/killall", "-HUP", "mDNSResponder")
	return err
}

// verify asks for what is stored, and whether the resolver made something of
// it. scutil's status says nothing.
func (p *scutilPart) verify(ctx context.Context, cfg Config) error {
	route, search := scutilKeys(cfg.Interface)
	domains := cfg.Domains
	if !cfg.split() {
		domains = []string{""}
	}
	if err := p.stored(ctx, route, cfg, domains); err != nil {
		return err
	}
	if len(cfg.Search) != 0 {
		if err := p.stored(ctx, search, cfg, cfg.Search); err != nil {
			return err
		}
	}
	return settle(ctx, func() error {
		out, err := p.run(ctx, "", "/usr/sbin/scutil", "--dns")
		if err != nil {
			return err
		}
		for _, a := range cfg.Servers {
			if !slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool {
				name, value, _ := strings.Cut(line, " : ")
				return strings.HasPrefix(strings.TrimSpace(name), "nameserver[") && strings.TrimSpace(value) == a.String()
			}) {
				return fmt.Errorf("%w: no resolver asks %v", ErrNotTaken, a)
			}
		}
		return nil
	})
}

func (p *scutilPart) stored(ctx context.Context, key string, cfg Config, domains []string) error {
	out, err := p.run(ctx, "show "+key+"\nquit\n", "/usr/sbin/scutil")
	if err != nil {
		return err
	}
	var have []netip.Addr
	for _, s := range scutilArray(out, "ServerAddresses") {
		if a, err := netip.ParseAddr(s); err == nil {
			have = append(have, a)
		}
	}
	if !slices.Equal(have, cfg.Servers) {
		return fmt.Errorf("%w: %s has the servers %v, want %v", ErrNotTaken, key, have, cfg.Servers)
	}
	if got := scutilArray(out, "SupplementalMatchDomains"); !slices.Equal(got, domains) {
		return fmt.Errorf("%w: %s has the domains %q, want %q", ErrNotTaken, key, got, domains)
	}
	return nil
}

// scutilArray reads an array from what "show" prints:
//
//	<dictionary> {
//	  ServerAddresses : <array> {
//	    0 : 10.0.0.1
//	  }
//	}
func scutilArray(text, name string) []string {
	var all []string
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == name+" : <array> {":
			in = true
		case in && line == "}":
			return all
		case in:
			_, value, _ := strings.Cut(line+" ", " : ")
			all = append(all, strings.TrimSpace(value))
		}
	}
	return all
}

func (p *scutilPart) clear(ctx context.Context) error {
	if p.Interface == "" {
		return nil
	}
	route, search := scutilKeys(p.Interface)
	if _, err := p.run(ctx, "remove "+route+"\nremove "+search+"\nquit\n", "/usr/sbin/scutil"); err != nil {
		return err
	}
	for _, key := range []string{route, search} {
		out, err := p.run(ctx, "show "+key+"\nquit\n", "/usr/sbin/scutil")
		if err != nil {
			return err
		}
		if len(scutilArray(out, "ServerAddresses")) != 0 {
			return fmt.Errorf("%s could not be removed", key)
		}
	}
	return p.flush(ctx)
}
