package multibuffer

import "encoding/binary"

// element is one of GF(2^128) as POLYVAL has it: bit i is the coefficient of x^i,
// modulo x^128 + x^127 + x^126 + x^121 + 1 (RFC 8452, 3). The octets of a block
// of GHASH reversed are one, and with its key times x the products are the same
// (RFC 8452, appendix A).
type element struct{ low, high uint64 }

// elementOf reverses a block.
func elementOf(b *[16]byte) element {
	return element{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:8])}
}

// double multiplies by x.
func (a element) double() element {
	carry := -(a.high >> 63)
	return element{a.low<<1 ^ carry&1, a.high<<1 | a.low>>63 ^ carry&(0xc2<<56)}
}

// times is a·b·x^-128, which POLYVAL calls dot. It looks nothing up and does not
// branch: the key is in it.
func (a element) times(b element) (p element) {
	for range 128 {
		bit := -(a.low & 1)
		a = element{a.low>>1 | a.high<<63, a.high >> 1}
		p.low ^= b.low & bit
		p.high ^= b.high & bit
		// Divide by x: where that leaves a rest, add the modulus before.
		rest := -(p.low & 1)
		p = element{p.low>>1 | p.high<<63, p.high>>1 ^ rest&(0xe1<<56)}
	}
	return p
}
