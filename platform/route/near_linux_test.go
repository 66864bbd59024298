package route

import (
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/netmon"
)

// A network that says that it is all of 10.0.0.0/8, and of IPv6, and that the
// Internet is behind its router: what is around our address stays near, as do its
// router and whoever asks by the interface, as DHCP does. All else goes inside.
func TestSystemHostileNetwork(t *testing.T) {
	inNamespace(t)
	for _, c := range []string{
		"route del default", "addr add 10.1.2.3/8 dev eth0", "route add default via 10.200.0.1 dev eth0 proto dhcp", // as its DHCP server said
		"route add 8.8.8.0/24 via 10.200.0.1 dev eth0 proto dhcp", "route add 9.9.9.9/32 dev eth0 proto dhcp scope link",
		"-6 route add 2000::/3 dev eth0 proto ra", "route add 203.0.113.0/24 via 10.1.0.9", // the last is somebody's own
	} {
		ip(t, c)
	}
	before := everything(t)
	for _, d := range []string{"10.9.9.9", "8.8.8.8", "9.9.9.9"} {
		via(t, d, "dev eth0") // else this test tests nothing
	}
	m := newManager(t)
	set(t, m, full())
	for _, d := range []string{"10.9.9.9", "10.2.0.1", "10.200.0.2", "8.8.8.8", "9.9.9.9", "1.1.1.1", "100.64.0.9"} {
		via(t, d, "dev culvert0 table 51701")
	}
	refused(t, "2606:4700::1", "2001:db8:1::1")
	via(t, "10.1.77.88", "dev eth0 src 10.1.2.3")
	via(t, "10.200.0.1", "dev eth0 src 10.1.2.3")     // the router
	via(t, "10.200.0.2 oif eth0", "dev eth0")         // the DHCP server, as its clients ask
	via(t, "198.51.100.1", "via 10.200.0.1 dev eth0") // the gateway
	via(t, "203.0.113.9", "via 10.1.0.9 dev eth0")
	via(t, "192.0.2.77", "dev eth0")
	via(t, "172.17.0.9", "dev docker0")
	via(t, "10.20.1.1", "via 192.0.2.2 dev eth0")
	via(t, "2001:db8::77", "dev eth0")

	// It renews the lease, with another router, also in what is not believed, and
	// whether or not it says by which link.
	ip(t, "route replace default via 10.200.0.9 proto dhcp")
	via(t, "198.51.100.1", "via 10.200.0.9 dev eth0")
	ip(t, "route replace default via 10.200.0.7 dev eth0 proto dhcp")
	via(t, "198.51.100.1", "via 10.200.0.7 dev eth0")
	update(t, m)
	via(t, "10.200.0.7", "dev eth0")
	via(t, "10.200.0.1", "dev culvert0")
	ip(t, "route replace default via 10.200.0.1 dev eth0 proto dhcp")
	update(t, m)
	reset(t, m)
	same(t, "after Clear", everything(t), before)
}

// Networks that come and go are near within the monitor's notice; a hostile one is
// not near for a moment.
func TestSystemNearFollows(t *testing.T) {
	inNamespace(t)
	mon, err := netmon.New(netmon.Options{Ignore: func(n string) bool { return strings.HasPrefix(n, "culvert") }})
	if err != nil {
		t.Fatal(err)
	}
	defer mon.Close()
	m := newManager(t)
	set(t, m, full())
	during := everything(t)
	for _, c := range []struct{ change, dst, want string }{
		{"addr add 192.168.50.1/24 dev docker0", "192.168.50.9", "dev docker0"},
		{"addr add 11.0.0.5/8 dev eth0", "11.0.1.9", "dev eth0"},
		{"route add 198.18.0.0/15 via 192.0.2.9", "198.18.7.7", "via 192.0.2.9 dev eth0"},
		{"addr del 192.168.50.1/24 dev docker0", "192.168.50.9", "dev culvert0"},
		{"addr del 11.0.0.5/8 dev eth0", "11.0.1.9", "dev culvert0"},
		{"route del 198.18.0.0/15", "198.18.7.7", "dev culvert0"},
	} {
		ip(t, c.change)
		via(t, "11.200.0.1", "dev culvert0")
		for timeout := time.After(20 * time.Second); !strings.Contains(ip(t, "route get "+c.dst), c.want); {
			select {
			case <-mon.Events():
			case <-timeout:
				t.Fatalf("after %s: route get: %s", c.change, ip(t, "route get "+c.dst))
			}
			update(t, m)
		}
	}
	same(t, "all networks are gone again", everything(t), during)
	// Another network altogether: its router is looked for before anybody follows.
	for _, c := range []string{"addr del 192.0.2.10/24 dev eth0", "addr add 192.168.77.10/24 dev eth0", "route add default via 192.168.77.1"} {
		ip(t, c)
	}
	via(t, "198.51.100.1", "via 192.168.77.1 dev eth0")
	reset(t, m)
}
