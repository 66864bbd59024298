package dns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fakeMac is configd's dynamic store behind scutil, as far as our commands go.
type fakeMac struct {
	ops   []string
	store map[string]map[string][]string
	deaf  bool // takes nothing, as for somebody who is not root
}

func (f *fakeMac) run(_ context.Context, input, program string, args ...string) (string, error) {
	f.ops = append(f.ops, strings.TrimSpace(strings.Join(append([]string{program}, args...), " ")+"\n"+input))
	if program != "/usr/sbin/scutil" {
		return "", nil
	}
	var out strings.Builder
	if slices.Equal(args, []string{"--dns"}) {
		for _, d := range f.store {
			for i, a := range d["ServerAddresses"] {
				fmt.Fprintf(&out, "resolver #1\n  nameserver[%d] : %s\n", i, a)
			}
		}
		return out.String(), nil
	}
	var dict map[string][]string
	for line := range strings.Lines(input) {
		w := strings.Fields(line)
		switch w[0] {
		case "d.init":
			dict = map[string][]string{}
		case "d.add":
			for _, v := range w[3:] {
				dict[w[1]] = append(dict[w[1]], strings.Trim(v, `"`))
			}
		case "set":
			if !f.deaf {
				f.store[w[1]] = dict
			}
		case "remove":
			delete(f.store, w[1])
		case "show":
			out.WriteString(show(f.store[w[1]]))
		}
	}
	return out.String(), nil
}

// show prints a dictionary as scutil does.
func show(d map[string][]string) string {
	if d == nil {
		return "  No such key\n"
	}
	var b strings.Builder
	b.WriteString("<dictionary> {\n")
	for name, values := range d {
		fmt.Fprintf(&b, "  %s : <array> {\n", name)
		for i, v := range values {
			fmt.Fprintf(&b, "    %d : %s\n", i, v)
		}
		b.WriteString("  }\n")
	}
	return b.String() + "}\n"
}

func TestScutil(t *testing.T) {
	const flushed = "/usr/bin/dscacheutil -flushcache|/usr/bin/killall -HUP mDNSResponder"
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"everything", Config{Interface: "utun4", Servers: addrs("10.0.0.1", "fd00::1")}, `/usr/sbin/scutil
d.init
d.add ServerAddresses * 10.0.0.1 fd00::1
d.add SupplementalMatchDomains * ""
d.add SearchOrder # 1
d.add SupplementalMatchDomainsNoSearch # 1
set State:/Network/Service/culvert-utun4/DNS
remove State:/Network/Service/culvert-utun4-search/DNS
quit`},
		{"some domains", Config{Interface: "utun4", Servers: addrs("10.0.0.1"), Domains: []string{"a.example", "b.example"}, Search: []string{"c.example"}}, `/usr/sbin/scutil
d.init
d.add ServerAddresses * 10.0.0.1
d.add SupplementalMatchDomains * a.example b.example
d.add SearchOrder # 1
d.add SupplementalMatchDomainsNoSearch # 1
set State:/Network/Service/culvert-utun4/DNS
d.init
d.add ServerAddresses * 10.0.0.1
d.add SupplementalMatchDomains * c.example
d.add SearchOrder # 1
set State:/Network/Service/culvert-utun4-search/DNS
quit`},
	} {
		f := &fakeMac{store: map[string]map[string][]string{}}
		p := &scutilPart{run: f.run}
		if err := p.set(t.Context(), tt.cfg, noted); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got, want := strings.Join(f.ops, "|"), tt.want+"|"+flushed; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, want)
		}
		if err := p.verify(t.Context(), tt.cfg); err != nil {
			t.Errorf("%s: verify: %v", tt.name, err)
		}
		state, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			q := &scutilPart{run: f.run}
			if err := errors.Join(json.Unmarshal(state, q), q.clear(t.Context())); err != nil || len(f.store) != 0 {
				t.Errorf("%s: clear: %v, left %v", tt.name, err, f.store)
			}
		}
	}
}

// scutil ends with status 0 when it was not allowed to do a thing.
func TestScutilNotTaken(t *testing.T) {
	cfg := Config{Interface: "utun4", Servers: addrs("10.0.0.1")}
	f := &fakeMac{store: map[string]map[string][]string{}, deaf: true}
	p := &scutilPart{run: f.run}
	if err := p.set(t.Context(), cfg, noted); err != nil {
		t.Fatal(err)
	}
	if err := p.verify(t.Context(), cfg); !errors.Is(err, ErrNotTaken) {
		t.Errorf("verify = %v", err)
	}
	stop := errors.New("stop")
	f.ops = nil
	if err := p.set(t.Context(), cfg, func() error { return stop }); !errors.Is(err, stop) || len(f.ops) != 0 {
		t.Errorf("set = %v, %q", err, f.ops)
	}
}
