package tun

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// fakeRing does what wintun.h says of a session.
type fakeRing struct {
	t        *testing.T
	in       []any // packets, and the errors between them
	borrowed int   // packets received and not released

	free      int // octets of room to send
	allocated [][]byte
	handed    []bool
	seen      []string // by the driver
	woken     int
	failed    error // of all sends
}

func (r *fakeRing) ReceivePacket() ([]byte, error) {
	if len(r.in) == 0 {
		return nil, ringEmpty
	}
	if err, ok := r.in[0].(error); ok {
		return nil, err // it stays
	}
	p := []byte(r.in[0].(string))
	r.in = r.in[1:]
	r.borrowed++
	return p, nil
}

func (r *fakeRing) ReleaseReceivePacket(p []byte) {
	r.borrowed--
	clear(p) // somebody else's now
}

func (r *fakeRing) AllocateSendPacket(size int) ([]byte, error) {
	switch {
	case r.failed != nil:
		return nil, r.failed
	case size == 0 || size > maxPacket:
		r.t.Fatalf("room for %d octets", size)
	case size > r.free:
		return nil, ringOverflow
	}
	r.free -= size
	p := make([]byte, size)
	r.allocated, r.handed = append(r.allocated, p), append(r.handed, false)
	return p, nil
}

func (r *fakeRing) SendPacket(p []byte) {
	for i := range r.allocated {
		if &r.allocated[i][0] == &p[0] {
			r.handed[i] = true
		}
	}
	before := len(r.seen)
	for len(r.seen) < len(r.handed) && r.handed[len(r.seen)] {
		r.seen = append(r.seen, string(r.allocated[len(r.seen)]))
	}
	if len(r.seen) > before {
		r.woken++
	}
}

func TestRingReads(t *testing.T) {
	broken := syscall.Errno(13) // ERROR_INVALID_DATA
	for _, c := range []struct {
		name string
		in   []any
		want [][]string // call by call
		err  error      // of the call after those
	}{
		{"empty", nil, nil, errEmpty},
		{"one", []any{"a"}, [][]string{{"a"}}, errEmpty},
		{"as many as there is room for", []any{"a", "b", "c", "d", "e", "f"}, [][]string{{"a", "b", "c", "d"}, {"e", "f"}}, errEmpty},
		{"too long for a buffer", []any{"a", strings.Repeat("x", 17), "b"}, [][]string{{"a", "b"}}, errEmpty},
		{"the adapter goes", []any{"a", ringEOF}, [][]string{{"a"}}, os.ErrClosed},
		{"broken", []any{"a", "b", broken}, [][]string{{"a", "b"}}, broken},
	} {
		r := &fakeRing{t: t, in: c.in}
		const offset = 3
		bufs, sizes := make([][]byte, 4), make([]int, 4)
		for i := range bufs {
			bufs[i] = make([]byte, offset+16)
		}
		read := func() (int, error) {
			return fill(bufs, sizes, offset, func(b []byte) (int, error) { return receive(r, b) })
		}
		for _, want := range c.want {
			n, err := read()
			var got []string
			for i := range n {
				got = append(got, string(bufs[i][offset:offset+sizes[i]]))
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: read %q, %v, want %q", c.name, got, err, want)
			}
		}
		if n, err := read(); n != 0 || !errors.Is(err, c.err) {
			t.Errorf("%s: at the end %d, %v, want %v", c.name, n, err, c.err)
		}
		if r.borrowed != 0 {
			t.Errorf("%s: %d packets were not released", c.name, r.borrowed)
		}
	}
}

func TestRingWrites(t *testing.T) {
	broken := syscall.Errno(13)
	for _, c := range []struct {
		name    string
		free    int
		failed  error
		packets []string
		want    []string
		woken   int
		err     error
	}{
		{"a batch, in order and at once", 100, nil, []string{"a", "bb", "ccc"}, []string{"a", "bb", "ccc"}, 1, nil},
		{"none", 100, nil, nil, nil, 0, nil},
		{"an empty one", 100, nil, []string{"a", "", "b"}, []string{"a", "b"}, 1, nil},
		{"a full ring", 3, nil, []string{"aa", "bb", "c"}, []string{"aa", "c"}, 1, nil},
		{"the adapter goes", 100, ringEOF, []string{"a"}, nil, 0, os.ErrClosed},
		{"broken", 100, broken, []string{"a", "b"}, nil, 0, broken},
	} {
		r := &fakeRing{t: t, free: c.free, failed: c.failed}
		packets := make([][]byte, len(c.packets))
		for i, p := range c.packets {
			packets[i] = []byte(p)
		}
		var s sender
		if err := s.send(r, packets); !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if !slices.Equal(r.seen, c.want) || r.woken != c.woken {
			t.Errorf("%s: the driver saw %q and was woken %d times, want %q and %d", c.name, r.seen, r.woken, c.want, c.woken)
		}
	}
}

// Nothing is allocated per packet but by the ring.
func TestRingAllocatesNothing(t *testing.T) {
	r := &loopRing{packet: bytes.Repeat([]byte{0x45}, 1400), room: make([]byte, 1400)}
	var s sender
	packets, sizes := payloadsOf(64, 1400), make([]int, 64)
	if n := testing.AllocsPerRun(100, func() {
		if err := s.send(r, packets); err != nil {
			t.Fatal(err)
		}
		if n, err := fill(packets, sizes, 0, func(b []byte) (int, error) { return receive(r, b) }); n != 64 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
}

// loopRing always has a packet, and room.
type loopRing struct{ packet, room []byte }

func (r *loopRing) ReceivePacket() ([]byte, error)           { return r.packet, nil }
func (r *loopRing) ReleaseReceivePacket([]byte)              {}
func (r *loopRing) AllocateSendPacket(n int) ([]byte, error) { return r.room[:n], nil }
func (r *loopRing) SendPacket([]byte)                        {}

func payloadsOf(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
	}
	return out
}

func TestFreeNumber(t *testing.T) {
	for _, c := range []struct {
		taken []string
		want  int
	}{
		{nil, 0},
		{[]string{"Ethernet", "culvert", "culvert1"}, 0},
		{[]string{"culvert1", "culvert0", "culvert3"}, 2},
	} {
		if got := freeNumber(c.taken); got != c.want {
			t.Errorf("freeNumber(%q) = %d, want %d", c.taken, got, c.want)
		}
	}
}

func TestUTUN(t *testing.T) {
	for _, c := range []struct {
		packet string
		want   string
		ok     bool
	}{
		{"4500", "00000002", true},
		{"6000", "0000001e", true},
		{"5000", "00000000", false},
		{"", "00000000", false},
	} {
		p, err := hex.DecodeString(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		b := [utunHeaderLen]byte{9, 9, 9, 9}
		if ok := putUTUN(&b, p); hex.EncodeToString(b[:]) != c.want || ok != c.ok {
			t.Errorf("in front of %q: %x, %t, want %s, %t", c.packet, b, ok, c.want, c.ok)
		}
	}
}
