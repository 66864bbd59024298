package profile

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specification.
const (
	maxLogin = 255 // octets: the length field of PAP (RFC 1334, 2.2.1)
	maxHost  = 253 // octets of a host name (RFC 1035, 2.3.4)
	maxLabel = 63  // octets of a part of one (the same)
)

// Ours.
const (
	// A proposal with more transforms does not fit the first message, which
	// must stay under 1,200 octets: fragments of it are lost on some paths.
	maxSuites  = 24
	maxServers = 16
	maxRoutes  = 10000 // lists of the networks of a whole country are that long
	maxName    = 255   // octets
	maxNames   = 16    // name servers, and domains of each kind
	// Below this no IPv4 host has to receive whole packets (RFC 791).
	minMRU = 576
	maxMRU = 1500

	// Gateways are set to hours. Far shorter ones are for who wants to see a
	// renewal, and each has to end before the next one.
	minPhase1   = 30 * time.Second
	minPhase2   = 10 * time.Second
	maxLifetime = 30 * 24 * time.Hour
	// Keepalives and probes: less than a second only makes traffic, and more
	// than a day is never.
	minInterval = time.Second
	maxInterval = 24 * time.Hour
	// Somebody may have to fetch the phone.
	maxAuthTimeout = time.Hour
)

// Parse reads a profile; file is its name in messages. Every fault of the file
// is in the *Error it returns. A missing id is made up, a missing name is the
// first server's.
func Parse(file string, data []byte) (*Profile, error) { return parse(file, data, newID) }

// parse is Parse with the way to make up an id.
func parse(file string, data []byte, makeID func() string) (*Profile, error) {
	p := Default()
	d := decode(file, data, p.fields(), false)
	if p.ID == "" {
		p.ID = makeID()
	}
	if !d.broken {
		p.check(d)
	}
	if err := newError(d.faults); err != nil {
		return nil, err
	}
	if p.Name == "" {
		p.Name = p.Servers[0]
	}
	return p, nil
}

// fields is the schema: every key, in the order of the documentation.
func (p *Profile) fields() []field {
	return slices.Concat([]field{
		{"version", integer(&p.Version, Version, Version, false)},
		{"id", text(&p.ID, checkID)},
		{"name", text(&p.Name, checkName)},
		{"preset", choice(&p.Preset, PresetNames())},
		{"servers", list(&p.Servers, maxServers, parseServer)},
		{"user", text(&p.User, checkUser)},
		{"domain", text(&p.Domain, checkDomain)},
		{"ask_password", boolean(&p.AskPassword)},
	}, p.IPsec.fields(), p.L2TP.fields(), p.PPP.fields(), p.Routing.fields(), p.DNS.fields(), p.Reconnect.fields())
}

func (c *IPsec) fields() []field {
	return []field{
		{"ipsec.enabled", boolean(&c.Enabled)},
		{"ipsec.auth", choice(&c.Auth, []string{"psk"}, "certificate")},
		{"ipsec.certificate", onlyEmpty(&c.Certificate)},
		{"ipsec.ca", onlyEmpty(&c.CA)},
		{"ipsec.group", onlyEmpty(&c.Group)},
		{"ipsec.remote_id", text(&c.RemoteID, checkRemoteID)},
		{"ipsec.phase1", list(&c.Phase1, maxSuites, func(s string) (IKESuite, error) {
			t, err := suite.ParsePhase1(s)
			return IKESuite(t), err
		})},
		{"ipsec.phase2", list(&c.Phase2, maxSuites, func(s string) (ESPSuite, error) {
			t, err := suite.ParsePhase2(s)
			return ESPSuite(t), err
		})},
		{"ipsec.pfs", parsed(&c.PFS, parsePFS)},
		{"ipsec.encapsulation", choice(&c.Encapsulation, []string{"auto", "udp", "esp"})},
		{"ipsec.phase1_lifetime", duration(&c.Phase1Lifetime, minPhase1, maxLifetime, false)},
		{"ipsec.phase2_lifetime", duration(&c.Phase2Lifetime, minPhase2, maxLifetime, false)},
		{"ipsec.dpd_interval", duration(&c.DPDInterval, minInterval, maxInterval, true)},
		{"ipsec.source_ports", choice(&c.SourcePorts, []string{"ephemeral", "standard"})},
	}
}

func (c *L2TP) fields() []field {
	return []field{
		{"l2tp.hello_interval", duration(&c.HelloInterval, minInterval, maxInterval, true)},
		{"l2tp.tunnel_auth", boolean(&c.TunnelAuth)},
		{"l2tp.source_port", integer(&c.SourcePort, 0, math.MaxUint16, true)},
		{"l2tp.data_sequencing", boolean(&c.DataSequencing)},
	}
}

func (c *PPP) fields() []field {
	return []field{
		{"ppp.auth", list(&c.Auth, len(authMethods), parseAuth)},
		{"ppp.mru", integer(&c.MRU, minMRU, maxMRU, true)},
		{"ppp.mppe", choice(&c.MPPE, []string{"off"}, "auto", "require")},
		{"ppp.echo_interval", duration(&c.EchoInterval, minInterval, maxInterval, true)},
		{"ppp.echo_failures", integer(&c.EchoFailures, 1, 100, false)},
		{"ppp.auth_timeout", duration(&c.AuthTimeout, time.Second, maxAuthTimeout, false)},
		{"ppp.address", parsed(&c.Address, parseAddress)},
	}
}

func (c *Routing) fields() []field {
	return []field{
		{"routing.mode", choice(&c.Mode, []string{"full", "split"})},
		{"routing.include", list(&c.Include, maxRoutes, parsePrefix)},
		{"routing.exclude", list(&c.Exclude, maxRoutes, parsePrefix)},
		{"routing.from_gateway", boolean(&c.FromGateway)},
		{"routing.local_network", boolean(&c.LocalNetwork)},
		{"routing.ipv6", choice(&c.IPv6, []string{"auto", "block", "leave"})},
		{"routing.kill_switch", boolean(&c.KillSwitch)},
	}
}

func (c *DNS) fields() []field {
	return []field{
		{"dns.mode", choice(&c.Mode, []string{"auto", "manual", "off"})},
		{"dns.servers", list(&c.Servers, maxNames, parseNameServer)},
		{"dns.search", list(&c.Search, maxNames, parseDomainName)},
		{"dns.domains", list(&c.Domains, maxNames, parseDomainName)},
	}
}

func (c *Reconnect) fields() []field {
	return []field{
		{"reconnect.on_drop", boolean(&c.OnDrop)},
		{"reconnect.on_start", boolean(&c.OnStart)},
		{"reconnect.idle_disconnect", duration(&c.IdleDisconnect, minInterval, maxLifetime, true)},
	}
}

// check looks at what the keys say together.
func (p *Profile) check(d *decoder) {
	if len(p.Servers) == 0 {
		d.missing("servers", "must name at least one gateway, such as [\"vpn.example.com\"]")
	}
	if p.User == "" {
		d.missing("user", "must name the user to log in as")
	}
	if n := len(p.Login()); n > maxLogin {
		d.missing("user", "is %d octets long together with the domain; allowed: %d at most", n, maxLogin)
	}
	split := p.Routing.Mode == "split"
	switch {
	case d.bad["routing.mode"]:
	case split && len(p.Routing.Include) == 0 && !p.Routing.FromGateway:
		d.missing("routing.include", "is empty: name the networks behind the gateway, or let routing.from_gateway or routing.mode = \"full\" have them")
	case !split && len(p.Routing.Include) > 0:
		d.missing("routing.include", "is only for routing.mode = \"split\"; in full mode everything goes through the tunnel")
	}
	if split && len(p.Routing.Exclude) > 0 {
		d.missing("routing.exclude", "is only for routing.mode = \"full\"; in split mode nothing else goes through the tunnel")
	}
	p.DNS.check(d)
	if !p.IPsec.Enabled && p.L2TP.SourcePort == 0 && p.IPsec.SourcePorts == "standard" {
		d.missing("ipsec.source_ports", "has no meaning with ipsec.enabled = false; use l2tp.source_port = 1701")
	}
}

// check looks at what the keys of [dns] say together.
func (c *DNS) check(d *decoder) {
	switch {
	case d.bad["dns.mode"]:
	case c.Mode == "manual" && len(c.Servers) == 0:
		d.missing("dns.servers", "must name at least one name server for dns.mode = \"manual\"")
	case c.Mode != "manual" && len(c.Servers) > 0:
		d.missing("dns.servers", "is only for dns.mode = \"manual\"; with %q they are not asked", c.Mode)
	}
	if c.Mode != "off" || d.bad["dns.mode"] {
		return
	}
	if len(c.Search) > 0 {
		d.missing("dns.search", "has no meaning with dns.mode = \"off\"")
	}
	if len(c.Domains) > 0 {
		d.missing("dns.domains", "has no meaning with dns.mode = \"off\"")
	}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func checkID(s string) error {
	if s != "" && !uuid.MatchString(s) {
		return fmt.Errorf("%q is no UUID such as 6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b; leave it out to have one made", s)
	}
	return nil
}

func checkName(s string) error {
	if len(s) > maxName || strings.ContainsFunc(s, isControl) {
		return fmt.Errorf("%q is no name; allowed: %d octets at most, without control characters", s, maxName)
	}
	return nil
}

// checkRemoteID refuses what no gateway calls itself.
func checkRemoteID(s string) error {
	if s == "@" || len(s) > maxName || strings.ContainsFunc(s, isControl) {
		return fmt.Errorf("%q is no identity; allowed: an address, a name such as gw.example.com, or user@host", s)
	}
	return nil
}

// checkUser refuses only what cannot be sent: user names with spaces, equals
// signs and any script are out there.
func checkUser(s string) error {
	if s == "" || strings.ContainsFunc(s, isControl) {
		return fmt.Errorf("%q is no user name; allowed: any text without control characters", s)
	}
	return nil
}

func checkDomain(s string) error {
	if strings.ContainsFunc(s, isControl) || strings.Contains(s, `\`) {
		return fmt.Errorf("%q is no NT domain; allowed: a name without backslash and control characters", s)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$`)

// parseServer accepts an address or a host name.
func parseServer(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.IsUnspecified() || a.IsMulticast() {
			return "", fmt.Errorf("%q is no address of a gateway", s)
		}
		return s, nil
	}
	allowed := "allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path"
	if strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) {
		allowed += "; a name beyond ASCII in its xn-- form"
	}
	host := strings.TrimSuffix(s, ".")
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	// A name that ends in a number is a mistyped address (WHATWG URL, 3.5).
	number := strings.Trim(last, "0123456789") == ""
	if host == "" || len(host) > maxHost || number {
		return "", fmt.Errorf("%q is no gateway; %s", s, allowed)
	}
	for _, l := range labels {
		if len(l) > maxLabel || !hostLabel.MatchString(l) {
			return "", fmt.Errorf("%q is no gateway; %s", s, allowed)
		}
	}
	return s, nil
}

func parseNameServer(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
		return "", fmt.Errorf("%q is no name server; allowed: an address such as 10.99.0.1", s)
	}
	return s, nil
}

// parseDomainName accepts a domain, with or without dots around it.
func parseDomainName(s string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(s, "."), ".")
	bad := len(name) > maxHost
	for label := range strings.SplitSeq(name, ".") {
		bad = bad || len(label) > maxLabel || !hostLabel.MatchString(label)
	}
	if bad {
		return "", fmt.Errorf("%q is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form", s)
	}
	return s, nil
}

func parseAuth(s string) (AuthMethod, error) {
	err := oneOf(s, authMethods, []string{"mschap", "eap-tls"})
	return AuthMethod(s), err
}

func parseAddress(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
		return netip.Addr{}, fmt.Errorf("%q is no address to ask for; allowed: an IPv4 address such as 10.99.0.10", s)
	}
	return a, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network; allowed: a prefix such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/48", s)
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network in disguise; meant is one such as 10.0.0.0/8", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its length; meant is %s or %s/%d", s, p.Masked(), p.Addr(), p.Addr().BitLen())
	}
	return p, nil
}
