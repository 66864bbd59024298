package netmon

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestChoose(t *testing.T) {
	a, p := netip.MustParseAddr, netip.MustParsePrefix
	nets := []network{{2, "eth0", true}, {3, "wlan0", true}, {4, "culvert0", true}, {5, "usb0", false}}
	addrs := []address{
		{index: 2, prefix: p("10.1.2.3/8")},
		{index: 2, prefix: p("192.0.2.10/24")},
		{index: 2, prefix: p("fe80::1/64")},
		{index: 2, prefix: p("2001:db8::aaaa/64"), random: true},
		{index: 2, prefix: p("2001:db8::bbbb/64"), old: true},
		{index: 2, prefix: p("2001:db8::cccc/64"), late: true},
		{index: 2, prefix: p("2001:db8::10/64")},
		{index: 3, prefix: p("192.168.9.10/24")},
		{index: 4, prefix: p("10.99.0.10/32")},
	}
	eth0, wlan0 := wayOut{index: 2, via: a("192.0.2.1"), metric: 100}, wayOut{index: 3, via: a("192.168.9.1"), metric: 600}
	six := wayOut{index: 2, via: a("fe80::ff"), metric: 1024, ipv6: true}
	for _, c := range []struct {
		name      string
		ways      []wayOut
		v4, v6    string
		addresses string
	}{
		{"none", nil, "{ 0 invalid IP invalid IP}", "{ 0 invalid IP invalid IP}", "[]"},
		{"the lower metric", []wayOut{wlan0, eth0}, "{eth0 2 192.0.2.1 192.0.2.10}", "{ 0 invalid IP invalid IP}",
			"[10.1.2.3/8 192.0.2.10/24 2001:db8::10/64 2001:db8::aaaa/64 2001:db8::bbbb/64]"},
		{"both families on two interfaces", []wayOut{wlan0, six}, "{wlan0 3 192.168.9.1 192.168.9.10}", "{eth0 2 fe80::ff 2001:db8::10}",
			"[10.1.2.3/8 192.0.2.10/24 192.168.9.10/24 2001:db8::10/64 2001:db8::aaaa/64 2001:db8::bbbb/64]"},
		{"not the tunnel's", []wayOut{{index: 4}, wlan0}, "{wlan0 3 192.168.9.1 192.168.9.10}", "{ 0 invalid IP invalid IP}", "[192.168.9.10/24]"},
		{"not one without a link", []wayOut{{index: 5, via: a("192.0.2.9")}, {index: 9}, wlan0}, "{wlan0 3 192.168.9.1 192.168.9.10}", "{ 0 invalid IP invalid IP}", "[192.168.9.10/24]"},
		{"the route's own source", []wayOut{{index: 2, via: a("192.0.2.1"), source: a("10.1.2.3")}}, "{eth0 2 192.0.2.1 10.1.2.3}", "{ 0 invalid IP invalid IP}",
			"[10.1.2.3/8 192.0.2.10/24 2001:db8::10/64 2001:db8::aaaa/64 2001:db8::bbbb/64]"},
		{"no router", []wayOut{{index: 3}}, "{wlan0 3 invalid IP 192.168.9.10}", "{ 0 invalid IP invalid IP}", "[192.168.9.10/24]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := choose(nets, c.ways, addrs, func(n string) bool { return n == "culvert0" })
			if got := fmt.Sprint(s.IPv4); got != c.v4 {
				t.Errorf("IPv4 = %s, want %s", got, c.v4)
			}
			if got := fmt.Sprint(s.IPv6); got != c.v6 {
				t.Errorf("IPv6 = %s, want %s", got, c.v6)
			}
			if got := fmt.Sprint(s.Addresses); got != c.addresses {
				t.Errorf("Addresses = %s, want %s", got, c.addresses)
			}
			if s.Online() != (len(c.ways) > 0) {
				t.Errorf("Online = %v", s.Online())
			}
		})
	}
}
