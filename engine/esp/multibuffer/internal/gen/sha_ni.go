package gen

// shaNI are the hashes with the SHA extensions over 4 lanes: each instruction
// waits for the one before in its lane, so another lane is nearly free. There
// are registers for two; a block of these two and a block of the other two follow
// each other, and a CPU that looks far enough ahead works on both. A lane's state
// is 8 words together, in the order in which the instructions want them: SHA-1
// d c b a, then e as the last of four; SHA-256 f e b a, h g d c.
func shaNI(s *source) {
	s.bytes16("swap32NI", byteSwap(4))
	s.bytes16("swap128NI", byteSwap(16))
	s.table("sha256KNI", sha256K, 1)
	sha1NI(s)
	sha256NI(s)
}

// dataNI are the pointers to the data of the lanes.
var dataNI = []string{"R8", "R9", "R10", "R11"}

// headNI loads the arguments: DI the state, CX the number of blocks.
func headNI(s *source, mask string) {
	s.op("MOVQ state+0(FP), DI")
	s.op("MOVQ ptrs+8(FP), SI")
	s.op("MOVQ blocks+16(FP), CX")
	s.op("TESTQ CX, CX")
	s.op("JLE done")
	for i, r := range dataNI {
		s.op("MOVQ %d(SI), %s", 8*i, r)
	}
	s.op("MOVOU %s<>(SB), X15", mask)
}

func footNI(s *source) {
	for _, r := range dataNI {
		s.op("ADDQ $64, %s", r)
	}
	s.op("DECQ CX")
	s.op("JNZ block")
	s.line("done:")
	s.op("RET")
}

// laneNI has the registers of a lane.
type laneNI struct {
	data   string
	state  [3]string // of SHA-1: abcd and two for e; of SHA-256 two
	msg    []string
	offset int // of the state in memory
}

// lanesNI are the two lanes of a pair. It loads their state, but for scratch
// registers.
func lanesNI(s *source, pair, first, stateRegs int) []laneNI {
	lanes := make([]laneNI, 2)
	for l := range lanes {
		regs := registers("X", first+l*(stateRegs+4), first+(l+1)*(stateRegs+4)-1)
		lanes[l] = laneNI{data: dataNI[2*pair+l], offset: 32 * (2*pair + l), msg: regs[stateRegs:]}
		copy(lanes[l].state[:], regs[:stateRegs])
		s.op("MOVOU %d(DI), %s", lanes[l].offset, lanes[l].state[0])
		s.op("MOVOU %d(DI), %s", lanes[l].offset+16, lanes[l].state[1])
	}
	return lanes
}

func sha1NI(s *source) {
	s.text("sha1NI(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha1NI", 0, 24)
	headNI(s, "swap128NI")
	s.line("block:")
	for pair := range 2 {
		sha1BlockNI(s, lanesNI(s, pair, 0, 3))
	}
	footNI(s)
}

func sha1BlockNI(s *source, lanes []laneNI) {
	for i := range 20 { // four steps each
		for _, l := range lanes {
			abcd, e, next := l.state[0], l.state[1+i%2], l.state[2-i%2]
			m := func(k int) string { return l.msg[(i+k+4)%4] }
			if i < 4 {
				s.op("MOVOU %d(%s), %s", 16*i, l.data, m(0))
				s.op("PSHUFB X15, %s", m(0))
			}
			if i == 0 {
				s.op("PADDD %s, %s", m(0), e)
			} else {
				s.op("SHA1NEXTE %s, %s", m(0), e)
			}
			s.op("MOVO %s, %s", abcd, next)
			if i >= 3 && i < 19 {
				s.op("SHA1MSG2 %s, %s", m(0), m(1))
			}
			s.op("SHA1RNDS4 $%d, %s, %s", i/5, e, abcd)
			if i >= 1 && i <= 16 {
				s.op("SHA1MSG1 %s, %s", m(0), m(-1))
			}
			if i >= 2 && i <= 17 {
				s.op("PXOR %s, %s", m(0), m(-2))
			}
		}
	}
	for _, l := range lanes {
		s.op("MOVOU %d(DI), X14", l.offset+16)
		s.op("SHA1NEXTE X14, %s", l.state[1])
		s.op("MOVOU %s, %d(DI)", l.state[1], l.offset+16)
		s.op("MOVOU %d(DI), X14", l.offset)
		s.op("PADDD X14, %s", l.state[0])
		s.op("MOVOU %s, %d(DI)", l.state[0], l.offset)
	}
}

func sha256NI(s *source) {
	s.text("sha256NI(state *[128]uint32, ptrs *[16]*byte, blocks int)", "sha256NI", 0, 24)
	headNI(s, "swap32NI")
	s.op("LEAQ sha256KNI<>(SB), BX")
	s.line("block:")
	for pair := range 2 {
		sha256BlockNI(s, lanesNI(s, pair, 1, 2))
	}
	footNI(s)
}

func sha256BlockNI(s *source, lanes []laneNI) {
	for i := range 16 { // four steps each
		for _, l := range lanes {
			abef, cdgh := l.state[0], l.state[1]
			m := func(k int) string { return l.msg[(i+k+4)%4] }
			if i < 4 {
				s.op("MOVOU %d(%s), %s", 16*i, l.data, m(0))
				s.op("PSHUFB X15, %s", m(0))
			}
			s.op("MOVOU %d(BX), X0", 16*i)
			s.op("PADDD %s, X0", m(0))
			s.op("SHA256RNDS2 X0, %s, %s", abef, cdgh)
			if i >= 3 && i <= 14 {
				s.op("MOVO %s, X13", m(0))
				s.op("PALIGNR $4, %s, X13", m(-1))
				s.op("PADDD X13, %s", m(1))
				s.op("SHA256MSG2 %s, %s", m(0), m(1))
			}
			s.op("PSHUFD $0x0e, X0, X0")
			s.op("SHA256RNDS2 X0, %s, %s", cdgh, abef)
			if i >= 1 && i <= 12 {
				s.op("SHA256MSG1 %s, %s", m(0), m(-1))
			}
		}
	}
	for _, l := range lanes {
		for k := range 2 {
			s.op("MOVOU %d(DI), X14", l.offset+16*k)
			s.op("PADDD X14, %s", l.state[k])
			s.op("MOVOU %s, %d(DI)", l.state[k], l.offset+16*k)
		}
	}
}
