package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// fake is a system with one router; it keeps the list of what was done.
type fake struct {
	done []string
	fail string // the op that fails
	have string // the op that finds its route there already
}

var errFake = errors.New("the system says no")

func (f *fake) do(o op) error {
	s := o.String()
	switch s {
	case f.fail:
		return errFake
	case f.have:
		return errKept
	}
	f.done = append(f.done, s)
	return nil
}

func (f *fake) way(dst netip.Addr, except string) (hop, bool, error) {
	if dst.IsLoopback() {
		return hop{}, false, nil
	}
	if netip.MustParsePrefix("192.0.2.0/24").Contains(dst) {
		return hop{dev: "eth0"}, true, nil
	}
	return hop{via: netip.MustParseAddr("192.0.2.1"), dev: "eth0"}, true, nil
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
		Routes:  prefixes("0.0.0.0/1", "128.0.0.0/1"),
		Outside: prefixes("198.51.100.1/32"),
		Blocked: prefixes("::/1", "8000::/1"),
	}
}

func (f *fake) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if !slices.Equal(f.done, want) {
		t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(f.done, "\n"), strings.Join(want, "\n"))
	}
	f.done = nil
}

func TestSetAndClose(t *testing.T) {
	f := &fake{}
	m := &Manager{run: f}
	if err := m.Set(full()); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Set",
		"link set culvert0 mtu 1400 up",
		"addr add 10.99.0.10/32 dev culvert0",
		"route add 198.51.100.1/32 via 192.0.2.1 dev eth0",
		"route add unreachable ::/1",
		"route add unreachable 8000::/1",
		"route add 0.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route add 128.0.0.0/1 dev culvert0 src 10.99.0.10",
	)
	if err := m.Set(full()); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Set again")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Close",
		"route del 128.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del 0.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del unreachable 8000::/1",
		"route del unreachable ::/1",
		"route del 198.51.100.1/32 via 192.0.2.1 dev eth0",
		"addr del 10.99.0.10/32 dev culvert0",
	)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Close again")
}

func TestSetChanges(t *testing.T) {
	f := &fake{}
	m := &Manager{run: f}
	cfg := full()
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	f.done = nil
	cfg.Address, cfg.MTU, cfg.Blocked = netip.MustParseAddr("10.99.0.11"), 1280, nil
	cfg.Routes = prefixes("10.0.0.0/8")
	cfg.Outside = prefixes("198.51.100.1/32", "192.0.2.7/32", "127.0.0.1/32")
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Set of something else",
		"route del 128.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del 0.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del unreachable 8000::/1",
		"route del unreachable ::/1",
		"addr del 10.99.0.10/32 dev culvert0",
		"link set culvert0 mtu 1280 up",
		"addr add 10.99.0.11/32 dev culvert0",
		"route add 192.0.2.7/32 dev eth0",
		"route add 10.0.0.0/8 dev culvert0 src 10.99.0.11",
	)
}

func TestSetFails(t *testing.T) {
	f := &fake{fail: "route add 128.0.0.0/1 dev culvert0 src 10.99.0.10"}
	m := &Manager{run: f}
	err := m.Set(full())
	if !errors.Is(err, errFake) || err.Error() != fmt.Sprintf("route: ip %s: the system says no", f.fail) {
		t.Errorf("Set = %v", err)
	}
	f.want(t, "a Set that fails",
		"link set culvert0 mtu 1400 up",
		"addr add 10.99.0.10/32 dev culvert0",
		"route add 198.51.100.1/32 via 192.0.2.1 dev eth0",
		"route add unreachable ::/1",
		"route add unreachable 8000::/1",
		"route add 0.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del 0.0.0.0/1 dev culvert0 src 10.99.0.10",
		"route del unreachable 8000::/1",
		"route del unreachable ::/1",
		"route del 198.51.100.1/32 via 192.0.2.1 dev eth0",
		"addr del 10.99.0.10/32 dev culvert0",
	)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(t, "Close after it")

	// What an earlier Set made stays.
	f.fail = ""
	cfg := full()
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	f.done, f.fail = nil, "route add 10.0.0.0/8 dev culvert0 src 10.99.0.10"
	cfg.Outside = append(cfg.Outside, netip.MustParsePrefix("203.0.113.1/32"))
	cfg.Routes = append(cfg.Routes, netip.MustParsePrefix("10.0.0.0/8"))
	if err := m.Set(cfg); !errors.Is(err, errFake) {
		t.Errorf("Set = %v", err)
	}
	f.want(t, "a later Set that fails",
		"route add 203.0.113.1/32 via 192.0.2.1 dev eth0",
		"route del 203.0.113.1/32 via 192.0.2.1 dev eth0",
	)
}

// Close goes on after an error, and can be tried again.
func TestCloseFails(t *testing.T) {
	f := &fake{}
	m := &Manager{run: f}
	if err := m.Set(full()); err != nil {
		t.Fatal(err)
	}
	f.done, f.fail = nil, "route del unreachable ::/1"
	if err := m.Close(); !errors.Is(err, errFake) {
		t.Errorf("Close = %v", err)
	}
	if len(f.done) != 5 {
		t.Errorf("Close did %q, want the other five", f.done)
	}
}

// Somebody else's route is not taken away.
func TestKeptRoute(t *testing.T) {
	f := &fake{have: "route add 198.51.100.1/32 via 192.0.2.1 dev eth0"}
	m := &Manager{run: f}
	if err := m.Set(full()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(f.done, func(s string) bool { return strings.Contains(s, "198.51.100.1") }) {
		t.Errorf("touched a route that was there: %q", f.done)
	}
}

func TestInsideAndOutside(t *testing.T) {
	f := &fake{}
	cfg := full()
	cfg.Routes = append(cfg.Routes, cfg.Outside[0])
	if err := (&Manager{run: f}).Set(cfg); err == nil || len(f.done) != 0 {
		t.Errorf("Set = %v and did %q, want an error and nothing", err, f.done)
	}
}
