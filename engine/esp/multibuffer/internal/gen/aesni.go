package gen

// cpuid is how the extensions are found that x/sys/cpu does not tell of.
func cpuid(s *source) {
	s.text("cpuid(leaf, sub uint32) (a, b, c, d uint32)", "cpuid", 0, 24)
	s.op("MOVL leaf+0(FP), AX")
	s.op("MOVL sub+4(FP), CX")
	s.op("CPUID")
	s.op("MOVL AX, a+8(FP)")
	s.op("MOVL BX, b+12(FP)")
	s.op("MOVL CX, c+16(FP)")
	s.op("MOVL DX, d+20(FP)")
	s.op("RET")
}

// aesni is AES-CBC with AES-NI, in the encoding that needs no AVX.
func aesni(s *source) {
	encryptAESNI(s)
	decryptAESNI(s)
}

// encryptAESNI works on 8 packets. All loads of a block come before all stores,
// so that lanes may be the same packet. AX has the rounds, BX the keys, CX what
// is left of the blocks, DX the offset of the block.
func encryptAESNI(s *source) {
	s.text("encryptAESNI(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)", "encryptAESNI", 0, 40)
	s.op("MOVQ keys+0(FP), BX")
	s.op("MOVQ rounds+8(FP), AX")
	s.op("MOVQ chain+24(FP), DX")
	s.op("MOVQ blocks+32(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	lanes := registers("X", 0, 7)
	for i, x := range lanes {
		s.op("MOVOU %d(DX), %s", 16*i, x)
	}
	for k := range 7 {
		s.op("MOVOU %d(BX), X%d", 16*k, 9+k)
	}
	s.op("MOVQ ptrs+16(FP), DX")
	data := []string{"SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13"}
	for i, r := range data {
		s.op("MOVQ %d(DX), %s", 8*i, r)
	}
	s.op("XORQ DX, DX")
	s.line("block:")
	for i, x := range lanes {
		s.op("MOVOU (%s)(DX*1), X8", data[i])
		s.op("PXOR X9, X8")
		s.op("PXOR X8, %s", x)
	}
	round := func(op, key string) {
		for _, x := range lanes {
			s.op("%s %s, %s", op, key, x)
		}
	}
	fromMemory := func(op string, k int) {
		s.op("MOVOU %d(BX), X8", 16*k)
		round(op, "X8")
	}
	for k := 1; k < 7; k++ {
		round("AESENC", registers("X", 9+k, 9+k)[0])
	}
	for k := 7; k < 10; k++ {
		fromMemory("AESENC", k)
	}
	s.op("MOVOU 160(BX), X8")
	s.op("CMPQ AX, $12")
	s.op("JLT last")
	round("AESENC", "X8")
	fromMemory("AESENC", 11)
	s.op("MOVOU 192(BX), X8")
	s.op("JEQ last")
	round("AESENC", "X8")
	fromMemory("AESENC", 13)
	s.op("MOVOU 224(BX), X8")
	s.line("last:")
	round("AESENCLAST", "X8")
	for i, x := range lanes {
		s.op("MOVOU %s, (%s)(DX*1)", x, data[i])
	}
	s.op("ADDQ $16, DX")
	s.op("DECQ CX")
	s.op("JNZ block")
	s.op("MOVQ chain+24(FP), DX")
	for i, x := range lanes {
		s.op("MOVOU %s, %d(DX)", x, 16*i)
	}
	s.line("done:")
	s.op("RET")
}

// decryptAESNI works on 8 blocks of a packet at a time, then on one. AX has the
// rounds, BX the keys, CX what is left of the blocks, SI the data, X15 the block
// of ciphertext before.
func decryptAESNI(s *source) {
	s.text("decryptAESNI(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)", "decryptAESNI", 0, 40)
	s.op("MOVQ keys+0(FP), BX")
	s.op("MOVQ rounds+8(FP), AX")
	s.op("MOVQ iv+16(FP), DX")
	s.op("MOVQ data+24(FP), SI")
	s.op("MOVQ blocks+32(FP), CX")
	s.op("MOVOU (DX), X15")
	s.line("eight:")
	s.op("CMPQ CX, $8")
	s.op("JLT one")
	decryptRounds(s, registers("X", 0, 7), "roundEight")
	s.op("SUBQ $8, CX")
	s.op("JMP eight")
	s.line("one:")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	decryptRounds(s, registers("X", 0, 0), "roundOne")
	s.op("DECQ CX")
	s.op("JMP one")
	s.line("done:")
	s.op("RET")
}

func decryptRounds(s *source, blocks []string, label string) {
	s.op("MOVOU (BX), X8")
	for i, x := range blocks {
		s.op("MOVOU %d(SI), %s", 16*i, x)
		s.op("PXOR X8, %s", x)
	}
	s.op("LEAQ 16(BX), R8")
	s.op("LEAQ -1(AX), R9")
	s.line("%s:", label)
	s.op("MOVOU (R8), X8")
	for _, x := range blocks {
		s.op("AESDEC X8, %s", x)
	}
	s.op("ADDQ $16, R8")
	s.op("DECQ R9")
	s.op("JNZ %s", label)
	// What AESDECLAST adds in the end may as well be key and ciphertext in one.
	s.op("MOVOU (R8), X8")
	s.op("PXOR X8, X15")
	s.op("AESDECLAST X15, %s", blocks[0])
	for i, x := range blocks[1:] {
		s.op("MOVOU %d(SI), X9", 16*i)
		s.op("PXOR X8, X9")
		s.op("AESDECLAST X9, %s", x)
	}
	s.op("MOVOU %d(SI), X15", 16*(len(blocks)-1))
	for i, x := range blocks {
		s.op("MOVOU %s, %d(SI)", x, 16*i)
	}
	s.op("ADDQ $%d, SI", 16*len(blocks))
}
