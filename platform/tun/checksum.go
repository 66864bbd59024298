package tun

import (
	"encoding/binary"
	"math/bits"
)

// The Internet checksum (RFC 1071), on 64 bits at a time. Sums are in the order
// of memory, for the sum of swapped octets is the swapped sum.

// sumWords adds b to s.
func sumWords(s uint64, b []byte) uint64 {
	var c uint64
	for len(b) >= 64 {
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b), 0)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[8:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[16:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[24:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[32:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[40:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[48:]), c)
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b[56:]), c)
		s += c
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.NativeEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	s, c = bits.Add64(s, binary.NativeEndian.Uint64(tail[:]), 0)
	return s + c
}

// fold makes 16 bits of a sum.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}

// pseudo is the sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) of proto
// with n octets, header and data, behind the IP header of ip, whose addresses
// are in it.
func pseudo(ip []byte, proto uint8, n int) uint64 {
	var tail [4]byte
	tail[1] = proto
	binary.BigEndian.PutUint16(tail[2:], uint16(n))
	if ip[0]>>4 == 6 {
		return sum(sum(0, ip[8:40]), tail[:])
	}
	return sum(sum(0, ip[12:20]), tail[:])
}

// putSum writes what sum has come to: the complement is the caller's.
func putSum(b []byte, s uint16) { binary.NativeEndian.PutUint16(b, s) }
