package route

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/platform/internal/testnet"
)

// inNamespace gives the test a network of its own: a machine at 192.0.2.10
// behind the router 192.0.2.1, with a TUN. It takes root.
func inNamespace(t *testing.T) {
	t.Helper()
	testnet.New(t)
	ip(t, "link add eth0 type veth peer name router0")
	ip(t, "link set router0 up")
	ip(t, "addr add 192.0.2.10/24 dev eth0")
	ip(t, "addr add 2001:db8::10/64 dev eth0 nodad")
	ip(t, "link set eth0 up")
	ip(t, "route add default via 192.0.2.1 metric 100")
	ip(t, "-6 route add default via 2001:db8::1")
	ip(t, "route add 10.20.0.0/16 via 192.0.2.2")
	ip(t, "tuntap add mode tun name culvert0")
}

func ip(t *testing.T, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
	return string(out)
}

// everything is what must be the same before and after.
func everything(t *testing.T) string {
	t.Helper()
	return "rules:\n" + ip(t, "-4 rule") + ip(t, "-6 rule") + "IPv4:\n" + ip(t, "-4 route show table all") + "IPv6:\n" + ip(t, "-6 route show table main")
}

func via(t *testing.T, dst, want string) {
	t.Helper()
	if got := ip(t, "route get "+dst); !strings.Contains(got, want) {
		t.Errorf("route get %s = %s, want %s", dst, strings.TrimSpace(got), want)
	}
}

func newManager(t *testing.T) *Manager {
	t.Helper()
	m, err := New()
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
	cfg.Outside = append(cfg.Outside, netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("2001:db8:5::1/128"), netip.MustParsePrefix("127.0.0.1/32"))
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	via(t, "8.8.8.8", "dev culvert0 src 10.99.0.10")
	via(t, "203.0.113.9", "dev culvert0 src 10.99.0.10")
	via(t, "198.51.100.1", "via 192.0.2.1 dev eth0")
	via(t, "10.20.1.1", "via 192.0.2.2 dev eth0")
	via(t, "192.0.2.77", "dev eth0")
	via(t, "2001:db8:5::1", "via 2001:db8::1 dev eth0")
	via(t, "2001:db8::77", "dev eth0")
	for _, a := range []string{"2606:4700::1", "fd00::1"} {
		if out, err := exec.Command("ip", "route", "get", a).CombinedOutput(); err == nil && !strings.Contains(string(out), "unreachable") {
			t.Errorf("IPv6 to %s passes: %s", a, out)
		}
	}
	if got := ip(t, "link show culvert0"); !strings.Contains(got, "mtu 1400") || !strings.Contains(got, "UP") {
		t.Errorf("link: %s", got)
	}

	during := everything(t)
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != during {
		t.Errorf("Set twice is not once:\n%s\nwant\n%s", got, during)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != before {
		t.Errorf("after Close:\n%s\nwant\n%s", got, before)
	}
}

// A gateway that is wanted outside later, when everything already goes inside.
func TestSystemLaterOutside(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Outside = prefixes("203.0.113.1/32", "192.0.2.77/32")
	if err := m.Set(cfg); err != nil {
		t.Fatal(err)
	}
	via(t, "203.0.113.1", "via 192.0.2.1 dev eth0")
	via(t, "198.51.100.1", "dev culvert0")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != before {
		t.Errorf("after Close:\n%s\nwant\n%s", got, before)
	}
}

func TestSystemSplitTunnel(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	if err := m.Set(Config{Interface: "culvert0", Address: netip.MustParseAddr("10.99.0.10"), MTU: 1280, Routes: prefixes("10.0.0.0/8")}); err != nil {
		t.Fatal(err)
	}
	via(t, "10.1.2.3", "dev culvert0 src 10.99.0.10")
	via(t, "10.20.1.1", "via 192.0.2.2 dev eth0") // more specific
	via(t, "8.8.8.8", "via 192.0.2.1 dev eth0")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != before {
		t.Errorf("after Close:\n%s\nwant\n%s", got, before)
	}
}

// The device may be gone before its routes are taken away.
func TestSystemDeviceGone(t *testing.T) {
	inNamespace(t)
	ip(t, "link set culvert0 down")
	before := everything(t)
	m := newManager(t)
	if err := m.Set(full()); err != nil {
		t.Fatal(err)
	}
	ip(t, "link del culvert0")
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != before {
		t.Errorf("after Close:\n%s\nwant\n%s", got, before)
	}
}

// Another VPN's routes make Set fail, with everything as it was.
func TestSystemInTheWay(t *testing.T) {
	inNamespace(t)
	ip(t, "route add 128.0.0.0/1 dev eth0")
	ip(t, "route add 198.51.100.1 via 192.0.2.9")
	before := everything(t)
	m := newManager(t)
	if err := m.Set(full()); err == nil || !strings.Contains(err.Error(), "128.0.0.0/1 dev culvert0") {
		t.Errorf("Set = %v, want an error that names the route", err)
	}
	if got := everything(t); got != before {
		t.Errorf("after a Set that failed:\n%s\nwant\n%s", got, before)
	}
}

// A process that was killed leaves what is not its interface's; the next start
// takes it away, but not while another one runs.
func TestSystemCleanUp(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	if err := newManager(t).Set(full()); err != nil {
		t.Fatal(err)
	}
	during := everything(t)
	if err := CleanUp("culvert"); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != during {
		t.Errorf("CleanUp took the routes of a running process:\n%s\nwant\n%s", got, during)
	}
	ip(t, "link del culvert0")
	if got := everything(t); got == before {
		t.Error("nothing was left behind: this test tests nothing")
	}
	if err := CleanUp("culvert"); err != nil {
		t.Fatal(err)
	}
	if got := everything(t); got != before {
		t.Errorf("after CleanUp:\n%s\nwant\n%s", got, before)
	}
}
