//go:build linux

package interop

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// pushing is what a gateway pushes, and a host that only its routes lead to.
type pushing struct {
	routes, search []string
	host           netip.Addr
}

// pushed connects with a profile that names no network: what is behind the
// gateway is reached by the routes that it pushes, and by nothing else.
func pushed(t *testing.T, g *lab.Gateway, from *lab.Host, want pushing) {
	before := from.State(t)
	c := g.Up(t, from, lab.Profile{"routing.include": "[]"}, lab.Secrets{})
	at := c.Connected(t)
	e, _ := c.Until(t, 0, "pushed routes", func(e lab.Event) bool { return e.State == "connected" && len(e.Routes) > 0 })
	t.Logf("%v after it was connected: %v, %v", e.Time.Sub(at.Time), e.Routes, e.Search)
	if !slices.Equal(e.Routes, want.routes) || !slices.Equal(e.Search, want.search) {
		t.Errorf("pushed %v and %v, want %v and %v", e.Routes, e.Search, want.routes, want.search)
	}
	lab.Reach(t, from, want.host)
	lab.Ping(t, from, want.host, 20, 1000)
	c.Close(t)
	g.Empty(t)
	same(t, from, before)
}

// pushSoftEther is the DHCP server of SoftEther's SecureNAT. It also pushes what
// would break the tunnel: a network that the gateway itself is in, outside, and
// the network that the client is on.
func pushSoftEther(t *testing.T, g *lab.SoftEther) {
	const router = "/192.168.30.1"
	g.Push(t, "203.0.113.0/255.255.255.0"+router, "198.51.100.0/255.255.255.0"+router, "192.168.77.0/255.255.255.0"+router, "10.20.0.0/255.255.0.0"+router)
	pushed(t, &g.Gateway, g.NATed[0], pushing{routes: []string{"203.0.113.0/24", "198.51.100.0/24", "192.168.77.0/24", "10.20.0.0/16"},
		search: []string{"lab.test"}, host: g.Inside})
}

// pushLinux is dnsmasq beside pppd, as administrators have it for Windows. It
// sends either number of the option, and a compressed search list.
func pushLinux(t *testing.T, g *lab.Linux) {
	g.Run(t, `
		ip addr add 10.20.0.1/32 dev lo
		dnsmasq --conf-file=/dev/null --user=root --port=0 --pid-file=/run/dnsmasq.pid --dhcp-leasefile=/run/dnsmasq.leases \
			--log-dhcp --log-facility=/var/log/dnsmasq.log --dhcp-range=10.99.0.0,static,255.255.255.0 \
			--dhcp-option=option:classless-static-route,10.20.0.0/16,10.99.0.1,192.168.20.0/24,10.99.0.1 \
			--dhcp-option=249,10.20.0.0/16,10.99.0.1,192.168.20.0/24,10.99.0.1 \
			--dhcp-option=option:domain-search,eng.corp.example,corp.example,lab.eng.corp.example`)
	defer func() {
		if t.Failed() {
			t.Log(g.Run(t, "cat /var/log/dnsmasq.log"))
		}
		g.Run(t, "pkill -x dnsmasq; ip addr del 10.20.0.1/32 dev lo")
	}()
	pushed(t, &g.Gateway, g.Direct, pushing{routes: []string{"10.20.0.0/16", "192.168.20.0/24"},
		search: []string{"eng.corp.example", "corp.example", "lab.eng.corp.example"}, host: netip.MustParseAddr("10.20.0.1")})
}
