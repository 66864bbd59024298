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
	alone  hash.Hash   // the standard library, for packets too few to share
	words  int         // of the state
	keyed  struct {    // the state behind the key, for the inner and outer hash
		inner, outer [8]uint32
	}
	order order

	kernel       *hashKernel // at work, and keyed in its order
	inner, outer [8]uint32
	state        [128]uint32
	ptrs         [maxLanes]*byte
	lanes        [maxLanes]hashLane
}

// MACJob is a packet to authenticate.
type MACJob struct {
	Data []byte
	Sum  [sha256.Size]byte // the result: with SHA-1 the first 20 octets
}

// hashLane is what a lane of the kernel has left.
type hashLane struct {
	rest  []byte // whole blocks, of the packet, of tail or of outer
	job   *MACJob
	phase phase
	tail  [2 * blockLen]byte
	outer [blockLen]byte // the inner hash, with the padding that never changes
}

// phase is how far a packet is.
type phase uint8

const (
	idle  phase = iota
	body        // rest is the packet's whole blocks
	tail        // rest is its end, with the padding
	outer       // rest is the inner hash
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
	h := &HMAC{widest: kernel, alone: hmac.New(newHash, key), words: len(init)}
	if kernel == nil {
		return h
	}
	if len(key) > blockLen {
		sum := newHash()
		sum.Write(key)
		key = sum.Sum(nil)
	}
	inner, outer := h.behind(init, key, 0x36), h.behind(init, key, 0x5c)
	h.keyed.inner, h.keyed.outer = inner, outer
	size := 4 * h.words
	for l := range h.lanes {
		last := &h.lanes[l].outer
		last[size] = 0x80
		binary.BigEndian.PutUint16(last[blockLen-2:], uint16(8*(blockLen+size)))
	}
	return h
}

// behind is the state of the hash behind the padded key (RFC 2104, 2).
func (h *HMAC) behind(init []uint32, key []byte, pad byte) (state [8]uint32) {
	var block [blockLen]byte
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	copy(h.keyed.inner[:], init)
	h.use(h.widest)
	h.load(0, &h.inner)
	for l := range h.ptrs {
		h.ptrs[l] = &block[0]
	}
	h.kernel.run(&h.state, &h.ptrs, 1)
	clear(h.ptrs[:])
	clear(block[:])
	var sum [sha256.Size]byte
	h.store(0, &sum)
	for w := range h.words {
		state[w] = binary.BigEndian.Uint32(sum[4*w:])
	}
	return state
}

// use puts a kernel to work. The order of its words matters only where a lane's
// are together.
func (h *HMAC) use(kernel *hashKernel) {
	h.kernel, h.inner, h.outer = kernel, h.keyed.inner, h.keyed.outer
	if kernel.words != nil {
		h.inner, h.outer = [8]uint32{}, [8]uint32{}
		for w := range h.words {
			h.inner[kernel.words[w]], h.outer[kernel.words[w]] = h.keyed.inner[w], h.keyed.outer[w]
		}
	}
}

// load sets the state of a lane to inner or outer.
func (h *HMAC) load(l int, from *[8]uint32) {
	if h.kernel.words != nil {
		copy(h.state[8*l:8*l+8], from[:])
		return
	}
	l %= maxLanes // says that there is nothing to check below
	s := &h.state
	s[l], s[16+l], s[32+l], s[48+l] = from[0], from[1], from[2], from[3]
	s[64+l], s[80+l], s[96+l], s[112+l] = from[4], from[5], from[6], from[7]
}

// store writes the state of a lane as the hash that it is.
func (h *HMAC) store(l int, to *[sha256.Size]byte) {
	if words := h.kernel.words; words != nil {
		for w := range h.words {
			binary.BigEndian.PutUint32(to[4*w:], h.state[8*l+words[w]])
		}
		return
	}
	l %= maxLanes
	s := &h.state
	binary.BigEndian.PutUint32(to[0:], s[l])
	binary.BigEndian.PutUint32(to[4:], s[16+l])
	binary.BigEndian.PutUint32(to[8:], s[32+l])
	binary.BigEndian.PutUint32(to[12:], s[48+l])
	binary.BigEndian.PutUint32(to[16:], s[64+l])
	if h.words > 5 {
		binary.BigEndian.PutUint32(to[20:], s[80+l])
		binary.BigEndian.PutUint32(to[24:], s[96+l])
		binary.BigEndian.PutUint32(to[28:], s[112+l])
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
	for kernel := h.widest; kernel != nil && last > 0; kernel = kernel.narrow {
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
