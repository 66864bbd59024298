package gen

import "fmt"

// aesARM64 is AES-CBC with the AES extension. Of the registers, V16 to V28 have
// the keys of the rounds but the last two, which V29 and V30 have.
func aesARM64(s *source) {
	encryptARM64(s)
	decryptARM64(s)
}

// vec names the register n as 16 octets.
func vec(n int) string { return fmt.Sprintf("V%d.B16", n) }

// keysARM64 loads the keys: R0 points to them and is lost, R1 is the number of
// rounds.
func keysARM64(s *source) {
	s.op("ADD R1<<4, R0, R2")
	s.op("SUB $16, R2")
	s.op("VLD1 (R2), [V29.B16, V30.B16]")
	for k := 16; k < 28; k += 4 {
		s.op("VLD1.P 64(R0), [%s, %s, %s, %s]", vec(k), vec(k+1), vec(k+2), vec(k+3))
	}
	s.op("VLD1 (R0), [V28.B16]")
}

// roundsARM64 takes blocks through all rounds but for the XOR with the last key:
// sub is AESE or AESD, mix AESMC or AESIMC.
func roundsARM64(s *source, sub, mix, label string, blocks int) {
	round := func(k int) {
		for i := range blocks {
			s.op("%s %s, %s", sub, vec(16+k), vec(i))
			s.op("%s %s, %s", mix, vec(i), vec(i))
		}
	}
	for k := range 9 {
		round(k)
	}
	s.op("CMP $12, R1")
	s.op("BLT %s", label)
	round(9)
	round(10)
	s.op("BEQ %s", label)
	round(11)
	round(12)
	s.line("%s:", label)
	for i := range blocks {
		s.op("%s V29.B16, %s", sub, vec(i))
	}
}

// encryptARM64 works on 8 packets. All loads of a block come before all stores,
// so that lanes may be the same packet. R3 is the chain, R4 what is left of the
// blocks, R5 to R12 are the data.
func encryptARM64(s *source) {
	s.text("encryptARM64(keys *[240]byte, rounds int, ptrs *[16]*byte, chain *[16][16]byte, blocks int)", "encryptARM64", 0, 40)
	s.op("MOVD keys+0(FP), R0")
	s.op("MOVD rounds+8(FP), R1")
	s.op("MOVD ptrs+16(FP), R2")
	s.op("MOVD chain+24(FP), R3")
	s.op("MOVD blocks+32(FP), R4")
	s.op("CMP $0, R4")
	s.op("BLE done")
	for i := range 4 {
		s.op("LDP %d(R2), (R%d, R%d)", 16*i, 5+2*i, 6+2*i)
	}
	keysARM64(s)
	s.op("MOVD R3, R2")
	s.op("VLD1.P 64(R2), [V0.B16, V1.B16, V2.B16, V3.B16]")
	s.op("VLD1 (R2), [V4.B16, V5.B16, V6.B16, V7.B16]")
	s.line("block:")
	for i := range 8 {
		s.op("VLD1 (R%d), [%s]", 5+i, vec(8+i))
	}
	for i := range 8 {
		s.op("VEOR %s, %s, %s", vec(8+i), vec(i), vec(i))
	}
	roundsARM64(s, "AESE", "AESMC", "last", 8)
	for i := range 8 {
		s.op("VEOR V30.B16, %s, %s", vec(i), vec(i))
		s.op("VST1.P [%s], 16(R%d)", vec(i), 5+i)
	}
	s.op("SUBS $1, R4")
	s.op("BNE block")
	s.op("VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R3)")
	s.op("VST1 [V4.B16, V5.B16, V6.B16, V7.B16], (R3)")
	s.line("done:")
	s.op("RET")
}

// decryptARM64 works on 8 blocks of a packet at a time, then on one. R3 is the
// data, R4 what is left of the blocks, V31 the block of ciphertext before.
func decryptARM64(s *source) {
	s.text("decryptARM64(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)", "decryptARM64", 0, 40)
	s.op("MOVD keys+0(FP), R0")
	s.op("MOVD rounds+8(FP), R1")
	s.op("MOVD iv+16(FP), R2")
	s.op("VLD1 (R2), [V31.B16]")
	s.op("MOVD data+24(FP), R3")
	s.op("MOVD blocks+32(FP), R4")
	keysARM64(s)
	s.line("eight:")
	s.op("CMP $8, R4")
	s.op("BLT one")
	s.op("MOVD R3, R5")
	s.op("VLD1.P 64(R5), [V0.B16, V1.B16, V2.B16, V3.B16]")
	s.op("VLD1 (R5), [V4.B16, V5.B16, V6.B16, V7.B16]")
	decryptBlocksARM64(s, "lastEight", 8)
	s.op("VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R3)")
	s.op("VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R3)")
	s.op("SUB $8, R4")
	s.op("B eight")
	s.line("one:")
	s.op("CMP $0, R4")
	s.op("BLE done")
	s.op("VLD1 (R3), [V0.B16]")
	decryptBlocksARM64(s, "lastOne", 1)
	s.op("VST1.P [V0.B16], 16(R3)")
	s.op("SUB $1, R4")
	s.op("B one")
	s.line("done:")
	s.op("RET")
}

// decryptBlocksARM64 decrypts the blocks in V0 and up; V8 and up keep the
// ciphertext.
func decryptBlocksARM64(s *source, label string, blocks int) {
	for i := range blocks {
		s.op("VMOV %s, %s", vec(i), vec(8+i))
	}
	roundsARM64(s, "AESD", "AESIMC", label, blocks)
	before := 31
	for i := range blocks {
		s.op("VEOR V30.B16, %s, %s", vec(i), vec(i))
		s.op("VEOR %s, %s, %s", vec(before), vec(i), vec(i))
		before = 8 + i
	}
	s.op("VMOV %s, V31.B16", vec(before))
}

// shaARM64 are the hashes with the SHA extensions over 2 lanes: each instruction
// waits for the one before in its lane. A lane's state is 8 words together, in
// order.
func shaARM64(s *source) {
	s.table("sha1KARM64", sha1K, 4)
	s.table("sha256KARM64", sha256K, 1)
	sha1ARM64(s)
	sha256ARM64(s)
}

// headSHA loads the arguments: R0 the state, R1 and R2 the data, R3 the number of
// blocks, R4 the constants.
func headSHA(s *source, constants string) {
	s.op("MOVD state+0(FP), R0")
	s.op("MOVD ptrs+8(FP), R4")
	s.op("MOVD blocks+16(FP), R3")
	s.op("CMP $0, R3")
	s.op("BLE done")
	s.op("LDP (R4), (R1, R2)")
	s.op("MOVD $%s<>(SB), R4", constants)
	s.op("ADD $32, R0, R5") // the state of the second lane
}

func footSHA(s *source) {
	s.op("SUBS $1, R3")
	s.op("BNE block")
	s.line("done:")
	s.op("RET")
}

// loadSHA loads the 16 words of a block into m and up.
func loadSHA(s *source, data string, m int) {
	s.op("VLD1.P 64(%s), [%s, %s, %s, %s]", data, vec(m), vec(m+1), vec(m+2), vec(m+3))
	for i := range 4 {
		s.op("VREV32 %s, %s", vec(m+i), vec(m+i))
	}
}

// sha1ARM64 has for each lane: the state abcd, e and the next e, a scratch
// register, four of the message. V24 to V27 have the constants, V28 to V31 the
// state before the block.
func sha1ARM64(s *source) {
	s.text("sha1ARM64(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha1ARM64", 0, 24)
	headSHA(s, "sha1KARM64")
	s.op("VLD1 (R4), [V24.S4, V25.S4, V26.S4, V27.S4]")
	for l := range 2 {
		s.op("VLD1 (R%s), [V%d.S4, V%d.S4]", [...]string{"0", "5"}[l], 8*l, 8*l+1)
	}
	s.line("block:")
	for l := range 2 {
		s.op("VMOV %s, %s", vec(8*l), vec(28+2*l))
		s.op("VMOV %s, %s", vec(8*l+1), vec(29+2*l))
		loadSHA(s, [...]string{"R1", "R2"}[l], 8*l+4)
	}
	for i := range 20 { // four steps each
		for l := range 2 {
			abcd, e, next, t := 8*l, 8*l+1+i%2, 8*l+2-i%2, 8*l+3
			m := func(k int) int { return 8*l + 4 + (i+k)%4 }
			s.op("VADD V%d.S4, V%d.S4, V%d.S4", 24+i/5, m(0), t)
			s.op("SHA1H V%d, V%d", abcd, next)
			s.op("%s V%d.S4, V%d, V%d", [...]string{"SHA1C", "SHA1P", "SHA1M", "SHA1P"}[i/5], t, e, abcd)
			if i < 16 {
				s.op("SHA1SU0 V%d.S4, V%d.S4, V%d.S4", m(2), m(1), m(0))
				s.op("SHA1SU1 V%d.S4, V%d.S4", m(3), m(0))
			}
		}
	}
	for l := range 2 {
		s.op("VADD V%d.S4, V%d.S4, V%d.S4", 28+2*l, 8*l, 8*l)
		s.op("VADD V%d.S4, V%d.S4, V%d.S4", 29+2*l, 8*l+1, 8*l+1)
		s.op("VST1 [V%d.S4, V%d.S4], (R%s)", 8*l, 8*l+1, [...]string{"0", "5"}[l])
	}
	footSHA(s)
}

// sha256ARM64 has for each lane: the state abcd and efgh, two scratch registers,
// four of the message. V24 and up have constants and the state before the block.
func sha256ARM64(s *source) {
	s.text("sha256ARM64(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha256ARM64", 0, 24)
	headSHA(s, "sha256KARM64")
	for l := range 2 {
		s.op("VLD1 (R%s), [V%d.S4, V%d.S4]", [...]string{"0", "5"}[l], 8*l, 8*l+1)
	}
	s.line("block:")
	s.op("MOVD R4, R6")
	for l := range 2 {
		s.op("VMOV %s, %s", vec(8*l), vec(28+2*l))
		s.op("VMOV %s, %s", vec(8*l+1), vec(29+2*l))
		loadSHA(s, [...]string{"R1", "R2"}[l], 8*l+4)
	}
	for i := range 16 { // four steps each
		if i%4 == 0 {
			s.op("VLD1.P 64(R6), [V24.S4, V25.S4, V26.S4, V27.S4]")
		}
		for l := range 2 {
			abcd, efgh, old, t := 8*l, 8*l+1, 8*l+2, 8*l+3
			m := func(k int) int { return 8*l + 4 + (i+k)%4 }
			s.op("VADD V%d.S4, V%d.S4, V%d.S4", 24+i%4, m(0), t)
			s.op("VMOV %s, %s", vec(abcd), vec(old))
			if i < 12 {
				s.op("SHA256SU0 V%d.S4, V%d.S4", m(1), m(0))
			}
			s.op("SHA256H V%d.S4, V%d, V%d", t, efgh, abcd)
			s.op("SHA256H2 V%d.S4, V%d, V%d", t, old, efgh)
			if i < 12 {
				s.op("SHA256SU1 V%d.S4, V%d.S4, V%d.S4", m(3), m(2), m(0))
			}
		}
	}
	for l := range 2 {
		s.op("VADD V%d.S4, V%d.S4, V%d.S4", 28+2*l, 8*l, 8*l)
		s.op("VADD V%d.S4, V%d.S4, V%d.S4", 29+2*l, 8*l+1, 8*l+1)
		s.op("VST1 [V%d.S4, V%d.S4], (R%s)", 8*l, 8*l+1, [...]string{"0", "5"}[l])
	}
	footSHA(s)
}
