package multibuffer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

// eachGCM runs a test once for each level of the machine.
func eachGCM(t *testing.T, test func(t *testing.T)) {
	for _, name := range Levels() {
		t.Run(name, func(t *testing.T) {
			use(t, name)
			test(t)
		})
	}
}

// gcmReference is the twin of the standard library.
func gcmReference(t testing.TB, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// job is a packet of so many octets of data and additional data.
func (r random) job(data, aad int) GCMJob {
	return GCMJob{Nonce: [12]byte(r.bytes(12)), AAD: r.odd(aad), Data: r.odd(data + GCMOverhead)}
}

// checkGCM seals and opens the jobs, compares with crypto/cipher, and opens each
// once more forged: in the bit of the tag, the data or the additional data that
// forge says, counted over all of them.
func checkGCM(t testing.TB, g *GCM, key []byte, jobs []GCMJob, forge func(bits int) int) {
	t.Helper()
	ref := gcmReference(t, key)
	plain, want, aad := make([][]byte, len(jobs)), make([][]byte, len(jobs)), make([][]byte, len(jobs))
	for i, j := range jobs {
		plain[i] = bytes.Clone(j.Data[:len(j.Data)-GCMOverhead])
		want[i], aad[i] = ref.Seal(nil, j.Nonce[:], plain[i], j.AAD), bytes.Clone(j.AAD)
	}
	g.Seal(jobs)
	for i, j := range jobs {
		if !bytes.Equal(j.Data, want[i]) || !bytes.Equal(j.AAD, aad[i]) {
			t.Fatalf("Seal, %d-octet key, job %d of %d, %d octets, AAD %d: got %x, want %x", len(key), i, len(jobs), len(plain[i]), len(j.AAD), j.Data, want[i])
		}
	}
	g.Open(jobs)
	for i, j := range jobs {
		n := len(plain[i])
		if !j.Good || !bytes.Equal(j.Data[:n], plain[i]) || !bytes.Equal(j.Data[n:], want[i][n:]) || !bytes.Equal(j.AAD, aad[i]) {
			t.Fatalf("Open, %d-octet key, job %d of %d, %d octets, AAD %d: good %v, got %x, want %x", len(key), i, len(jobs), n, len(j.AAD), j.Good, j.Data[:n], plain[i])
		}
	}
	for i, j := range jobs {
		copy(j.Data, want[i])
		bit := forge(8 * (len(j.Data) + len(j.AAD)))
		if at := bit / 8; at < len(j.Data) {
			j.Data[at] ^= 1 << (bit % 8)
		} else {
			j.AAD[at-len(j.Data)] ^= 1 << (bit % 8)
		}
	}
	g.Open(jobs)
	for i, j := range jobs {
		n := len(plain[i])
		if j.Good || bytes.Count(j.Data[:n], []byte{0}) != n {
			t.Fatalf("Open of a forged packet, job %d of %d, %d octets, AAD %d: good %v, data %x", i, len(jobs), n, len(j.AAD), j.Good, j.Data[:n])
		}
	}
}

// TestGCM has every length up to 1,600.
func TestGCM(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		r := newRandom(11)
		for _, keyLen := range []int{16, 24, 32} {
			key := r.bytes(keyLen)
			g, err := NewGCM(key)
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; n <= 1600; n++ {
				checkGCM(t, g, key, []GCMJob{r.job(n, 8)}, r.IntN)
			}
		}
	})
}

// TestGCMAdditional has every length of AAD up to 32, and some more.
func TestGCMAdditional(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		r := newRandom(12)
		for _, keyLen := range []int{16, 24, 32} {
			key := r.bytes(keyLen)
			g, err := NewGCM(key)
			if err != nil {
				t.Fatal(err)
			}
			for _, aad := range append(upTo(32), 47, 48, 49, 1000) {
				var jobs []GCMJob
				for _, n := range []int{0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 257, 511, 512, 513, r.IntN(1600)} {
					jobs = append(jobs, r.job(n, aad))
				}
				checkGCM(t, g, key, jobs, r.IntN)
			}
		}
	})
}

func upTo(n int) (list []int) {
	for i := range n + 1 {
		list = append(list, i)
	}
	return list
}

// TestGCMMany has many jobs, and the longest packets that there are.
func TestGCMMany(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		r := newRandom(13)
		for _, keyLen := range []int{16, 24, 32} {
			key := r.bytes(keyLen)
			g, err := NewGCM(key)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{0, 1, 2, 40} {
				jobs := make([]GCMJob, n)
				for i := range jobs {
					octets := r.IntN(9000)
					if i < 4 {
						octets = 65535 - r.IntN(300)*(i&1)
					}
					jobs[i] = r.job(octets, 8+4*r.IntN(2))
				}
				checkGCM(t, g, key, jobs, r.IntN)
			}
		}
	})
}

// TestGCMForged changes each bit of a packet.
func TestGCMForged(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		r := newRandom(14)
		key := r.bytes(16)
		g, err := NewGCM(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 5, 64, 300} {
			j := r.job(n, 8)
			for bit := range 8 * (len(j.Data) + len(j.AAD)) {
				again := GCMJob{Nonce: j.Nonce, AAD: bytes.Clone(j.AAD), Data: bytes.Clone(j.Data)}
				checkGCM(t, g, key, []GCMJob{again}, func(int) int { return bit })
			}
		}
	})
}

// TestGCMOneForged has good and forged packets in a batch, and another nonce.
func TestGCMOneForged(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		r := newRandom(15)
		g, err := NewGCM(r.bytes(32))
		if err != nil {
			t.Fatal(err)
		}
		jobs, plain := make([]GCMJob, 9), make([][]byte, 9)
		for i := range jobs {
			jobs[i] = r.job(100*i, 8)
			plain[i] = bytes.Clone(jobs[i].Data[:100*i])
		}
		g.Seal(jobs)
		jobs[2].Data[len(jobs[2].Data)-1] ^= 0x80
		jobs[5].Nonce[11] ^= 1
		jobs[6].AAD = jobs[6].AAD[:7]
		g.Open(jobs)
		for i, j := range jobs {
			want, data := i != 2 && i != 5 && i != 6, plain[i]
			if !want {
				data = make([]byte, len(data))
			}
			if j.Good != want || !bytes.Equal(j.Data[:100*i], data) {
				t.Errorf("job %d: good %v, want %v; data %.32x, want %.32x", i, j.Good, want, j.Data[:100*i], data)
			}
		}
	})
}

func TestGCMMisuse(t *testing.T) {
	for _, n := range []int{0, 15, 17, 33} {
		if _, err := NewGCM(make([]byte, n)); err == nil {
			t.Errorf("NewGCM with a key of %d octets: no error", n)
		}
	}
	eachGCM(t, func(t *testing.T) {
		g, err := NewGCM(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		good := newRandom(16).job(20, 8)
		before := bytes.Clone(good.Data)
		for what, f := range map[string]func([]GCMJob){"Seal": g.Seal, "Open": g.Open} {
			for _, n := range []int{0, 15} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s of %d octets: no panic", what, n)
						}
					}()
					f([]GCMJob{good, {Data: make([]byte, n)}})
				}()
			}
		}
		if !bytes.Equal(good.Data, before) {
			t.Error("jobs that go with one that panics have changed")
		}
	})
}

func TestGCMNoAllocations(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		g, err := NewGCM(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		jobs, _ := benchGCM(benchLens("mixed", 23)...)
		for name, f := range map[string]func(){
			"Seal":          func() { g.Seal(jobs) },
			"Seal and Open": func() { g.Seal(jobs); g.Open(jobs) },
			"Open, forged":  func() { g.Open(jobs) },
		} {
			if got := testing.AllocsPerRun(20, f); got != 0 {
				t.Errorf("%s makes %v allocations", name, got)
			}
		}
	})
}

// The packets of McGrew and Viega, The Galois/Counter Mode of Operation (GCM),
// appendix B, which NIST has the mode from.
const (
	gcmKeyB   = "feffe9928665731c6d6a8f9467308308"
	gcmNonceB = "cafebabefacedbaddecaf888"
	gcmPlainB = "d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72 1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b391aafd255"
	gcmAADB   = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
	gcm0Block = "00000000000000000000000000000000"
	gcm0Nonce = "000000000000000000000000"

	gcm128B = "42831ec2217774244b7221b784d0d49c e3aa212f2c02a4e035c17e2329aca12e 21d514b25466931c7d8f6a5aac84aa05 1ba30b396a0aac973d58e091473f5985"
	gcm192B = "3980ca0b3c00e841eb06fac4872a2757 859e1ceaa6efd984628593b40ca1e19c 7d773d00c144c525ac619d18c84a3f47 18e2448b2fe324d9ccda2710acade256"
	gcm256B = "522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa 8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662898015ad"
)

// Test cases of the same appendix, those with nonces of 12 octets, and the first
// of NIST's CAVP file gcmEncryptExtIV128.rsp with [PTlen = 128] [AADlen = 128].
func TestVectorsGCM(t *testing.T) {
	eachGCM(t, func(t *testing.T) {
		for _, v := range []struct{ name, key, nonce, plain, aad, cipher, tag string }{
			{"case 1", gcm0Block, gcm0Nonce, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
			{"case 2", gcm0Block, gcm0Nonce, gcm0Block, "", "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
			{"case 3", gcmKeyB, gcmNonceB, gcmPlainB, "", gcm128B, "4d5c2af327cd64a62cf35abd2ba6fab4"},
			{"case 4", gcmKeyB, gcmNonceB, gcmPlainB[:len(gcmPlainB)-8], gcmAADB, gcm128B[:len(gcm128B)-8], "5bc94fbc3221a5db94fae95ae7121a47"},
			{"case 7", gcm0Block + gcm0Block[:16], gcm0Nonce, "", "", "", "cd33b28ac773f74ba00ed1f312572435"},
			{"case 8", gcm0Block + gcm0Block[:16], gcm0Nonce, gcm0Block, "", "98e7247c07f0fe411c267e4384b0f600", "2ff58d80033927ab8ef4d4587514f0fb"},
			{"case 9", gcmKeyB + gcmKeyB[:16], gcmNonceB, gcmPlainB, "", gcm192B, "9924a7c8587336bfb118024db8674a14"},
			{"case 10", gcmKeyB + gcmKeyB[:16], gcmNonceB, gcmPlainB[:len(gcmPlainB)-8], gcmAADB, gcm192B[:len(gcm192B)-8], "2519498e80f1478f37ba55bd6d27618c"},
			{"case 13", gcm0Block + gcm0Block, gcm0Nonce, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
			{"case 14", gcm0Block + gcm0Block, gcm0Nonce, gcm0Block, "", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
			{"case 15", gcmKeyB + gcmKeyB, gcmNonceB, gcmPlainB, "", gcm256B, "b094dac5d93471bdec1a502270e3cc6c"},
			{"case 16", gcmKeyB + gcmKeyB, gcmNonceB, gcmPlainB[:len(gcmPlainB)-8], gcmAADB, gcm256B[:len(gcm256B)-8], "76fc6ece0f4e1768cddf8853bb2d551b"},
			{"CAVP", "c939cc13397c1d37de6ae0e1cb7c423c", "b3d8cc017cbb89b39e0f67e2", "c3b3c41f113a31b73d9a5cd432103069", "24825602bd12a984e0092d3e448eda5f",
				"93fe7d9e9bfd10348a5606e5cafa7354", "0032a1dc85f1c9786925a2e71d8272dd"},
		} {
			g, err := NewGCM(unhex(t, v.key))
			if err != nil {
				t.Fatal(err)
			}
			plain, want := unhex(t, v.plain), unhex(t, v.cipher+v.tag)
			jobs := []GCMJob{{
				Nonce: [12]byte(unhex(t, v.nonce)), AAD: unhex(t, v.aad),
				Data: append(bytes.Clone(plain), make([]byte, GCMOverhead)...),
			}}
			g.Seal(jobs)
			if !bytes.Equal(jobs[0].Data, want) {
				t.Errorf("%s: got %x, want %x", v.name, jobs[0].Data, want)
			}
			g.Open(jobs)
			if got := jobs[0].Data[:len(plain)]; !jobs[0].Good || !bytes.Equal(got, plain) {
				t.Errorf("%s undone: good %v, got %x, want %x", v.name, jobs[0].Good, got, plain)
			}
		}
	})
}

// RFC 8452, appendix A: the products of POLYVAL.
func TestPolyval(t *testing.T) {
	of := func(s string) element {
		b := [16]byte(unhex(t, s))
		for i := range 8 {
			b[i], b[15-i] = b[15-i], b[i]
		}
		return elementOf(&b)
	}
	h := of("25629347589242761d31f826ba4b757b")
	x1, x2 := of("4f4f95668c83dfb6401762bb2d01a262"), of("d1a24ddd2721d006bbe45f20d3c9f362")
	s := x1.times(h)
	s = element{s.low ^ x2.low, s.high ^ x2.high}.times(h)
	if want := of("f7a3b47b846119fae5b7866cf5e5b77e"); s != want {
		t.Errorf("POLYVAL(H, X_1, X_2) = %x, want %x", s, want)
	}
	if got, want := of("9c98c04df9387ded828175a92ba652d8").double(), of("3931819bf271fada0503eb52574ca572"); got != want {
		t.Errorf("mulX_POLYVAL = %x, want %x", got, want)
	}
}
