package gen

import "math/big"

// sha1K has the constants of SHA-1, one for twenty steps (FIPS 180-4, 4.2.1).
var sha1K = []uint32{0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6}

// sha256K has the constants of SHA-256: the first 32 bits of the fractional
// parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
var sha256K = cubeRoots()

func cubeRoots() (k []uint32) {
	for n := uint64(2); len(k) < 64; n++ {
		if !prime(n) {
			continue
		}
		// The largest x with x³ <= n·2^96 has the root with 32 bits behind the
		// point, found bit by bit. x < 2^35.
		var x uint64
		for bit := uint64(1) << 34; bit > 0; bit >>= 1 {
			if cubeAtMost(x|bit, n) {
				x |= bit
			}
		}
		k = append(k, uint32(x))
	}
	return k
}

func prime(n uint64) bool {
	for d := uint64(2); d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return true
}

// cubeAtMost reports whether x³ <= n·2^96.
func cubeAtMost(x, n uint64) bool {
	cube := new(big.Int).Exp(new(big.Int).SetUint64(x), big.NewInt(3), nil)
	return cube.Cmp(new(big.Int).Lsh(new(big.Int).SetUint64(n), 96)) <= 0
}
