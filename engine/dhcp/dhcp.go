// Package dhcp asks a gateway, once IP flows, for what PPP cannot carry: routes
// and a search list. It is a DHCPINFORM (RFC 2131, 4.4.3) through the tunnel, as
// Windows sends one after IPCP, and the DHCPACK to it:
//
//	address:68 -> 255.255.255.255:67   DHCPINFORM, asks for 6, 15, 119, 121, 249
//	gateway:67 -> address:68           DHCPACK
//
// Conn is the client's side, without I/O and without a clock; Server makes a
// gateway's answer. Most gateways do not answer at all, which is no failure:
// nothing waits for this exchange.
package dhcp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// From the specifications.
const (
	portServer = 67 // RFC 2131, 4.1
	portClient = 68

	headerLen    = 236 // RFC 2131, 2: the fields in front of the options
	snameAt      = 44
	fileAt       = 108
	overloadFile = 1 // RFC 2132, 9.3
	overloadName = 2

	minMaxMessage = 576 // RFC 2132, 9.10

	maxName  = 253 // RFC 1035, 2.3.4, as text
	maxLabel = 63
)

// optionMicrosoft is option 121 by its older number, which Windows asks for,
// too, and some servers know alone ([MS-DHCPE], 2.2.8).
const optionMicrosoft = dhcpv4.GenericOptionCode(249)

// Ours: what one answer may bring. No real network has so many; the room of a
// packet lets in 250 routes.
const (
	MaxRoutes  = 1000
	MaxSearch  = 32
	MaxServers = 8
)

// ErrForeign is a packet that is no answer to our question.
var ErrForeign = errors.New("dhcp: no answer to our question")

// ErrMalformed is an answer that cannot be read.
var ErrMalformed = errors.New("dhcp: malformed answer")

// Options is what a gateway says of its network.
type Options struct {
	Server netip.Addr // who said it
	// Routes are the networks behind the gateway, each once, in the gateway's
	// order. 0.0.0.0/0 is among them if it was sent: what becomes of it is the
	// profile's to say. The routers that come with them mean nothing on a link
	// with two ends.
	Routes []netip.Prefix
	DNS    []netip.Addr // name servers; Windows prefers them to those of IPCP
	// Search is the names to append to short ones, in lower case.
	Search []string
	// Refused counts routes, servers and names that can be none, and those
	// beyond the bounds.
	Refused int
}

// Empty says that there is nothing in it to go by.
func (o *Options) Empty() bool { return len(o.Routes)+len(o.DNS)+len(o.Search) == 0 }

// parseMessage reads a DHCP message, with the options that are in the fields of
// others (RFC 2132, 9.3), and in the order of RFC 3396, 5.
func parseMessage(b []byte) (*dhcpv4.DHCPv4, error) {
	m, err := dhcpv4.FromBytes(b)
	if err != nil {
		return nil, errors.Join(ErrMalformed, err)
	}
	overload := m.Options.Get(dhcpv4.OptionOptionOverload)
	if len(overload) != 1 {
		return m, nil
	}
	for _, f := range []struct {
		bit  byte
		data []byte
	}{{overloadFile, b[fileAt:headerLen]}, {overloadName, b[snameAt:fileAt]}} {
		if overload[0]&f.bit == 0 {
			continue
		}
		if err := m.Options.FromBytes(f.data); err != nil {
			return nil, errors.Join(ErrMalformed, err)
		}
	}
	return m, nil
}

// optionsOf reads what we asked for out of an answer. An option that is
// malformed counts as refused and leaves the others alone.
func optionsOf(m *dhcpv4.DHCPv4) Options {
	var o Options
	// The standard option supersedes its predecessor where both are sent.
	for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionClasslessStaticRoute, optionMicrosoft} {
		if data := m.Options.Get(code); len(data) > 0 && o.addRoutes(data) {
			break
		}
	}
	for data := m.Options.Get(dhcpv4.OptionDomainNameServer); len(data) > 0; data = data[min(4, len(data)):] {
		o.addServer(data)
	}
	// The connection's own name comes first, as it does on Windows. Some servers
	// put several there, and the octet behind a C string.
	for _, s := range strings.FieldsFunc(string(m.Options.Get(dhcpv4.OptionDomainName)), func(r rune) bool { return r == ' ' || r == ',' || r == 0 }) {
		o.addName(s)
	}
	if data := m.Options.Get(dhcpv4.OptionDNSDomainSearchList); len(data) > 0 {
		names, ok := ParseNames(data)
		for _, s := range names {
			o.addName(s)
		}
		if !ok {
			o.Refused++
		}
	}
	return o
}

// addRoutes takes in an option 121 or 249 (RFC 3442); a malformed one counts for
// nothing as a whole, for from the first bad length on everything is shifted.
func (o *Options) addRoutes(data []byte) bool {
	var routes dhcpv4.Routes
	if err := routes.FromBytes(data); err != nil {
		o.Refused++
		return false
	}
	seen := map[netip.Prefix]bool{}
	for _, r := range routes {
		bits, _ := r.Dest.Mask.Size()
		a, ok := netip.AddrFromSlice(r.Dest.IP.To4())
		if !ok {
			o.Refused++
			continue
		}
		p := netip.PrefixFrom(a, bits).Masked()
		switch {
		case seen[p]:
		case !routable(p) || len(o.Routes) == MaxRoutes:
			o.Refused++
		default:
			seen[p] = true
			o.Routes = append(o.Routes, p)
		}
	}
	return true
}

// nowhere is what no route leads to (RFC 6890): this host, its link, and what is
// no unicast address.
var nowhere = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"),
}

// routable says that p is a network, or several, that hosts can be on.
func routable(p netip.Prefix) bool {
	return !slices.ContainsFunc(nowhere, func(n netip.Prefix) bool { return p.Bits() >= n.Bits() && n.Contains(p.Addr()) })
}

// host says that a is one host's address.
func host(a netip.Addr) bool { return a.Is4() && routable(netip.PrefixFrom(a, a.BitLen())) }

// addServer takes in the address that data begins with.
func (o *Options) addServer(data []byte) {
	if len(data) < 4 {
		o.Refused++
		return
	}
	a := netip.AddrFrom4([4]byte(data))
	switch {
	case slices.Contains(o.DNS, a):
	case !host(a) || len(o.DNS) == MaxServers:
		o.Refused++
	default:
		o.DNS = append(o.DNS, a)
	}
}

// addName takes in a name to search in.
func (o *Options) addName(s string) {
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	switch {
	case slices.Contains(o.Search, s):
	case !IsName(s) || len(o.Search) == MaxSearch:
		o.Refused++
	default:
		o.Search = append(o.Search, s)
	}
}
