package wire

import "encoding/binary"

// Sum is the Internet checksum (RFC 1071) of parts, on top of s, before it is
// inverted: 0xffff over what is in order. All parts but the last have an even
// number of octets, and together 64 KB at most.
func Sum(s uint32, parts ...[]byte) uint16 {
	for _, b := range parts {
		for ; len(b) >= 2; b = b[2:] {
			s += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			s += uint32(b[0]) << 8
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
