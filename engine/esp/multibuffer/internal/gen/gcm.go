package gen

import (
	"fmt"
	"strings"
)

// Where the fields of gcmKey are, which BX points to; the keys come first.
const (
	gcmRounds = 240
	gcmPowers = 304 // H^17 to H^1, a block each, then zeros
	gcmH16    = gcmPowers + 16
	gcmH      = gcmPowers + 16*16
)

// gcmVAES is AES-GCM (NIST SP 800-38D) with the vector forms of AES-NI and
// PCLMULQDQ, four blocks an instruction and 16 at a time. AX, BX, SI and CX are
// the rounds, the gcmKey, the data and what is left of it, DI the nonce. Of the
// registers:
//
//	Z0-Z3    counter blocks, then what comes of them
//	Z4-Z7    ciphertext to hash, the octets of a block reversed
//	Z8-Z10   the product before it is reduced: low, middle and high; in between
//	         X8 is the hash so far, with zeros above it
//	Z11-Z13  scratch
//	Z14      the next counters, reversed; in the end the first counter block
//	Z15      reverses blocks
//	Z16-Z30  the keys of the rounds, as everywhere
//	Z31      what four counters go up by
//
// The hash is POLYVAL of the reversed blocks with the key times x (RFC 8452,
// appendix A), which is GHASH without shifting any product by a bit.
func gcmVAES(s *source) {
	s.bytes16("gcmReverse", byteSwap(16))
	s.table("gcmPolynomial", []uint32{0, 0xc2000000, 0, 0}, 1)
	s.table("gcmFirst", []uint32{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}, 1)
	s.table("gcmFour", []uint32{4, 0, 0, 0}, 1)
	sealGCM(s)
	openGCM(s)
}

// beginGCM loads what stays, and hashes the additional data.
func beginGCM(s *source, name string) {
	s.text(name+"(key *gcmKey, nonce *[12]byte, tag *[16]byte, aad, data []byte)", name, 0, 72)
	s.op("MOVQ key+0(FP), BX")
	s.op("MOVQ nonce+8(FP), DI")
	s.op("MOVQ data_base+48(FP), SI")
	s.op("MOVQ data_len+56(FP), CX")
	s.op("MOVQ %d(BX), AX", gcmRounds)
	keysVAES(s)
	s.op("VBROADCASTI32X4 gcmReverse<>(SB), Z15")
	s.op("VBROADCASTI32X4 gcmFour<>(SB), Z31")
	firstGCM(s)
	s.op("VPSHUFB X15, X14, X14")
	s.op("VSHUFI64X2 $0, Z14, Z14, Z14")
	s.op("VPADDD gcmFirst<>(SB), Z14, Z14")
	s.op("VPXORQ Z8, Z8, Z8")
	s.op("MOVQ aad_base+24(FP), DX")
	s.op("MOVQ aad_len+32(FP), R8")
	s.op("MOVQ $-1, R9")
	s.line("aad:")
	s.op("TESTQ R8, R8")
	s.op("JLE counted")
	s.op("MOVQ $16, R10")
	s.op("CMPQ R8, R10")
	s.op("CMOVQLT R8, R10")
	s.op("BZHIQ R10, R9, R10")
	s.op("KMOVQ R10, K1")
	s.op("VMOVDQU8.Z (DX), K1, X4")
	s.op("VPSHUFB X15, X4, X4")
	s.op("VPXOR X8, X4, X4")
	s.op("VMOVDQU %d(BX), X11", gcmH)
	timesGCM(s, "X", "X4", true)
	reduceGCM(s)
	s.op("ADDQ $16, DX")
	s.op("SUBQ $16, R8")
	s.op("JMP aad")
	s.line("counted:")
}

// firstGCM makes the first counter block in X14: the nonce and a one (NIST SP
// 800-38D, 7.1).
func firstGCM(s *source) {
	s.op("MOVL $0x%08x, R11", 1<<24)
	s.op("VMOVQ (DI), X14")
	s.op("VPINSRD $2, 8(DI), X14, X14")
	s.op("VPINSRD $3, R11, X14, X14")
}

// timesGCM multiplies blocks by the powers in register 11, in registers of that
// kind, and starts or adds to the product.
func timesGCM(s *source, kind, blocks string, first bool) {
	r := func(n int) string { return fmt.Sprintf("%s%d", kind, n) }
	times := func(half, to int) {
		s.op("VPCLMULQDQ $0x%02x, %s, %s, %s", half, r(11), blocks, r(to))
	}
	if first {
		times(0x00, 8)
		times(0x11, 10)
		times(0x01, 9)
		times(0x10, 12)
		s.op("VPXORQ %s, %s, %s", r(12), r(9), r(9))
		return
	}
	times(0x00, 12)
	times(0x11, 13)
	s.op("VPXORQ Z12, Z8, Z8")
	s.op("VPXORQ Z13, Z10, Z10")
	times(0x01, 12)
	times(0x10, 13)
	s.op("VPTERNLOGQ $0x%x, Z12, Z13, Z9", ternXor)
}

// hashGCM multiplies the first so many of Z4 to Z7 by powers from that address
// on. The hash so far belongs to the first block: that one comes last, as the
// others need not wait for it.
func hashGCM(s *source, n int, base string, offset int) {
	s.op("VPXORQ Z8, Z4, Z4")
	for i := range n {
		k := (i + 1) % n
		s.op("VMOVDQU64 %d(%s), Z11", offset+64*k, base)
		timesGCM(s, "Z", fmt.Sprintf("Z%d", 4+k), i == 0)
	}
}

// foldGCM adds the four products up, those of each register.
func foldGCM(s *source) {
	for _, r := range []int{9, 8, 10} {
		s.op("VEXTRACTI64X4 $1, Z%d, Y12", r)
		s.op("VPXORQ Y12, Y%d, Y%d", r, r)
		s.op("VEXTRACTI128 $1, Y%d, X13", r)
		s.op("VPXOR X13, X%d, X%d", r, r)
	}
}

// reduceGCM takes the product, of one block, to the hash: in two steps, each of
// which adds a multiple of the polynomial that makes 64 bits at the low end zero.
func reduceGCM(s *source) {
	s.op("VPSLLDQ $8, X9, X12")
	s.op("VPSRLDQ $8, X9, X13")
	s.op("VPXOR X12, X8, X8")
	s.op("VPXOR X13, X10, X10")
	for range 2 {
		s.op("VPCLMULQDQ $0x00, gcmPolynomial<>(SB), X8, X12")
		s.op("VPSHUFD $0x4e, X8, X8")
		s.op("VPXOR X12, X8, X8")
	}
	s.op("VPXOR X10, X8, X8")
}

// hashSixteenGCM is all of it for 16 blocks.
func hashSixteenGCM(s *source) {
	hashGCM(s, 4, "BX", gcmH16)
	foldGCM(s)
	reduceGCM(s)
}

// countGCM makes so many registers of counter blocks.
func countGCM(s *source, n int) {
	for i := range n {
		s.op("VPSHUFB Z15, Z14, Z%d", i)
		s.op("VPADDD Z31, Z14, Z14")
	}
}

// cipherGCM encrypts the blocks; meanwhile, which may be nil, is what to mix in.
func cipherGCM(s *source, label string, blocks []string, meanwhile func(*source)) {
	var other []string
	if meanwhile != nil {
		aside := &source{}
		meanwhile(aside)
		other = strings.SplitAfter(aside.String(), "\n")
	}
	for _, z := range blocks {
		s.op("VPXORQ Z16, %s, %s", z, z)
	}
	// The lines are spread evenly behind the instructions of nine rounds.
	done, slots := 0, 9*len(blocks)
	for slot := range slots {
		z := blocks[slot%len(blocks)]
		s.op("VAESENC Z%d, %s, %s", 17+slot/len(blocks), z, z)
		for ; done < len(other)*(slot+1)/slots; done++ {
			s.WriteString(other[done])
		}
	}
	round := func(op string, k int) {
		for _, z := range blocks {
			s.op("%s Z%d, %s, %s", op, k, z, z)
		}
	}
	s.op("CMPQ AX, $12")
	s.op("JLT %s", label)
	round("VAESENC", 26)
	round("VAESENC", 27)
	s.op("JEQ %s", label)
	round("VAESENC", 28)
	round("VAESENC", 29)
	s.line("%s:", label)
	round("VAESENCLAST", 30)
}

// sixteenGCM encrypts or decrypts 16 blocks.
func sixteenGCM(s *source, label string, meanwhile func(*source)) {
	countGCM(s, 4)
	cipherGCM(s, label, registers("Z", 0, 3), meanwhile)
	for i := range 4 {
		s.op("VPXORQ %d(SI), Z%d, Z%d", 64*i, i, i)
		s.op("VMOVDQU64 Z%d, %d(SI)", i, 64*i)
	}
	s.op("ADDQ $256, SI")
	s.op("SUBQ $256, CX")
}

// sealGCM hashes 16 blocks while it encrypts the next ones.
func sealGCM(s *source) {
	beginGCM(s, "sealGCMVAES")
	reverse := func(n int) {
		for i := range n {
			s.op("VPSHUFB Z15, Z%d, Z%d", i, 4+i)
		}
	}
	s.op("CMPQ CX, $256")
	s.op("JLT tail")
	sixteenGCM(s, "firstLast", nil)
	reverse(4)
	s.line("sixteen:")
	s.op("CMPQ CX, $256")
	s.op("JLT pending")
	sixteenGCM(s, "sixteenLast", hashSixteenGCM)
	reverse(4)
	s.op("JMP sixteen")
	s.line("pending:")
	hashSixteenGCM(s)
	s.line("tail:")
	tailsGCM(s, func(n int, label string, blocks []string) {
		cipherGCM(s, label, blocks, nil)
		for i := range n {
			if i < n-1 {
				s.op("VPXORQ %d(SI), Z%d, Z%d", 64*i, i, i)
				s.op("VMOVDQU64 Z%d, %d(SI)", i, 64*i)
				continue
			}
			s.op("VMOVDQU8.Z %d(SI), K1, Z11", 64*i)
			s.op("VPXORQ Z11, Z%d, Z%d", i, i)
			s.op("VMOVDQU8 Z%d, K1, %d(SI)", i, 64*i)
			s.op("VMOVDQU8.Z Z%d, K1, Z%d", i, i)
		}
		reverse(n)
		hashGCM(s, n, "R9", 0)
	})
}

// openGCM hashes 16 blocks while it decrypts the same ones.
func openGCM(s *source) {
	beginGCM(s, "openGCMVAES")
	s.line("sixteen:")
	s.op("CMPQ CX, $256")
	s.op("JLT tail")
	load := func(i int) {
		s.op("VMOVDQU64 %d(SI), Z%d", 64*i, 4+i)
		s.op("VPSHUFB Z15, Z%d, Z%d", 4+i, 4+i)
	}
	for i := range 4 {
		load(i)
	}
	sixteenGCM(s, "sixteenLast", hashSixteenGCM)
	s.op("JMP sixteen")
	s.line("tail:")
	tailsGCM(s, func(n int, label string, blocks []string) {
		for i := range n - 1 {
			load(i)
		}
		last := n - 1
		s.op("VMOVDQU8.Z %d(SI), K1, Z%d", 64*last, 4+last)
		s.op("VPSHUFB Z15, Z%d, Z%d", 4+last, 4+last)
		cipherGCM(s, label, blocks, func(s *source) { hashGCM(s, n, "R9", 0) })
		for i := range last {
			s.op("VPXORQ %d(SI), Z%d, Z%d", 64*i, i, i)
			s.op("VMOVDQU64 Z%d, %d(SI)", i, 64*i)
		}
		s.op("VMOVDQU8.Z %d(SI), K1, Z11", 64*last)
		s.op("VPXORQ Z11, Z%d, Z%d", last, last)
		s.op("VMOVDQU8 Z%d, K1, %d(SI)", last, 64*last)
	})
}

// tailsGCM ends a packet of which less than 256 octets are left. There is code
// for each number of registers that they need; work has to encrypt or decrypt n
// of them, K1 having the octets of the last one, with the first counter block,
// and to multiply the ciphertext by the powers that R9 points to: the last block
// by H^2, as the one with the lengths comes behind.
func tailsGCM(s *source, work func(n int, label string, blocks []string)) {
	s.op("LEAQ 15(CX), R8")
	s.op("ANDQ $~15, R8")
	s.op("LEAQ %d(BX), R9", gcmPowers+16*16)
	s.op("SUBQ R8, R9")
	s.op("MOVQ $-1, R10")
	s.op("TESTQ CX, CX")
	s.op("JZ tail0")
	for n := 1; n < 4; n++ {
		s.op("CMPQ CX, $%d", 64*n)
		s.op("JLE tail%d", n)
	}
	for n := 4; n >= 0; n-- {
		s.line("tail%d:", n)
		countGCM(s, n)
		firstGCM(s)
		blocks := append(registers("Z", 0, n-1), "Z14")
		label := fmt.Sprintf("tail%dLast", n)
		if n == 0 { // the hash so far belongs to the lengths then
			cipherGCM(s, label, blocks, nil)
			s.op("VMOVDQA X8, X5")
			for r := 8; r <= 10; r++ {
				s.op("VPXORQ Z%d, Z%d, Z%d", r, r, r)
			}
			break
		}
		s.op("SUBQ $%d, CX", 64*(n-1))
		s.op("BZHIQ CX, R10, R11")
		s.op("KMOVQ R11, K1")
		work(n, label, blocks)
		s.op("VPXOR X5, X5, X5")
		s.op("JMP lengths")
	}
	s.line("lengths:")
	s.op("MOVQ data_len+56(FP), R8")
	s.op("MOVQ aad_len+32(FP), R9")
	s.op("SHLQ $3, R8")
	s.op("SHLQ $3, R9")
	s.op("VMOVQ R8, X4")
	s.op("VPINSRQ $1, R9, X4, X4")
	s.op("VPXOR X5, X4, X4")
	s.op("VMOVDQU %d(BX), X11", gcmH)
	timesGCM(s, "X", "X4", false)
	foldGCM(s)
	reduceGCM(s)
	s.op("VPSHUFB X15, X8, X8")
	s.op("VPXOR X14, X8, X8")
	s.op("MOVQ tag+16(FP), DI")
	s.op("VMOVDQU X8, (DI)")
	s.op("VZEROUPPER")
	s.op("RET")
}
