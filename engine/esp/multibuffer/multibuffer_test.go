package multibuffer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/culvert-vpn/culvert/engine/esp/multibuffer/internal/gen"
)

// eachLevel runs a test once for each level of the machine, and once for each
// kernel of it alone, which the planning might seldom choose.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	for _, l := range levels {
		for _, alone := range append([]*level{l}, kernelsAlone(l)...) {
			t.Run(alone.name, func(t *testing.T) {
				before := current.Swap(alone)
				t.Cleanup(func() { current.Store(before) })
				test(t)
			})
		}
	}
}

// kernelsAlone are levels with a single kernel of each purpose, which is said to
// cost nothing, so that it gets all the work.
func kernelsAlone(l *level) (list []*level) {
	encrypt, sha1, sha256 := l.encrypt, l.sha1, l.sha256
	for encrypt != nil || sha1 != nil || sha256 != nil {
		one := *l
		one.name = fmt.Sprintf("%s/only%d", l.name, len(list))
		if encrypt != nil {
			k := *encrypt
			k.cost, k.narrow = 0, nil
			one.encrypt, encrypt = &k, encrypt.narrow
		}
		if sha1 != nil {
			k := *sha1
			k.cost, k.narrow = 0, nil
			one.sha1, sha1 = &k, sha1.narrow
		}
		if sha256 != nil {
			k := *sha256
			k.cost, k.narrow = 0, nil
			one.sha256, sha256 = &k, sha256.narrow
		}
		list = append(list, &one)
	}
	return list
}

// use sets the level until the test ends.
func use(t testing.TB, name string) {
	t.Helper()
	before := Level()
	if err := Use(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Use(before); err != nil {
			t.Error(err)
		}
	})
}

// random is always the same for the same seed.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// odd is n octets at an odd address.
func (r random) odd(n int) []byte {
	off := r.IntN(64)
	return r.bytes(n + off)[off:]
}

func TestUse(t *testing.T) {
	if names := Levels(); names[len(names)-1] != "generic" || names[0] != Level() {
		t.Errorf("Levels() = %v, Level() = %s", names, Level())
	}
	if err := Use("abacus"); err == nil {
		t.Error("Use of a level that there is not: no error")
	}
}

// lengths are in blocks or octets: mixed, all the same, or one long among short.
func (r random) lengths(n, most int) []int {
	lens := make([]int, n)
	kind, same := r.IntN(4), r.IntN(most+1)
	for i := range lens {
		switch {
		case kind == 0 || kind == 1 && i%5 == 0:
			lens[i] = same
		case kind == 2:
			lens[i] = r.IntN(min(most, 3) + 1)
		default:
			lens[i] = r.IntN(most + 1)
		}
	}
	if kind == 2 && n > 0 {
		lens[r.IntN(n)] = most
	}
	return lens
}

// cbcReference is what crypto/cipher makes of a job.
func cbcReference(t testing.TB, key []byte, j CBCJob) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(j.Data))
	cipher.NewCBCEncrypter(block, j.IV).CryptBlocks(out, j.Data)
	return out
}

// checkCBC encrypts and decrypts the jobs and compares with crypto/cipher.
func checkCBC(t testing.TB, c *CBC, key []byte, jobs []CBCJob) {
	t.Helper()
	clear, want, iv := make([][]byte, len(jobs)), make([][]byte, len(jobs)), make([][]byte, len(jobs))
	for i, j := range jobs {
		clear[i], want[i], iv[i] = bytes.Clone(j.Data), cbcReference(t, key, j), bytes.Clone(j.IV)
	}
	c.Encrypt(jobs)
	for i, j := range jobs {
		if !bytes.Equal(j.Data, want[i]) || !bytes.Equal(j.IV, iv[i]) {
			t.Fatalf("Encrypt, %d-octet key, job %d of %d, %d octets: got %.64x, want %.64x", len(key), i, len(jobs), len(j.Data), j.Data, want[i])
		}
	}
	c.Decrypt(jobs)
	for i, j := range jobs {
		if !bytes.Equal(j.Data, clear[i]) || !bytes.Equal(j.IV, iv[i]) {
			t.Fatalf("Decrypt, %d-octet key, job %d of %d, %d octets: got %.64x, want %.64x", len(key), i, len(jobs), len(j.Data), j.Data, clear[i])
		}
	}
}

func TestCBC(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := newRandom(1)
		for _, keyLen := range []int{16, 24, 32} {
			key := r.bytes(keyLen)
			c, err := NewCBC(key)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 41 {
				for range 3 {
					jobs := make([]CBCJob, n)
					for i, blocks := range r.lengths(n, 40) {
						p := r.odd(16 + 16*blocks)
						jobs[i] = CBCJob{IV: p[:16], Data: p[16:]}
					}
					checkCBC(t, c, key, jobs)
				}
			}
		}
	})
}

// checkHMAC compares with crypto/hmac.
func checkHMAC(t testing.TB, h *HMAC, key []byte, sha256Too bool, jobs []MACJob) {
	t.Helper()
	h.Sum(jobs)
	for i, j := range jobs {
		newHash, size := sha1.New, sha1.Size
		if sha256Too {
			newHash, size = sha256.New, sha256.Size
		}
		ref := hmac.New(newHash, key)
		ref.Write(j.Data)
		if want := ref.Sum(nil); !bytes.Equal(j.Sum[:size], want) {
			t.Fatalf("Sum with %d octets of hash, job %d of %d, %d octets: got %x, want %x", size, i, len(jobs), len(j.Data), j.Sum[:size], want)
		}
	}
}

func TestHMAC(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := newRandom(2)
		for _, keyLen := range []int{0, 1, 20, 32, 63, 64, 65, 200} {
			key := r.bytes(keyLen)
			h1, h256 := NewHMACSHA1(key), NewHMACSHA256(key)
			for n := range 41 {
				jobs := make([]MACJob, n)
				for i, octets := range r.lengths(n, 400) {
					jobs[i].Data = r.odd(octets)
				}
				checkHMAC(t, h1, key, false, jobs)
				checkHMAC(t, h256, key, true, jobs)
			}
		}
	})
}

// TestMany has more jobs than a group, and the longest that there are.
func TestMany(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := newRandom(3)
		key := r.bytes(16)
		c, err := NewCBC(key)
		if err != nil {
			t.Fatal(err)
		}
		h1, h256 := NewHMACSHA1(key), NewHMACSHA256(key)
		for _, n := range []int{1, 2, 19, 2*groupLen + 3} {
			cbc, mac := make([]CBCJob, n), make([]MACJob, n)
			for i := range cbc {
				octets := r.IntN(200)
				if i < 3 {
					octets = 65535 - r.IntN(3)
				}
				mac[i].Data = r.bytes(octets)
				cbc[i] = CBCJob{IV: r.bytes(16), Data: r.bytes(octets / 16 * 16)}
			}
			checkCBC(t, c, key, cbc)
			checkHMAC(t, h1, key, false, mac)
			checkHMAC(t, h256, key, true, mac)
		}
	})
}

func TestMisuse(t *testing.T) {
	for _, n := range []int{0, 15, 17, 33} {
		if _, err := NewCBC(make([]byte, n)); err == nil {
			t.Errorf("NewCBC with a key of %d octets: no error", n)
		}
	}
	c, err := NewCBC(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	for name, job := range map[string]CBCJob{
		"IV":   {IV: make([]byte, 15), Data: make([]byte, 16)},
		"data": {IV: make([]byte, 16), Data: make([]byte, 17)},
	} {
		for what, f := range map[string]func([]CBCJob){"Encrypt": c.Encrypt, "Decrypt": c.Decrypt} {
			t.Run(what+" "+name, func(t *testing.T) {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				f([]CBCJob{job})
			})
		}
	}
}

func TestNoAllocations(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		c, err := NewCBC(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		h1, h256 := NewHMACSHA1(make([]byte, 20)), NewHMACSHA256(make([]byte, 32))
		cbc, mac, _ := benchPackets(benchStride, benchLens("mixed", 23)...)
		for name, f := range map[string]func(){
			"Encrypt":     func() { c.Encrypt(cbc) },
			"Decrypt":     func() { c.Decrypt(cbc) },
			"HMAC-SHA1":   func() { h1.Sum(mac) },
			"HMAC-SHA256": func() { h256.Sum(mac) },
		} {
			if got := testing.AllocsPerRun(20, f); got != 0 {
				t.Errorf("%s makes %v allocations", name, got)
			}
		}
	})
}

// TestGenerated fails when the assembly is not what the generator prints.
func TestGenerated(t *testing.T) {
	for name, want := range gen.Files() {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what internal/gen prints: run go generate", name)
		}
	}
}
