// Package multibuffer is AES-CBC, HMAC and AES-GCM over many packets. In CBC each
// block has to wait for the one before, and in a hash each step, so that most of
// a CPU idles with a single packet; the packets of a batch know nothing of each
// other and fill it. Decryption has no such chain: it takes several blocks of a
// packet at a time. So does GCM, in both directions: there the wide registers
// alone make the difference, and packets are taken one after the other.
//
// What the CPU has decides, once at the start, which code runs; the levels:
//
//	vaes     AES 16 lanes of AVX-512, SHA-1 too; SHA-256 4 lanes of SHA extensions;
//	         GCM 16 blocks of AVX-512, where the CPU has VPCLMULQDQ
//	avx512   AES-NI, 8 lanes; hashes 16 lanes of AVX-512
//	shani    AES-NI, 8 lanes; hashes 4 lanes of SHA extensions
//	avx2     AES-NI, 8 lanes; hashes 8 lanes of AVX2
//	aesni    AES-NI, 8 lanes; the standard library's hashes
//	arm64    AES extension, 8 lanes; hashes 2 lanes of SHA extensions
//	generic  the standard library, a packet at a time
//
// Where nothing is said of GCM it is the standard library's.
//
// The build tag purego leaves generic only. No code of the other levels looks
// anything up at an address that depends on a secret, or branches on one.
//
// A lane that is done with its packet gets the next one, the longest first, so
// that batches of mixed lengths leave few lanes empty. Packets that would fill
// too few lanes go to code with fewer lanes, in the end to the standard library.
package multibuffer

import (
	"fmt"
	"slices"
	"sync/atomic"
)

//go:generate go run ./internal/gen/write

// Ours: a call takes its jobs in groups of this many.
const groupLen = 256

// maxLanes is the most that a level has.
const maxLanes = 16

// level is the code for one kind of CPU.
type level struct {
	name    string
	encrypt *encryptKernel // nil: the standard library, and so with the others
	decrypt func(keys *[240]byte, rounds int, iv *[16]byte, data *byte, blocks int)
	sha1    *hashKernel
	sha256  *hashKernel
	gcm     *gcmKernel // only where there is encrypt
}

// shape is what the planning has to know of a kernel.
type shape struct {
	lanes int
	// cost is the time that a block in all lanes takes, in a unit that is the
	// same for all kernels of a purpose; with hashes a sixteenth of the time that
	// the standard library takes for a block. Measured.
	cost int
}

// encryptKernel encrypts the same number of blocks, one at least, in each lane,
// in place. A lane's chain is the block of ciphertext before. Lanes may be of
// the same packet: they do the same then.
type encryptKernel struct {
	shape
	run    func(keys *[240]byte, rounds int, ptrs *[maxLanes]*byte, chain *[maxLanes][16]byte, blocks int)
	narrow *encryptKernel // better for a few packets, or nil
}

// hashKernel hashes the same number of blocks of 64 octets, one at least, in
// each lane. The state has word w of lane l at 16*w+l, or, with words, at
// 8*l+words[w], and zeros where no word is. outer, which may be nil, takes a state
// that is the inner hash of all lanes to the outer hash; keyed is the state behind
// the key.
type hashKernel struct {
	shape
	run    func(state *[128]uint32, ptrs *[maxLanes]*byte, blocks int)
	outer  func(state *[128]uint32, keyed *[8]uint32)
	words  []int
	narrow *hashKernel // better for a few packets, or nil
}

// generic is the standard library alone.
var generic = &level{name: "generic"}

// levels has what this machine can run, the best one first.
var levels = append(machineLevels(), generic)

var current atomic.Pointer[level]

func init() { current.Store(levels[0]) }

// Levels names what this machine can run, the best one first.
func Levels() []string {
	names := make([]string, len(levels))
	for i, l := range levels {
		names[i] = l.name
	}
	return names
}

// Level names what NewCBC, NewGCM, NewHMACSHA1 and NewHMACSHA256 make at present: the
// first of Levels unless Use has been called.
func Level() string { return current.Load().name }

// Use sets the level of everything that is made afterwards. It is for tests and
// measurements. The error names the levels that this machine has.
func Use(name string) error {
	i := slices.IndexFunc(levels, func(l *level) bool { return l.name == name })
	if i < 0 {
		return fmt.Errorf("multibuffer: no level %q on this machine, only %v", name, Levels())
	}
	current.Store(levels[i])
	return nil
}
