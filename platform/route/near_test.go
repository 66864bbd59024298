package route

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// What a network says of itself, and what of it is believed.
func TestLocal(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name string
		e    entry
		want string // "": nothing
	}{
		{"a home network", entry{told: true, own: addr("192.168.1.7")}, "192.168.1.0/24"},
		{"half of an office", entry{told: true, own: addr("10.1.2.3")}, "10.1.0.0/16 10.0.0.0/8"},
		{"private addresses of twelve bits", entry{told: true, own: addr("172.18.2.3")}, "172.18.0.0/16 172.16.0.0/12"},
		{"half of the Internet", entry{told: true, own: addr("8.8.9.7")}, "8.8.8.0/22 0.0.0.0/1"},
		{"a provider's network", entry{told: true, own: addr("203.0.113.9")}, "203.0.113.0/24"},
		{"IPv6", entry{told: true, own: addr("2001:db8::7")}, "2001:db8::/64"},
		{"a wide IPv6", entry{told: true, own: addr("2001:db8::7")}, "2001:db8::/64 2000::/3"},
		{"a link without our address", entry{told: true}, " 2000::/3"},
		{"a host on the link", entry{told: true}, " 8.8.8.8/32"},
		{"behind a router, by DHCP", entry{told: true, hop: hop{via: addr("192.0.2.1")}}, " 8.8.8.0/24"},
		{"behind a router, by hand", entry{hop: hop{via: addr("192.0.2.1")}}, "10.0.0.0/8"},
		{"another tunnel", entry{}, "10.0.0.0/8"},
		{"halves, by hand", entry{hop: hop{via: addr("192.0.2.1")}}, " 0.0.0.0/1"},
		{"halves of IPv6, by hand", entry{hop: hop{via: addr("2001:db8::1")}}, " 8000::/1"},
		{"unique local addresses, by hand", entry{}, "fc00::/7"},
		{"link-local", entry{told: true}, "169.254.0.0/16"},
		{"link-local, by a router", entry{told: true, hop: hop{via: addr("10.0.0.1")}}, "169.254.169.254/32"},
		{"link-local IPv6", entry{told: true}, "fe80::/64"},
		{"more than link-local", entry{told: true}, " 160.0.0.0/4"},
	} {
		want, prefix, two := strings.Cut(c.want, " ")
		if !two {
			prefix = want
		}
		c.e.prefix = netip.MustParsePrefix(prefix)
		got := ""
		if part, ok := c.e.local(); ok {
			got = part.String()
		}
		if got != want {
			t.Errorf("%s: of %s %q is local, want %q", c.name, prefix, got, want)
		}
	}
}

// hostile is a network that says that it is all there is.
var hostile = []entry{
	{prefix: netip.MustParsePrefix("10.0.0.0/8"), hop: hop{dev: "wlan0", index: 3}, told: true, own: netip.MustParseAddr("10.1.2.3")},
	{prefix: netip.MustParsePrefix("8.8.8.0/24"), hop: hop{dev: "wlan0", index: 3, via: netip.MustParseAddr("10.1.0.1")}, told: true},
	{prefix: netip.MustParsePrefix("9.9.9.9/32"), hop: hop{dev: "wlan0", index: 3}, told: true},
	{prefix: netip.MustParsePrefix("2000::/3"), hop: hop{dev: "wlan0", index: 3}, told: true},
	{prefix: netip.MustParsePrefix("fe80::/64"), hop: hop{dev: "wlan0", index: 3}, told: true, own: netip.MustParseAddr("fe80::1")},
	{prefix: netip.MustParsePrefix("100.64.0.0/10"), hop: hop{dev: "eth0", index: 2, via: netip.MustParseAddr("192.0.2.9")}},
}

func TestHostileNetwork(t *testing.T) {
	tunnel := []string{"link set culvert0 mtu 1400 up", "addr add 10.99.0.10/32 dev culvert0"}
	pin := "route add 198.51.100.1/32 via 192.0.2.1 dev eth0"
	for _, c := range []struct {
		name string
		is   traits
		more int // for the hostile network
		want []string
	}{
		{"Linux", onLinux, 2, slices.Concat(fullLinux[:5], []string{
			"route add throw 100.64.0.0/10 table 51701", "route add throw fe80::/10 table 51701", "route add throw 10.1.0.0/16 table 51701", "route add throw 172.17.0.0/16 table 51701",
			"route add throw 192.0.2.0/24 table 51701", "route add throw 192.168.9.1/32 table 51701"}, fullLinux[9:])},
		{"Windows", onWindows, 7, slices.Concat(tunnel, []string{pin,
			"route add ::/0 dev culvert0", "route add 0.0.0.0/0 dev culvert0 src 10.99.0.10",
			"route add 192.0.2.1/32 dev eth0", "route add 192.168.9.1/32 dev wlan0",
			"route add 10.1.0.0/16 dev wlan0", "route add 10.0.0.0/9 dev culvert0 src 10.99.0.10", "route add 10.128.0.0/9 dev culvert0 src 10.99.0.10",
			"route add 2000::/4 dev culvert0", "route add 3000::/4 dev culvert0"})},
		{"macOS", onMac, 7, slices.Concat(tunnel, []string{pin,
			"route add unreachable ::/1", "route add unreachable 8000::/1",
			"route add 0.0.0.0/1 dev culvert0 src 10.99.0.10", "route add 128.0.0.0/1 dev culvert0 src 10.99.0.10",
			"route add 192.0.2.1/32 dev eth0", "route add 192.168.9.1/32 dev wlan0",
			"route add 10.1.0.0/16 dev wlan0", "route add 10.0.0.0/9 dev culvert0 src 10.99.0.10", "route add 10.128.0.0/9 dev culvert0 src 10.99.0.10",
			"route add unreachable 2000::/4", "route add unreachable 3000::/4"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{is: c.is, more: hostile}
			m := f.manager()
			set(t, m, full())
			f.want(t, "Set", c.want...)
			f.more = nil // it is left
			update(t, m)
			if got := len(m.applied); got != len(c.want)-c.more {
				t.Errorf("after it was left: %v", m.applied)
			}
			reset(t, m)
			if len(f.state) != 0 {
				t.Errorf("Clear left %v", f.state)
			}
		})
	}
	// Where there can be one route to a network only, somebody's own stays.
	f := &fake{is: onMac, more: append(slices.Clone(hostile), entry{prefix: netip.MustParsePrefix("10.1.0.0/16"), hop: hop{dev: "en7", index: 9}})}
	m := f.manager()
	set(t, m, full())
	if slices.ContainsFunc(f.done, func(s string) bool { return strings.Contains(s, "10.1.0.0/16") }) {
		t.Errorf("touched a route that was there: %q", f.done)
	}
}
