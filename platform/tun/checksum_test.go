package tun

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// slowSum is the checksum as RFC 1071 has it, in the order of memory.
func slowSum(b []byte) uint16 {
	var s uint64
	for ; len(b) > 1; b = b[2:] {
		s += uint64(binary.NativeEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint64(binary.NativeEndian.Uint16([]byte{b[0], 0}))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// Every way to sum comes to the same, wherever the octets lie and however many.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, maxPacket+64)
	check := func(b []byte) {
		t.Helper()
		want := slowSum(b)
		if got := fold(sum(0, b)); got != want {
			t.Errorf("sum of %d octets: %#04x, want %#04x", len(b), got, want)
		}
		if got := fold(sumWords(0, b)); got != want {
			t.Errorf("sumWords of %d octets: %#04x, want %#04x", len(b), got, want)
		}
		if len(b)%2 == 0 {
			if got := fold(sum(sum(0, b), b)); got != slowSum(append(b[:len(b):len(b)], b...)) {
				t.Errorf("sum of %d octets twice: %#04x", len(b), got)
			}
		}
	}
	for _, fill := range []func(i int) byte{
		func(int) byte { return byte(r.Uint32()) }, func(int) byte { return 0xff }, func(int) byte { return 0 },
	} {
		for i := range data {
			data[i] = fill(i)
		}
		for n := range 700 {
			check(data[n%33:][:n])
		}
		check(data[:maxPacket])
		check(data[7:][:maxPacket-1])
	}
}

func BenchmarkSum(b *testing.B) {
	data := make([]byte, 1400)
	for _, f := range []struct {
		name string
		sum  func(uint64, []byte) uint64
	}{{"words", sumWords}, {"best", sum}} {
		b.Run(fmt.Sprintf("%s-%d", f.name, len(data)), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var s uint64
			for b.Loop() {
				s = f.sum(s, data)
			}
		})
	}
}
