package esp

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// What Seal makes, the reference can read.
func TestSealAgainstReference(t *testing.T) {
	for _, name := range allSuites() {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			want := uint32(0)
			for n := 1; n <= 70; n++ {
				payloads := [][]byte{randomBytes(int64(n), n), randomBytes(int64(n), 2*n), randomBytes(int64(n), 1400-n)}
				batch := batchOf(t, payloads...)
				if err := p.out.Seal(batch); err != nil {
					t.Fatal(err)
				}
				for i, b := range batch {
					want++
					spi, seq, _, body := p.ref.open(t, b.Bytes())
					if spi != testSPI || seq != want {
						t.Errorf("packet with SPI %#x, number %d, want %#x, %d", spi, seq, testSPI, want)
					}
					if wantBody := p.ref.pad(payloads[i], 0, 17); !bytes.Equal(body, wantBody) {
						t.Errorf("packet holds %x, want %x", body, wantBody)
					}
				}
				if got := p.out.Sequence(); got != want {
					t.Errorf("Sequence() = %d, want %d", got, want)
				}
			}
			if p.out.SPI() != testSPI {
				t.Errorf("SPI() = %#x, want %#x", p.out.SPI(), testSPI)
			}
		})
	}
}

func TestSealStepsOverEmptyBuffers(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		p := newPair(t, name)
		batch := batchOf(t, []byte("one"), nil, []byte("two"), nil)
		if err := p.out.Seal(batch); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"one", "", "two", ""} {
			if want == "" {
				if n := batch[i].Len(); n != 0 {
					t.Errorf("%s: an empty buffer got %d octets", name, n)
				}
				continue
			}
			_, seq, _, body := p.ref.open(t, batch[i].Bytes())
			if !bytes.HasPrefix(body, []byte(want)) || seq != uint32(i/2+1) {
				t.Errorf("%s: packet %d holds %q, want %q", name, seq, body, want)
			}
		}
		if err := p.out.Seal(nil); err != nil || p.out.Sequence() != 2 {
			t.Errorf("%s: Seal(nil) = %v, number %d, want nil, 2", name, err, p.out.Sequence())
		}
	}
}

// A packet whose buffer is full is dropped and uses no number up.
func TestSealWithoutRoom(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		const n = 100
		behind := Overhead(p.s, n) - p.out.crypto.headLen()
		batch := []*packet.Buffer{packet.New(packet.Headroom + n + behind - 1), packet.New(packet.Headroom + n + behind)}
		for _, b := range batch {
			if !b.Set(randomBytes(1, n)) {
				t.Fatal("no room for the payload")
			}
		}
		if err := p.out.Seal(batch); err != nil {
			t.Fatal(err)
		}
		if batch[0].Len() != 0 || p.out.NoRoom() != 1 {
			t.Errorf("%s: without room there are %d octets, NoRoom() = %d, want 0, 1", name, batch[0].Len(), p.out.NoRoom())
		}
		if _, seq, _, body := p.ref.open(t, batch[1].Bytes()); seq != 1 || !bytes.HasPrefix(body, randomBytes(1, n)) {
			t.Errorf("%s: with just enough room packet %d holds %x", name, seq, body)
		}
	}
}

func TestSequenceNeverWraps(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		p := newPair(t, name)
		three := func() []*packet.Buffer { return batchOf(t, []byte("a"), []byte("b"), []byte("c")) }
		p.out.sequence.Store(maxSequence - 5)
		if err := p.out.Seal(three()); err != nil || p.out.Sequence() != maxSequence-2 {
			t.Fatalf("%s: Seal = %v, number %d, want nil, %d", name, err, p.out.Sequence(), uint32(maxSequence-2))
		}
		batch := three()
		if err := p.out.Seal(batch); !errors.Is(err, ErrSequenceExhausted) || p.out.Sequence() != maxSequence-2 {
			t.Fatalf("%s: Seal = %v, number %d, want ErrSequenceExhausted, %d", name, err, p.out.Sequence(), uint32(maxSequence-2))
		}
		for i, b := range batch {
			if b.Len() != 0 {
				t.Errorf("%s: packet %d of a batch beyond the numbers still holds %q", name, i, b.Bytes())
			}
		}
		// Two numbers are left, and an empty buffer needs none.
		batch = batchOf(t, []byte("a"), nil, []byte("b"))
		if err := p.out.Seal(batch); err != nil {
			t.Fatalf("%s: Seal with the last numbers = %v", name, err)
		}
		if _, seq, _, _ := p.ref.open(t, batch[2].Bytes()); seq != maxSequence {
			t.Errorf("%s: the last number is %d, want %d", name, seq, uint32(maxSequence))
		}
		if err := p.out.Seal(batchOf(t, []byte("a"))); !errors.Is(err, ErrSequenceExhausted) {
			t.Errorf("%s: Seal after the last number = %v, want ErrSequenceExhausted", name, err)
		}
		if err := p.out.Seal(batchOf(t, nil, nil)); err != nil {
			t.Errorf("%s: Seal of empty buffers after the last number = %v, want nil", name, err)
		}
	}
}

func TestSoft(t *testing.T) {
	p := newPair(t, "aes128gcm16")
	for _, tt := range []struct {
		last uint32
		want bool
	}{{0, false}, {0xefffffff, false}, {0xf0000000, true}, {maxSequence, true}} {
		p.out.sequence.Store(tt.last)
		if got := p.out.Soft(); got != tt.want {
			t.Errorf("Soft() after %#x = %v, want %v", tt.last, got, tt.want)
		}
	}
}

// ivsOf are the IVs of an SA's first packets.
func ivsOf(t *testing.T, name string, seed int64, packets int) [][]byte {
	t.Helper()
	s := suite.MustPhase2(name)[0]
	out, err := NewOutbound(s, testSPI, randomBytes(42, KeymatLen(s)), random(seed))
	if err != nil {
		t.Fatal(err)
	}
	var ivs [][]byte
	for len(ivs) < packets {
		batch := batchOf(t, []byte("same"), []byte("same"), []byte("same"))
		if err := out.Seal(batch); err != nil {
			t.Fatal(err)
		}
		for _, b := range batch {
			ivs = append(ivs, bytes.Clone(b.Bytes()[8:8+out.crypto.ivLen]))
		}
	}
	return ivs
}

// IVs of CBC do not repeat, differ from SA to SA under the same key, and are
// none of what an observer might guess: a counter, or a block of ciphertext.
func TestCBCIVs(t *testing.T) {
	for _, name := range []string{"aes128-sha1", "aes256-sha256", "3des-sha1", "des-md5"} {
		a, b := ivsOf(t, name, 1, 3000), ivsOf(t, name, 2, 3000)
		seen := map[string]bool{}
		var bits [16 * 8]int
		for i := range a {
			for _, iv := range [][]byte{a[i], b[i]} {
				if seen[string(iv)] {
					t.Fatalf("%s: IV %x came twice", name, iv)
				}
				seen[string(iv)] = true
				for n := range len(iv) * 8 {
					bits[n] += int(iv[n/8] >> (n % 8) & 1)
				}
			}
		}
		// 6,000 IVs: each bit is set in half of them, give or take 6 sigma.
		for n, count := range bits[:len(a[0])*8] {
			if count < 3000-240 || count > 3000+240 {
				t.Errorf("%s: bit %d is set in %d of %d IVs", name, n, count, 2*len(a))
			}
		}
	}
}

// The IV of GCM is the sequence number: never twice under a key.
func TestGCMIVs(t *testing.T) {
	for i, iv := range ivsOf(t, "aes128gcm16", 1, 300) {
		if want := []byte{0, 0, 0, 0, 0, 0, byte((i + 1) >> 8), byte(i + 1)}; !bytes.Equal(iv, want) {
			t.Errorf("IV of packet %d is %x, want %x", i+1, iv, want)
		}
	}
}

func TestNewOutboundNeedsRandomness(t *testing.T) {
	s := suite.MustPhase2("aes128-sha1")[0]
	if _, err := NewOutbound(s, testSPI, make([]byte, KeymatLen(s)), bytes.NewReader(make([]byte, 15))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewOutbound with 15 random octets = %v, want ErrUnexpectedEOF", err)
	}
}

// Two goroutines on one SA: every number once, every packet whole.
func TestConcurrentSeal(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		p := newPair(t, name)
		const workers, rounds, size = 2, 100, 8
		results := make([][][]byte, workers)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				batch := packet.NewBatch(size)
				for range rounds {
					for _, b := range batch {
						b.Reset()
						b.Set([]byte("payload"))
					}
					if err := p.out.Seal(batch); err != nil {
						t.Error(err)
						return
					}
					for _, b := range batch {
						results[w] = append(results[w], bytes.Clone(b.Bytes()))
					}
					p.out.Sequence()
				}
			})
		}
		wg.Wait()
		seen := map[uint32]bool{}
		for _, pkts := range results {
			for _, pkt := range pkts {
				_, seq, _, body := p.ref.open(t, pkt)
				if seen[seq] || !bytes.HasPrefix(body, []byte("payload")) {
					t.Fatalf("%s: packet %d holds %q, seen before: %v", name, seq, body, seen[seq])
				}
				seen[seq] = true
			}
		}
		if len(seen) != workers*rounds*size || !seen[1] || !seen[workers*rounds*size] {
			t.Errorf("%s: %d numbers, want %d from 1 on", name, len(seen), workers*rounds*size)
		}
	}
}
