package slaac

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specifications: options of a Router Advertisement.
const (
	optionPrefix = 3  // RFC 4861, 4.6.2
	optionMTU    = 5  // RFC 4861, 4.6.4
	optionRoute  = 24 // RFC 4191, 2.3
	optionRDNSS  = 25 // RFC 8106, 5.1
	optionDNSSL  = 31 // RFC 8106, 5.2

	flagManaged = 0x80 // RFC 4861, 4.2
	flagOther   = 0x40

	flagOnLink     = 0x80 // RFC 4861, 4.6.2
	flagAutonomous = 0x40
)

// forever is a lifetime of all ones.
const forever time.Duration = 1<<63 - 1

// advertisement is a Router Advertisement (RFC 4861, 4.2).
type advertisement struct {
	hopLimit uint8
	managed  bool // addresses by DHCPv6
	other    bool // other things by DHCPv6
	lifetime time.Duration
	mtu      int // 0: not said
	prefixes []prefix
	routes   []lasting[netip.Prefix]
	servers  []lasting[netip.Addr]
	search   []lasting[string]
}

// prefix is a Prefix Information option.
type prefix struct {
	netip.Prefix
	onLink, autonomous bool
	valid, preferred   time.Duration
}

// lasting is something with a lifetime.
type lasting[T comparable] struct {
	what T
	life time.Duration
}

func lifetime(seconds uint32) time.Duration {
	if seconds == 1<<32-1 {
		return forever
	}
	return time.Duration(seconds) * time.Second
}

func secondsOf(d time.Duration) uint32 {
	if d == forever {
		return 1<<32 - 1
	}
	return uint32(min(d/time.Second, 1<<32-2))
}

// parseAdvertisement reads a Router Advertisement that is in order. What of its
// options no host can use is left out.
func parseAdvertisement(p packet) (a advertisement, err error) {
	if !p.neighbourly() || p.payload[0] != typeAdvertisement || !p.from.IsLinkLocalUnicast() {
		return a, ErrMalformed
	}
	r := wire.NewReader(p.payload[icmpHeader:])
	a.hopLimit = r.Uint8()
	flags := r.Uint8()
	a.managed, a.other = flags&flagManaged != 0, flags&flagOther != 0
	a.lifetime = lifetime(uint32(r.Uint16()))
	r.Bytes(8) // reachable time, retransmission timer: nobody is looked for here
	rest := r.Rest()
	if r.Err() != nil {
		return a, ErrMalformed
	}
	return a, options(rest, a.option)
}

// option takes in one option; a malformed one counts for nothing.
func (a *advertisement) option(kind uint8, body []byte) {
	r := wire.NewReader(body)
	switch kind {
	case optionPrefix:
		a.addPrefix(r)
	case optionMTU:
		r.Uint16()
		if n := r.Uint32(); r.Err() == nil && r.Len() == 0 && n >= MinMTU && n <= 1<<16 {
			a.mtu = int(n)
		}
	case optionRoute:
		a.addRoute(r)
	case optionRDNSS:
		r.Uint16()
		for life := lifetime(r.Uint32()); r.Err() == nil && r.Len() >= 16; {
			if s := netip.AddrFrom16([16]byte(r.Bytes(16))); isServer(s) && len(a.servers) < maxServers {
				a.servers = append(a.servers, lasting[netip.Addr]{s, life})
			}
		}
	case optionDNSSL:
		r.Uint16()
		life := lifetime(r.Uint32())
		names, _ := dhcp.ParseNames(r.Rest()) // what was read before an error counts
		for _, name := range names {
			if name = strings.ToLower(name); dhcp.IsName(name) && len(a.search) < maxSearch {
				a.search = append(a.search, lasting[string]{name, life})
			}
		}
	}
}

func (a *advertisement) addPrefix(r *wire.Reader) {
	bits, flags := int(r.Uint8()), r.Uint8()
	valid, preferred := lifetime(r.Uint32()), lifetime(r.Uint32())
	r.Uint32()
	octets := r.Bytes(16)
	if r.Err() != nil || r.Len() > 0 || bits > 128 || preferred > valid {
		return
	}
	p := prefix{netip.PrefixFrom(netip.AddrFrom16([16]byte(octets)), bits).Masked(), flags&flagOnLink != 0, flags&flagAutonomous != 0, valid, preferred}
	if routable(p.Prefix) && p.Bits() > 0 && len(a.prefixes) < maxPrefixes {
		a.prefixes = append(a.prefixes, p)
	}
}

func (a *advertisement) addRoute(r *wire.Reader) {
	bits, preference := int(r.Uint8()), r.Uint8()>>3&3
	life := lifetime(r.Uint32())
	var octets [16]byte
	n := copy(octets[:], r.Rest())
	if r.Err() != nil || preference == 2 || bits > 128 || bits > n*8 { // RFC 4191, 2.3
		return
	}
	p := netip.PrefixFrom(netip.AddrFrom16(octets), bits).Masked()
	if routable(p) && len(a.routes) < maxRoutes {
		a.routes = append(a.routes, lasting[netip.Prefix]{p, life})
	}
}

// nowhere is what no route leads to, and no address is in (RFC 6890): this host,
// IPv4 in disguise, the link, the sites of old, and groups.
var nowhere = []netip.Prefix{
	netip.MustParsePrefix("::/16"), netip.MustParsePrefix("fe80::/9"), netip.MustParsePrefix("ff00::/8"),
}

// routable says that p is a network, or several, that hosts can be on.
func routable(p netip.Prefix) bool {
	for _, n := range nowhere {
		if p.Bits() >= n.Bits() && n.Contains(p.Addr()) {
			return false
		}
	}
	return true
}

// isServer says that a is one host's address that means the same to every program:
// a link-local one would need the name of an interface beside it.
func isServer(a netip.Addr) bool { return routable(netip.PrefixFrom(a, 128)) }

// append writes the message's part behind the checksum.
func (a *advertisement) append(dst []byte) []byte {
	var flags uint8
	if a.managed {
		flags |= flagManaged
	}
	if a.other {
		flags |= flagOther
	}
	dst = append(dst, a.hopLimit, flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(min(a.lifetime/time.Second, 1<<16-1)))
	dst = append(dst, make([]byte, 8)...)
	for _, p := range a.prefixes {
		flags = 0
		if p.onLink {
			flags |= flagOnLink
		}
		if p.autonomous {
			flags |= flagAutonomous
		}
		dst = append(dst, optionPrefix, 4, byte(p.Bits()), flags)
		dst = binary.BigEndian.AppendUint32(dst, secondsOf(p.valid))
		dst = binary.BigEndian.AppendUint32(dst, secondsOf(p.preferred))
		dst = append(append(dst, 0, 0, 0, 0), p.Addr().AsSlice()...)
	}
	if a.mtu > 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, optionMTU, 1, 0, 0), uint32(a.mtu))
	}
	for _, r := range a.routes {
		dst = append(dst, optionRoute, 3, byte(r.what.Bits()), 0)
		dst = binary.BigEndian.AppendUint32(dst, secondsOf(r.life))
		dst = append(dst, r.what.Addr().AsSlice()...)
	}
	for _, s := range a.servers {
		dst = binary.BigEndian.AppendUint32(append(dst, optionRDNSS, 3, 0, 0), secondsOf(s.life))
		dst = append(dst, s.what.AsSlice()...)
	}
	for _, s := range a.search {
		names := dhcp.AppendNames(nil, []string{s.what})
		names = append(names, make([]byte, (8-len(names)%8)%8)...)
		dst = append(dst, optionDNSSL, byte(1+len(names)/8), 0, 0)
		dst = binary.BigEndian.AppendUint32(dst, secondsOf(s.life))
		dst = append(dst, names...)
	}
	return dst
}
