package multibuffer

import "encoding/binary"

// Ours: what a packet costs the standard library besides its blocks, in blocks.
const aloneOverhead = 2

// alone is how many jobs, the longest ones, the standard library should have so
// that all are done the soonest: all of them when they would fill too few lanes,
// those that would run on alone when the others have ended, or none.
func (o *order) alone(k *hashKernel) (n int) {
	left, before := 0, 0 // blocks of the jobs from n on, and of those in front
	for i := range o.n {
		left += o.blocks(i)
	}
	best := -1
	for i := 0; ; i++ {
		cost := 16*before + k.cost*o.rows(i, left, k.lanes)
		if best < 0 || cost < best {
			n, best = i, cost
		}
		if i == o.n || i == k.lanes {
			return n
		}
		left -= o.blocks(i)
		before += o.blocks(i) + aloneOverhead
	}
}

// rows is how often the kernel has to work on a block in all lanes for the jobs
// from the first one on, which have so many blocks: at least their share, and
// some lane has r+1 of the first r*lanes+1 jobs.
func (o *order) rows(first, blocks, lanes int) int {
	n := (blocks + lanes - 1) / lanes
	for r, i := 1, first; i < o.n; r, i = r+1, i+lanes {
		n = max(n, r*o.blocks(i))
	}
	return n
}

func (h *HMAC) busy() bool {
	for l := range h.kernel.lanes {
		if h.lanes[l].phase != idle {
			return true
		}
	}
	return false
}

// begin gives a packet to an idle lane.
func (h *HMAC) begin(l int, j *MACJob) {
	h.load(l, &h.inner)
	lane := &h.lanes[l]
	lane.job = j
	if whole := len(j.Data) / blockLen * blockLen; whole > 0 {
		lane.rest, lane.phase = j.Data[:whole], body
		return
	}
	h.lanes[l].end()
}

// advance goes on to the next phase when a lane has no block left.
func (h *HMAC) advance(l int) {
	lane := &h.lanes[l]
	switch lane.phase {
	case body:
		lane.end()
	case tail:
		size := 4 * h.words
		clear(lane.tail[size:blockLen])
		h.store(l, lane.tail[:])
		lane.tail[size] = 0x80
		binary.BigEndian.PutUint16(lane.tail[blockLen-2:], uint16(8*(blockLen+size)))
		h.load(l, &h.outer)
		lane.rest, lane.phase = lane.tail[:blockLen], outer
	case outer:
		h.store(l, lane.job.Sum[:])
		lane.job, lane.rest, lane.phase = nil, nil, idle
	}
}

// end makes the last blocks of the inner hash: what whole blocks leave of the
// packet, a bit, zeros, and the length in bits with the key's block in it (FIPS
// 180-4, 5.1.1).
func (lane *hashLane) end() {
	data := lane.job.Data
	n := copy(lane.tail[:], data[len(data)/blockLen*blockLen:])
	size := blockLen
	if n+9 > blockLen {
		size = 2 * blockLen
	}
	lane.tail[n] = 0x80
	clear(lane.tail[n+1 : size-8])
	binary.BigEndian.PutUint64(lane.tail[size-8:], 8*uint64(blockLen+len(data)))
	lane.rest, lane.phase = lane.tail[:size], tail
}

// aim points each lane to its next block, the idle ones to that of another lane,
// and returns how many blocks all lanes have.
func (h *HMAC) aim() (blocks int) {
	busy := -1
	for l := range h.kernel.lanes {
		lane := &h.lanes[l]
		if lane.phase == idle {
			continue
		}
		h.ptrs[l] = &lane.rest[0]
		if n := len(lane.rest) / blockLen; busy < 0 || n < blocks {
			blocks = n
		}
		busy = l
	}
	for l := range h.kernel.lanes {
		if h.lanes[l].phase == idle {
			h.ptrs[l] = h.ptrs[busy]
		}
	}
	return blocks
}
