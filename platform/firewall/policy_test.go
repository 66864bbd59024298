package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file below testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func addrs(s ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// The states of a connection.
func connecting() Config {
	return Config{
		KillSwitch: true, BlockDNS: true, DHCP: true,
		Gateways:  addrs("198.51.100.1", "2001:db8:100::1"),
		Resolvers: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.53:53")},
	}
}

func connected() Config {
	c := connecting()
	c.Resolvers = nil
	c.Interface, c.Addresses = "culvert0", addrs("10.99.0.10")
	c.BlockIPv6 = true
	return c
}

func everything() Config {
	c := connected()
	c.Resolvers = connecting().Resolvers
	c.Addresses = append(c.Addresses, addrs("fd00:99::10")...)
	c.Ports = []uint16{4500, 500}
	c.LocalNetwork, c.Inbound = true, true
	c.OnLink = []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::/64")}
	return c
}

func withoutIPv6() Config {
	return Config{BlockIPv6: true, BlockDNS: true, Interface: "culvert0", Gateways: addrs("198.51.100.1"), LocalNetwork: true, DHCP: true}
}

var states = []struct {
	name string
	cfg  Config
}{
	{"blocked", Config{KillSwitch: true}},
	{"connecting", connecting()},
	{"connected", connected()},
	{"everything", everything()},
	{"noipv6", withoutIPv6()},
	{"nodns", Config{BlockDNS: true, Interface: "culvert0"}},
}

func TestPlan(t *testing.T) {
	for _, s := range states {
		var b strings.Builder
		p := plan(s.cfg)
		for _, r := range p.rules {
			b.WriteString(r.String() + "\n")
		}
		b.WriteString(map[bool]string{true: "refuse", false: "permit"}[p.rest] + " the rest\n")
		golden(t, s.name+".rules", b.String())
	}
}

func TestCheck(t *testing.T) {
	sys := &fakeSystem{}
	m := newManager(sys, nil)
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no address", Config{Gateways: []netip.Addr{{}}}, "not the address of a machine"},
		{"unspecified", Config{Gateways: addrs("0.0.0.0")}, "not the address of a machine"},
		{"multicast", Config{Addresses: addrs("ff02::1")}, "not the address of a machine"},
		{"resolver without port", Config{Resolvers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:0")}}, "no resolver"},
		{"port 0", Config{Ports: []uint16{500, 0}}, "port 0"},
		{"everything is local", Config{OnLink: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "no local network"},
		{"no prefix", Config{OnLink: []netip.Prefix{{}}}, "no local network"},
		{"a rule for a name", Config{Interface: "x\npass out"}, "no interface's name"},
		{"an address for a name", Config{Interface: "10.0.0.1"}, "no interface's name"},
		{"a long name", Config{Interface: "culvert012345678"}, "no tunnel's name"},
		{"loopback for a tunnel", Config{Interface: "lo"}, "no tunnel's name"},
	} {
		c.cfg.KillSwitch = true
		if err := m.Set(context.Background(), c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Set = %v, want %q", c.name, err, c.want)
		}
	}
	if len(sys.done) != 0 {
		t.Errorf("did %q, want nothing", sys.done)
	}
}

// fakeSystem keeps the list of what it was told.
type fakeSystem struct {
	done   []string
	broken bool
	fail   error
	refs   []string
}

func (f *fakeSystem) name() string { return "fake" }

func (f *fakeSystem) apply(_ context.Context, p *policy, note func(record) error) error {
	if err := note(record{References: f.refs}); err != nil {
		return err
	}
	if f.fail != nil {
		return f.fail
	}
	f.broken = false
	f.done = append(f.done, "apply "+p.tunnel)
	return nil
}

func (f *fakeSystem) remove() error {
	f.done = append(f.done, "remove")
	return f.fail
}

func (f *fakeSystem) intact(*policy) (bool, error) { return !f.broken, nil }

func (f *fakeSystem) adopt(r record) {
	f.done = append(f.done, "adopt "+strings.Join(r.References, " "))
	f.refs = r.References
}

func (f *fakeSystem) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if strings.Join(f.done, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: did %q, want %q", when, f.done, want)
	}
	f.done = nil
}

func TestManager(t *testing.T) {
	ctx := context.Background()
	sys := &fakeSystem{refs: []string{"7"}}
	var journal []string
	var refuse error
	m := newManager(sys, func(rec []byte) error { journal = append(journal, string(rec)); return refuse })
	const written = `{"system":"fake","references":["7"]}`

	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	sys.want(t, "Set", "apply culvert0")
	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	sys.want(t, "Set again")
	sys.broken = true
	if ok, err := m.Intact(); ok || err != nil {
		t.Errorf("Intact = %v, %v, want false", ok, err)
	}
	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	sys.want(t, "Set after somebody flushed", "apply culvert0")

	refuse = errors.New("disk full")
	if err := m.Set(ctx, connecting()); !errors.Is(err, refuse) {
		t.Errorf("Set = %v, want the journal's error", err)
	}
	sys.want(t, "Set without a journal")
	refuse, sys.fail = nil, errors.New("the system says no")
	if err := m.Set(ctx, connecting()); !errors.Is(err, sys.fail) {
		t.Errorf("Set = %v, want the system's error", err)
	}
	sys.fail = nil
	if err := m.Set(ctx, connected()); err != nil {
		t.Fatal(err)
	}
	sys.want(t, "Set of what a failing Set has left")

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := m.Set(cancelled, connecting()); !errors.Is(err, context.Canceled) {
		t.Errorf("Set = %v, want Canceled", err)
	}
	if err := m.Set(ctx, Config{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
	sys.want(t, "nothing wanted, and Clear", "remove", "remove")
	if ok, err := m.Intact(); !ok || err != nil {
		t.Errorf("Intact after Clear = %v, %v, want true", ok, err)
	}
	want := []string{written, written, written, written, "", ""}
	if strings.Join(journal, "\n") != strings.Join(want, "\n") {
		t.Errorf("journal: %q, want %q", journal, want)
	}
}

func TestRecords(t *testing.T) {
	sys := &fakeSystem{}
	rec, err := json.Marshal(record{System: "fake", References: []string{"1", "2"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := cleanUp(sys, rec); err != nil {
			t.Fatal(err)
		}
		sys.want(t, "cleanUp", "adopt 1 2", "remove")
	}
	if err := cleanUp(sys, nil); err != nil {
		t.Error(err)
	}
	if err := CleanUp(nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"{", `{"system":"other"}`, "null"} {
		if err := cleanUp(sys, []byte(bad)); err == nil {
			t.Errorf("cleanUp(%s) says nothing", bad)
		}
		if err := newManager(sys, nil).Adopt([]byte(bad)); err == nil {
			t.Errorf("Adopt(%s) says nothing", bad)
		}
	}
	sys.want(t, "records of others")
	if err := newManager(sys, nil).Adopt(rec); err != nil {
		t.Error(err)
	}
	sys.want(t, "Adopt", "adopt 1 2")
}

// What LocalNetwork has already is not on its list a second time.
func TestWithoutKnown(t *testing.T) {
	var found []netip.Prefix
	for _, s := range []string{"192.168.1.0/24", "169.254.0.0/16", "fe80::/64", "fd00::/64", "203.0.113.0/24", "2001:db8::/64"} {
		found = append(found, netip.MustParsePrefix(s))
	}
	if got, want := fmt.Sprint(withoutKnown(found)), "[203.0.113.0/24 2001:db8::/64]"; got != want {
		t.Errorf("withoutKnown = %s, want %s", got, want)
	}
}
