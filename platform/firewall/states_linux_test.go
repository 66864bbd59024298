package firewall

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where a packet ends.
const (
	nowhere  = "nowhere"
	outside  = "outside"
	inTunnel = "in the tunnel"
)

// went sends p and tells where it came out.
func (l *lab) went(t *testing.T, p packet) (string, error) {
	t.Helper()
	l.out.reset()
	l.in.reset()
	const token = "culvert-probe"
	like := with(token)
	if p.proto == protoTCP {
		like = to(p.to)
	}
	err := p.send(token)
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Fatalf("%+v: %v: the test's network is wrong", p, err)
	}
	l.settle(t)
	switch {
	case l.out.count(like) > 0:
		return outside, err
	case refusal(err):
		return nowhere, err
	case (err == nil || errors.Is(err, unix.ECONNREFUSED)) && l.in.wait(like):
		return inTunnel, err
	}
	return nowhere, err
}

// The packets that a machine may want to send.
var probes = map[string]packet{
	"gateway 4500":        {to: "198.51.100.1", proto: protoUDP, port: 4500, mark: DefaultMark},
	"gateway 500":         {to: "198.51.100.1", proto: protoUDP, port: 500, mark: DefaultMark},
	"gateway 1701":        {to: "198.51.100.1", proto: protoUDP, port: 1701, mark: DefaultMark},
	"gateway ESP":         {to: "198.51.100.1", proto: protoESP, mark: DefaultMark},
	"gateway6 4500":       {to: "2001:db8:100::1", proto: protoUDP, port: 4500, mark: DefaultMark},
	"gateway6 ESP":        {to: "2001:db8:100::1", proto: protoESP, mark: DefaultMark},
	"gateway, others":     {to: "198.51.100.1", proto: protoUDP, port: 4500},
	"gateway, other mark": {to: "198.51.100.1", proto: protoUDP, port: 4500, mark: 7},
	"gateway ESP, others": {to: "198.51.100.1", proto: protoESP},
	"gateway other port":  {to: "198.51.100.1", proto: protoUDP, port: 443, mark: DefaultMark},
	"gateway TCP":         {to: "198.51.100.1", proto: protoTCP, port: 500, mark: DefaultMark},
	"another gateway":     {to: "198.51.100.2", proto: protoUDP, port: 4500, mark: DefaultMark},
	"resolver":            {to: "203.0.113.53", proto: protoUDP, port: 53, mark: DefaultMark},
	"resolver TCP":        {to: "203.0.113.53", proto: protoTCP, port: 53, mark: DefaultMark},
	"resolver, others":    {to: "203.0.113.53", proto: protoUDP, port: 53},
	"server UDP":          {to: server4, proto: protoUDP, port: 9999},
	"server UDP, marked":  {to: server4, proto: protoUDP, port: 9999, mark: DefaultMark},
	"server TCP":          {to: server4, proto: protoTCP, port: 443},
	"server ping":         {to: server4, proto: protoICMP},
	"server6 UDP":         {to: server6, proto: protoUDP, port: 9999},
	"server6 TCP":         {to: server6, proto: protoTCP, port: 443},
	"server6 ping":        {to: server6, proto: protoICMPv6},
	"server GRE":          {to: server4, proto: 47},
	"DNS":                 {to: server4, proto: protoUDP, port: 53},
	"DNS TCP":             {to: server4, proto: protoTCP, port: 53},
	"DNS TLS":             {to: server4, proto: protoTCP, port: 853},
	"DNS QUIC":            {to: server4, proto: protoUDP, port: 853},
	"DNS6":                {to: server6, proto: protoUDP, port: 53},
	"DNS of the router":   {to: "192.168.77.1", proto: protoUDP, port: 53},
	"DHCP":                {to: "255.255.255.255", proto: protoUDP, port: 67, from: 68, dev: "eth0"},
	"DHCP renewal":        {to: "192.0.2.1", proto: protoUDP, port: 67, from: 68},
	"DHCP, other port":    {to: "192.0.2.1", proto: protoUDP, port: 67},
	"DHCPv6":              {to: "ff02::1:2", proto: protoUDP, port: 547, from: 546, dev: "eth0"},
	"local":               {to: "192.168.77.1", proto: protoUDP, port: 9999},
	"local ping":          {to: "192.168.77.1", proto: protoICMP},
	"on link":             {to: "192.0.2.1", proto: protoUDP, port: 9999},
	"on link 6":           {to: "2001:db8::1", proto: protoUDP, port: 9999},
	"mDNS":                {to: "224.0.0.251", proto: protoUDP, port: 5353, dev: "eth0"},
	"mDNS6":               {to: "ff02::fb", proto: protoUDP, port: 5353, dev: "eth0"},
	"tunnel UDP":          {to: "10.99.0.1", proto: protoUDP, port: 9999},
	"tunnel TCP":          {to: "10.99.0.1", proto: protoTCP, port: 9999},
	"tunnel DNS":          {to: "10.99.0.1", proto: protoUDP, port: 53},
	"tunnel ping":         {to: "10.99.0.1", proto: protoICMP},
	"tunnel6 UDP":         {to: "fd00:99::1", proto: protoUDP, port: 9999},
}

// natural is where a packet goes without any rules.
func natural(name string) string {
	if strings.HasPrefix(name, "tunnel") {
		return inTunnel
	}
	return outside
}

func list(s ...string) []string { return strings.Split(strings.Join(s, ","), ",") }

const (
	ownGateway = "gateway 4500,gateway 500,gateway 1701,gateway ESP,gateway6 4500,gateway6 ESP"
	ownResolve = "resolver,resolver TCP"
	dhcp       = "DHCP,DHCP renewal,DHCPv6"
	tunnel6    = "tunnel6 UDP"
	tunnel     = "tunnel UDP,tunnel TCP,tunnel DNS,tunnel ping"
	// The tunnel of the test has private addresses, and broadcasts are local.
	localNet = "local,local ping,mDNS,mDNS6,DHCP,DHCPv6,tunnel UDP,tunnel TCP,tunnel ping,tunnel6 UDP"
	allDNS   = "resolver,resolver TCP,resolver, others,DNS,DNS TCP,DNS TLS,DNS QUIC,DNS6,DNS of the router"
)

// Each state lets pass what it must and nothing else; the opening state shows
// that the probes would arrive.
func TestStates(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	local := Config{KillSwitch: true, LocalNetwork: true}
	linked := local
	linked.BlockDNS = true
	linked.OnLink = []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24"), netip.MustParsePrefix("2001:db8::10/64")}
	marked := connecting()
	marked.Mark = 7
	dual := connected()
	dual.BlockIPv6 = false
	for _, s := range []struct {
		name string
		cfg  Config
		pass []string // with KillSwitch, what passes; otherwise nil
		stop []string
	}{
		{"open", Config{}, nil, nil},
		{"blocked", Config{KillSwitch: true}, []string{}, nil},
		{"connecting", connecting(), list(ownGateway, ownResolve, dhcp), nil},
		{"another mark", marked, []string{"gateway, other mark", "DHCP", "DHCP renewal", "DHCPv6"}, nil},
		{"connected", connected(), list(ownGateway, dhcp, tunnel), nil},
		{"connected, IPv6 inside", dual, list(ownGateway, dhcp, tunnel, tunnel6), nil},
		{"local network", local, list(localNet, "DNS of the router,tunnel DNS"), nil},
		{"local network, on link", linked, list(localNet, "on link,on link 6,DHCP renewal,DHCP, other port"), nil},
		{"no IPv6", withoutIPv6(), nil, list("server6 UDP,server6 TCP,server6 ping,tunnel6 UDP,on link 6,gateway6 4500,gateway6 ESP", allDNS)},
		{"no DNS", Config{BlockDNS: true, Interface: "culvert0"}, nil, list(allDNS)},
		{"open again", Config{}, nil, nil},
	} {
		set(t, m, s.cfg)
		// Names with a comma in them are taken apart by list.
		has := func(names []string, name string) bool {
			return strings.Contains(","+strings.Join(names, ",")+",", ","+name+",")
		}
		for name, p := range probes {
			want := natural(name)
			if s.pass != nil && !has(s.pass, name) || has(s.stop, name) {
				want = nowhere
			}
			got, err := l.went(t, p)
			if got != want {
				t.Errorf("%s: %s (%+v) went %s (%v), want %s", s.name, name, p, got, err, want)
			}
			// The program learns of it. TCP does a moment later, see
			// TestRefusedAtOnce.
			if want == nowhere && p.proto != protoTCP && !refusal(err) {
				t.Errorf("%s: %s: send = %v, want a refusal", s.name, name, err)
			}
		}
		if ok, err := m.Intact(); !ok || err != nil {
			t.Errorf("%s: Intact = %v, %v, want true", s.name, ok, err)
		}
	}
}

func refusal(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EHOSTUNREACH)
}
