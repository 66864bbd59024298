package route

import (
	"os/exec"
	"strings"
	"testing"
)

// A mark keeps its sockets outside and leaves the gateway's address to the
// tunnel for everybody else.
func TestSystemMark(t *testing.T) {
	inNamespace(t)
	before := everything(t)
	m := newManager(t)
	cfg := full()
	cfg.Mark, cfg.Outside = 0xc0, nil
	set(t, m, cfg)
	via(t, "198.51.100.1 mark 0xc0", "via 192.0.2.1 dev eth0")
	via(t, "198.51.100.1", "dev culvert0")
	set(t, m, full())
	via(t, "203.0.113.1 mark 0xc0", "dev culvert0")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// The way back is looked for without a mark: what is thrown outside passes a
// strict filter, what only a mark keeps outside does not. The package's comment
// says so.
func TestSystemReversePath(t *testing.T) {
	inNamespace(t)
	sysctl(t, "ipv4/conf/all/rp_filter", "1")
	comes := func(from, dev string) bool {
		out, err := exec.Command("ip", strings.Fields("route get 192.0.2.10 from "+from+" iif "+dev)...).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "cross-device") && !strings.Contains(string(out), "Invalid argument") {
			t.Fatalf("ip route get from %s iif %s: %v: %s", from, dev, err, out)
		}
		return err == nil
	}
	m := newManager(t)
	set(t, m, full())
	if !comes("198.51.100.1", "eth0") || !comes("192.0.2.77", "eth0") || !comes("172.17.0.9", "docker0") {
		t.Error("what is outside does not come in")
	}
	if comes("8.8.8.8", "eth0") {
		t.Error("what comes through the tunnel may come in outside: this test tests nothing")
	}
	cfg := full()
	cfg.Mark, cfg.Outside = 0xc0, nil
	set(t, m, cfg)
	if comes("198.51.100.1", "eth0") {
		t.Error("a mark alone passes the strict filter: the package's comment is wrong")
	}
	sysctl(t, "ipv4/conf/all/rp_filter", "2")
	if !comes("198.51.100.1", "eth0") {
		t.Error("the loose filter keeps the gateway out")
	}
	reset(t, m)
}

// The rules of Tailscale, as version 1.58 makes them.
func TestSystemTailscale(t *testing.T) {
	inNamespace(t)
	for _, c := range []string{
		"tuntap add mode tun name tailscale0", "link set tailscale0 up", "addr add 100.64.0.10/32 dev tailscale0",
		"route add 100.64.0.9/32 dev tailscale0 table 52",
		"rule add priority 5210 fwmark 0x80000/0xff0000 lookup main",
		"rule add priority 5230 fwmark 0x80000/0xff0000 lookup default",
		"rule add priority 5250 fwmark 0x80000/0xff0000 unreachable",
		"rule add priority 5270 lookup 52",
	} {
		ip(t, c)
	}
	before := everything(t)
	m := newManager(t)
	set(t, m, full())
	via(t, "100.64.0.9", "dev tailscale0")
	via(t, "8.8.8.8", "dev culvert0")
	via(t, "8.8.8.8 mark 0x80000", "via 192.0.2.1 dev eth0") // its own sockets
	via(t, "198.51.100.1", "via 192.0.2.1 dev eth0")
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// wgQuick makes the rules of wg-quick(8) for AllowedIPs = 0.0.0.0/0, which
// choose their priorities by themselves.
func wgQuick(t *testing.T) {
	t.Helper()
	for _, c := range []string{
		"route add default dev wg0 table 51820",
		"rule add not fwmark 51820 table 51820",
		"rule add table main suppress_prefixlength 0",
	} {
		ip(t, c)
	}
}

// Of two full tunnels the later one wins, and goes through the earlier one.
func TestSystemWireGuard(t *testing.T) {
	inNamespace(t)
	for _, c := range []string{"tuntap add mode tun name wg0", "link set wg0 up", "addr add 10.66.0.2/32 dev wg0"} {
		ip(t, c)
	}
	m := newManager(t)

	set(t, m, full())
	wgQuick(t)
	via(t, "8.8.8.8", "dev wg0")
	via(t, "192.0.2.77", "dev eth0")
	via(t, "203.0.113.5 mark 51820", "dev culvert0") // WireGuard's own packets
	via(t, "198.51.100.1 mark 51820", "via 192.0.2.1 dev eth0")
	reset(t, m)
	via(t, "8.8.8.8", "dev wg0")

	before := everything(t)
	ip(t, "rule del table main suppress_prefixlength 0 priority 5328") // where they are now
	ip(t, "rule del not fwmark 51820 table 51820 priority 5329")
	ip(t, "route del default dev wg0 table 51820")
	wgQuick(t)
	if everything(t) == before {
		t.Fatal("wg-quick's rules did not move: this test tests nothing")
	}
	before = everything(t)
	set(t, m, full())
	via(t, "8.8.8.8", "dev culvert0")
	via(t, "198.51.100.1", "dev wg0")                             // our packets to the gateway
	via(t, "198.51.100.1 mark 51820", "via 192.0.2.1 dev eth0")   // WireGuard's own to the same address
	via(t, "203.0.113.5 mark 51820", "dev culvert0 table 51701 ") // it does not know ours
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}
