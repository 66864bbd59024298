package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// fake is a system with one router; it keeps the list of what was done.
type fake struct {
	is      traits
	done    []string
	state   map[any]op // what all ops made
	fail    string     // the op that fails
	noWay   bool
	router  string
	more    []entry
	journal []record // what the journal was told
	unsaid  error    // what the journal says
}

var (
	onLinux   = traits{policy: true, refuse: true}
	onWindows = traits{}
	onMac     = traits{halves: true, refuse: true, exclusive: true}
)

var errFake = errors.New("the system says no")

func (f *fake) traits() traits { return f.is }

func (f *fake) link(name string) (link, error) {
	if !strings.HasPrefix(name, "culvert") {
		return link{}, errFake
	}
	return link{index: 7, mtu: 1500}, nil
}

func (f *fake) routes() ([]entry, error) {
	if f.noWay {
		return nil, nil
	}
	eth0 := hop{dev: "eth0", index: 2}
	router := eth0
	router.via = netip.MustParseAddr("192.0.2.1")
	if f.router != "" {
		router.via = netip.MustParseAddr(f.router)
	}
	return append([]entry{
		{prefix: all4, hop: router, metric: 100},
		{prefix: all4, hop: hop{dev: "wlan0", index: 3, via: netip.MustParseAddr("192.168.9.1")}, metric: 600},
		{prefix: netip.MustParsePrefix("192.0.2.0/24"), hop: eth0, told: true, own: netip.MustParseAddr("192.0.2.10")},
		{prefix: netip.MustParsePrefix("172.17.0.0/16"), hop: hop{dev: "docker0", index: 4}, told: true, own: netip.MustParseAddr("172.17.0.1")},
		{prefix: netip.MustParsePrefix("10.99.0.0/24"), hop: hop{dev: "culvert0", index: 7}},
	}, f.more...), nil
}

func (f *fake) do(ops []op) []error {
	errs := make([]error, len(ops))
	for i, o := range ops {
		if o.String() == f.fail && !o.again {
			errs[i] = errFake
			continue
		}
		if f.state == nil {
			f.state = map[any]op{}
		}
		made := o.plain()
		made.Delete = false
		var at any = o.place()
		if o.Do == addRule {
			at = made // there can be several of a priority
		}
		if o.Delete {
			delete(f.state, at)
		} else {
			f.state[at] = made
		}
		if !o.again {
			f.done = append(f.done, o.String())
		}
	}
	return errs
}

func (f *fake) manager() *Manager {
	return &Manager{run: f, journal: func(b []byte) error {
		var r record
		if len(b) > 0 {
			if err := json.Unmarshal(b, &r); err != nil {
				return err
			}
		}
		f.journal = append(f.journal, r)
		return f.unsaid
	}}
}

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

func full() Config {
	return Config{
		Interface: "culvert0", Address: netip.MustParseAddr("10.99.0.10"), MTU: 1400,
		Routes:  prefixes("0.0.0.0/0"),
		Outside: prefixes("198.51.100.1/32"),
		Blocked: prefixes("::/0"),
	}
}

func set(t *testing.T, m *Manager, cfg Config) {
	t.Helper()
	if err := m.Set(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func reset(t *testing.T, m *Manager) {
	t.Helper()
	if err := m.Clear(); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, m *Manager) {
	t.Helper()
	if err := m.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if !slices.Equal(f.done, want) {
		t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(f.done, "\n"), strings.Join(want, "\n"))
	}
	f.done = nil
}

var (
	nearLinux = []string{
		"route add throw fe80::/10 table 51701",
		"route add throw 172.17.0.0/16 table 51701",
		"route add throw 192.0.2.0/24 table 51701",
		"route add throw 192.168.9.1/32 table 51701",
	}
	fullLinux = slices.Concat([]string{
		"link set culvert0 mtu 1400 up",
		"addr add 10.99.0.10/32 dev culvert0",
		"route add throw 198.51.100.1/32 table 51701",
		"route add throw 224.0.0.0/4 table 51701",
		"route add throw 255.255.255.255/32 table 51701",
	}, nearLinux, []string{
		"route add unreachable ::/0 table 51701",
		"route add 0.0.0.0/0 dev culvert0 src 10.99.0.10 table 51701",
		"rule add priority 5330 lookup 51701",
		"-6 rule add priority 5330 lookup 51701",
	})
	clearLinux = []string{
		"-6 rule del priority 5330 lookup 51701",
		"rule del priority 5330 lookup 51701",
		"route del 0.0.0.0/0 dev culvert0 src 10.99.0.10 table 51701",
		"route del unreachable ::/0 table 51701",
		"route del throw 192.168.9.1/32 table 51701",
		"route del throw 192.0.2.0/24 table 51701",
		"route del throw 172.17.0.0/16 table 51701",
		"route del throw fe80::/10 table 51701",
		"route del throw 255.255.255.255/32 table 51701",
		"route del throw 224.0.0.0/4 table 51701",
		"route del throw 198.51.100.1/32 table 51701",
		"addr del 10.99.0.10/32 dev culvert0",
		"link set culvert0 mtu 1500 down",
	}
)

// What each system is told, in order.
func TestSet(t *testing.T) {
	local := full()
	local.CaptureLocal, local.Mark = true, 0xc0
	local.Outside = append(local.Outside, prefixes("192.0.2.128/25")...)
	both := full()
	both.Blocked, both.Address6 = nil, netip.MustParseAddr("2001:db8:99::10")
	both.Routes = prefixes("0.0.0.0/0", "::/0")
	split := Config{Interface: "culvert0", Address: full().Address, Routes: prefixes("10.0.0.0/8", "198.51.100.0/24", "2001:db8:7::/48"),
		Outside: prefixes("198.51.100.1/32", "203.0.113.7/32", "127.0.0.1/32"), Blocked: prefixes("10.66.0.0/16")}
	splitRoutes := []string{
		"addr add 10.99.0.10/32 dev culvert0",
		"route add 198.51.100.1/32 via 192.0.2.1 dev eth0",
	}
	rest := []string{
		"route add 10.0.0.0/8 dev culvert0 src 10.99.0.10",
		"route add 198.51.100.0/24 dev culvert0 src 10.99.0.10",
		"route add 2001:db8:7::/48 dev culvert0",
	}
	for _, c := range []struct {
		name string
		is   traits
		cfg  Config
		want []string
	}{
		{"Linux, full", onLinux, full(), fullLinux},
		{"Windows, full", onWindows, full(), []string{
			"link set culvert0 mtu 1400 up", "addr add 10.99.0.10/32 dev culvert0",
			"route add 198.51.100.1/32 via 192.0.2.1 dev eth0",
			"route add ::/0 dev culvert0",
			"route add 0.0.0.0/0 dev culvert0 src 10.99.0.10",
		}},
		{"macOS, full", onMac, full(), []string{
			"link set culvert0 mtu 1400 up", "addr add 10.99.0.10/32 dev culvert0",
			"route add 198.51.100.1/32 via 192.0.2.1 dev eth0",
			"route add unreachable ::/1", "route add unreachable 8000::/1",
			"route add 0.0.0.0/1 dev culvert0 src 10.99.0.10", "route add 128.0.0.0/1 dev culvert0 src 10.99.0.10",
		}},
		{"Linux, IPv6 carried", onLinux, both, slices.Concat([]string{
			"link set culvert0 mtu 1400 up",
			"addr add 10.99.0.10/32 dev culvert0", "addr add 2001:db8:99::10/128 dev culvert0",
			"route add throw 198.51.100.1/32 table 51701", "route add throw 224.0.0.0/4 table 51701", "route add throw 255.255.255.255/32 table 51701",
		}, nearLinux, []string{
			"route add 0.0.0.0/0 dev culvert0 src 10.99.0.10 table 51701", "route add ::/0 dev culvert0 src 2001:db8:99::10 table 51701",
			"rule add priority 5330 lookup 51701", "-6 rule add priority 5330 lookup 51701",
		})},
		{"Linux, no local network, mark", onLinux, local, []string{
			"link set culvert0 mtu 1400 up", "addr add 10.99.0.10/32 dev culvert0",
			"route add throw 198.51.100.1/32 table 51701", "route add throw 192.0.2.128/25 table 51701",
			"route add throw fe80::/10 table 51701", "route add throw 172.17.0.0/16 table 51701",
			"route add throw 192.0.2.1/32 table 51701", "route add throw 192.168.9.1/32 table 51701",
			"route add unreachable ::/0 table 51701",
			"route add 0.0.0.0/0 dev culvert0 src 10.99.0.10 table 51701",
			"rule add not fwmark 0xc0 priority 5330 lookup 51701",
			"-6 rule add not fwmark 0xc0 priority 5330 lookup 51701",
		}},
		{"Windows, no local network", onWindows, local, []string{
			"link set culvert0 mtu 1400 up", "addr add 10.99.0.10/32 dev culvert0",
			"route add 198.51.100.1/32 via 192.0.2.1 dev eth0", "route add 192.0.2.128/25 dev eth0",
			"route add ::/0 dev culvert0", "route add 0.0.0.0/0 dev culvert0 src 10.99.0.10",
			"route add 192.0.2.1/32 dev eth0", "route add 192.168.9.1/32 dev wlan0",
			"route add 192.0.2.0/25 dev culvert0 src 10.99.0.10",
		}},
		{"Linux, split", onLinux, split, slices.Concat([]string{"link set culvert0 up"}, splitRoutes, []string{"route add unreachable 10.66.0.0/16"}, rest)},
		{"Windows, split", onWindows, split, slices.Concat([]string{"link set culvert0 up"}, splitRoutes, []string{"route add 10.66.0.0/16 dev culvert0 src 10.99.0.10"}, rest)},
		{"macOS, split", onMac, split, slices.Concat([]string{"link set culvert0 up"}, splitRoutes, []string{"route add unreachable 10.66.0.0/16"}, rest)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{is: c.is}
			m := f.manager()
			set(t, m, c.cfg)
			f.want(t, "Set", c.want...)
			set(t, m, c.cfg)
			update(t, m)
			f.want(t, "Set again and Update")
			reset(t, m)
			if len(f.done) != len(c.want) || len(m.applied) != 0 {
				t.Errorf("Clear did %q after %q", f.done, c.want)
			}
			if len(f.state) != 0 {
				t.Errorf("Clear left %v", f.state)
			}
			f.done = nil
			reset(t, m)
			update(t, m)
			f.want(t, "Clear again and Update")
		})
	}
}

func TestClear(t *testing.T) {
	f := &fake{is: onLinux}
	m := f.manager()
	set(t, m, full())
	f.done = nil
	reset(t, m)
	f.want(t, "Clear", clearLinux...)
	if last := f.journal[len(f.journal)-1]; last.Ops != nil {
		t.Errorf("after Clear the journal has %v", last.Ops)
	}
}

// Something else is made before what it replaces is taken away.
func TestSetChanges(t *testing.T) {
	f := &fake{is: onLinux}
	m := f.manager()
	set(t, m, full())
	f.done = nil
	cfg := full()
	cfg.Address, cfg.MTU, cfg.Blocked, cfg.Mark = netip.MustParseAddr("10.99.0.11"), 1280, nil, 5
	cfg.Routes = prefixes("0.0.0.0/0", "10.0.0.0/8")
	cfg.Outside = prefixes("192.0.2.7/32")
	set(t, m, cfg)
	f.want(t, "Set of something else",
		"link set culvert0 mtu 1280 up",
		"addr add 10.99.0.11/32 dev culvert0",
		"route add throw 192.0.2.7/32 table 51701",
		"route replace 0.0.0.0/0 dev culvert0 src 10.99.0.11 table 51701",
		"route add 10.0.0.0/8 dev culvert0 src 10.99.0.11",
		"rule del priority 5330 lookup 51701",
		"rule add not fwmark 0x5 priority 5330 lookup 51701",
		"-6 rule del priority 5330 lookup 51701",
		"route del unreachable ::/0 table 51701",
		"route del throw fe80::/10 table 51701",
		"route del throw 198.51.100.1/32 table 51701",
		"addr del 10.99.0.10/32 dev culvert0",
	)
	reset(t, m)
	if last := f.done[len(f.done)-1]; last != "link set culvert0 mtu 1500 down" {
		t.Errorf("Clear ends with %q, want the interface as it was before the first Set", last)
	}
}

// Each op that can fail does: what was before is again, whatever it was.
func TestSetFails(t *testing.T) {
	other := full()
	other.Address, other.Outside, other.MTU, other.Mark = netip.MustParseAddr("10.99.0.11"), prefixes("203.0.113.1/32"), 1300, 3
	old := full()
	for _, before := range []*Config{nil, &old} {
		dry := &fake{is: onLinux}
		m := dry.manager()
		if before != nil {
			set(t, m, *before)
		}
		dry.done = nil
		set(t, m, other)
		for _, op := range dry.done {
			f := &fake{is: onLinux}
			m := f.manager()
			if before != nil {
				set(t, m, *before)
			}
			applied := slices.Clone(m.applied)
			state := maps.Clone(f.state)
			f.fail, f.done = op, nil
			err := m.Set(t.Context(), other)
			if want := fmt.Sprintf("route: ip %s: the system says no", op); !errors.Is(err, errFake) || err.Error() != want {
				t.Errorf("Set = %v, want %s", err, want)
			}
			if !slices.Equal(m.applied, applied) {
				t.Errorf("after %q failed: %v, want %v", op, m.applied, applied)
			}
			if last := f.journal[len(f.journal)-1]; !slices.Equal(last.Ops, applied) {
				t.Errorf("after %q failed the journal has %v, want %v", op, last.Ops, applied)
			}
			if !maps.Equal(f.state, state) {
				t.Errorf("after %q failed there is %v, want %v", op, f.state, state)
			}
		}
	}
}

// Before anything is done the journal knows of it, and an error of the journal
// stops it.
func TestJournal(t *testing.T) {
	f := &fake{is: onLinux}
	m := f.manager()
	f.unsaid = errFake
	if err := m.Set(t.Context(), full()); !errors.Is(err, errFake) || len(f.done) != 0 {
		t.Errorf("Set = %v and did %q, want the journal's error and nothing", err, f.done)
	}
	f.unsaid = nil
	f.journal = nil
	set(t, m, full())
	if len(f.journal) != 2 || !slices.Equal(f.journal[0].Ops, m.applied) || !slices.Equal(f.journal[1].Ops, m.applied) {
		t.Errorf("the journal was told %v, want %v before and after", f.journal, m.applied)
	}
	f.done = nil
	b, err := json.Marshal(f.journal[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := cleanUp(f, b); err != nil {
		t.Fatal(err)
	}
	f.want(t, "CleanUp", clearLinux...)
}

func TestBadRecords(t *testing.T) {
	for _, b := range []string{"{", `{"version":2,"ops":[]}`, `[]`} {
		if err := CleanUp([]byte(b)); err == nil {
			t.Errorf("CleanUp(%s) took it", b)
		}
	}
	if err := CleanUp(nil); err != nil {
		t.Errorf("CleanUp(nil) = %v", err)
	}
}

func TestSetCancelled(t *testing.T) {
	f := &fake{is: onLinux}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.manager().Set(ctx, full()); !errors.Is(err, context.Canceled) || len(f.done) != 0 {
		t.Errorf("Set = %v and did %q", err, f.done)
	}
}

// Pins follow the default route, whatever the system.
func TestUpdateFollows(t *testing.T) {
	for name, c := range map[string]struct {
		is   traits
		cfg  Config
		want []string
	}{
		"Linux": {onLinux, Config{Interface: "culvert0", Routes: prefixes("198.51.100.0/24"), Outside: prefixes("198.51.100.1/32")},
			[]string{"route replace 198.51.100.1/32 via 192.0.2.2 dev eth0", "route replace unreachable 198.51.100.1/32", "route replace 198.51.100.1/32 via 192.0.2.1 dev eth0"}},
		"macOS": {onMac, full(), []string{
			"route del 198.51.100.1/32 via 192.0.2.1 dev eth0", "route add 198.51.100.1/32 via 192.0.2.2 dev eth0",
			"route del 198.51.100.1/32 via 192.0.2.2 dev eth0", "route add unreachable 198.51.100.1/32",
			"route del unreachable 198.51.100.1/32", "route add 198.51.100.1/32 via 192.0.2.1 dev eth0"}},
		"Windows": {onWindows, full(), []string{
			"route del 198.51.100.1/32 via 192.0.2.1 dev eth0", "route add 198.51.100.1/32 via 192.0.2.2 dev eth0",
			"route del 198.51.100.1/32 via 192.0.2.2 dev eth0", "route add 198.51.100.1/32 via 192.0.2.1 dev eth0"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{is: c.is}
			m := f.manager()
			set(t, m, c.cfg)
			f.done = nil
			f.router = "192.0.2.2"
			update(t, m)
			f.noWay = true
			update(t, m)
			f.noWay, f.router = false, ""
			update(t, m)
			f.want(t, "Updates", c.want...)
		})
	}
}

// Clear goes on after an error, and can be tried again.
func TestClearFails(t *testing.T) {
	f := &fake{is: onLinux}
	m := f.manager()
	set(t, m, full())
	f.done, f.fail = nil, "route del unreachable ::/0 table 51701"
	if err := m.Clear(); !errors.Is(err, errFake) {
		t.Errorf("Clear = %v", err)
	}
	if len(f.done) != len(clearLinux)-1 {
		t.Errorf("Clear did %q, want all others", f.done)
	}
	f.done, f.fail = nil, ""
	reset(t, m)
	f.want(t, "Clear again", "route del unreachable ::/0 table 51701")
}

// Somebody's own route to the gateway is as good as a pin, and is not touched;
// on macOS it cannot be beside one of ours.
func TestForeignRoutes(t *testing.T) {
	other := entry{prefix: netip.MustParsePrefix("198.51.100.1/32"), hop: hop{dev: "eth0", index: 2}}
	f := &fake{is: onWindows, more: []entry{other}}
	m := f.manager()
	set(t, m, full())
	reset(t, m)
	if slices.ContainsFunc(f.done, func(s string) bool { return strings.Contains(s, "198.51.100.1") }) {
		t.Errorf("touched a route that was there: %q", f.done)
	}
	f = &fake{is: onMac, more: []entry{{prefix: netip.MustParsePrefix("128.0.0.0/1"), hop: other.hop}}}
	if err := f.manager().Set(t.Context(), full()); !errors.Is(err, ErrTaken) || len(f.done) != 0 {
		t.Errorf("Set = %v and did %q, want ErrTaken and nothing", err, f.done)
	}
}

func TestContradictions(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"inside and outside": func(c *Config) { c.Routes = append(c.Routes, c.Outside[0]) },
		"inside and blocked": func(c *Config) { c.Blocked = append(c.Blocked, c.Routes[0]) },
		"host bits":          func(c *Config) { c.Outside = append(c.Outside, netip.MustParsePrefix("10.0.0.1/8")) },
		"no network":         func(c *Config) { c.Routes = append(c.Routes, netip.Prefix{}) },
		"no interface":       func(c *Config) { c.Interface = "eth9" },
	} {
		f := &fake{is: onLinux}
		cfg := full()
		change(&cfg)
		if err := f.manager().Set(t.Context(), cfg); err == nil || len(f.done) != 0 {
			t.Errorf("%s: Set = %v and did %q, want an error and nothing", name, err, f.done)
		}
	}
}
