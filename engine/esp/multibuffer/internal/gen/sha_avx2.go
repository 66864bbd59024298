package gen

// shaAVX2 are the hashes over 8 lanes. There are 16 registers only: the words of
// the block are on the stack.
func shaAVX2(s *source) {
	s.bytes16("swap256", byteSwap(4))
	s.table("sha1K256", sha1K, 8)
	s.table("sha256K256", sha256K, 8)
	sha1AVX2(s)
	sha256AVX2(s)
}

// frame256 is room for 16 words of 8 lanes, at an address that is a multiple
// of 32.
const frame256 = 16*32 + 32

// head256 loads the arguments: DI the state, SI the pointers, CX the number of
// blocks, DX the offset of the block, BX the words.
func head256(s *source, constants string) {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ ptrs+8(FP), SI")
	s.op("MOVQ blocks+16(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	s.op("LEAQ words-%d(SP), BX", frame256)
	s.op("ADDQ $31, BX")
	s.op("ANDQ $~31, BX")
	s.op("LEAQ %s<>(SB), R8", constants)
	s.op("XORQ DX, DX")
	s.line("block:")
	for half := range 2 {
		loadWords256(s, half)
	}
}

// loadWords256 puts half of the words of a block of each lane on the stack.
func loadWords256(s *source, half int) {
	s.op("VBROADCASTI128 swap256<>(SB), Y15")
	rows := registers("Y", 0, 7)
	for i := range rows {
		s.op("MOVQ %d(SI), AX", 8*i)
		s.op("VMOVDQU %d(AX)(DX*1), %s", 32*half, rows[i])
		s.op("VPSHUFB Y15, %s, %s", rows[i], rows[i])
	}
	unpack4(s, rows[:4], "Y8")
	unpack4(s, rows[4:], "Y8")
	for k := range 4 {
		s.op("VPERM2I128 $0x20, %s, %s, Y8", rows[4+k], rows[k])
		s.op("VMOVDQA Y8, %d(BX)", 32*(8*half+k))
		s.op("VPERM2I128 $0x31, %s, %s, Y8", rows[4+k], rows[k])
		s.op("VMOVDQA Y8, %d(BX)", 32*(8*half+4+k))
	}
}

func loadState256(s *source, state []string) {
	for i, r := range state {
		s.op("VMOVDQU %d(DI), %s", 64*i, r)
	}
}

func foot256(s *source, state []string) {
	for i, r := range state {
		s.op("VPADDD %d(DI), %s, %s", 64*i, r, r)
		s.op("VMOVDQU %s, %d(DI)", r, 64*i)
	}
	s.op("ADDQ $64, DX")
	s.op("DECQ CX")
	s.op("JNZ block")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

func sha1AVX2(s *source) {
	s.text("sha1AVX2(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha1AVX2", frame256, 24)
	state := registers("Y", 0, 4)
	head256(s, "sha1K256")
	loadState256(s, state)
	const f, x, y, w = "Y5", "Y6", "Y7", "Y8"
	for t := range 80 {
		v := rotated(state, t)
		a, b, c, d, e := v[0], v[1], v[2], v[3], v[4]
		if t < 16 {
			s.op("VPADDD %d(BX), %s, %s", 32*t, e, e)
		} else {
			s.op("VMOVDQA %d(BX), %s", 32*((t-3)%16), w)
			s.op("VPXOR %d(BX), %s, %s", 32*((t-8)%16), w, w)
			s.op("VPXOR %d(BX), %s, %s", 32*((t-14)%16), w, w)
			s.op("VPXOR %d(BX), %s, %s", 32*(t%16), w, w)
			s.op("VPSRLD $31, %s, %s", w, x)
			s.op("VPADDD %s, %s, %s", w, w, w)
			s.op("VPOR %s, %s, %s", x, w, w)
			s.op("VMOVDQA %s, %d(BX)", w, 32*(t%16))
			s.op("VPADDD %s, %s, %s", w, e, e)
		}
		s.op("VPADDD %d(R8), %s, %s", 32*(t/20), e, e)
		switch t / 20 {
		case 0: // d ^ (b & (c ^ d))
			s.op("VPXOR %s, %s, %s", c, d, f)
			s.op("VPAND %s, %s, %s", b, f, f)
			s.op("VPXOR %s, %s, %s", d, f, f)
		case 2: // b ^ ((b ^ c) & (b ^ d))
			s.op("VPXOR %s, %s, %s", b, c, f)
			s.op("VPXOR %s, %s, %s", b, d, x)
			s.op("VPAND %s, %s, %s", x, f, f)
			s.op("VPXOR %s, %s, %s", b, f, f)
		default:
			s.op("VPXOR %s, %s, %s", c, d, f)
			s.op("VPXOR %s, %s, %s", b, f, f)
		}
		s.op("VPADDD %s, %s, %s", f, e, e)
		s.op("VPSLLD $30, %s, %s", b, x)
		s.op("VPSRLD $2, %s, %s", b, b)
		s.op("VPOR %s, %s, %s", x, b, b)
		// The two halves of a turned left by 5 have no bit in common.
		s.op("VPSRLD $27, %s, %s", a, x)
		s.op("VPSLLD $5, %s, %s", a, y)
		s.op("VPADDD %s, %s, %s", x, e, e)
		s.op("VPADDD %s, %s, %s", y, e, e)
	}
	foot256(s, state)
}

func sha256AVX2(s *source) {
	s.text("sha256AVX2(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha256AVX2", frame256, 24)
	state := registers("Y", 0, 7)
	head256(s, "sha256K256")
	loadState256(s, state)
	const x, y, z, w = "Y8", "Y9", "Y10", "Y11"
	// sigma adds to dst the XOR of three turned copies of src; the last one is
	// shifted only, when its turn is negative.
	sigma := func(src, dst string, turns [3]int) {
		for i, n := range turns {
			into := y
			if i == 0 {
				into = x
			}
			s.op("VPSRLD $%d, %s, %s", max(n, -n), src, into)
			if i > 0 {
				s.op("VPXOR %s, %s, %s", y, x, x)
			}
			if n > 0 {
				s.op("VPSLLD $%d, %s, %s", 32-n, src, z)
				s.op("VPXOR %s, %s, %s", z, x, x)
			}
		}
		s.op("VPADDD %s, %s, %s", x, dst, dst)
	}
	for t := range 64 {
		v := rotated(state, t)
		a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
		if t < 16 {
			s.op("VPADDD %d(BX), %s, %s", 32*t, h, h)
		} else {
			s.op("VMOVDQA %d(BX), %s", 32*((t-15)%16), "Y12")
			s.op("VMOVDQA %d(BX), %s", 32*((t-2)%16), "Y13")
			s.op("VMOVDQA %d(BX), %s", 32*(t%16), w)
			s.op("VPADDD %d(BX), %s, %s", 32*((t-7)%16), w, w)
			sigma("Y12", w, [3]int{7, 18, -3})
			sigma("Y13", w, [3]int{17, 19, -10})
			s.op("VMOVDQA %s, %d(BX)", w, 32*(t%16))
			s.op("VPADDD %s, %s, %s", w, h, h)
		}
		s.op("VPADDD %d(R8), %s, %s", 32*t, h, h)
		s.op("VPXOR %s, %s, %s", f, g, x)
		s.op("VPAND %s, %s, %s", e, x, x)
		s.op("VPXOR %s, %s, %s", g, x, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(e, h, [3]int{6, 11, 25})
		s.op("VPADDD %s, %s, %s", h, d, d)
		s.op("VPXOR %s, %s, %s", a, b, x)
		s.op("VPXOR %s, %s, %s", a, c, y)
		s.op("VPAND %s, %s, %s", y, x, x)
		s.op("VPXOR %s, %s, %s", a, x, x)
		s.op("VPADDD %s, %s, %s", x, h, h)
		sigma(a, h, [3]int{2, 13, 22})
	}
	foot256(s, state)
}
