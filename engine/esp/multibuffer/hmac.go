package multibuffer

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

const blockLen = 64 // of SHA-1 and SHA-256, in octets

// Initial values of the hashes (FIPS 180-4, 5.3.1 and 5.3.3).
var (
	sha1Init   = []uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	sha256Init = []uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}
)

// HMAC is HMAC-SHA1 or HMAC-SHA256 (RFC 2104, RFC 4868) under one key. It
// allocates nothing after it is made. It is not safe for concurrent use.
type HMAC struct {
	widest *hashKernel // nil: the standard library for all
	kernel *hashKernel // at work
	alone  hash.Hash   // the standard library, for packets too few to share
	words  int         // of the state
	inner  [8]uint32   // the state behind the key, inside and outside
	outer  [8]uint32
	order  order
	state  [128]uint32
	ptrs   [maxLanes]*byte
	lanes  [maxLanes]hashLane
}

// MACJob is a packet to authenticate.
type MACJob struct {
	Data []byte
	Sum  [sha256.Size]byte // the result: with SHA-1 the first 20 octets
}

// hashLane is what a lane of the kernel has left.
type hashLane struct {
	rest  []byte // whole blocks, of the packet or of tail
	job   *MACJob
	phase phase
	tail  [2 * blockLen]byte
}

// phase is how far a packet is.
type phase uint8

const (
	idle  phase = iota
	body        // rest is the packet's whole blocks
	tail        // rest is its end, with the padding
	outer       // rest is the inner hash, with the padding
)

// NewHMACSHA1 takes a key of any length and keeps what the hash makes of it.
func NewHMACSHA1(key []byte) *HMAC {
	return newHMAC(key, sha1.New, sha1Init, current.Load().sha1)
}

// NewHMACSHA256 is NewHMACSHA1 for HMAC-SHA256.
func NewHMACSHA256(key []byte) *HMAC {
	return newHMAC(key, sha256.New, sha256Init, current.Load().sha256)
}

func newHMAC(key []byte, newHash func() hash.Hash, init []uint32, kernel *hashKernel) *HMAC {
	h := &HMAC{widest: kernel, kernel: kernel, alone: hmac.New(newHash, key), words: len(init)}
	if kernel == nil {
		return h
	}
	if len(key) > blockLen {
		sum := newHash()
		sum.Write(key)
		key = sum.Sum(nil)
	}
	h.inner = h.behind(init, key, 0x36)
	h.outer = h.behind(init, key, 0x5c)
	clear(h.lanes[0].tail[:])
	clear(h.ptrs[:])
	return h
}

// behind is the state of the hash behind the padded key (RFC 2104, 2).
func (h *HMAC) behind(init []uint32, key []byte, pad byte) (state [8]uint32) {
	block := h.lanes[0].tail[:blockLen]
	clear(block)
	copy(block, key)
	for i := range block {
		block[i] ^= pad
	}
	for l := range h.kernel.lanes {
		h.ptrs[l] = &block[0]
	}
	copy(state[:], init)
	h.load(0, &state)
	h.kernel.run(&h.state, &h.ptrs, 1)
	for w := range h.words {
		state[w] = h.state[h.kernel.words[w]]
	}
	return state
}

// load sets the state of a lane.
func (h *HMAC) load(l int, from *[8]uint32) {
	at := l * h.kernel.step
	if h.kernel.step > 1 {
		clear(h.state[at : at+h.kernel.step]) // SHA-1 has 5 of 8 words: the others are zero
	}
	for w := range h.words {
		h.state[h.kernel.words[w]+at] = from[w]
	}
}

// store writes the state of a lane as the hash that it is.
func (h *HMAC) store(l int, to []byte) {
	at := l * h.kernel.step
	for w := range h.words {
		binary.BigEndian.PutUint32(to[4*w:], h.state[h.kernel.words[w]+at])
	}
}

// Sum computes the codes of all jobs, any number of them.
func (h *HMAC) Sum(jobs []MACJob) {
	if h.widest == nil {
		for i := range jobs {
			h.sumAlone(&jobs[i])
		}
		return
	}
	for len(jobs) > 0 {
		n := min(len(jobs), groupLen)
		h.sumGroup(jobs[:n])
		jobs = jobs[n:]
	}
}

// sumAlone uses the standard library. Reset goes back to the state behind the
// key, which it keeps.
func (h *HMAC) sumAlone(j *MACJob) {
	h.alone.Reset()
	h.alone.Write(j.Data)
	h.alone.Sum(j.Sum[:0])
}

func (h *HMAC) sumGroup(jobs []MACJob) {
	h.order.n = 0
	for i := range jobs {
		// Behind the data come 9 octets of padding at least and the outer hash.
		h.order.add(i, (len(jobs[i].Data)+9+blockLen-1)/blockLen+1)
	}
	h.order.sort()
	last := h.order.n
	for kernel := h.widest; kernel != nil; kernel = kernel.narrow {
		var narrow *shape
		if kernel.narrow != nil {
			narrow = &kernel.narrow.shape
		}
		first := h.order.split(&kernel.shape, narrow, last)
		h.run(kernel, jobs, first, last)
		last = first
	}
	for i := range last {
		h.sumAlone(&jobs[h.order.index(i)])
	}
	clear(h.ptrs[:]) // do not hold on to the caller's memory
}
