package multibuffer

import (
	"crypto/sha256"
	"encoding/binary"
)

// run computes the codes of the jobs from next to before last, in order.
func (h *HMAC) run(kernel *hashKernel, jobs []MACJob, next, last int) {
	h.use(kernel)
	for blocks := 0; ; {
		if kernel.outer != nil && h.ending(blocks) {
			kernel.outer(&h.state, &h.outer)
			h.finish()
		}
		least, busy, idlers := 0, -1, 0
		for l := range kernel.lanes {
			lane := &h.lanes[l]
			if lane.phase != idle {
				if lane.rest = lane.rest[blocks*blockLen:]; len(lane.rest) == 0 {
					h.advance(l, lane)
				}
			}
			if lane.phase == idle {
				if next == last {
					idlers++
					continue
				}
				h.begin(l, lane, &jobs[h.order.index(next)])
				next++
			}
			h.ptrs[l] = &lane.rest[0]
			if n := len(lane.rest) / blockLen; busy < 0 || n < least {
				least = n
			}
			busy = l
		}
		if busy < 0 {
			return
		}
		if idlers > 0 {
			h.join(busy)
		}
		kernel.run(&h.state, &h.ptrs, least)
		blocks = least
	}
}

// ending reports whether the kernel, having done so many blocks, has ended the
// inner hash in all busy lanes at once, as happens with packets of one length.
func (h *HMAC) ending(blocks int) bool {
	busy := false
	for l := range h.kernel.lanes {
		lane := &h.lanes[l]
		if lane.phase == idle {
			continue
		}
		if lane.phase != tail || len(lane.rest) != blocks*blockLen {
			return false
		}
		busy = true
	}
	return busy
}

// finish takes the outer hash from all busy lanes.
func (h *HMAC) finish() {
	for l := range h.kernel.lanes {
		if lane := &h.lanes[l]; lane.phase != idle {
			h.store(l, &lane.job.Sum)
			lane.job, lane.rest, lane.phase = nil, nil, idle
		}
	}
}

// join points idle lanes to the packet of a busy one.
func (h *HMAC) join(busy int) {
	for l := range h.kernel.lanes {
		if h.lanes[l].phase == idle {
			h.ptrs[l] = h.ptrs[busy]
		}
	}
}

// begin gives a packet to an idle lane.
func (h *HMAC) begin(l int, lane *hashLane, j *MACJob) {
	h.load(l, &h.inner)
	lane.job = j
	if whole := len(j.Data) / blockLen * blockLen; whole > 0 {
		lane.rest, lane.phase = j.Data[:whole], body
		return
	}
	lane.end()
}

// advance goes on to the next phase when a lane has no block left.
func (h *HMAC) advance(l int, lane *hashLane) {
	switch lane.phase {
	case body:
		lane.end()
	case tail:
		h.store(l, (*[sha256.Size]byte)(lane.outer[:]))
		h.load(l, &h.outer)
		lane.rest, lane.phase = lane.outer[:], outer
	case outer:
		h.store(l, &lane.job.Sum)
		lane.job, lane.rest, lane.phase = nil, nil, idle
	}
}

// end makes the last blocks of the inner hash: what whole blocks leave of the
// packet, a bit, zeros, and the length in bits with the key's block in it (FIPS
// 180-4, 5.1.1).
func (lane *hashLane) end() {
	data := lane.job.Data
	lane.tail = [2 * blockLen]byte{}
	n := copy(lane.tail[:blockLen], data[len(data)/blockLen*blockLen:])
	lane.tail[n%blockLen] = 0x80
	size := blockLen
	if n+9 > blockLen {
		size = 2 * blockLen
	}
	binary.BigEndian.PutUint64(lane.tail[size-8:], 8*uint64(blockLen+len(data)))
	lane.rest, lane.phase = lane.tail[:size], tail
}
