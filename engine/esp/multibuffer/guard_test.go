//go:build unix

package multibuffer

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded is memory between two pages that nobody may touch.
type guarded struct {
	all  []byte
	page int
}

func newGuarded(t testing.TB) guarded {
	t.Helper()
	page := unix.Getpagesize()
	all, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatalf("mmap: %v", err)
	}
	for _, p := range [][]byte{all[:page], all[2*page:]} {
		if err := unix.Mprotect(p, unix.PROT_NONE); err != nil {
			t.Fatalf("mprotect: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := unix.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	return guarded{all, page}
}

// place copies b to one end of the memory and fills the rest of it.
func (g guarded) place(b []byte, atEnd bool) []byte {
	middle := g.all[g.page : 2*g.page]
	for i := range middle {
		middle[i] = 0xa5
	}
	if atEnd {
		middle = middle[g.page-len(b):]
	}
	copy(middle, b)
	return middle[:len(b):len(b)]
}

// untouched reports whether the rest is as place has left it.
func (g guarded) untouched(n int, atEnd bool) bool {
	rest := g.all[g.page+n : 2*g.page]
	if atEnd {
		rest = g.all[g.page : 2*g.page-n]
	}
	return bytes.Count(rest, []byte{0xa5}) == len(rest)
}

// TestGuardPages has each packet at the very beginning or end of what may be
// touched: an octet too far and the test dies.
func TestGuardPages(t *testing.T) {
	const lanes = 2*maxLanes + 3
	var memory [lanes]guarded
	for i := range memory {
		memory[i] = newGuarded(t)
	}
	eachLevel(t, func(t *testing.T) {
		r := newRandom(4)
		key := r.bytes(32)
		c, err := NewCBC(key)
		if err != nil {
			t.Fatal(err)
		}
		h1, h256 := NewHMACSHA1(key), NewHMACSHA256(key)
		for round := range 120 {
			n := 1 + r.IntN(lanes)
			cbc, mac := make([]CBCJob, n), make([]MACJob, n)
			same := r.IntN(40)
			for i := range n {
				blocks := same
				if round%2 == 0 {
					blocks = r.IntN(40)
				}
				mac[i].Data = memory[i].place(r.bytes(16*blocks+r.IntN(64)), round%3 == 0)
			}
			checkHMAC(t, h1, key, false, mac)
			checkHMAC(t, h256, key, true, mac)
			for i := range n {
				p := memory[i].place(mac[i].Data[:len(mac[i].Data)/16*16], round%3 == 0)
				cbc[i] = CBCJob{IV: r.bytes(16), Data: p}
			}
			checkCBC(t, c, key, cbc)
			for i := range n {
				if !memory[i].untouched(len(cbc[i].Data), round%3 == 0) {
					t.Fatalf("job %d of %d, %d octets: its surroundings have changed", i, n, len(cbc[i].Data))
				}
			}
		}
	})
}

// TestGCMGuardPages has additional data and data, with the tag, at the very
// beginning or end of what may be touched.
func TestGCMGuardPages(t *testing.T) {
	aadMemory, memory := newGuarded(t), newGuarded(t)
	eachGCM(t, func(t *testing.T) {
		r := newRandom(17)
		key := r.bytes(16)
		g, err := NewGCM(key)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 800 {
			for _, atEnd := range []bool{false, true} {
				j := r.job(n, n%33)
				j.AAD, j.Data = aadMemory.place(j.AAD, atEnd), memory.place(j.Data, atEnd)
				checkGCM(t, g, key, []GCMJob{j}, r.IntN)
				if !memory.untouched(len(j.Data), atEnd) || !aadMemory.untouched(len(j.AAD), atEnd) {
					t.Fatalf("%d octets, AAD %d, at the end %v: the surroundings have changed", n, len(j.AAD), atEnd)
				}
			}
		}
	})
}

// TestGCMGuardKernels has the data right before a page that nobody may touch,
// without a tag behind, and the nonce: what the kernels reach that far for is theirs alone.
func TestGCMGuardKernels(t *testing.T) {
	nonceMemory, aadMemory, memory := newGuarded(t), newGuarded(t), newGuarded(t)
	eachGCM(t, func(t *testing.T) {
		r := newRandom(18)
		key := r.bytes(32)
		ref := gcmReference(t, key)
		g, err := NewGCM(key)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 800 {
			j := r.job(n, n%33)
			plain := bytes.Clone(j.Data[:n])
			want := ref.Seal(nil, j.Nonce[:], plain, j.AAD)
			for _, atEnd := range []bool{false, true} {
				aad, data := aadMemory.place(j.AAD, atEnd), memory.place(plain, atEnd)
				if g.kernel == nil {
					g.Seal([]GCMJob{j})
					if !bytes.Equal(j.Data, want) {
						t.Fatalf("%d octets: got %x, want %x", n, j.Data, want)
					}
					copy(j.Data, plain)
					continue
				}
				nonce := (*[12]byte)(nonceMemory.place(j.Nonce[:], atEnd))
				g.kernel.seal(g.key, nonce, &g.tag, aad, data)
				if !bytes.Equal(data, want[:n]) || !bytes.Equal(g.tag[:], want[n:]) || !memory.untouched(n, atEnd) {
					t.Fatalf("%d octets: got %x and tag %x, want %x", n, data, g.tag, want)
				}
				g.kernel.open(g.key, nonce, &g.tag, aad, data)
				if !bytes.Equal(data, plain) || !bytes.Equal(g.tag[:], want[n:]) || !memory.untouched(n, atEnd) {
					t.Fatalf("%d octets undone: got %x and tag %x, want %x and %x", n, data, g.tag, plain, want[n:])
				}
			}
		}
	})
}
