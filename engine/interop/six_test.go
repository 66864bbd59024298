//go:build linux

package interop

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// sixInside is a host beyond the gateway, by IPv6.
var sixInside = netip.MustParseAddr("2001:db8:99::1")

// sixLinux is pppd with IPv6 and dnsmasq, which advertises a prefix on the link and
// has names by DHCPv6: what administrators have for clients with IPv6. A gateway
// without any is what all the other cases have.
func sixLinux(t *testing.T, g *lab.Linux) {
	g.Run(t, `
		modprobe ipv6
		echo +ipv6 >>/etc/ppp/options.xl2tpd
		printf '#!/bin/sh\nip -6 addr add 2001:db8:99:1::1/64 dev $1 nodad\n' >/etc/ppp/ipv6-up
		chmod 755 /etc/ppp/ipv6-up
		sysctl -qw net.ipv6.conf.all.forwarding=1
		ip -6 addr add 2001:db8:99::1/128 dev lo
		dnsmasq --conf-file=/dev/null --user=root --port=0 --pid-file=/run/dnsmasq.pid --dhcp-leasefile=/run/dnsmasq.leases \
			--log-dhcp --log-facility=/var/log/dnsmasq6.log --enable-ra --dhcp-range=::,constructor:ppp*,ra-stateless,64,1h \
			--dhcp-option=option6:dns-server,[2001:db8:99::1] --dhcp-option=option6:domain-search,six.example`)
	defer func() {
		if t.Failed() {
			t.Log(g.Run(t, "cat /var/log/dnsmasq6.log; ip -6 addr; ip -6 route"))
		}
		g.Run(t, "pkill -x dnsmasq; ip -6 addr del 2001:db8:99::1/128 dev lo; rm /etc/ppp/ipv6-up")
	}()
	before := g.Direct.State(t)
	c := g.Up(t, g.Direct, lab.Profile{"routing.include": lab.List(g.Inside.String()+"/32", "2001:db8:99::/64")}, lab.Secrets{})
	at := c.Connected(t)
	t.Log(spent(c))
	e, _ := c.Until(t, 0, "IPv6", func(e lab.Event) bool { return e.State == "connected" && e.Address6 != "" && len(e.Search) > 0 })
	t.Logf("%v after it was connected: %s, %v, %v", e.Time.Sub(at.Time), e.Address6, e.Routes, e.Search)
	if !strings.HasPrefix(e.Address6, "2001:db8:99:1:") || strings.Join(e.Routes, " ") != "2001:db8:99:1::/64" || e.Search[0] != "six.example" {
		t.Errorf("address %s, routes %v, search %v", e.Address6, e.Routes, e.Search)
	}
	lab.Reach(t, g.Direct, sixInside)
	lab.Ping(t, g.Direct, sixInside, 5, 56)
	lab.Ping(t, g.Direct, sixInside, 2, e.MTU-48) // the largest that needs no fragment
	g.TransfersBy(t, g.Direct, sixInside, little)
	if log := g.Run(t, "cat /var/log/dnsmasq6.log"); !strings.Contains(log, "DHCPINFORMATION-REQUEST") {
		t.Errorf("dnsmasq was not asked by DHCPv6:\n%s", log)
	}
	c.Close(t)
	g.Empty(t)
	same(t, g.Direct, before)
}
