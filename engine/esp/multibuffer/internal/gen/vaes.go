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

// encryptVAES works on 16 packets, in four groups of four. A register has the
// same block of the four packets of a group; four of them come from one load of
// four blocks a packet, transposed, and go back the same way. The groups are a
// block apart in that, so that after each step one of them is loaded and stored
// while the other three encrypt:
//
//	step         0 1 2 3 4 5 6 7
//	group 0     |0 1 2 3|0 1 2 3|    the position of the block in the four
//	group 1      1 2 3|0 1 2 3|0
//	group 2      2 3|0 1 2 3|0 1
//	group 3      3|0 1 2 3|0 1 2
//
// A block is stored after its step and was loaded before it, in all groups, so
// that lanes may be the same packet. CX is what is left of the blocks, DX the
// offset of step 0, SI the pointers, DI the chain. Z16 has the ciphertext before
// the block at position 0, of the group that is there; the key that was in it is
// at BX, on the stack.
func encryptVAES(s *source) {
	s.text("encryptVAES(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)", "encryptVAES", 128, 40)
	s.op("MOVQ keys+0(FP), BX")
	s.op("MOVQ rounds+8(FP), AX")
	s.op("MOVQ ptrs+16(FP), SI")
	s.op("MOVQ chain+24(FP), DI")
	s.op("MOVQ blocks+32(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	keysVAES(s)
	s.op("LEAQ key-128(SP), BX")
	s.op("ADDQ $63, BX")
	s.op("ANDQ $~63, BX")
	s.op("VMOVDQU64 Z16, (BX)")
	s.op("VMOVDQU64 (DI), Z16")
	s.op("XORQ DX, DX")
	loadFirst(s)
	s.line("four:")
	for step := range 4 {
		encryptStep(s, step)
		if step < 3 {
			nextFour(s, 3-step)
		}
	}
	nextFour(s, 0)
	s.op("ADDQ $64, DX")
	s.op("JMP four")
	s.line("end:")
	storeLast(s)
	s.op("VPXORQ Z16, Z16, Z16") // leave no key behind on the stack
	s.op("VMOVDQU64 Z16, (BX)")
	s.op("VZEROUPPER")
	s.line("done:")
	s.op("RET")
}

// block is the register with the block of a group at a position.
func block(group, position int) string { return fmt.Sprintf("Z%d", 4*group+position) }

// transposeGroup exchanges packets and blocks of a group, in place.
func transposeGroup(s *source, group int) {
	transpose4x128(s, registers("Z", 4*group, 4*group+3), "Z31")
}

// move loads or stores the packets of a group, transposed, at that address from
// R9, the packet. A mask, if any, has two bits for each position that counts.
func move(s *source, group int, load bool, mask, address string) {
	for i := range 4 {
		s.op("MOVQ %d(SI), R9", 8*(4*group+i))
		switch {
		case load && mask != "":
			s.op("VMOVDQU64.Z %s, %s, %s", address, mask, block(group, i))
		case load:
			s.op("VMOVDQU64 %s, %s", address, block(group, i))
		case mask != "":
			s.op("VMOVDQU64 %s, %s, %s", block(group, i), mask, address)
		default:
			s.op("VMOVDQU64 %s, %s", block(group, i), address)
		}
	}
}

// loadFirst loads the blocks that the groups begin with: group 1 has them from
// position 1 on, and so K1, and so on with the others.
func loadFirst(s *source) {
	s.op("MOVL $0xff, R8")
	for group := 1; group < 4; group++ {
		s.op("SHLL $2, R8")
		s.op("KMOVW R8, K%d", group)
	}
	s.op("MOVQ CX, R10")
	s.op("CMPQ CX, $4")
	s.op("JLE few")
	s.op("MOVQ $4, CX")
	s.line("few:")
	s.op("SHLQ $1, CX")
	s.op("MOVL $1, R8")
	s.op("SHLL CX, R8")
	s.op("DECL R8")
	s.op("MOVQ R10, CX")
	for group := range 4 {
		s.op("KMOVW R8, K4")
		s.op("SHLL $2, R8")
		move(s, group, true, "K4", fmt.Sprintf("%d(R9)", -16*group))
		transposeGroup(s, group)
		if group > 0 {
			s.op("VMOVDQU64 %d(DI), %s", 64*group, block(group, group-1))
		}
	}
}

// encryptStep encrypts a block of each packet.
func encryptStep(s *source, step int) {
	var blocks []string
	for group := range 4 {
		position := (step + group) % 4
		before := "Z16"
		if position > 0 {
			before = block(group, position-1)
		}
		z := block(group, position)
		s.op("VPTERNLOGQ $0x%x, (BX), %s, %s", ternXor, before, z)
		blocks = append(blocks, z)
	}
	roundsVAES(s, "VAESENC", fmt.Sprintf("last%d", step), blocks)
	for _, z := range blocks {
		s.op("VAESENCLAST Z30, %s, %s", z, z)
	}
}

// nextFour stores the blocks of the group that has all four done, and loads the
// next ones, as far as there are any.
func nextFour(s *source, group int) {
	at := func(block int) string { return fmt.Sprintf("%d(R9)(DX*1)", 16*block) }
	s.op("VMOVDQA64 %s, Z16", block(group, 3))
	transposeGroup(s, group)
	if group > 0 { // the first time there were fewer
		s.op("TESTQ DX, DX")
		s.op("JZ storeFirst%d", group)
	}
	move(s, group, false, "", at(-group))
	if group > 0 {
		s.op("JMP stored%d", group)
		s.line("storeFirst%d:", group)
		move(s, group, false, fmt.Sprintf("K%d", group), at(-group))
		s.line("stored%d:", group)
	}
	s.op("DECQ CX")
	s.op("JZ end")
	s.op("CMPQ CX, $4")
	s.op("JLT loadFew%d", group)
	move(s, group, true, "", at(4-group))
	s.op("JMP loaded%d", group)
	s.line("loadFew%d:", group)
	s.op("MOVQ CX, R10")
	s.op("SHLQ $1, CX")
	s.op("MOVL $1, R8")
	s.op("SHLL CX, R8")
	s.op("DECL R8")
	s.op("KMOVW R8, K4")
	s.op("MOVQ R10, CX")
	move(s, group, true, "K4", at(4-group))
	s.line("loaded%d:", group)
	transposeGroup(s, group)
}

// storeLast stores what the groups have when the last step is done, and the
// chain. R8 is the number of the last block, R10 its position, R11 the number of
// the block at position 0, which is negative in a group's first four.
func storeLast(s *source) {
	s.op("MOVQ blocks+32(FP), R8")
	s.op("DECQ R8")
	for group := range 4 {
		s.op("LEAQ %d(R8), R10", group)
		s.op("ANDQ $3, R10")
		s.op("CMPQ R10, $3")
		s.op("JEQ nothing%d", group)
		s.op("MOVQ R8, R11")
		s.op("SUBQ R10, R11")
		s.op("LEAQ 2(R10*2), CX")
		s.op("MOVL $1, R12")
		s.op("SHLL CX, R12")
		s.op("DECL R12")
		s.op("MOVQ R11, CX")
		s.op("NEGQ CX")
		s.op("JLE whole%d", group)
		s.op("SHLQ $1, CX")
		s.op("MOVL $-1, R13")
		s.op("SHLL CX, R13")
		s.op("ANDL R13, R12")
		s.line("whole%d:", group)
		s.op("KMOVW R12, K4")
		s.op("SHLQ $4, R11")
		transposeGroup(s, group)
		move(s, group, false, "K4", "(R9)(R11*1)")
		s.line("nothing%d:", group)
	}
	s.op("SHLQ $4, R8")
	for lane := range 16 {
		s.op("MOVQ %d(SI), R9", 8*lane)
		s.op("VMOVDQU (R9)(R8*1), X0")
		s.op("VMOVDQU X0, %d(DI)", 16*lane)
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
