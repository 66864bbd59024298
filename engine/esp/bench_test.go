package esp

import (
	"fmt"
	"testing"

	"github.com/culvert-vpn/culvert/engine/packet"
)

const benchBatch = 32

// fill makes every buffer of the batch a payload of n octets.
func fill(batch []*packet.Buffer, n int) {
	for _, b := range batch {
		b.Reset()
		b.SetLen(n)
	}
}

// reload makes every buffer of the batch that packet.
func reload(batch []*packet.Buffer, pkts [][]byte) {
	for i, b := range batch {
		b.Reset()
		b.Set(pkts[i])
	}
}

// sealed is a batch of packets with payloads of n octets.
func sealed(t testing.TB, p pair, n int) [][]byte {
	batch := packet.NewBatch(benchBatch)
	fill(batch, n)
	if err := p.out.Seal(batch); err != nil {
		t.Fatal(err)
	}
	pkts := make([][]byte, len(batch))
	for i, b := range batch {
		pkts[i] = append([]byte(nil), b.Bytes()...)
	}
	return pkts
}

func TestNoAllocations(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		batch := packet.NewBatch(benchBatch)
		if got := testing.AllocsPerRun(20, func() {
			fill(batch, 500)
			if err := p.out.Seal(batch); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%s: Seal makes %v allocations a batch", name, got)
		}
		pkts := sealed(t, p, 500)
		good := 0
		if got := testing.AllocsPerRun(20, func() {
			p.in.window = window{}
			reload(batch, pkts)
			good += p.in.Open(testTime, batch)
		}); got != 0 || good != 21*benchBatch {
			t.Errorf("%s: Open makes %v allocations a batch, %d packets opened", name, got, good)
		}
		pkts[0][len(pkts[0])-1] ^= 1
		if got := testing.AllocsPerRun(20, func() {
			reload(batch, pkts)
			p.in.Open(testTime, batch)
		}); got != 0 {
			t.Errorf("%s: Open of replays makes %v allocations a batch", name, got)
		}
		if got := testing.AllocsPerRun(20, func() {
			p.in.window = window{}
			for _, b := range batch {
				b.Reset()
				b.Set(pkts[0])
			}
			p.in.Open(testTime, batch)
		}); got != 0 {
			t.Errorf("%s: Open of forgeries makes %v allocations a batch", name, got)
		}
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	pkt := []byte{1, 2, 3, 4, 0, 0, 0, 1}
	if got := testing.AllocsPerRun(20, func() { Classify(pkt) }); got != 0 {
		t.Errorf("Classify makes %v allocations", got)
	}
}

func benchSuites() []string {
	return []string{"aes128gcm16", "aes256gcm16", "aes128-sha1", "aes256-sha1", "aes128-sha256", "aes256-sha256", "aes256-sha512", "aes128-md5", "3des-sha1", "des-md5"}
}

func BenchmarkSeal(b *testing.B) {
	for _, name := range benchSuites() {
		for _, size := range []int{64, 1400} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p := newPair(b, name)
				batch := packet.NewBatch(benchBatch)
				b.SetBytes(int64(size * benchBatch))
				b.ReportAllocs()
				for b.Loop() {
					fill(batch, size)
					if err := p.out.Seal(batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// The time includes copying the packets into their buffers, about 20 ns each.
func BenchmarkOpen(b *testing.B) {
	for _, name := range benchSuites() {
		for _, size := range []int{64, 1400} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p := newPair(b, name)
				pkts := sealed(b, p, size)
				batch := packet.NewBatch(benchBatch)
				b.SetBytes(int64(size * benchBatch))
				b.ReportAllocs()
				for b.Loop() {
					p.in.window = window{}
					reload(batch, pkts)
					if n := p.in.Open(testTime, batch); n != benchBatch {
						b.Fatalf("Open = %d, want %d", n, benchBatch)
					}
				}
			})
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	pkt := []byte{1, 2, 3, 4, 0, 0, 0, 1}
	for b.Loop() {
		Classify(pkt)
	}
}
