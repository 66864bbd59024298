package multibuffer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"
)

// GCMOverhead is how many octets the tag takes behind what is encrypted: those
// of NIST SP 800-38D in full (RFC 4106, 6).
const GCMOverhead = 16

// GCM is AES in Galois/Counter Mode (NIST SP 800-38D) under one key, with nonces
// of 12 octets and tags of 16, as in ESP (RFC 4106). The packets of a batch are
// taken one after the other, each many blocks at a time. It allocates nothing
// after NewGCM. It is not safe for concurrent use.
type GCM struct {
	kernel *gcmKernel // nil: the standard library
	key    *gcmKey
	tag    [GCMOverhead]byte
	alone  cipher.AEAD // the standard library, where there is no kernel
}

// GCMJob is a packet to seal or open in place.
type GCMJob struct {
	// Nonce must never come twice under a key. In ESP it is the salt and the
	// packet's IV (RFC 4106, 4).
	Nonce [12]byte
	AAD   []byte // what is authenticated only: any length, not in Data
	Data  []byte // what is encrypted: any length; and 16 octets more, the tag
	Good  bool   // Open sets it
}

// gcmKernel encrypts or decrypts a packet, without looking at whether it is
// good. data is without the tag; tag gets the one that the ciphertext should have.
type gcmKernel struct {
	seal, open func(key *gcmKey, nonce *[12]byte, tag *[16]byte, aad, data []byte)
}

// gcmKey is a key as the kernels want it: they know where the fields are.
type gcmKey struct {
	keys   [240]byte
	rounds uint64
	_      [56]byte    // has H^16 begin at a multiple of 64 octets, if the key does
	powers [32]element // H^17 to H^1, then zeros
}

// NewGCM takes a key of 16, 24 or 32 octets and keeps what it expands to.
func NewGCM(key []byte) (*GCM, error) {
	switch len(key) {
	case 16, 24, 32:
	default:
		return nil, fmt.Errorf("multibuffer: AES key of %d octets, want 16, 24 or 32", len(key))
	}
	l := current.Load()
	g := &GCM{kernel: l.gcm}
	if g.kernel == nil {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("multibuffer: %w", err)
		}
		if g.alone, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("multibuffer: %w", err)
		}
		return g, nil
	}
	g.key = new(gcmKey)
	g.key.expand(key, l.encrypt)
	return g, nil
}

// expand makes the keys of the rounds and the powers of H, which is the block of
// zeros, encrypted.
func (k *gcmKey) expand(key []byte, kernel *encryptKernel) {
	var decrypt [240]byte
	rounds := expandKey(key, &k.keys, &decrypt)
	clear(decrypt[:])
	k.rounds = uint64(rounds)

	var block [aes.BlockSize]byte
	var chain [maxLanes][aes.BlockSize]byte
	var ptrs [maxLanes]*byte
	for l := range ptrs {
		ptrs[l] = &block[0]
	}
	kernel.run(&k.keys, rounds, &ptrs, &chain, 1)
	h := elementOf(&block).double()
	clear(block[:])
	clear(chain[:])
	power := h
	for i := 16; i >= 0; i-- {
		k.powers[i] = power
		power = power.times(h)
	}
}

// check panics like cipher.AEAD: such a job is a mistake in the program. The
// counter has 32 bits.
func (j *GCMJob) check() {
	if len(j.Data) < GCMOverhead {
		panic("multibuffer: no room for the tag")
	}
	if uint64(len(j.Data)-GCMOverhead) > (math.MaxUint32-1)*aes.BlockSize {
		panic("multibuffer: data too long for GCM")
	}
}

// Seal encrypts all jobs in place, any number of them, and puts the tags behind.
// What one job writes to must not overlap with any other. It panics when there
// is no room for a tag.
func (g *GCM) Seal(jobs []GCMJob) {
	for i := range jobs {
		jobs[i].check()
	}
	for i := range jobs {
		j := &jobs[i]
		body := j.Data[:len(j.Data)-GCMOverhead]
		if g.kernel == nil {
			g.alone.Seal(body[:0], j.Nonce[:], body, j.AAD)
			continue
		}
		g.kernel.seal(g.key, &j.Nonce, (*[GCMOverhead]byte)(j.Data[len(body):]), j.AAD, body)
	}
}

// Open undoes Seal and sets Good of each job: whether its tag is right. Where it
// is not, zeros are in the place of the data when Open returns: nothing that is
// not authentic gets out. The tags stay as they are. It panics like Seal.
func (g *GCM) Open(jobs []GCMJob) {
	for i := range jobs {
		jobs[i].check()
	}
	for i := range jobs {
		j := &jobs[i]
		body := j.Data[:len(j.Data)-GCMOverhead]
		if g.kernel == nil {
			_, err := g.alone.Open(body[:0], j.Nonce[:], j.Data, j.AAD)
			j.Good = err == nil
		} else {
			g.kernel.open(g.key, &j.Nonce, &g.tag, j.AAD, body)
			j.Good = sameTag(&g.tag, (*[GCMOverhead]byte)(j.Data[len(body):]))
			clear(g.tag[:]) // the right tag of a forged packet is a secret
		}
		if !j.Good {
			clear(body)
		}
	}
}

// sameTag takes as long for any tags.
func sameTag(a, b *[GCMOverhead]byte) bool {
	low := binary.LittleEndian.Uint64(a[:8]) ^ binary.LittleEndian.Uint64(b[:8])
	high := binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])
	return low|high == 0
}
