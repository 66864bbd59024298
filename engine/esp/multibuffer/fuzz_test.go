package multibuffer

import (
	"bytes"
	"testing"
)

// fuzzLevels runs f for each level, and for each kernel of it alone.
func fuzzLevels(f func()) {
	before := current.Load()
	defer current.Store(before)
	for _, l := range levels {
		current.Store(l)
		f()
		for _, alone := range kernelsAlone(l) {
			current.Store(alone)
			f()
		}
	}
}

// cut takes pieces off data, each of so many units of octets, as far as it goes;
// a piece begins where the last one ends.
func cut(data, lens []byte, unit int) (pieces [][]byte) {
	for _, n := range lens[:min(len(lens), 70)] {
		size := min(int(n)*unit, len(data)/unit*unit)
		pieces = append(pieces, data[:size:size])
		data = data[size:]
	}
	return pieces
}

func FuzzCBC(f *testing.F) {
	r := newRandom(5)
	f.Add(r.bytes(16), r.bytes(16), []byte{1}, r.bytes(16))
	f.Add(r.bytes(24), r.bytes(16), []byte{0, 3, 90, 4, 4, 7, 1, 1, 2, 0, 5}, r.bytes(2000))
	f.Add(r.bytes(32), r.bytes(16), []byte{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, r.bytes(3000))
	f.Fuzz(func(t *testing.T, key, iv, lens, data []byte) {
		// What a fuzz target is given may share memory and is not to be written to.
		key = append(bytes.Clone(key), make([]byte, 32)...)[:16+8*(len(key)%3)]
		iv, data = append(bytes.Clone(iv), make([]byte, 16)...)[:16], bytes.Clone(data)
		var jobs []CBCJob
		for _, p := range cut(data, lens, 16) {
			jobs = append(jobs, CBCJob{IV: iv, Data: p})
		}
		fuzzLevels(func() {
			c, err := NewCBC(key)
			if err != nil {
				t.Fatal(err)
			}
			checkCBC(t, c, key, jobs)
		})
	})
}

func FuzzHMAC(f *testing.F) {
	r := newRandom(6)
	f.Add([]byte{}, []byte{0}, []byte{})
	f.Add(r.bytes(20), []byte{55, 56, 63, 64, 65, 119, 120, 127, 128, 0, 1}, r.bytes(2000))
	f.Add(r.bytes(65), []byte{99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99}, r.bytes(3000))
	f.Fuzz(func(t *testing.T, key, lens, data []byte) {
		var jobs []MACJob
		for _, p := range cut(data, lens, 1) {
			jobs = append(jobs, MACJob{Data: p})
		}
		fuzzLevels(func() {
			checkHMAC(t, NewHMACSHA1(key), key, false, jobs)
			checkHMAC(t, NewHMACSHA256(key), key, true, jobs)
		})
	})
}

func FuzzGCM(f *testing.F) {
	r := newRandom(7)
	f.Add(r.bytes(16), r.bytes(12), r.bytes(8), []byte{0}, []byte{}, uint16(0))
	f.Add(r.bytes(24), r.bytes(12), r.bytes(12), []byte{15, 16, 17, 255, 0, 64, 65}, r.bytes(2000), uint16(130))
	f.Add(r.bytes(32), r.bytes(12), r.bytes(33), []byte{200, 255}, r.bytes(9000), uint16(65535))
	f.Fuzz(func(t *testing.T, key, nonce, aad, lens, data []byte, bit uint16) {
		key = append(bytes.Clone(key), make([]byte, 32)...)[:16+8*(len(key)%3)]
		nonce = append(bytes.Clone(nonce), make([]byte, 12)...)[:12]
		unit := 1 + len(aad)%8 // so that pieces may be long
		var jobs []GCMJob
		for _, p := range cut(data, lens, unit) {
			jobs = append(jobs, GCMJob{Nonce: [12]byte(nonce), AAD: bytes.Clone(aad), Data: append(bytes.Clone(p), make([]byte, GCMOverhead)...)})
		}
		before := current.Load()
		defer current.Store(before)
		for _, l := range levels {
			current.Store(l)
			g, err := NewGCM(key)
			if err != nil {
				t.Fatal(err)
			}
			plain := make([][]byte, len(jobs))
			for i, j := range jobs {
				plain[i] = bytes.Clone(j.Data)
			}
			checkGCM(t, g, key, jobs, func(bits int) int { return int(bit) % bits })
			for i, j := range jobs { // as they were, for the next level
				copy(j.Data, plain[i])
				copy(j.AAD, aad)
			}
		}
	})
}
