package route

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// inNamespace gives the test a network of its own: a machine at 192.0.2.10
// behind the router 192.0.2.1, with a second network beside it, a bridge of
// containers and a TUN. It takes root.
func inNamespace(t *testing.T) {
	t.Helper()
	n := testroom.Own(t)
	n.IP(
		"link add eth0 type veth peer name router0",
		"link set router0 up",
		"addr add 192.0.2.10/24 dev eth0",
		"addr add 2001:db8::10/64 dev eth0 nodad",
		"link set eth0 up",
		"route add default via 192.0.2.1 metric 100",
		"-6 route add default via 2001:db8::1",
		"route add 10.20.0.0/16 via 192.0.2.2",
		"link add wlan0 type veth peer name router1",
		"link set router1 up",
		"addr add 192.168.9.10/24 dev wlan0",
		"link set wlan0 up",
		"link add docker0 type veth peer name container0",
		"link set container0 up",
		"addr add 172.17.0.1/16 dev docker0",
		"link set docker0 up",
		"tuntap add mode tun name culvert0",
		"link set culvert0 up", // the first time, the kernel gives it a queue to keep
		"link set culvert0 down",
	)
	n.AwaitUp("eth0", "router0", "wlan0", "router1", "docker0", "container0")
}

func ip(t *testing.T, command string) string {
	t.Helper()
	return testroom.Here(t).IP(command)
}

// everything is what must be the same before and after.
func everything(t *testing.T) string {
	t.Helper()
	return "rules:\n" + ip(t, "-4 rule") + ip(t, "-6 rule") + "IPv4:\n" + ip(t, "-4 route show table all") +
		"IPv6:\n" + ip(t, "-6 route show table all") + "addresses:\n" + ip(t, "addr")
}

func sorted(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func same(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
	}
}

func via(t *testing.T, dst, want string) {
	t.Helper()
	if got := ip(t, "route get "+dst); !strings.Contains(got, want) {
		t.Errorf("route get %s = %s, want %s", dst, strings.TrimSpace(got), want)
	}
}

func refused(t *testing.T, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		if out, err := exec.Command("ip", "route", "get", a).CombinedOutput(); err == nil && !strings.Contains(string(out), "unreachable") {
			t.Errorf("%s passes: %s", a, out)
		}
	}
}

func newManager(t *testing.T) *Manager {
	t.Helper()
	m, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSystemFullTunnel(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	cfg.Outside = append(cfg.Outside, prefixes("203.0.113.128/25", "2001:db8:5::1/128", "127.0.0.1/32")...)
	set(t, m, cfg)
	via(t, "8.8.8.8", "dev culvert0 table 51701 src 10.99.0.10")
	via(t, "203.0.113.9", "dev culvert0 table 51701 src 10.99.0.10")
	via(t, "203.0.113.129", "via 192.0.2.1 dev eth0")
	via(t, "198.51.100.1", "via 192.0.2.1 dev eth0 src 192.0.2.10")
	via(t, "10.20.1.1", "via 192.0.2.2 dev eth0")
	via(t, "192.0.2.77", "dev eth0")
	via(t, "172.17.0.9", "dev docker0")
	via(t, "2001:db8:5::1", "via 2001:db8::1 dev eth0")
	via(t, "2001:db8::77", "dev eth0")
	via(t, "239.255.255.250", "dev eth0")
	refused(t, "2606:4700::1", "fd00::1")
	if got := ip(t, "link show culvert0"); !strings.Contains(got, "mtu 1400") || !strings.Contains(got, "UP") {
		t.Errorf("link: %s", got)
	}

	during := everything(t)
	set(t, m, cfg)
	same(t, "Set twice is not once", everything(t), during)
	update(t, m)
	same(t, "Update without need", everything(t), during)
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// The gateway offers IPv6.
func TestSystemIPv6(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	set(t, m, full())
	cfg := full()
	cfg.Blocked, cfg.Address6 = nil, netip.MustParseAddr("2001:db8:99::10")
	cfg.Routes = prefixes("0.0.0.0/0", "::/0")
	cfg.Outside = prefixes("2001:db8:5::1/128")
	set(t, m, cfg) // what was refused is carried
	via(t, "2606:4700::1", "dev culvert0 table 51701 proto kernel src 2001:db8:99::10")
	via(t, "2001:db8:5::1", "via 2001:db8::1 dev eth0")
	via(t, "2001:db8::77", "dev eth0")
	via(t, "8.8.8.8", "dev culvert0")
	set(t, m, full())
	refused(t, "2606:4700::1")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// New interfaces have no IPv6 here, the outside one has: it must not leak.
func TestSystemIPv6OffByDefault(t *testing.T) {
	inNamespace(t)
	sysctl(t, "ipv6/conf/culvert0/disable_ipv6", "1")
	m := newManager(t)
	cfg := full()
	cfg.Blocked, cfg.Address6 = nil, netip.MustParseAddr("2001:db8:99::10")
	cfg.Routes = prefixes("0.0.0.0/0", "::/0")
	set(t, m, cfg)
	via(t, "2606:4700::1", "dev culvert0")
	reset(t, m)
}

// A gateway that is wanted outside later, when everything already goes inside.
func TestSystemLaterOutside(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	set(t, m, cfg)
	cfg.Outside = prefixes("203.0.113.1/32", "192.0.2.77/32")
	set(t, m, cfg)
	via(t, "203.0.113.1", "via 192.0.2.1 dev eth0")
	via(t, "198.51.100.1", "dev culvert0")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// Full tunnel: the gateway's way follows at once, with nobody doing anything.
func TestSystemFollowsByItself(t *testing.T) {
	inNamespace(t)
	m := newManager(t)
	set(t, m, full())
	for _, c := range []struct{ change, want string }{
		{"route replace default via 192.0.2.3 metric 100", "via 192.0.2.3 dev eth0"},           // a DHCP renewal
		{"route add default via 192.168.9.1 dev wlan0 metric 50", "via 192.168.9.1 dev wlan0"}, // another network
		{"link set wlan0 down", "via 192.0.2.3 dev eth0"},
	} {
		ip(t, c.change)
		via(t, "198.51.100.1", c.want)
		via(t, "8.8.8.8", "dev culvert0")
	}
	ip(t, "route del default via 192.0.2.3")
	refused(t, "198.51.100.1")
	via(t, "8.8.8.8", "dev culvert0")
	reset(t, m)
}

// systemd-networkd flushes rules when it starts, and routes of its interfaces:
// Update repairs it.
func TestSystemRepairs(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	cfg.Routes = append(cfg.Routes, prefixes("198.51.100.0/24", "10.0.0.0/8")...)
	set(t, m, cfg)
	during := everything(t)
	for _, c := range []string{
		"rule del priority 5330", "-6 rule del priority 5330", "route del 198.51.100.1", "route flush table 51701", "addr del 10.99.0.10/32 dev culvert0",
	} {
		ip(t, c)
		update(t, m)
		same(t, "Update after "+c, everything(t), during)
	}
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

func TestSystemCaptureLocal(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	cfg.CaptureLocal = true
	cfg.Outside = append(cfg.Outside, prefixes("192.0.2.78/32")...)
	set(t, m, cfg)
	via(t, "198.51.100.1", "via 192.0.2.1 dev eth0")
	via(t, "192.0.2.77", "dev culvert0")
	via(t, "192.0.2.1", "dev eth0")
	via(t, "192.0.2.78", "dev eth0")
	via(t, "10.20.1.1", "dev culvert0")
	via(t, "172.17.0.9", "dev docker0") // no network of the outside interface
	refused(t, "2001:db8::77")
	ip(t, "addr add 192.168.77.10/24 dev eth0")
	update(t, m)
	via(t, "192.168.77.1", "dev culvert0")
	ip(t, "addr del 192.168.77.10/24 dev eth0")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// A peer whose PPP address is the gateway's outside address, in a network that
// goes through the tunnel: only the pin keeps the tunnel out of itself.
func TestSystemSplitTunnel(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	set(t, m, Config{Interface: "culvert0", Address: netip.MustParseAddr("10.99.0.10"), MTU: 1280,
		Routes: prefixes("10.0.0.0/8", "198.51.100.0/24", "192.0.2.80/32"), Outside: prefixes("198.51.100.1/32")})
	via(t, "10.1.2.3", "dev culvert0 src 10.99.0.10")
	via(t, "10.20.1.1", "via 192.0.2.2 dev eth0") // more specific
	via(t, "192.0.2.80", "dev culvert0")          // more specific than the own network
	via(t, "192.0.2.81", "dev eth0")
	via(t, "198.51.100.7", "dev culvert0")
	via(t, "198.51.100.1", "via 192.0.2.1 dev eth0")
	via(t, "8.8.8.8", "via 192.0.2.1 dev eth0")

	ip(t, "route replace default via 192.0.2.3 metric 100")
	update(t, m)
	via(t, "198.51.100.1", "via 192.0.2.3 dev eth0")
	ip(t, "link set eth0 down")
	update(t, m)
	refused(t, "198.51.100.1")
	ip(t, "route add default via 192.168.9.1")
	update(t, m)
	via(t, "198.51.100.1", "via 192.168.9.1 dev wlan0")
	ip(t, "route del default")
	for _, c := range []string{"link set eth0 up", "addr add 2001:db8::10/64 dev eth0 nodad", "route add default via 192.0.2.1 metric 100", "-6 route add default via 2001:db8::1", "route add 10.20.0.0/16 via 192.0.2.2"} {
		ip(t, c)
	}
	testroom.Here(t).AwaitUp("eth0", "router0")
	reset(t, m)
	same(t, "after Clear", sorted(everything(t)), sorted(before)) // eth0's IPv6 came back in another order
}

// The device may be gone before its routes are taken away.
func TestSystemDeviceGone(t *testing.T) {
	inNamespace(t)
	m := newManager(t)
	set(t, m, full())
	ip(t, "link del culvert0")
	after := func() string {
		return ip(t, "-4 rule") + ip(t, "-6 rule") + ip(t, "-4 route show table all") + ip(t, "-6 route show table all")
	}
	if left := after(); !strings.Contains(left, "51701") {
		t.Error("nothing was left behind: this test tests nothing")
	}
	if err := m.Update(t.Context()); err == nil {
		t.Error("Update took a tunnel without an interface")
	}
	reset(t, m)
	if left := after(); strings.Contains(left, "51701") || strings.Contains(left, "5330") {
		t.Errorf("left behind: %s", left)
	}
}

// OpenVPN's halves, or those a DHCP server pushed, do not go before the tunnel,
// and the gateway is reached through them if that is how it was reached.
func TestSystemHalves(t *testing.T) {
	inNamespace(t)
	ip(t, "route add 0.0.0.0/1 via 192.168.9.1")
	ip(t, "route add 128.0.0.0/1 via 192.168.9.1")
	before := everything(t)
	m := newManager(t)
	set(t, m, full())
	via(t, "8.8.8.8", "dev culvert0")
	via(t, "198.51.100.1", "via 192.168.9.1 dev wlan0")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// Another route in the very place makes Set fail, with everything as it was.
func TestSystemInTheWay(t *testing.T) {
	inNamespace(t)
	ip(t, "route add 10.30.0.0/16 dev eth0")
	before := everything(t)
	m := newManager(t)
	cfg := full()
	cfg.Routes = append(cfg.Routes, prefixes("10.0.0.0/8", "10.30.0.0/16", "10.31.0.0/16")...)
	if err := m.Set(t.Context(), cfg); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "10.30.0.0/16 dev culvert0") {
		t.Errorf("Set = %v, want ErrTaken that names the route", err)
	}
	same(t, "after a Set that failed", everything(t), before)

	set(t, m, full())
	during := everything(t)
	if err := m.Set(t.Context(), cfg); !errors.Is(err, ErrTaken) {
		t.Errorf("Set = %v, want ErrTaken", err)
	}
	same(t, "after a later Set that failed", everything(t), during)
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// Two tunnels cannot both have everything; the second one learns it.
func TestSystemSecondTunnel(t *testing.T) {
	inNamespace(t)
	for _, c := range []string{"tuntap add mode tun name culvert1", "link set culvert1 up", "link set culvert1 down"} {
		ip(t, c)
	}
	first, second := newManager(t), newManager(t)
	set(t, first, full())
	during := everything(t)
	cfg := full()
	cfg.Interface, cfg.Address = "culvert1", netip.MustParseAddr("10.99.0.11")
	if err := second.Set(t.Context(), cfg); !errors.Is(err, ErrTaken) {
		t.Errorf("Set = %v, want ErrTaken", err)
	}
	same(t, "after the second tunnel's Set", everything(t), during)
	reset(t, first)
	set(t, second, cfg)
	via(t, "8.8.8.8", "dev culvert1")
}

// A process that was killed and kept no journal leaves what is not its
// interface's; the next start takes it away, but not while another one runs.
func TestSystemSweep(t *testing.T) {
	inNamespace(t)
	ip(t, "rule add priority 5320 to 203.0.113.0/24 lookup 77")
	before := strings.SplitN(everything(t), "addresses:", 2)[0]
	cfg := full()
	cfg.Routes = append(cfg.Routes, prefixes("198.51.100.0/24", "10.0.0.0/8")...)
	cfg.Blocked = append(cfg.Blocked, prefixes("10.66.0.0/16")...)
	set(t, newManager(t), cfg)
	during := everything(t)
	if err := Sweep("culvert"); err != nil {
		t.Fatal(err)
	}
	same(t, "Sweep took the routes of a running process", everything(t), during)
	ip(t, "link del culvert0")
	if got := everything(t); !strings.Contains(got, "51701") {
		t.Error("nothing was left behind: this test tests nothing")
	}
	for range 2 {
		if err := Sweep("culvert"); err != nil {
			t.Fatal(err)
		}
		same(t, "after Sweep", strings.SplitN(everything(t), "addresses:", 2)[0], before)
	}
}

func sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}
