package udp

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// From the specification: struct sockaddr_in and sockaddr_in6 of Linux and
// Windows, which differ in the number of the IPv6 family only. The family is in
// the machine's byte order, the port in the network's, the scope in the
// machine's.
//
//	 0        2      4                8                       24      28
//	+--------+------+----------------+-----------------------+-------+
//	| family | port | IPv4 address   | unused (to 16)        |
//	| family | port | flow           | IPv6 address          | scope |
//	+--------+------+----------------+-----------------------+-------+
const (
	familyInet   = 2
	sockaddrLen4 = 16
	sockaddrLen6 = 28
)

// sockaddr is room for either, aligned as the systems want it.
type sockaddr struct {
	_ [0]uint64
	b [sockaddrLen6]byte
}

// put writes p for a socket of IPv4 or, with the number of that family, of IPv6,
// where IPv4 is mapped. It gives the octets used.
func (s *sockaddr) put(p netip.AddrPort, family6 uint16, inet6 bool) int {
	clear(s.b[:])
	binary.BigEndian.PutUint16(s.b[2:], p.Port())
	if !inet6 {
		a := p.Addr().Unmap().As4()
		binary.NativeEndian.PutUint16(s.b[:], familyInet)
		copy(s.b[4:], a[:])
		return sockaddrLen4
	}
	a := p.Addr().As16()
	binary.NativeEndian.PutUint16(s.b[:], family6)
	copy(s.b[8:], a[:])
	if z := p.Addr().Zone(); z != "" {
		if id, err := strconv.ParseUint(z, 10, 32); err == nil {
			binary.NativeEndian.PutUint32(s.b[24:], uint32(id))
		}
	}
	return sockaddrLen6
}

// get reads what put writes: IPv4 as such, also when it was mapped. What is of
// neither family is the zero AddrPort.
func (s *sockaddr) get(family6 uint16) netip.AddrPort {
	port := binary.BigEndian.Uint16(s.b[2:])
	switch binary.NativeEndian.Uint16(s.b[:]) {
	case familyInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s.b[4:8])), port)
	case family6:
		return netip.AddrPortFrom(scoped([16]byte(s.b[8:24]), binary.NativeEndian.Uint32(s.b[24:])), port)
	}
	return netip.AddrPort{}
}

// scoped is an address of an IPv6 socket, mapped IPv4 as such.
func scoped(b [16]byte, scope uint32) netip.Addr {
	a := netip.AddrFrom16(b).Unmap()
	if scope != 0 && a.Is6() {
		a = a.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return a
}
