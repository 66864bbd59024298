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

// head512 is what the two begin with: DI the state, SI the pointers, CX the
// number of blocks, DX the offset of the block.
func head512(s *source, stateRegs []string) {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ ptrs+8(FP), SI")
	s.op("MOVQ blocks+16(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	s.op("VBROADCASTI32X4 swap512<>(SB), Z31")
	for i, r := range stateRegs {
		s.op("VMOVDQU32 %d(DI), %s", 64*i, r)
	}
	s.op("XORQ DX, DX")
}

// foot512 adds the state to that before the block and goes on to the next one.
func foot512(s *source, stateRegs []string) {
	for i, r := range stateRegs {
		s.op("VPADDD %d(DI), %s, %s", 64*i, r, r)
		s.op("VMOVDQU32 %s, %d(DI)", r, 64*i)
	}
	s.op("ADDQ $64, DX")
	s.op("DECQ CX")
	s.op("JNZ block")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

// loadWords512 loads a block of each lane: register i of the result has word i
// of all lanes, in the byte order of the machine.
func loadWords512(s *source, free *pool) []string {
	rows := make([]string, 16)
	for i := range rows {
		rows[i] = free.take()
		s.op("MOVQ %d(SI), AX", 8*i)
		s.op("VMOVDQU32 (AX)(DX*1), %s", rows[i])
		s.op("VPSHUFB Z31, %s, %s", rows[i], rows[i])
	}
	var columns [4][]string // [k][g]: words k, 4+k, 8+k, 12+k of the rows 4g to 4g+3
	for g := range 4 {
		c := unpack4(s, rows[4*g:4*g+4], free)
		for k := range 4 {
			columns[k] = append(columns[k], c[k])
		}
	}
	words := make([]string, 16)
	for k := range 4 {
		for j, r := range transpose4x128(s, columns[k], free) {
			words[4*j+k] = r
		}
	}
	return words
}

// unpack4 transposes 32-bit words within each 128 bits of four rows.
func unpack4(s *source, r []string, free *pool) []string {
	t0, t1 := free.take(), r[0]
	s.op("VPUNPCKLDQ %s, %s, %s", r[1], r[0], t0)
	s.op("VPUNPCKHDQ %s, %s, %s", r[1], r[0], t1)
	t2, t3 := r[1], r[2]
	s.op("VPUNPCKLDQ %s, %s, %s", r[3], r[2], t2)
	s.op("VPUNPCKHDQ %s, %s, %s", r[3], r[2], t3)
	c0, c1 := r[3], t0
	s.op("VPUNPCKLQDQ %s, %s, %s", t2, t0, c0)
	s.op("VPUNPCKHQDQ %s, %s, %s", t2, t0, c1)
	c2, c3 := t2, t1
	s.op("VPUNPCKLQDQ %s, %s, %s", t3, t1, c2)
	s.op("VPUNPCKHQDQ %s, %s, %s", t3, t1, c3)
	free.give(t3)
	return []string{c0, c1, c2, c3}
}

// transpose4x128 transposes four rows of four times 128 bits.
func transpose4x128(s *source, r []string, free *pool) []string {
	t0, t1 := free.take(), r[0]
	s.op("VSHUFI64X2 $0x44, %s, %s, %s", r[1], r[0], t0)
	s.op("VSHUFI64X2 $0xee, %s, %s, %s", r[1], r[0], t1)
	t2, t3 := r[1], r[2]
	s.op("VSHUFI64X2 $0x44, %s, %s, %s", r[3], r[2], t2)
	s.op("VSHUFI64X2 $0xee, %s, %s, %s", r[3], r[2], t3)
	c0, c1 := r[3], t0
	s.op("VSHUFI64X2 $0x88, %s, %s, %s", t2, t0, c0)
	s.op("VSHUFI64X2 $0xdd, %s, %s, %s", t2, t0, c1)
	c2, c3 := t2, t1
	s.op("VSHUFI64X2 $0x88, %s, %s, %s", t3, t1, c2)
	s.op("VSHUFI64X2 $0xdd, %s, %s, %s", t3, t1, c3)
	free.give(t3)
	return []string{c0, c1, c2, c3}
}

func sha1AVX512(s *source) {
	state := registers("Z", 16, 20)
	free := func() pool { return append(registers("Z", 0, 15), registers("Z", 21, 26)...) }
	constants := func() {
		for i, k := range sha1K {
			s.op("MOVL $0x%08x, AX", k)
			s.op("VPBROADCASTD AX, Z%d", 27+i)
		}
	}
	s.text("sha1AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha1AVX512", 0, 24)
	head512(s, state)
	constants()
	s.line("block:")
	p := free()
	w := loadWords512(s, &p)
	sha1Steps512(s, state, w, p)
	foot512(s, state)

	s.text("sha1OuterAVX512(state *[128]uint32, keyed *[8]uint32)", "sha1OuterAVX512", 0, 16)
	constants()
	p = free()
	w = innerHash512(s, &p, state)
	sha1Steps512(s, state, w, p)
	footOuter512(s, state)
}

// innerHash512 makes the inner hashes, which are the state, words of the only
// block of the outer hash, and loads the state behind the key in their place.
func innerHash512(s *source, free *pool, state []string) []string {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ keyed+8(FP), SI")
	w := make([]string, 16)
	for i := range w {
		w[i] = free.take()
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
	return w
}

func footOuter512(s *source, state []string) {
	for i, r := range state {
		s.op("VPADDD.BCST %d(SI), %s, %s", 4*i, r, r)
		s.op("VMOVDQU32 %s, %d(DI)", r, 64*i)
	}
	s.op("VZEROUPPER")
	s.op("RET")
}

// sha1Steps512 needs the constants in Z27 to Z30.
func sha1Steps512(s *source, state, w []string, free pool) {
	f, turned := free.take(), free.take()
	for t := range 80 {
		v := rotated(state, t)
		a, b, c, d, e := v[0], v[1], v[2], v[3], v[4]
		wt := w[t%16]
		if t >= 16 {
			s.op("VPXORD %s, %s, %s", w[(t-3)%16], wt, wt)
			s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternXor, w[(t-8)%16], w[(t-14)%16], wt)
			s.op("VPROLD $1, %s, %s", wt, wt)
		}
		s.op("VPADDD Z%d, %s, %s", 27+t/20, e, e)
		s.op("VMOVDQA32 %s, %s", b, f)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", [...]int{ternChoose, ternXor, ternMajor, ternXor}[t/20], d, c, f)
		s.op("VPADDD %s, %s, %s", wt, e, e)
		s.op("VPROLD $5, %s, %s", a, turned)
		s.op("VPROLD $30, %s, %s", b, b)
		s.op("VPADDD %s, %s, %s", f, e, e)
		s.op("VPADDD %s, %s, %s", turned, e, e)
	}
}

func sha256AVX512(s *source) {
	state := registers("Z", 16, 23)
	free := func() pool { return append(registers("Z", 0, 15), registers("Z", 24, 30)...) }
	s.text("sha256AVX512(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha256AVX512", 0, 24)
	head512(s, state)
	s.op("LEAQ sha256K512<>(SB), R8")
	s.line("block:")
	p := free()
	w := loadWords512(s, &p)
	sha256Steps512(s, state, w, p)
	foot512(s, state)

	s.text("sha256OuterAVX512(state *[128]uint32, keyed *[8]uint32)", "sha256OuterAVX512", 0, 16)
	s.op("LEAQ sha256K512<>(SB), R8")
	p = free()
	w = innerHash512(s, &p, state)
	sha256Steps512(s, state, w, p)
	footOuter512(s, state)
}

// sha256Steps512 needs the address of the constants in R8.
func sha256Steps512(s *source, state, w []string, free pool) {
	x, y, z := free.take(), free.take(), free.take()
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
		v := rotated(state, t)
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		wt := w[t%16]
		if t >= 16 {
			s.op("VPADDD %s, %s, %s", w[(t-7)%16], wt, wt)
			sigma(w[(t-15)%16], wt, "VPSRLD", [3]int{7, 18, 3})
			sigma(w[(t-2)%16], wt, "VPSRLD", [3]int{17, 19, 10})
		}
		s.op("VPADDD.BCST %d(R8), %s, %s", 4*t, h, h)
		s.op("VPADDD %s, %s, %s", wt, h, h)
		s.op("VMOVDQA32 %s, %s", e, x)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternChoose, g, f, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(e, h, "VPRORD", [3]int{6, 11, 25})
		s.op("VPADDD %s, %s, %s", h, d, d)
		s.op("VMOVDQA32 %s, %s", a, x)
		s.op("VPTERNLOGD $0x%x, %s, %s, %s", ternMajor, c, b, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(a, h, "VPRORD", [3]int{2, 13, 22})
	}
}
