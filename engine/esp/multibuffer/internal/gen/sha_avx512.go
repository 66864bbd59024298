package gen

// Truth tables of VPTERNLOGD for (dst, second, first operand).
const (
	ternXor    = 0x96 // dst ^ b ^ c
	ternChoose = 0xca // dst ? b : c
	ternMajor  = 0xe8 // the majority of the three
)

// shaAVX512 are the hashes over 16 lanes: a register has the same word of each.
func shaAVX512(s *source) {
	s.bytes16("swap512", byteSwap(4))
	s.table("sha256K512", sha256K, 1)
	sha1AVX512(s)
	sha256AVX512(s)
}

// words512 are the registers of the words of a block: word i of all lanes is in
// register i.
var words512 = registers("Z", 0, 15)

// loop512 is a kernel around the steps of a hash. The words are computed 15 steps
// ahead, in place of the one just used, so that the last 16 steps free a register
// each: the next block is loaded into them. steps calls before and after with the
// number of the step. DI is the state, SI the pointers, CX the number of blocks,
// DX the offset of the next block.
func loop512(s *source, state []string, last int, scratch string, steps func(before, after func(int))) {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ ptrs+8(FP), SI")
	s.op("MOVQ blocks+16(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	s.op("VBROADCASTI32X4 swap512<>(SB), Z31")
	for i, r := range state {
		s.op("VMOVDQU32 %d(DI), %s", 64*i, r)
	}
	s.op("XORQ DX, DX")
	for lane := range 16 {
		loadLane512(s, lane, scratch)
	}
	s.line("block:")
	// Behind the last block there may be nothing: it is loaded twice.
	s.op("LEAQ 64(DX), R9")
	s.op("CMPQ CX, $1")
	s.op("CMOVQNE R9, DX")
	steps(func(t int) {
		for k, when := range [...]int{0, 1, 1, 2} { // as late as the words can be
			if t == when {
				transpose4x128(s, []string{words512[k], words512[4+k], words512[8+k], words512[12+k]}, scratch)
			}
		}
	}, func(t int) {
		if lane := t - (last - 15); lane >= 0 {
			loadLane512(s, lane, scratch)
		}
	})
	for i, r := range state {
		s.op("VPADDD %d(DI), %s, %s", 64*i, r, r)
		s.op("VMOVDQU32 %s, %d(DI)", r, 64*i)
	}
	s.op("DECQ CX")
	s.op("JNZ block")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

// loadLane512 loads a lane's block, in the byte order of the machine, into the
// register of that number. With the last of four lanes their words are exchanged
// within each 128 bits; transpose4x128 has the rest to do.
func loadLane512(s *source, lane int, scratch string) {
	s.op("MOVQ %d(SI), AX", 8*lane)
	s.op("VMOVDQU32 (AX)(DX*1), %s", words512[lane])
	s.op("VPSHUFB Z31, %s, %s", words512[lane], words512[lane])
	if lane%4 == 3 {
		unpack4(s, words512[lane-3:lane+1], scratch)
	}
}

// unpack4 transposes 32-bit words within each 128 bits of four rows, in place.
func unpack4(s *source, r []string, scratch string) {
	s.op("VPUNPCKLDQ %s, %s, %s", r[1], r[0], scratch)
	s.op("VPUNPCKHDQ %s, %s, %s", r[1], r[0], r[0])
	s.op("VPUNPCKLDQ %s, %s, %s", r[3], r[2], r[1])
	s.op("VPUNPCKHDQ %s, %s, %s", r[3], r[2], r[2])
	s.op("VPUNPCKHQDQ %s, %s, %s", r[2], r[0], r[3])
	s.op("VPUNPCKLQDQ %s, %s, %s", r[2], r[0], r[2])
	s.op("VPUNPCKLQDQ %s, %s, %s", r[1], scratch, r[0])
	s.op("VPUNPCKHQDQ %s, %s, %s", r[1], scratch, r[1])
}

// transpose4x128 transposes four rows of four times 128 bits, in place.
func transpose4x128(s *source, r []string, scratch string) {
	s.op("VSHUFI64X2 $0x44, %s, %s, %s", r[1], r[0], scratch)
	s.op("VSHUFI64X2 $0xee, %s, %s, %s", r[1], r[0], r[0])
	s.op("VSHUFI64X2 $0x44, %s, %s, %s", r[3], r[2], r[1])
	s.op("VSHUFI64X2 $0xee, %s, %s, %s", r[3], r[2], r[2])
	s.op("VSHUFI64X2 $0xdd, %s, %s, %s", r[2], r[0], r[3])
	s.op("VSHUFI64X2 $0x88, %s, %s, %s", r[2], r[0], r[2])
	s.op("VSHUFI64X2 $0x88, %s, %s, %s", r[1], scratch, r[0])
	s.op("VSHUFI64X2 $0xdd, %s, %s, %s", r[1], scratch, r[1])
}

func sha1AVX512(s *source) {
	state := registers("Z", 16, 20)
	constants := func() {
		for i, k := range sha1K {
			s.op("MOVL $0x%08x, AX", k)
			s.op("VPBROADCASTD AX, Z%d", 27+i)
		}
	}
	s.text("sha1AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha1AVX512", 0, 24)
	constants()
	loop512(s, state, 79, "Z23", func(before, after func(int)) {
		sha1Steps512(s, state, before, after)
	})

	s.text("sha1OuterAVX512(state *[128]uint32, keyed *[8]uint32)", "sha1OuterAVX512", 0, 16)
	constants()
	innerHash512(s, state)
	sha1Steps512(s, state, nothing, nothing)
	footOuter512(s, state)
}

func nothing(int) {}

// innerHash512 makes the inner hashes, which are the state, words of the only
// block of the outer hash, and loads the state behind the key in their place.
func innerHash512(s *source, state []string) {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ keyed+8(FP), SI")
	w := words512
	for i := range w {
		switch {
		case i < len(state):
			s.op("VMOVDQU32 %d(DI), %s", 64*i, w[i])
		case i == len(state): // the padding: a bit
			s.op("MOVL $0x80000000, AX")
			s.op("VPBROADCASTD AX, %s", w[i])
		case i == 15: // the length in bits
			s.op("MOVL $%d, AX", 512+32*len(state))
			s.op("VPBROADCASTD AX, %s", w[i])
		default:
			s.op("VPXORD %s, %s, %s", w[i], w[i], w[i])
		}
	}
	for i, r := range state {
		s.op("VPBROADCASTD %d(SI), %s", 4*i, r)
	}
}

func footOuter512(s *source, state []string) {
	for i, r := range state {
		s.op("VPADDD.BCST %d(SI), %s, %s", 4*i, r, r)
		s.op("VMOVDQU32 %s, %d(DI)", r, 64*i)
	}
	s.op("VZEROUPPER")
	s.op("RET")
}

// sha1Steps512 needs the constants in Z27 to Z30. before and after are called
// around each step.
func sha1Steps512(s *source, state []string, before, after func(int)) {
	const f, turned = "Z21", "Z22"
	w := words512
	for t := range 80 {
		before(t)
		v := rotated(state, t)
		a, b, c, d, e := v[0], v[1], v[2], v[3], v[4]
		if u := t + 15; u >= 16 && u < 80 {
			s.op("VPXORD %s, %s, %s", w[(u-3)%16], w[u%16], w[u%16])
			s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternXor, w[(u-8)%16], w[(u-14)%16], w[u%16])
			s.op("VPROLD $1, %s, %s", w[u%16], w[u%16])
		}
		s.op("VPADDD Z%d, %s, %s", 27+t/20, e, e)
		s.op("VMOVDQA32 %s, %s", b, f)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", [...]int{ternChoose, ternXor, ternMajor, ternXor}[t/20], d, c, f)
		s.op("VPADDD %s, %s, %s", w[t%16], e, e)
		s.op("VPROLD $5, %s, %s", a, turned)
		s.op("VPROLD $30, %s, %s", b, b)
		s.op("VPADDD %s, %s, %s", f, e, e)
		s.op("VPADDD %s, %s, %s", turned, e, e)
		after(t)
	}
}

func sha256AVX512(s *source) {
	state := registers("Z", 16, 23)
	s.text("sha256AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha256AVX512", 0, 24)
	s.op("LEAQ sha256K512<>(SB), R8")
	loop512(s, state, 63, "Z27", func(before, after func(int)) {
		sha256Steps512(s, state, before, after)
	})

	s.text("sha256OuterAVX512(state *[128]uint32, keyed *[8]uint32)", "sha256OuterAVX512", 0, 16)
	s.op("LEAQ sha256K512<>(SB), R8")
	innerHash512(s, state)
	sha256Steps512(s, state, nothing, nothing)
	footOuter512(s, state)
}

// sha256Steps512 needs the address of the constants in R8.
func sha256Steps512(s *source, state []string, before, after func(int)) {
	const x, y, z = "Z24", "Z25", "Z26"
	w := words512
	// sigma adds to dst the XOR of three turned copies of src; the last one is
	// shifted when that is said.
	sigma := func(src, dst, last string, n [3]int) {
		s.op("VPRORD $%d, %s, %s", n[0], src, x)
		s.op("VPRORD $%d, %s, %s", n[1], src, y)
		s.op("%s $%d, %s, %s", last, n[2], src, z)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternXor, z, y, x)
		s.op("VPADDD %s, %s, %s", x, dst, dst)
	}
	for t := range 64 {
		before(t)
		v := rotated(state, t)
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		if u := t + 15; u >= 16 && u < 64 {
			s.op("VPADDD %s, %s, %s", w[(u-7)%16], w[u%16], w[u%16])
			sigma(w[(u-15)%16], w[u%16], "VPSRLD", [3]int{7, 18, 3})
			sigma(w[(u-2)%16], w[u%16], "VPSRLD", [3]int{17, 19, 10})
		}
		s.op("VPADDD.BCST %d(R8), %s, %s", 4*t, h, h)
		s.op("VPADDD %s, %s, %s", w[t%16], h, h)
		s.op("VMOVDQA32 %s, %s", e, x)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternChoose, g, f, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(e, h, "VPRORD", [3]int{6, 11, 25})
		s.op("VPADDD %s, %s, %s", h, d, d)
		s.op("VMOVDQA32 %s, %s", a, x)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternMajor, c, b, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(a, h, "VPRORD", [3]int{2, 13, 22})
		after(t)
	}
}
