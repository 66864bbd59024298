package netmon

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"golang.org/x/sys/unix"
)

// inNamespace gives the test a network of its own: a machine at 192.0.2.10
// behind the router 192.0.2.1, with a second network beside it and a TUN.
func inNamespace(t *testing.T) {
	t.Helper()
	testroom.Own(t)
	ip(t,
		"link add eth0 type veth peer name router0", "link set router0 up", "addr add 192.0.2.10/24 dev eth0", "link set eth0 up",
		"link add wlan0 type veth peer name router1", "link set router1 up", "addr add 192.168.9.10/24 dev wlan0", "link set wlan0 up",
		"tuntap add mode tun name culvert0", "link set culvert0 up",
		"route add default via 192.0.2.1 metric 100",
	)
	testroom.Here(t).AwaitUp("eth0", "wlan0")
}

func ip(t *testing.T, commands ...string) {
	t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip %q: %v: %s", commands, err, out)
	}
}

// watch is a Monitor without the bus of the machine.
func watch(t *testing.T) (*Monitor, *rtnetlink) {
	t.Helper()
	in := newInbox()
	s, err := newRtnetlink(in)
	if err != nil {
		t.Fatal(err)
	}
	m, err := start(Options{Ignore: func(n string) bool { return strings.HasPrefix(n, "culvert") }}, in, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, s
}

// until takes events until want is true of the state, and adds up what changed.
func until(t *testing.T, m *Monitor, what string, want func(State) bool) (Change, int) {
	t.Helper()
	var all Change
	timeout := time.After(20 * time.Second)
	for n := 1; ; n++ {
		select {
		case e := <-m.Events():
			all |= e.Changes
			if want(e.State) {
				return all, n
			}
		case <-timeout:
			t.Fatalf("no event after %s; changes so far: %v; state %+v", what, all, m.State())
		}
	}
}

func TestSystemDefaultRoute(t *testing.T) {
	inNamespace(t)
	m, _ := watch(t)
	s := m.State()
	if s.IPv4.Interface != "eth0" || s.IPv4.Gateway.String() != "192.0.2.1" || s.IPv4.Source.String() != "192.0.2.10" || s.IPv6.Valid() || fmt.Sprint(s.Addresses) != "[192.0.2.10/24]" {
		t.Errorf("State = %+v", s)
	}
	for _, c := range []struct {
		name  string
		do    []string
		want  Change
		state func(State) bool
	}{
		{"another router", []string{"route replace default via 192.0.2.2 metric 100"}, DefaultIPv4,
			func(s State) bool { return s.IPv4.Gateway.String() == "192.0.2.2" }},
		{"a better network", []string{"route add default via 192.168.9.1 metric 50"}, DefaultIPv4 | Addresses,
			func(s State) bool {
				return s.IPv4.Interface == "wlan0" && s.IPv4.Source.String() == "192.168.9.10" && fmt.Sprint(s.Addresses) == "[192.168.9.10/24]"
			}},
		{"its link is lost", []string{"link set router1 down"}, DefaultIPv4 | Addresses | Link,
			func(s State) bool { return s.IPv4.Interface == "eth0" }},
		{"the last route goes", []string{"route del default via 192.0.2.2"}, DefaultIPv4 | Addresses,
			func(s State) bool { return !s.Online() }},
		{"and is back", []string{"route add default via 192.0.2.1 metric 100"}, DefaultIPv4 | Addresses,
			func(s State) bool { return s.IPv4.Gateway.String() == "192.0.2.1" }},
		// The kernel does not tell of routes that go with an address.
		{"another address", []string{"addr del 192.0.2.10/24 dev eth0", "addr add 192.0.2.11/24 dev eth0", "route add default via 192.0.2.1 metric 100"}, Addresses,
			func(s State) bool { return s.IPv4.Source.String() == "192.0.2.11" }},
		{"IPv6", []string{"addr add 2001:db8::10/64 dev eth0 nodad", "route add default via 2001:db8::1 dev eth0"}, DefaultIPv6,
			func(s State) bool {
				return s.IPv6.Gateway.String() == "2001:db8::1" && s.IPv6.Source.String() == "2001:db8::10"
			}},
	} {
		start := time.Now()
		ip(t, c.do...)
		got, n := until(t, m, c.name, c.state)
		if got&c.want != c.want {
			t.Errorf("%s: changes %v, want %v", c.name, got, c.want)
		}
		t.Logf("%s: %v, in %d events after %v", c.name, got, n, time.Since(start))
		if n > 3 {
			t.Errorf("%s: %d events", c.name, n)
		}
	}
}

// What is there again before anybody looks is told nevertheless: with a link
// that went down, routes went that nobody but their maker brings back.
func TestSystemFlaps(t *testing.T) {
	inNamespace(t)
	m, _ := watch(t)
	before := m.State()
	ip(t, "link set eth0 down", "link set eth0 up", "route add default via 192.0.2.1 metric 100")
	got, _ := until(t, m, "a link that flapped", func(s State) bool { return s.IPv4 == before.IPv4 })
	if got&Link == 0 {
		t.Errorf("changes %v, want link", got)
	}
	ip(t, "route del default", "route add default via 192.0.2.1 metric 100")
	if got, _ := until(t, m, "a route that flapped", func(s State) bool { return s.IPv4 == before.IPv4 }); got&DefaultIPv4 == 0 {
		t.Errorf("changes %v, want default-ipv4", got)
	}
	ip(t, "rule add priority 77 lookup main", "rule del priority 77")
	if got, _ := until(t, m, "a rule that went", func(State) bool { return true }); got != Rules {
		t.Errorf("changes %v, want rules", got)
	}
}

// A thousand changes that end somewhere else are few events, and so are a thousand
// of other routes; all of our own tunnel's are none.
func TestSystemBurst(t *testing.T) {
	inNamespace(t)
	m, _ := watch(t)
	var burst, other []string
	for i := range 1000 {
		burst = append(burst, fmt.Sprintf("route replace default via 192.0.2.%d metric 100", 2+i%200))
		other = append(other, fmt.Sprintf("route add 10.%d.%d.0/24 dev eth0", i/250, i%250))
	}
	burst = append(burst, "route replace default via 192.0.2.77 metric 100")
	start := time.Now()
	ip(t, burst...)
	took := time.Since(start)
	_, n := until(t, m, "the burst", func(s State) bool { return s.IPv4.Gateway.String() == "192.0.2.77" })
	t.Logf("1001 changes in %v: %d events", took, n)
	if most := 2 + int(time.Since(start)/late)*2; n > most {
		t.Errorf("%d events, want %d at most", n, most)
	}

	ip(t, "addr add 10.99.0.10/32 dev culvert0", "route add 10.200.0.0/16 dev culvert0", "route add default dev culvert0 metric 1", "route add default dev culvert0 table 51701", "link set culvert0 down", "link set culvert0 up")
	ip(t, "route replace default via 192.0.2.78 metric 100") // the end of it
	e := <-m.Events()
	if e.Changes != DefaultIPv4 || e.State.IPv4.Gateway.String() != "192.0.2.78" {
		t.Errorf("event %v: %+v, want none but for the last change", e.Changes, e.State)
	}

	start = time.Now()
	ip(t, append(other, "route replace default via 192.0.2.79 metric 100")...)
	got, n := until(t, m, "other routes", func(s State) bool { return s.IPv4.Gateway.String() == "192.0.2.79" })
	t.Logf("1000 other routes: %d events", n)
	if most := 2 + int(time.Since(start)/late)*2; got&Routes == 0 || n > most {
		t.Errorf("%v in %d events, want routes in %d at most", got, n, most)
	}
}

// Without a default route, too, there are networks that come and go.
func TestSystemRoutes(t *testing.T) {
	inNamespace(t)
	ip(t, "route del default")
	m, _ := watch(t)
	for _, c := range []string{"addr add 10.7.0.1/24 dev wlan0", "route add 10.8.0.0/16 via 192.0.2.9", "route del 10.8.0.0/16", "link set wlan0 down", "link set wlan0 up", "addr del 192.0.2.10/24 dev eth0"} {
		ip(t, c)
		select {
		case e := <-m.Events():
			if e.Changes&Routes == 0 || e.State.Online() {
				t.Errorf("%s: %v: %+v, want routes", c, e.Changes, e.State)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no event", c)
		}
	}
}

// When more comes than there is room for, everything is read again.
func TestSystemOverrun(t *testing.T) {
	inNamespace(t)
	m, s := watch(t)
	if err := unix.SetsockoptInt(s.socket.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	var burst []string
	for i := range 500 {
		burst = append(burst, fmt.Sprintf("route replace default via 192.0.2.%d metric 100", 2+i%200))
	}
	s.mu.Lock() // the goroutine that reads waits at the first message
	ip(t, append(burst, "route del default", "route add default via 192.168.9.1 metric 50")...)
	s.mu.Unlock()
	until(t, m, "an overrun", func(s State) bool { return s.IPv4.Interface == "wlan0" })
	s.mu.Lock()
	lost := s.lost
	s.mu.Unlock()
	if lost == 0 {
		t.Error("nothing was lost: this test tests nothing")
	}
	ip(t, "route replace default via 192.168.9.2 metric 50")
	until(t, m, "the change after it", func(s State) bool { return s.IPv4.Gateway.String() == "192.168.9.2" })
	ip(t, "link set wlan0 down")
	if got, _ := until(t, m, "a link after it", func(s State) bool { return !s.Online() }); got&Link == 0 {
		t.Errorf("changes %v, want link", got)
	}
}

// The machine's own bus, if it has one, and the real clocks.
func TestSystemNew(t *testing.T) {
	inNamespace(t)
	m, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.State().IPv4.Gateway.String(); got != "192.0.2.1" {
		t.Errorf("gateway %s", got)
	}
	m.Close()
	first, err := suspended()
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if again, err := suspended(); err != nil || (again-first).Abs() > leastSleep {
			t.Fatalf("suspended() = %v, %v, after %v", again, err, first)
		}
	}
}
