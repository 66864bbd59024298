package route

import (
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/netmon"
)

// Ours: how soon a pin follows; the machine of the test may be busy once or
// twice.
const followLimit = time.Second

// A pin follows the default route as the helper lets it: netmon, Update.
func TestSystemFollows(t *testing.T) {
	inNamespace(t)
	mon, err := netmon.New(netmon.Options{Ignore: func(n string) bool { return strings.HasPrefix(n, "culvert") }})
	if err != nil {
		t.Fatal(err)
	}
	defer mon.Close()
	m := newManager(t)
	set(t, m, Config{Interface: "culvert0", Routes: prefixes("198.51.100.0/24"), Outside: prefixes("198.51.100.1/32")})
	best := time.Hour
	for _, c := range []struct{ change, want string }{
		{"route replace default via 192.0.2.3 metric 100", "via 192.0.2.3 dev eth0"},
		{"route add default via 192.168.9.1 dev wlan0 metric 50", "via 192.168.9.1 dev wlan0"},
		{"link set wlan0 down", "via 192.0.2.3 dev eth0"},
		{"route replace default via 192.0.2.1 metric 100", "via 192.0.2.1 dev eth0"},
		{"link set eth0 down", ""},
	} {
		ip(t, c.change)
		start := time.Now()
		for timeout := time.After(20 * time.Second); ; {
			select {
			case <-mon.Events():
			case <-timeout:
				t.Fatalf("after %s: route get: %s", c.change, ip(t, "route get 198.51.100.1"))
			}
			update(t, m)
			if c.want == "" && strings.Contains(ip(t, "route show"), "unreachable 198.51.100.1") {
				break
			}
			if c.want != "" && strings.Contains(ip(t, "route get 198.51.100.1"), c.want) {
				break
			}
		}
		took := time.Since(start)
		best = min(best, took)
		t.Logf("%s: followed after %v", c.change, took)
	}
	if best > followLimit {
		t.Errorf("followed after %v at best, want less than %v", best, followLimit)
	}
	reset(t, m)
}
