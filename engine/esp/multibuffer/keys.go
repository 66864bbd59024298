package multibuffer

import (
	"encoding/binary"
	"math/bits"
)

// expandKey makes the keys of the rounds (FIPS 197, 5.2), for encryption and for
// the equivalent inverse cipher (5.3.5), and returns the number of rounds. It
// computes the S-box instead of looking it up: a table would give the key away
// to whoever shares the cache.
func expandKey(key []byte, enc, dec *[240]byte) (rounds int) {
	nk := len(key) / 4
	rounds = nk + 6
	words := 4 * (rounds + 1)
	copy(enc[:], key)
	rcon := uint32(1)
	for i := nk; i < words; i++ {
		t := binary.LittleEndian.Uint32(enc[4*(i-1):])
		switch {
		case i%nk == 0:
			t = subWord(bits.RotateLeft32(t, -8)) ^ rcon
			rcon = double(rcon)
		case nk > 6 && i%nk == 4:
			t = subWord(t)
		}
		binary.LittleEndian.PutUint32(enc[4*i:], t^binary.LittleEndian.Uint32(enc[4*(i-nk):]))
	}
	for i := range words {
		w := binary.LittleEndian.Uint32(enc[4*i:])
		round := i / 4
		if round > 0 && round < rounds {
			w = invMixColumn(w)
		}
		binary.LittleEndian.PutUint32(dec[16*(rounds-round)+4*(i%4):], w)
	}
	return rounds
}

// The functions below work on four elements of GF(2^8) in a word, the first one
// in the lowest octet (FIPS 197, 4).

// double multiplies by x.
func double(w uint32) uint32 {
	return w&0x7f7f7f7f<<1 ^ w>>7&0x01010101*0x1b
}

func multiply(a, b uint32) (p uint32) {
	for range 8 {
		p ^= a & (b & 0x01010101 * 0xff)
		a = double(a)
		b = b >> 1 & 0x7f7f7f7f
	}
	return p
}

// subWord is the S-box (FIPS 197, 5.1.1): the inverse, which is the 254th power,
// then the affine transformation.
func subWord(w uint32) uint32 {
	p := w
	for range 6 { // the powers 3, 7, … 127
		p = multiply(multiply(p, p), w)
	}
	p = multiply(p, p)
	turn := func(n int) uint32 { // each octet to the left
		low := uint32(0xff>>n) * 0x01010101
		return p&low<<n | p&^low>>(8-n)
	}
	return p ^ turn(1) ^ turn(2) ^ turn(3) ^ turn(4) ^ 0x63636363
}

// invMixColumn multiplies a column by {0b}x³ + {0d}x² + {09}x + {0e}.
func invMixColumn(w uint32) uint32 {
	w2 := double(w)
	w4 := double(w2)
	w8 := double(w4)
	return w8 ^ w4 ^ w2 ^
		bits.RotateLeft32(w8^w2^w, -8) ^
		bits.RotateLeft32(w8^w4^w, -16) ^
		bits.RotateLeft32(w8^w, -24)
}
