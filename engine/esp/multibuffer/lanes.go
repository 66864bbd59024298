package multibuffer

import "encoding/binary"

// run computes the codes of the jobs from next to before last, in order.
func (h *HMAC) run(kernel *hashKernel, jobs []MACJob, next, last int) {
	h.kernel = kernel
	for {
		for l := range kernel.lanes {
			if h.lanes[l].phase == idle && next < last {
				h.begin(l, &jobs[h.order.index(next)])
				next++
			}
		}
		blocks := h.aim()
		if blocks == 0 {
			return
		}
		kernel.run(&h.state, &h.ptrs, blocks)
		for l := range kernel.lanes {
			lane := &h.lanes[l]
			if lane.phase == idle {
				continue
			}
			if lane.rest = lane.rest[blocks*blockLen:]; len(lane.rest) == 0 {
				h.advance(l)
			}
		}
	}
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
// and returns how many blocks all lanes have; 0 when all are idle.
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
	if busy < 0 {
		return 0
	}
	for l := range h.kernel.lanes {
		if h.lanes[l].phase == idle {
			h.ptrs[l] = h.ptrs[busy]
		}
	}
	return blocks
}
