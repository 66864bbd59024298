package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

// Protocols, as the numbers of IP.
const (
	protoICMP   = 1
	protoIGMP   = 2
	protoTCP    = 6
	protoUDP    = 17
	protoESP    = 50
	protoICMPv6 = 58
)

// From the specification: ICMPv6 types (RFC 4861, 4; RFC 2710, 3; RFC 3810, 5),
// and the echo replies.
const (
	icmpEchoReply       = 0
	icmp6EchoReply      = 129
	icmp6MLDReport      = 131
	icmp6MLDDone        = 132
	icmp6RouterSolicit  = 133
	icmp6NeighbourSolic = 135
	icmp6NeighbourAdv   = 136
	icmp6MLD2Report     = 143
)

// From the specification: what a neighbour's message must carry, so that no
// router has passed it on (RFC 4861, 7.1.1), and a listener's (RFC 3810, 5).
const (
	hopsNDP = 255
	hopsMLD = 1
)

// rule is about packets that leave the machine. All that is set in it has to
// match. It is the same for all systems, each of which translates it.
type rule struct {
	refuse   bool
	why      string // a word for who looks at the rules
	loopback bool
	own      bool         // of our own process
	dev      string       // the interface it leaves by
	family   int          // 4 or 6; 0: both
	proto    uint8        // of IP; 0: any
	from, to netip.Prefix // not valid: any
	sport    uint16
	dport    uint16
	icmp     uint8 // type; only with proto ICMP or ICMPv6
	hops     uint8 // TTL or hop limit; 0: any
	answer   bool  // within a connection that another machine opened
}

// policy is a Config in the form of rules; the first one that matches decides.
type policy struct {
	rules  []rule
	rest   bool // true: what no rule is about is refused
	tunnel string
	inside []netip.Addr // Config.Addresses
	answer bool         // there are rules with answer
	mark   uint32
}

func (p *policy) equal(q *policy) bool { return reflect.DeepEqual(p, q) }

// localNetworks are RFC 1918, RFC 3927, RFC 4193, link-local IPv6, and the
// multicast of the link and of the site (RFC 5771, RFC 2365, RFC 7346).
var localNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/24"),
	netip.MustParsePrefix("239.255.0.0/16"),
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("ff02::/16"),
	netip.MustParsePrefix("ff05::/16"),
}

var (
	multicast4    = netip.MustParsePrefix("224.0.0.0/4")
	linkLocal6    = netip.MustParsePrefix("fe80::/10")
	linkMulticast = netip.MustParsePrefix("ff02::/16")
	// From the specification: where DHCPv6 servers are (RFC 9915, 7.1), and a
	// server that was found.
	dhcp6Servers = []netip.Prefix{
		netip.MustParsePrefix("ff02::1:2/128"),
		netip.MustParsePrefix("ff05::1:3/128"),
		linkLocal6,
	}
)

// plan makes the rules. Their order is a part of it.
func plan(c Config) *policy {
	p := &policy{rest: c.KillSwitch, tunnel: c.Interface, answer: c.Inbound, mark: cmp.Or(c.Mark, DefaultMark)}
	for _, a := range c.Addresses {
		p.inside = append(p.inside, a.Unmap().WithZone(""))
	}
	p.add(rule{why: "loopback", loopback: true})
	if c.Interface != "" {
		if c.BlockIPv6 {
			p.add(rule{why: "no IPv6 inside", refuse: true, dev: c.Interface, family: 6})
		}
		p.add(rule{why: "tunnel", dev: c.Interface})
	}
	p.own(c)
	if c.DHCP {
		p.add(rule{why: "DHCP", family: 4, proto: protoUDP, sport: 68, dport: 67})
		for _, to := range dhcp6Servers {
			p.add(rule{why: "DHCPv6", proto: protoUDP, from: linkLocal6, to: to, sport: 546, dport: 547})
		}
	}
	if c.KillSwitch || c.BlockIPv6 {
		p.neighbours()
	}
	if c.BlockDNS {
		for _, port := range []uint16{53, 853} {
			p.add(rule{why: "DNS", refuse: true, proto: protoUDP, dport: port})
			p.add(rule{why: "DNS", refuse: true, proto: protoTCP, dport: port})
		}
	}
	if c.LocalNetwork {
		for _, to := range localNetworks {
			p.add(rule{why: "local network", to: to})
		}
		for _, to := range c.OnLink {
			p.add(rule{why: "local network", to: to.Masked()})
		}
		p.add(rule{why: "multicast groups", proto: protoIGMP, to: multicast4, hops: 1})
	}
	if c.Inbound {
		p.add(rule{why: "inbound", proto: protoTCP, answer: true})
		p.add(rule{why: "inbound ping", family: 4, proto: protoICMP, icmp: icmpEchoReply, answer: true})
		p.add(rule{why: "inbound ping", family: 6, proto: protoICMPv6, icmp: icmp6EchoReply, answer: true})
	}
	if c.BlockIPv6 && !c.KillSwitch {
		p.add(rule{why: "IPv6", refuse: true, family: 6})
	}
	return p
}

// add appends r; its family is that of its addresses.
func (p *policy) add(r rule) {
	if r.to.IsValid() {
		r.family = 4
		if r.to.Addr().Is6() {
			r.family = 6
		}
	}
	p.rules = append(p.rules, r)
}

// own is what our own process needs to connect.
func (p *policy) own(c Config) {
	ports := c.Ports
	if ports == nil {
		ports = DefaultPorts
	}
	for _, g := range c.Gateways {
		to := host(g)
		for _, port := range ports {
			p.add(rule{why: "gateway", own: true, proto: protoUDP, to: to, dport: port})
		}
		p.add(rule{why: "gateway", own: true, proto: protoESP, to: to})
	}
	for _, r := range c.Resolvers {
		for _, proto := range []uint8{protoUDP, protoTCP} {
			p.add(rule{why: "resolver", own: true, proto: proto, to: host(r.Addr()), dport: r.Port()})
		}
	}
}

// neighbours is what IPv6 needs on a link: a gateway may be reached by it.
// Router advertisements and redirects are for routers to send.
func (p *policy) neighbours() {
	p.add(rule{why: "NDP", proto: protoICMPv6, to: linkMulticast, icmp: icmp6RouterSolicit, hops: hopsNDP})
	for _, t := range []uint8{icmp6NeighbourSolic, icmp6NeighbourAdv} {
		p.add(rule{why: "NDP", family: 6, proto: protoICMPv6, icmp: t, hops: hopsNDP})
	}
	// A switch that listens in on MLD does not deliver NDP otherwise.
	for _, t := range []uint8{icmp6MLDReport, icmp6MLDDone, icmp6MLD2Report} {
		p.add(rule{why: "MLD", proto: protoICMPv6, to: linkMulticast, icmp: t, hops: hopsMLD})
	}
}

func host(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

// isICMP tells whether r.icmp means something.
func (r rule) isICMP() bool { return r.proto == protoICMP || r.proto == protoICMPv6 }

// String is the rule in words, for tests and errors.
func (r rule) String() string {
	var b strings.Builder
	b.WriteString("permit")
	if r.refuse {
		b.Reset()
		b.WriteString("refuse")
	}
	add := func(on bool, format string, args ...any) {
		if on {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	add(r.own, "own")
	add(r.loopback, "loopback")
	add(r.dev != "", "dev %s", r.dev)
	add(r.family != 0 && !r.to.IsValid(), "ipv%d", r.family)
	add(r.proto != 0, "proto %d", r.proto)
	add(r.from.IsValid(), "from %v", r.from)
	add(r.sport != 0, "sport %d", r.sport)
	add(r.to.IsValid(), "to %v", r.to)
	add(r.dport != 0, "dport %d", r.dport)
	add(r.isICMP(), "type %d", r.icmp)
	add(r.hops != 0, "hops %d", r.hops)
	add(r.answer, "answer")
	fmt.Fprintf(&b, " (%s)", r.why)
	return b.String()
}
