package gen

import "fmt"

// vaes is AES-CBC with the vector form of AES-NI, four blocks an instruction. Of
// the registers, Z16 to Z29 have the keys of the rounds but the last one, which
// Z30 has.
func vaes(s *source) {
	encryptVAES(s)
	decryptVAES(s)
}

// keysVAES loads the keys: BX points to them, AX is the number of rounds.
func keysVAES(s *source) {
	for k := range 14 {
		s.op("VBROADCASTI32X4 %d(BX), Z%d", 16*k, 16+k)
	}
	s.op("MOVQ AX, R8")
	s.op("SHLQ $4, R8")
	s.op("VBROADCASTI32X4 (BX)(R8*1), Z30")
}

// roundsVAES takes the blocks from behind the first key to before the last one.
// AX is the number of rounds.
func roundsVAES(s *source, op, label string, blocks []string) {
	round := func(k int) {
		for _, z := range blocks {
			s.op("%s Z%d, %s, %s", op, 16+k, z, z)
		}
	}
	for k := 1; k < 10; k++ {
		round(k)
	}
	s.op("CMPQ AX, $12")
	s.op("JLT %s", label)
	round(10)
	round(11)
	s.op("JEQ %s", label)
	round(12)
	round(13)
	s.line("%s:", label)
}

// encryptVAES works on 16 packets and on four blocks of each at a time, which
// are one load and one store: transposed, a register has the same block of four
// packets. All loads come before all stores, so that lanes may be the same
// packet. CX is what is left of the blocks, DX the offset of the block, SI the
// pointers, DI the chain.
func encryptVAES(s *source) {
	s.text("encryptVAES(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)", "encryptVAES", 0, 40)
	s.op("MOVQ keys+0(FP), BX")
	s.op("MOVQ rounds+8(FP), AX")
	s.op("MOVQ ptrs+16(FP), SI")
	s.op("MOVQ chain+24(FP), DI")
	s.op("MOVQ blocks+32(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	keysVAES(s)
	s.op("XORQ DX, DX")
	s.op("SUBQ $4, CX")
	s.op("JLT rest")
	s.line("four:")
	encryptFour(s, "four", 4, "")
	s.op("ADDQ $64, DX")
	s.op("SUBQ $4, CX")
	s.op("JGE four")
	s.line("rest:")
	s.op("ADDQ $4, CX")
	s.op("JZ clean")
	// One to three blocks: K1 has what there is of the 64 octets.
	s.op("SHLQ $1, CX")
	s.op("MOVL $1, R8")
	s.op("SHLL CX, R8")
	s.op("DECL R8")
	s.op("KMOVW R8, K1")
	s.op("SHRQ $1, CX")
	encryptFour(s, "rest", 3, "K1, ")
	s.line("clean:")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

// encryptFour encrypts as many blocks of each packet as there are steps. With a
// mask they may be fewer: CX counts them down.
func encryptFour(s *source, label string, steps int, mask string) {
	free := append(registers("Z", 0, 15), "Z31")
	var rows [4][]string // [group][lane], transposed [group][step]
	for g := range rows {
		for i := range 4 {
			r := free.take()
			s.op("MOVQ %d(SI), R9", 8*(4*g+i))
			if mask == "" {
				s.op("VMOVDQU64 (R9)(DX*1), %s", r)
			} else {
				s.op("VMOVDQU64.Z (R9)(DX*1), %s%s", mask, r)
			}
			rows[g] = append(rows[g], r)
		}
	}
	for g := range rows {
		rows[g] = transpose4x128(s, rows[g], &free)
	}
	for step := range steps {
		var blocks []string
		for g := range rows {
			z := rows[g][step]
			blocks = append(blocks, z)
			before := fmt.Sprintf("%d(DI)", 64*g)
			if step > 0 {
				before = rows[g][step-1]
			}
			s.op("VPTERNLOGQ $0x%x, %s, Z16, %s", ternXor, before, z)
		}
		roundsVAES(s, "VAESENC", fmt.Sprintf("%s%d", label, step), blocks)
		for _, z := range blocks {
			s.op("VAESENCLAST Z30, %s, %s", z, z)
		}
		if mask != "" && step < steps-1 {
			for g, z := range blocks {
				s.op("VMOVDQU64 %s, %d(DI)", z, 64*g)
			}
			s.op("DECQ CX")
			s.op("JZ store")
		}
	}
	for g := range rows {
		s.op("VMOVDQU64 %s, %d(DI)", rows[g][steps-1], 64*g)
	}
	if mask != "" {
		s.line("store:")
	}
	for g := range rows {
		for i, r := range transpose4x128(s, rows[g], &free) {
			s.op("MOVQ %d(SI), R9", 8*(4*g+i))
			if mask == "" {
				s.op("VMOVDQU64 %s, (R9)(DX*1)", r)
			} else {
				s.op("VMOVDQU64 %s, %s(R9)(DX*1)", r, mask)
			}
		}
	}
}

// decryptVAES works on 16 blocks of a packet. CX is what is left of them, SI the
// data, Z8 ends with the block of ciphertext before.
func decryptVAES(s *source) {
	s.text("decryptVAES(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)", "decryptVAES", 0, 40)
	s.op("MOVQ keys+0(FP), BX")
	s.op("MOVQ rounds+8(FP), AX")
	s.op("MOVQ iv+16(FP), DX")
	s.op("MOVQ data+24(FP), SI")
	s.op("MOVQ blocks+32(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	keysVAES(s)
	s.op("VBROADCASTI32X4 (DX), Z8")
	s.op("SUBQ $16, CX")
	s.op("JLT rest")
	s.line("sixteen:")
	decryptSixteen(s, "sixteen", false)
	s.op("ADDQ $256, SI")
	s.op("SUBQ $16, CX")
	s.op("JGE sixteen")
	s.line("rest:")
	s.op("ADDQ $16, CX")
	s.op("JZ clean")
	// K1 to K4 have what there is of the next four times 64 octets.
	s.op("SHLQ $1, CX")
	s.op("MOVL $1, R8")
	s.op("SHLQ CX, R8")
	s.op("DECQ R8")
	for i := range 4 {
		s.op("KMOVW R8, K%d", 1+i)
		s.op("SHRQ $8, R8")
	}
	decryptSixteen(s, "rest", true)
	s.line("clean:")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

func decryptSixteen(s *source, label string, masked bool) {
	blocks, before := registers("Z", 0, 3), registers("Z", 4, 7)
	for i, z := range blocks {
		if masked {
			s.op("VMOVDQU64.Z %d(SI), K%d, %s", 64*i, 1+i, z)
		} else {
			s.op("VMOVDQU64 %d(SI), %s", 64*i, z)
		}
	}
	// before has the ciphertext one block earlier, and the last key with it.
	chain := "Z8"
	for i, z := range blocks {
		s.op("VALIGNQ $6, %s, %s, %s", chain, z, before[i])
		s.op("VPXORQ Z30, %s, %s", before[i], before[i])
		chain = z
	}
	s.op("VMOVDQA64 %s, Z8", chain)
	for _, z := range blocks {
		s.op("VPXORQ Z16, %s, %s", z, z)
	}
	roundsVAES(s, "VAESDEC", label+"Last", blocks)
	for i, z := range blocks {
		s.op("VAESDECLAST %s, %s, %s", before[i], z, z)
		if masked {
			s.op("VMOVDQU64 %s, K%d, %d(SI)", z, 1+i, 64*i)
		} else {
			s.op("VMOVDQU64 %s, %d(SI)", z, 64*i)
		}
	}
}
