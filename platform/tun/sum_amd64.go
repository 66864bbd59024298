//go:build !purego

package tun

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// sumBlock is how many octets sumAVX2 takes at a time.
const sumBlock = 32

//go:noescape
func sumAVX2(b *byte, n int) uint64

// sum adds b to s.
func sum(s uint64, b []byte) uint64 {
	n := len(b) &^ (sumBlock - 1)
	if n == 0 || !cpu.X86.HasAVX2 {
		return sumWords(s, b)
	}
	s, c := bits.Add64(s, sumAVX2(unsafe.SliceData(b), n), 0)
	return sumWords(s+c, b[n:])
}
