package profile

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// maxPrompt bounds the question for a code, octets.
const maxPrompt = 200

// Gateway is the configuration of the embedded gateway: a file of its own that
// holds secrets, so only its owner may be able to read it.
type Gateway struct {
	Listen netip.Addr // an address of this machine
	Ports  string     // standard (500, 4500, 1701), any (the system's choice)
	Plain  bool       // also L2TP without IPsec
	ESP    bool       // also raw ESP

	PSK            secret.Secret
	TunnelSecret   secret.Secret
	Phase1         []IKESuite // empty: all that clients offer by themselves
	Phase2         []ESPSuite
	PFS            PFS
	Phase1Lifetime Duration
	Phase2Lifetime Duration
	DPDInterval    Duration

	Auth       []AuthMethod // demanded in this order; empty: all
	Users      map[string]secret.Secret
	TOTP       map[string]secret.Secret // keys of users who give a code as well (RFC 6238), in Base32
	Codes      map[string]secret.Secret // fixed codes of such users, for tests
	CodePrompt string                   // what they are asked
	Address    netip.Addr               // the gateway's own inside
	Pool       netip.Prefix             // the clients' inside
	DNS        []netip.Addr             // empty: Address
	Pool6      netip.Prefix             // of the clients' IPv6 networks; not valid: no IPv6
	Address6   netip.Addr               // the gateway's own inside, in the first /64 of Pool6; not valid without that
	DNS6       []netip.Addr             // empty: Address6
	Routes     []netip.Prefix           // told to clients that ask: networks that they reach through it
	Search     []string                 // told to clients that ask: domains
	MTU        int                      // octets inside
	MaxClients int                      // 0: as many as Pool has addresses
	HTTP       bool                     // the service inside to measure with
	Inside     string                   // stack (the gateway's own, no privilege), tun (the system's)
}

// DefaultGateway is a gateway configuration with every key at its default,
// without an address to listen on, a key and users.
func DefaultGateway() *Gateway {
	return &Gateway{
		Ports: "standard", Phase1Lifetime: Duration(8 * time.Hour), Phase2Lifetime: Duration(time.Hour), DPDInterval: Duration(30 * time.Second),
		Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24"), MTU: 1400, HTTP: true, Inside: "stack",
		CodePrompt: "Code: ",
	}
}

// LoadGateway reads and checks the configuration at path. The error of a faulty
// file is a *Error; a file that others can read is refused with ErrReadable.
func LoadGateway(path string) (*Gateway, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return ParseGateway(path, data)
}

// ParseGateway reads the text of a gateway configuration; file is its name in
// messages. No message repeats a secret.
func ParseGateway(file string, data []byte) (*Gateway, error) {
	g := DefaultGateway()
	d := decode(file, data, g.fields(), true)
	if !d.broken {
		g.check(d)
	}
	if err := newError(d.faults); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Gateway) fields() []field {
	return []field{
		{"listen", parsed(&g.Listen, parseListen)},
		{"ports", choice(&g.Ports, []string{"standard", "any"})},
		{"plain", boolean(&g.Plain)},
		{"esp", boolean(&g.ESP)},
		{"psk", secretText(&g.PSK)},
		{"tunnel_secret", secretText(&g.TunnelSecret)},
		{"phase1", list(&g.Phase1, maxSuites, func(s string) (IKESuite, error) {
			t, err := suite.ParsePhase1(s)
			return IKESuite(t), err
		})},
		{"phase2", list(&g.Phase2, maxSuites, func(s string) (ESPSuite, error) {
			t, err := suite.ParsePhase2(s)
			return ESPSuite(t), err
		})},
		{"pfs", parsed(&g.PFS, parsePFS)},
		{"phase1_lifetime", duration(&g.Phase1Lifetime, minPhase1, maxLifetime, false)},
		{"phase2_lifetime", duration(&g.Phase2Lifetime, minPhase2, maxLifetime, false)},
		{"dpd_interval", duration(&g.DPDInterval, minInterval, maxInterval, false)},
		{"auth", list(&g.Auth, len(authMethods), parseAuth)},
		{"address", parsed(&g.Address, parseInner)},
		{"pool", parsed(&g.Pool, parsePool)},
		{"dns", list(&g.DNS, 2, parseInner)},
		{"pool6", parsed(&g.Pool6, orNothing(parsePool6))},
		{"address6", parsed(&g.Address6, orNothing(parseInner6))},
		{"dns6", list(&g.DNS6, maxDNS6, parseInner6)},
		{"routes", list(&g.Routes, maxRoutes, parsePrefix4)},
		{"search", list(&g.Search, maxNames, parseDomainName)},
		{"mtu", integer(&g.MTU, minMRU, maxMRU, false)},
		{"max_clients", integer(&g.MaxClients, 0, 1<<16, true)},
		{"http", boolean(&g.HTTP)},
		{"inside", choice(&g.Inside, []string{"stack", "tun"})},
		{"code_prompt", parsed(&g.CodePrompt, parsePrompt)},
		{"users.*", secrets(&g.Users)},
		{"totp.*", secrets(&g.TOTP)},
		{"codes.*", secrets(&g.Codes)},
	}
}

// check looks at what the keys say together.
func (g *Gateway) check(d *decoder) {
	if !g.Listen.IsValid() {
		d.missing("listen", "must be an address of this machine, such as \"198.51.100.1\"")
	}
	if g.PSK == nil {
		d.missing("psk", "must be the key that clients share with this gateway")
	}
	if g.Pool6.IsValid() && !g.Address6.IsValid() {
		g.Address6 = g.Pool6.Masked().Addr().Next()
	}
	if g.Pool6.IsValid() && g.MTU < minMTU6 {
		d.missing("mtu", "must be %d at least for IPv6 (pool6)", minMTU6)
	}
	if len(g.Users) == 0 && !d.badBelow("users") {
		d.missing("users", "must have a line for each user, such as alice = \"password\" below [users]")
	}
	g.checkCodes(d)
}

// checkCodes looks at who gives a code.
func (g *Gateway) checkCodes(d *decoder) {
	for _, user := range slices.Sorted(maps.Keys(g.TOTP)) {
		if _, known := g.Users[user]; !known {
			d.missing("totp."+user, "needs a line of the same user below [users]")
		}
	}
	for _, user := range slices.Sorted(maps.Keys(g.Codes)) {
		if _, known := g.Users[user]; !known {
			d.missing("codes."+user, "needs a line of the same user below [users]")
		}
		if _, twice := g.TOTP[user]; twice {
			d.missing("codes."+user, "has a line below [totp] already")
		}
	}
	if len(g.TOTP)+len(g.Codes) > 0 && len(g.Auth) > 0 && !slices.Contains(g.Auth, EAPGTC) {
		d.missing("auth", "must have eap-gtc, which codes are asked for by")
	}
}

// parsePrompt accepts one line for a person.
func parsePrompt(s string) (string, error) {
	if len(s) > maxPrompt || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%.40q is no question; allowed: one line of %d octets at most", s, maxPrompt)
	}
	return s, nil
}

func parseListen(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%q is no address of this machine; allowed: an IPv4 or IPv6 address", s)
	}
	return a, nil
}

func parseInner(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%q is no address inside; allowed: an IPv4 address such as 10.99.0.1", s)
	}
	return a, nil
}

func parsePrefix4(s string) (netip.Prefix, error) {
	p, err := parsePrefix(s)
	if err == nil && !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv4 network", s)
	}
	return p, err
}

func parsePool(s string) (netip.Prefix, error) {
	p, err := parsePrefix4(s)
	if err == nil && (p.Bits() < 8 || p.Bits() > 30) {
		return netip.Prefix{}, fmt.Errorf("%q has no fitting size; allowed: /8 to /30", s)
	}
	return p, err
}

// What IPv6 needs of a link (RFC 8200, 5), and how many name servers one
// advertisement has room for.
const (
	minMTU6 = 1280
	maxDNS6 = 3
)

// orNothing lets a value be empty, which is none.
func orNothing[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (t T, err error) {
		if s == "" {
			return t, nil
		}
		return parse(s)
	}
}

func parseInner6(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return netip.Addr{}, fmt.Errorf("%q is no IPv6 address inside; allowed: one such as 2001:db8:99::1", s)
	}
	return a, nil
}

// parsePool6 reads a network of networks of 64 bits.
func parsePool6(s string) (netip.Prefix, error) {
	p, err := parsePrefix(s)
	if err == nil && (!p.Addr().Is6() || p.Bits() < 40 || p.Bits() > 63) {
		return netip.Prefix{}, fmt.Errorf("%q has no fitting size; allowed: an IPv6 network of /40 to /63, for each client a /64", s)
	}
	return p, err
}
