package slaac

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specifications: IPv6 (RFC 8200), ICMPv6 (RFC 4443) and NDP (RFC 4861).
const (
	ipHeader   = 40
	icmpHeader = 4
	udpHeader  = 8

	protoUDP    = 17
	protoICMPv6 = 58

	typeSolicit       = 133 // Router Solicitation
	typeAdvertisement = 134 // Router Advertisement
	typeNeighbour     = 135 // Neighbor Solicitation
	typeNeighbourAdv  = 136 // Neighbor Advertisement
	typeRedirect      = 137

	hopsNDP = 255 // RFC 4861, 7.1: no router has passed it on

	flagRouter    = 0x80 // RFC 4861, 4.4
	flagSolicited = 0x40
	flagOverride  = 0x20
)

// Ours.
const (
	hops = 64
	// maxPacket is more than any link lets through in one piece.
	maxPacket = 2048
)

var (
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
)

// linkLocal is the link-local address of an interface identifier (RFC 4291, 2.5.6).
func linkLocal(id [8]byte) netip.Addr { return fromID(netip.MustParsePrefix("fe80::/64"), id) }

// fromID is the address of an interface identifier in a prefix of 64 bits.
func fromID(p netip.Prefix, id [8]byte) netip.Addr {
	a := p.Addr().As16()
	copy(a[8:], id[:])
	return netip.AddrFrom16(a)
}

// Link says that a packet is one of the link itself, and not for the system
// behind a device or for a network behind the gateway: it comes from or goes to
// a link-local address, or is NDP. A system would take an advertisement for its
// own, also one behind extension headers: all are link-local.
func Link(ip []byte) bool {
	if len(ip) < ipHeader || ip[0]>>4 != 6 {
		return false
	}
	src, dst := ip[8:24], ip[24:40]
	return isLinkLocal(src) || isLinkLocal(dst) || dst[0] == 0xff && dst[1]&0xf <= 2 ||
		ip[6] == protoICMPv6 && len(ip) > ipHeader && ip[ipHeader] >= typeSolicit && ip[ipHeader] <= typeRedirect
}

func isLinkLocal(a []byte) bool { return a[0] == 0xfe && a[1]&0xc0 == 0x80 }

// packet is an IPv6 packet without extension headers.
type packet struct {
	from, to netip.Addr
	hops     uint8
	proto    uint8
	payload  []byte
}

// parsePacket takes an IPv6 packet apart; the payload is a view.
func parsePacket(ip []byte) (p packet, err error) {
	if len(ip) < ipHeader || len(ip) > maxPacket || ip[0]>>4 != 6 {
		return p, ErrForeign
	}
	n := int(binary.BigEndian.Uint16(ip[4:]))
	if n > len(ip)-ipHeader {
		return p, ErrMalformed
	}
	p = packet{from: netip.AddrFrom16([16]byte(ip[8:])), to: netip.AddrFrom16([16]byte(ip[24:])), hops: ip[7], proto: ip[6], payload: ip[ipHeader : ipHeader+n]}
	return p, nil
}

// append writes the packet, with the checksum at its place in the payload.
func (p packet) append(dst []byte, checksumAt int) []byte {
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 6<<28)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.payload)))
	dst = append(dst, p.proto, p.hops)
	dst = append(dst, p.from.AsSlice()...)
	dst = append(dst, p.to.AsSlice()...)
	dst = append(dst, p.payload...)
	payload := dst[at+ipHeader:]
	binary.BigEndian.PutUint16(payload[checksumAt:], 0)
	c := ^p.sum(payload)
	if c == 0 && p.proto == protoUDP { // RFC 768
		c = 0xffff
	}
	binary.BigEndian.PutUint16(payload[checksumAt:], c)
	return dst
}

// sum is the checksum over payload and the pseudo-header (RFC 8200, 8.1), not
// inverted: 0xffff over a packet that is in order.
func (p packet) sum(payload []byte) uint16 {
	return wire.Sum(uint32(len(payload))+uint32(p.proto), p.from.AsSlice(), p.to.AsSlice(), payload)
}

// neighbourly checks what every message of NDP must be (RFC 4861, 6.1 and 7.1).
func (p packet) neighbourly() bool {
	return p.proto == protoICMPv6 && p.hops == hopsNDP && len(p.payload) >= icmpHeader && p.payload[1] == 0 && p.sum(p.payload) == 0xffff
}

// icmp is an ICMPv6 packet of NDP; body is what comes behind the checksum.
func icmp(from, to netip.Addr, kind uint8, body []byte) []byte {
	return packet{from, to, hopsNDP, protoICMPv6, append([]byte{kind, 0, 0, 0}, body...)}.append(nil, 2)
}

// options walks over the options of an NDP message (RFC 4861, 4.6), body being
// what comes behind the option's length. A length of 0, or beyond the end, makes
// the whole message malformed.
func options(b []byte, each func(kind uint8, body []byte)) error {
	for r := wire.NewReader(b); r.Len() > 0; {
		kind, n := r.Uint8(), int(r.Uint8())
		body := r.Bytes(n*8 - 2)
		if r.Err() != nil {
			return ErrMalformed
		}
		each(kind, body)
	}
	return nil
}

// answerNeighbour is the answer to a Neighbor Solicitation for one of mine; nil:
// there is none to give. Without link-layer addresses nobody has to ask, but some
// do, to see whether we are there (RFC 4861, 7.3).
func answerNeighbour(p packet, flags uint8, mine func(netip.Addr) bool) []byte {
	const targetAt, optionsAt = 8, 24
	if !p.neighbourly() || p.payload[0] != typeNeighbour || len(p.payload) < optionsAt {
		return nil
	}
	target := netip.AddrFrom16([16]byte(p.payload[targetAt:]))
	if !mine(target) || options(p.payload[optionsAt:], func(uint8, []byte) {}) != nil {
		return nil
	}
	to := p.from
	if to.IsUnspecified() { // somebody wants the address for itself
		to = allNodes
	} else if flags |= flagSolicited; to.IsMulticast() {
		return nil
	}
	body := append([]byte{flags | flagOverride, 0, 0, 0}, target.AsSlice()...)
	return icmp(target, to, typeNeighbourAdv, body)
}
