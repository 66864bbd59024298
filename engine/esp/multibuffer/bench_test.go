package multibuffer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"testing"
)

// benchLen is what a packet of a full tunnel has encrypted; 24 octets of header
// and IV stand in front, which are authenticated too.
const (
	benchLen   = 1408
	benchHead  = 24
	benchBatch = 32

	// benchStride is from packet to packet in memory. 2,048 is bad: all packets
	// compete for the same few places in the cache, and SHA-1 over 16 lanes takes
	// a fifth longer (BenchmarkStride).
	benchStride = 2304
)

// benchPackets are packets with so many octets encrypted, a stride apart and not
// at a multiple of anything.
func benchPackets(stride int, lens ...int) (cbc []CBCJob, mac []MACJob, octets int64) {
	memory := make([]byte, stride*len(lens)+64)[5:]
	for i, n := range lens {
		p := memory[i*stride:][: benchHead+n : benchHead+n]
		cbc = append(cbc, CBCJob{IV: p[8:benchHead], Data: p[benchHead:]})
		mac = append(mac, MACJob{Data: p})
		octets += int64(n)
	}
	return cbc, mac, octets
}

// benchLens are the batches measured: full packets, and every length there is.
func benchLens(kind string, n int) []int {
	lens := make([]int, n)
	for i := range lens {
		lens[i] = benchLen
		if kind == "mixed" {
			lens[i] = 16 + i*(benchLen-16)/n/16*16
		}
	}
	return lens
}

// The hash of the standard library, in the way that is the quickest for it.
func benchStdHash(b *testing.B, newHash func() hash.Hash) {
	_, mac, octets := benchPackets(benchStride, benchLens("full", benchBatch)...)
	h := hmac.New(newHash, make([]byte, 20))
	b.SetBytes(octets)
	for b.Loop() {
		for i := range mac {
			h.Reset()
			h.Write(mac[i].Data)
			h.Sum(mac[i].Sum[:0])
		}
	}
}

func BenchmarkStandardLibrary(b *testing.B) {
	for _, keyLen := range []int{16, 32} {
		block, err := aes.NewCipher(make([]byte, keyLen))
		if err != nil {
			b.Fatal(err)
		}
		cbc, _, octets := benchPackets(benchStride, benchLens("full", benchBatch)...)
		for name, mode := range map[string]cipher.BlockMode{
			"encrypt": cipher.NewCBCEncrypter(block, cbc[0].IV),
			"decrypt": cipher.NewCBCDecrypter(block, cbc[0].IV),
		} {
			b.Run(fmt.Sprintf("%s/aes%d", name, 8*keyLen), func(b *testing.B) {
				b.SetBytes(octets)
				for b.Loop() {
					for i := range cbc {
						mode.CryptBlocks(cbc[i].Data, cbc[i].Data)
					}
				}
			})
		}
	}
	b.Run("sha1", func(b *testing.B) { benchStdHash(b, sha1.New) })
	b.Run("sha256", func(b *testing.B) { benchStdHash(b, sha256.New) })
}

func BenchmarkCBC(b *testing.B) {
	for _, name := range Levels() {
		use(b, name)
		for _, keyLen := range []int{16, 24, 32} {
			c, err := NewCBC(make([]byte, keyLen))
			if err != nil {
				b.Fatal(err)
			}
			for _, kind := range []string{"full", "mixed"} {
				cbc, _, octets := benchPackets(benchStride, benchLens(kind, benchBatch)...)
				b.Run(fmt.Sprintf("encrypt/aes%d/%s/%s", 8*keyLen, kind, name), func(b *testing.B) {
					b.SetBytes(octets)
					for b.Loop() {
						c.Encrypt(cbc)
					}
				})
				b.Run(fmt.Sprintf("decrypt/aes%d/%s/%s", 8*keyLen, kind, name), func(b *testing.B) {
					b.SetBytes(octets)
					for b.Loop() {
						c.Decrypt(cbc)
					}
				})
			}
		}
	}
}

func BenchmarkHMAC(b *testing.B) {
	for _, name := range Levels() {
		use(b, name)
		for hashName, h := range map[string]*HMAC{
			"sha1":   NewHMACSHA1(make([]byte, 20)),
			"sha256": NewHMACSHA256(make([]byte, 32)),
		} {
			for _, kind := range []string{"full", "mixed"} {
				_, mac, octets := benchPackets(benchStride, benchLens(kind, benchBatch)...)
				b.Run(fmt.Sprintf("%s/%s/%s", hashName, kind, name), func(b *testing.B) {
					b.SetBytes(octets)
					for b.Loop() {
						h.Sum(mac)
					}
				})
			}
		}
	}
}

// BenchmarkLanes is how the number of packets decides.
func BenchmarkLanes(b *testing.B) {
	for _, name := range Levels() {
		use(b, name)
		c, err := NewCBC(make([]byte, 16))
		if err != nil {
			b.Fatal(err)
		}
		h := NewHMACSHA1(make([]byte, 20))
		for _, n := range []int{1, 2, 4, 8, 16, 17, 64} {
			cbc, mac, octets := benchPackets(benchStride, benchLens("full", n)...)
			b.Run(fmt.Sprintf("encrypt/%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(octets)
				for b.Loop() {
					c.Encrypt(cbc)
				}
			})
			b.Run(fmt.Sprintf("sha1/%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(octets)
				for b.Loop() {
					h.Sum(mac)
				}
			})
		}
	}
}

// BenchmarkSuite is the work of ESP on full packets, in each direction.
func BenchmarkSuite(b *testing.B) {
	for _, name := range Levels() {
		use(b, name)
		c, err := NewCBC(make([]byte, 16))
		if err != nil {
			b.Fatal(err)
		}
		h := NewHMACSHA1(make([]byte, 20))
		cbc, mac, octets := benchPackets(benchStride, benchLens("full", benchBatch)...)
		b.Run("seal/aes128-sha1/"+name, func(b *testing.B) {
			b.SetBytes(octets)
			for b.Loop() {
				c.Encrypt(cbc)
				h.Sum(mac)
			}
		})
		b.Run("open/aes128-sha1/"+name, func(b *testing.B) {
			b.SetBytes(octets)
			for b.Loop() {
				h.Sum(mac)
				c.Decrypt(cbc)
			}
		})
	}
}

// BenchmarkStride is how the distance of the packets in memory decides.
func BenchmarkStride(b *testing.B) {
	h := NewHMACSHA1(make([]byte, 20))
	for _, stride := range []int{2048, 2304, 2560} {
		_, mac, octets := benchPackets(stride, benchLens("full", benchBatch)...)
		b.Run(fmt.Sprintf("sha1/%d", stride), func(b *testing.B) {
			b.SetBytes(octets)
			for b.Loop() {
				h.Sum(mac)
			}
		})
	}
}
