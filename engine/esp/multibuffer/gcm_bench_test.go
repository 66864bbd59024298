package multibuffer

import (
	"fmt"
	"testing"
)

// benchGCM are packets as those of benchPackets, the tags behind.
func benchGCM(lens ...int) (jobs []GCMJob, octets int64) {
	memory := make([]byte, benchStride*len(lens)+64)[5:]
	for i, n := range lens {
		p := memory[i*benchStride:]
		jobs = append(jobs, GCMJob{AAD: p[:8:8], Data: p[16 : 16+n+GCMOverhead : 16+n+GCMOverhead]})
		octets += int64(n)
	}
	return jobs, octets
}

// BenchmarkGCM seals and opens batches; a copy of what is opened has its part in
// the time. Twin is the standard library, without anything around it.
func BenchmarkGCM(b *testing.B) {
	for _, keyLen := range []int{16, 24, 32} {
		key := make([]byte, keyLen)
		for _, kind := range []string{"full", "mixed", "small"} {
			lens := benchLens(kind, benchBatch)
			if kind == "small" {
				for i := range lens {
					lens[i] = 64
				}
			}
			jobs, octets := benchGCM(lens...)
			aead := gcmReference(b, key)
			b.Run(fmt.Sprintf("seal/aes%d/%s/Twin", 8*keyLen, kind), func(b *testing.B) {
				b.SetBytes(octets)
				for b.Loop() {
					for i := range jobs {
						j := &jobs[i]
						body := j.Data[:len(j.Data)-GCMOverhead]
						aead.Seal(body[:0], j.Nonce[:], body, j.AAD)
					}
				}
			})
			for _, name := range Levels() {
				if name != "vaes" && name != "generic" {
					continue // the same as generic
				}
				use(b, name)
				g, err := NewGCM(key)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("seal/aes%d/%s/%s", 8*keyLen, kind, name), func(b *testing.B) {
					b.SetBytes(octets)
					for b.Loop() {
						g.Seal(jobs)
					}
				})
				sealed := make([][]byte, len(jobs))
				g.Seal(jobs)
				for i, j := range jobs {
					sealed[i] = append([]byte(nil), j.Data...)
				}
				b.Run(fmt.Sprintf("open/aes%d/%s/%s", 8*keyLen, kind, name), func(b *testing.B) {
					b.SetBytes(octets)
					for b.Loop() {
						for i := range jobs {
							copy(jobs[i].Data, sealed[i])
						}
						g.Open(jobs)
					}
					if !jobs[0].Good {
						b.Fatal("not good")
					}
				})
			}
		}
	}
}
