package dns

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// fakeWindows is the two tables and one interface.
type fakeWindows struct {
	ops      []string
	policy   bool
	gone     bool // the interface
	deaf     bool // takes servers and forgets them
	rules    map[string]nrptRule
	servers  []netip.Addr
	failWith error
}

// short names of the tables, for the lists of operations.
var tableNames = map[nrptTable]string{localTable: "local", policyTable: "policy"}

func (w *fakeWindows) policyTable() (bool, error) { return w.policy, w.failWith }

func (w *fakeWindows) putRule(t nrptTable, id string, r nrptRule) error {
	w.ops = append(w.ops, fmt.Sprintf("put %s %s %s %s", tableNames[t], id[33:], strings.Join(r.Names, ","), r.Servers))
	w.rules[string(t)+id] = r
	return nil
}

func (w *fakeWindows) rule(t nrptTable, id string) (nrptRule, bool, error) {
	r, ok := w.rules[string(t)+id]
	return r, ok, nil
}

func (w *fakeWindows) deleteRule(t nrptTable, id string) error {
	w.ops = append(w.ops, fmt.Sprintf("delete %s %s", tableNames[t], id[33:]))
	delete(w.rules, string(t)+id)
	return nil
}

func (w *fakeWindows) setInterface(name string, servers []netip.Addr, search []string) error {
	w.ops = append(w.ops, fmt.Sprintf("interface %s %v %v", name, servers, search))
	if w.gone {
		return errNoInterface
	}
	if !w.deaf {
		w.servers = servers
	}
	return nil
}

func (w *fakeWindows) interfaceServers(string) ([]netip.Addr, error) {
	return append(slices.Clone(w.servers), netip.MustParseAddr("fec0:0:0:ffff::1%1")), nil
}

func (w *fakeWindows) reload(policy bool) error {
	w.ops = append(w.ops, fmt.Sprintf("reload %v", policy))
	return nil
}

func noted() error { return nil }

func TestNRPT(t *testing.T) {
	full := Config{Interface: "Culvert", Servers: addrs("10.0.0.1", "fd00::1"), Search: []string{"corp.example"}}
	split := full
	split.Domains = []string{"a.example", "b.example"}
	many := full
	for i := range 60 {
		many.Domains = append(many.Domains, fmt.Sprintf("d%d.example", i))
	}
	cleared := func(tables ...string) []string {
		var ops []string
		for _, table := range tables {
			ops = append(ops, "delete "+table+" 0000}")
		}
		return append(ops, "interface Culvert [] []")
	}
	for _, tt := range []struct {
		name   string
		policy bool
		gone   bool
		cfg    Config
		want   []string
		after  []string
	}{
		{"everything", false, false, full, []string{
			"put local 0000} . 10.0.0.1; fd00::1",
			"interface Culvert [10.0.0.1 fd00::1] [corp.example]",
			"reload false",
		}, append(cleared("local"), "reload false")},
		{"some domains", false, false, split, []string{
			"put local 0000} .a.example,.b.example,.corp.example 10.0.0.1; fd00::1",
			"interface Culvert [] [corp.example]",
			"reload false",
		}, append(cleared("local"), "reload false")},
		{"Group Policy has a table", true, false, full, []string{
			"put local 0000} . 10.0.0.1; fd00::1",
			"put policy 0000} . 10.0.0.1; fd00::1",
			"interface Culvert [10.0.0.1 fd00::1] [corp.example]",
			"reload true",
		}, append(cleared("local", "policy"), "reload true")},
	} {
		w := &fakeWindows{policy: tt.policy, rules: map[string]nrptRule{}}
		p := &nrptPart{system: w}
		if err := errors.Join(p.set(t.Context(), tt.cfg, noted), p.verify(t.Context(), tt.cfg)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !slices.Equal(w.ops, tt.want) {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(w.ops, "\n"), strings.Join(tt.want, "\n"))
		}
		// Another process, with the record only, and twice; the adapter is gone
		// with the first one.
		state, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		w.gone = true
		for range 2 {
			w.ops = nil
			q := &nrptPart{system: w}
			if err := errors.Join(json.Unmarshal(state, q), q.clear(t.Context())); err != nil {
				t.Errorf("%s: clear: %v", tt.name, err)
			}
			if !slices.Equal(w.ops, tt.after) || len(w.rules) != 0 {
				t.Errorf("%s: clear:\n%s\nwant\n%s\nleft %v", tt.name, strings.Join(w.ops, "\n"), strings.Join(tt.after, "\n"), w.rules)
			}
		}
	}

	// More names than one rule takes, then fewer.
	w := &fakeWindows{rules: map[string]nrptRule{}}
	p := &nrptPart{system: w}
	if err := errors.Join(p.set(t.Context(), many, noted), p.verify(t.Context(), many)); err != nil {
		t.Error(err)
	}
	if len(w.rules) != 2 {
		t.Errorf("%d rules for 61 domains", len(w.rules))
	}
	if err := errors.Join(p.set(t.Context(), split, noted), p.verify(t.Context(), split)); err != nil {
		t.Error(err)
	}
	if len(w.rules) != 1 {
		t.Errorf("%d rules left of 2", len(w.rules))
	}
	// A process that was killed left more than this one knows of.
	if err := p.set(t.Context(), many, noted); err != nil {
		t.Error(err)
	}
	p = &nrptPart{system: w}
	if err := p.set(t.Context(), split, noted); err != nil || len(w.rules) != 1 {
		t.Errorf("%d rules, %v", len(w.rules), err)
	}
	if err := p.clear(t.Context()); err != nil || len(w.rules) != 0 {
		t.Errorf("clear: %v, left %v", err, w.rules)
	}
}

// What Windows did not take, or lost, is seen.
func TestNRPTNotTaken(t *testing.T) {
	cfg := Config{Interface: "Culvert", Servers: addrs("10.0.0.1")}
	for name, spoil := range map[string]func(w *fakeWindows){
		"rule gone":                    func(w *fakeWindows) { clear(w.rules) },
		"rule changed":                 func(w *fakeWindows) { w.rules[string(localTable)+nrptID(0)] = nrptRule{[]string{"."}, "192.0.2.1"} },
		"a policy table came":          func(w *fakeWindows) { w.policy = true },
		"the interface has no servers": func(w *fakeWindows) { w.servers = nil },
	} {
		w := &fakeWindows{rules: map[string]nrptRule{}}
		p := &nrptPart{system: w}
		if err := p.set(t.Context(), cfg, noted); err != nil {
			t.Fatal(err)
		}
		spoil(w)
		ctx, cancel := (Options{Timeout: 1}).bound(t.Context())
		if err := p.verify(ctx, cfg); !errors.Is(err, ErrNotTaken) {
			t.Errorf("%s: verify = %v", name, err)
		}
		cancel()
	}
}

// Nothing happens that is not written down first.
func TestNRPTJournal(t *testing.T) {
	w := &fakeWindows{rules: map[string]nrptRule{}}
	p := &nrptPart{system: w}
	stop := errors.New("stop")
	err := p.set(t.Context(), Config{Interface: "Culvert", Servers: addrs("10.0.0.1")}, func() error {
		if text, err := json.Marshal(p); err != nil || string(text) != `{"interface":"Culvert","rules":1}` {
			t.Errorf("record %s, %v", text, err)
		}
		return stop
	})
	if !errors.Is(err, stop) || len(w.ops) != 0 {
		t.Errorf("set = %v, %q", err, w.ops)
	}
}
