package dhcp

import (
	"encoding/binary"
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// IPv4 (RFC 791) and UDP (RFC 768) as far as this exchange needs them.
const (
	ipHeader   = 20
	udpHeader  = 8
	overhead   = ipHeader + udpHeader
	xidAt      = 4 // of the message
	dontSplit  = 0x4000
	fragmented = 0x3fff // more fragments, or an offset
	protoUDP   = 17
	ttl        = 64
	bootReply  = 2
)

// broadcast is every host of the link (RFC 919, 7).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// datagram is an IPv4 packet with UDP in it.
type datagram struct {
	from, to netip.AddrPort
	payload  []byte
}

// parseDatagram takes an IP packet apart; the payload is a view. Checksums are
// not looked at: the tunnel's own check is stronger.
func parseDatagram(ip []byte) (d datagram, ok bool) {
	if len(ip) < overhead || ip[0]>>4 != 4 || ip[9] != protoUDP || binary.BigEndian.Uint16(ip[6:])&fragmented != 0 {
		return d, false
	}
	head, total := int(ip[0]&0xf)*4, int(binary.BigEndian.Uint16(ip[2:]))
	if head < ipHeader || total > len(ip) || total < head+udpHeader {
		return d, false
	}
	udp := ip[head:total]
	n := int(binary.BigEndian.Uint16(udp[4:]))
	if n < udpHeader || n > len(udp) {
		return d, false
	}
	d.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:])), binary.BigEndian.Uint16(udp))
	d.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:])), binary.BigEndian.Uint16(udp[2:]))
	d.payload = udp[udpHeader:n]
	return d, true
}

// packet makes an IP packet of it.
func (d datagram) packet() []byte {
	n := overhead + len(d.payload)
	ip := make([]byte, overhead, n)
	src, dst := d.from.Addr().As4(), d.to.Addr().As4()
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(n))
	binary.BigEndian.PutUint16(ip[6:], dontSplit) // one packet; so it needs no identification (RFC 6864)
	ip[8], ip[9] = ttl, protoUDP
	copy(ip[12:], src[:])
	copy(ip[16:], dst[:])
	binary.BigEndian.PutUint16(ip[10:], ^wire.Sum(0, ip[:ipHeader]))
	udp := ip[ipHeader:]
	binary.BigEndian.PutUint16(udp, d.from.Port())
	binary.BigEndian.PutUint16(udp[2:], d.to.Port())
	binary.BigEndian.PutUint16(udp[4:], uint16(n-ipHeader))
	ip = append(ip, d.payload...)
	check := ^wire.Sum(uint32(protoUDP+n-ipHeader), ip[12:])
	if check == 0 {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(ip[ipHeader+6:], check)
	return ip
}

// Answers says that an IP packet looks like an answer to the question xid, and
// is nobody else's. It is quick, and allocates nothing.
func Answers(ip []byte, xid uint32) bool {
	d, ok := parseDatagram(ip)
	return ok && d.from.Port() == portServer && d.to.Port() == portClient && len(d.payload) >= headerLen &&
		d.payload[0] == bootReply && binary.BigEndian.Uint32(d.payload[xidAt:]) == xid
}

// Asks says that an IP packet looks like a client's question.
func Asks(ip []byte) bool {
	d, ok := parseDatagram(ip)
	return ok && d.from.Port() == portClient && d.to.Port() == portServer
}
