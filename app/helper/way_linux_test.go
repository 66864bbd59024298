package helper

import (
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/vishvananda/netns"
)

// has is how the machine's packets leave from now on.
func (f *fakeSystem) has(ways map[netip.Addr]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ways = ways
}

const numbersText = "name = \"Office\"\nservers = [\"192.0.2.7\", \"198.51.100.1\"]\nuser = \"alice\"\n"

// Without a default route a gateway is tried to which there is another one, and
// waited for otherwise.
func TestWayToANumber(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.tell(supervisor.Route{})
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, numbersText))
	until(t, events, `"offline":true`)
	b.sys.has(map[netip.Addr]string{netip.MustParseAddr("198.51.100.1"): "eth0 198.51.100.9"})
	b.tell(supervisor.Route{}) // something has changed
	until(t, events, `"state":"connected"`)
	b.tell(supervisor.Route{})
	b.sys.has(nil)
	b.tell(supervisor.Route{})
	until(t, events, `"state":"reconnecting"`)
	until(t, events, `"offline":true`)
}

// Without a default route a name is looked up where there is any network; if it
// leads nowhere, another network is waited for.
func TestWayToAName(t *testing.T) {
	here := netip.Addr{}
	for name, refuse := range map[string]*failure.Failure{
		"no way to what it means": {Stage: failure.Phase1, Code: failure.IKEUnreachable},
		"nobody knows it":         {Stage: failure.Resolve, Code: failure.DNSNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, t.TempDir())
			b.sys.mu.Lock()
			b.sys.refuse = refuse
			b.sys.ways = map[netip.Addr]string{here: "eth0 192.0.2.10/24"}
			b.sys.mu.Unlock()
			b.tell(supervisor.Route{})
			events := b.watch()
			b.call("POST", "/v1/connect", connectBody(t, profileText))
			until(t, events, `"stage":"resolve"`)
			until(t, events, `"offline":true`)
			b.tell(supervisor.Route{}) // nothing else than before
			if _, state := b.call("GET", "/v1/state", ""); !strings.Contains(state, `"offline":true`) || strings.Contains(state, "failure") {
				t.Errorf("on the same network: %s", state)
			}
			b.sys.mu.Lock()
			b.sys.refuse = nil
			b.sys.ways = map[netip.Addr]string{here: "eth0 198.51.100.10/24", netip.MustParseAddr("198.51.100.1"): "eth0 198.51.100.10"}
			b.sys.mu.Unlock()
			b.tell(supervisor.Route{})
			until(t, events, `"state":"connected"`)
		})
	}
}

// A gateway that is there and does not answer is a failure, not a network that is
// missing.
func TestWayAndNoAnswer(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.sys.has(map[netip.Addr]string{netip.MustParseAddr("192.0.2.7"): "eth0 192.0.2.10"})
	b.sys.refuse = &failure.Failure{Stage: failure.Phase1, Code: failure.IKEUnreachable}
	b.tell(supervisor.Route{})
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, numbersText))
	if line := until(t, events, `"failure":{`); !strings.Contains(line, string(failure.IKEUnreachable)) {
		t.Errorf("told %s", line)
	}
}

// What the kernel says.
func TestWayOfTheSystem(t *testing.T) {
	runtime.LockOSThread() // it ends with this goroutine, and the namespace with it
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	defer ns.Close()
	ip := func(commands ...string) {
		t.Helper()
		for _, c := range commands {
			if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v: %s", c, err, out)
			}
		}
	}
	m := &machine{}
	want := func(when, to, want string) {
		t.Helper()
		a := netip.Addr{}
		if to != "" {
			a = netip.MustParseAddr(to)
		}
		if got, ok := m.Way(a); got != want || ok != (want != "") {
			t.Errorf("%s: to %s: %q, %t, want %q", when, to, got, ok, want)
		}
	}
	want("no network", "192.0.2.7", "")
	want("no network", "", "")
	ip("link add eth0 type veth peer name far0", "link set far0 up", "link set eth0 up", "addr add 192.0.2.10/24 dev eth0", "addr add 2001:db8::10/64 dev eth0 nodad",
		"tuntap add mode tun name culvert0", "link set culvert0 up", "addr add 10.99.0.10/32 dev culvert0", "route add 198.18.0.0/24 dev culvert0")
	// The kernel takes a moment to see that a link is there, or not.
	await := func(there bool) {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); runtime.Gosched() {
			if _, ok := m.Way(netip.MustParseAddr("2001:db8::7")); ok == there {
				return
			}
		}
	}
	await(true)
	want("on the link", "192.0.2.7", "eth0 192.0.2.10")
	want("on the link", "2001:db8::7", "eth0 2001:db8::10")
	want("elsewhere", "198.51.100.1", "")
	want("elsewhere", "2001:db8:9::1", "")
	want("in the tunnel", "198.18.0.1", "")
	want("any", "", "eth0 192.0.2.10/24, eth0 2001:db8::10/64")
	ip("route add 198.51.100.0/24 via 192.0.2.1")
	want("by a router", "198.51.100.1", "eth0 192.0.2.10")
	ip("route add unreachable 198.51.100.1/32")
	want("refused", "198.51.100.1", "")
	ip("link set far0 down")
	await(false)
	want("without a carrier", "192.0.2.7", "")
}
