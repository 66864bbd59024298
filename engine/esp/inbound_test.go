package esp

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// What the reference makes, Open can read.
func TestOpenAgainstReference(t *testing.T) {
	for _, name := range allSuites() {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			var pkts, want [][]byte
			seq := uint32(0)
			for n := 1; n <= 60; n++ {
				for _, size := range []int{n, 1400 - n} {
					seq++
					want = append(want, randomBytes(int64(seq), size))
					pkts = append(pkts, p.packetOf(t, seq, want[len(want)-1]))
				}
			}
			batch := batchOf(t, pkts...)
			if got := p.in.Open(testTime, batch); got != len(batch) {
				t.Errorf("Open = %d, want %d", got, len(batch))
			}
			for i, b := range batch {
				if !bytes.Equal(b.Bytes(), want[i]) {
					t.Errorf("packet %d has %x, want %x", i+1, b.Bytes(), want[i])
				}
			}
			if got, want := p.in.Stats(), (Stats{Opened: uint64(len(batch))}); got != want {
				t.Errorf("Stats() = %+v, want %+v", got, want)
			}
			if p.in.SPI() != testSPI {
				t.Errorf("SPI() = %#x, want %#x", p.in.SPI(), testSPI)
			}
		})
	}
}

// More padding than need be, to hide lengths, is allowed up to 255 octets.
func TestOpenLongPadding(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		align := p.ref.align()
		seq := uint32(0)
		for more := 0; more <= 255-align; more += align {
			for n := 1; n <= align; n++ {
				seq++
				payload := randomBytes(int64(n), n)
				pkt := p.ref.seal(t, testSPI, seq, randomBytes(2, p.ref.ivLen), p.ref.pad(payload, more, 17))
				if got := open(t, p.in, pkt); !bytes.Equal(got, payload) {
					t.Fatalf("%s: with %d octets of padding more the payload is %x, want %x", name, more, got, payload)
				}
			}
		}
	}
}

func TestSealOpen(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		batch := packet.NewBatch(32)
		for size := 1; size < 1500; size += 211 {
			for i, b := range batch {
				b.Reset()
				b.Set(randomBytes(int64(i), max(1, size-i)))
			}
			if err := p.out.Seal(batch); err != nil {
				t.Fatal(err)
			}
			if n := p.in.Open(testTime, batch); n != len(batch) {
				t.Fatalf("%s: Open = %d, want %d", name, n, len(batch))
			}
			for i, b := range batch {
				if want := randomBytes(int64(i), max(1, size-i)); !bytes.Equal(b.Bytes(), want) {
					t.Fatalf("%s: opened %x, want %x", name, b.Bytes(), want)
				}
			}
		}
	}
}

// A packet with any octet changed, or any number of them missing or added, is
// dropped, moves nothing, and does not keep the real one from being opened.
func TestCorruption(t *testing.T) {
	for _, name := range allSuites() {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			payload := []byte("a payload of 30 octets in all.")
			pkt := p.packetOf(t, 5000, payload)
			bad := [][]byte{append(bytes.Clone(pkt), 0)}
			for i := range pkt {
				for _, flip := range []byte{0x01, 0x80} {
					c := bytes.Clone(pkt)
					c[i] ^= flip
					bad = append(bad, c)
				}
				bad = append(bad, pkt[:i], pkt[i:])
			}
			for i := range pkt {
				bad = append(bad, append(bytes.Clone(pkt[:i]), pkt[min(len(pkt), i+16):]...))
			}
			for _, c := range bad {
				if bytes.Equal(c, pkt) {
					continue
				}
				if got := open(t, p.in, c); got != nil {
					t.Fatalf("Open(%x) = %q, though the packet is %x", c, got, pkt)
				}
			}
			if got := p.in.LastSeen(); !got.IsZero() {
				t.Errorf("LastSeen() after forgeries = %v, want never", got)
			}
			if p.in.window != (window{}) {
				t.Errorf("forgeries moved the window to %+v", p.in.window)
			}
			if got := open(t, p.in, pkt); !bytes.Equal(got, payload) {
				t.Errorf("after forgeries Open(%x) = %q, want %q", pkt, got, payload)
			}
			if s := p.in.Stats(); s.Opened != 1 || s.Malformed != 0 || s.Discarded != 0 || s.Replayed != 0 || s.Dropped == 0 {
				t.Errorf("Stats() = %+v, want 1 opened and the rest dropped", s)
			}
		})
	}
}

func TestForgedPacketsHarmNoOthers(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1", "3des-md5"} {
		p := newPair(t, name)
		var pkts [][]byte
		for seq := uint32(1); seq <= 12; seq++ {
			pkt := p.packetOf(t, seq, []byte{byte(seq), byte(seq)})
			switch seq % 4 {
			case 1:
				pkt[len(pkt)-1] ^= 1
			case 2:
				pkt = pkt[:len(pkt)/2]
			}
			pkts = append(pkts, pkt)
		}
		batch := batchOf(t, pkts...)
		if got := p.in.Open(testTime, batch); got != 6 {
			t.Errorf("%s: Open = %d, want 6", name, got)
		}
		for i, b := range batch {
			seq := byte(i + 1)
			want := []byte{seq, seq}
			if seq%4 == 1 || seq%4 == 2 {
				want = nil
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s: packet %d has %x, want %x", name, seq, b.Bytes(), want)
			}
		}
		if got, want := p.in.Stats(), (Stats{Opened: 6, Dropped: 6}); got != want {
			t.Errorf("%s: Stats() = %+v, want %+v", name, got, want)
		}
	}
}

func TestReplay(t *testing.T) {
	for _, name := range []string{"aes256gcm16", "aes128-sha256", "des-sha1"} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			for _, tt := range []struct {
				seq  uint32
				want bool
			}{
				{0, false}, {3, true}, {3, false}, {1, true}, {2, true}, {1, false},
				{1026, true}, {2, false}, {4, true}, {4, false}, // 3 is at the left edge
				{1 << 31, true}, {1026, false}, {1<<31 - 1023, true}, {1<<31 - 1024, false},
				{maxSequence, true}, {maxSequence, false}, {0, false}, {1, false},
			} {
				if got := open(t, p.in, p.packetOf(t, tt.seq, []byte("x"))) != nil; got != tt.want {
					t.Errorf("packet %d is opened: %v, want %v", tt.seq, got, tt.want)
				}
			}
			if got, want := p.in.Stats(), (Stats{Opened: 8, Replayed: 10}); got != want {
				t.Errorf("Stats() = %+v, want %+v", got, want)
			}
		})
	}
}

// The same packet twice in one batch passes once, as does one that a later
// packet of its batch leaves behind the window.
func TestReplayWithinABatch(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		p := newPair(t, name)
		one, two, far := p.packetOf(t, 1, []byte("1")), p.packetOf(t, 2, []byte("2")), p.packetOf(t, 9000, []byte("far"))
		batch := batchOf(t, one, one, far, two, far)
		if got := p.in.Open(testTime, batch); got != 2 {
			t.Errorf("%s: Open = %d, want 2", name, got)
		}
		for i, want := range []string{"1", "", "far", "", ""} {
			if got := string(batch[i].Bytes()); got != want {
				t.Errorf("%s: packet %d has %q, want %q", name, i, got, want)
			}
		}
		if got, want := p.in.Stats(), (Stats{Opened: 2, Replayed: 3}); got != want {
			t.Errorf("%s: Stats() = %+v, want %+v", name, got, want)
		}
	}
}

// A forged number far ahead must not push the window on.
func TestForgedNumberDoesNotMoveTheWindow(t *testing.T) {
	p := newPair(t, "aes128-sha1")
	open(t, p.in, p.packetOf(t, 1, []byte("x")))
	forged := p.packetOf(t, 2, []byte("x"))
	binary.BigEndian.PutUint32(forged[4:], 1<<30)
	if got := open(t, p.in, forged); got != nil {
		t.Fatalf("a forged number was taken, payload %q", got)
	}
	if got := open(t, p.in, p.packetOf(t, 2, []byte("x"))); got == nil {
		t.Error("the packet after a forged number was dropped")
	}
}

// What is authentic but makes no sense is dropped, and counts as seen.
func TestTrailer(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1", "3des-sha1"} {
		p := newPair(t, name)
		good := p.ref.pad([]byte("payload"), 0, 17)
		edit := func(f func(b []byte)) []byte {
			b := bytes.Clone(good)
			f(b)
			return b
		}
		seq := uint32(0)
		var want Stats
		for _, tt := range []struct {
			name  string
			body  []byte
			count *uint64
		}{
			{"good", good, &want.Opened},
			{"a dummy packet", p.ref.pad(make([]byte, 50), 0, 59), &want.Discarded},
			{"an empty dummy packet", p.ref.pad(nil, 0, 59), &want.Discarded},
			{"TCP", p.ref.pad([]byte("payload"), 0, 6), &want.Malformed},
			{"an IP packet", p.ref.pad([]byte("payload"), 0, 4), &want.Malformed},
			{"no payload", p.ref.pad(nil, 0, 17), &want.Malformed},
			{"nothing but padding", p.ref.pad(nil, 2*p.ref.align(), 17), &want.Malformed},
			{"pad length beyond the packet", edit(func(b []byte) { b[len(b)-2] = 255 }), &want.Malformed},
			{"pad length an octet beyond", edit(func(b []byte) { b[len(b)-2] = byte(len(b) - 1) }), &want.Malformed},
			{"pad length over the payload", edit(func(b []byte) { b[len(b)-2] = byte(len(b) - 2) }), &want.Malformed},
			{"pad length one too many", edit(func(b []byte) { b[len(b)-2]++ }), &want.Malformed},
			{"first octet of padding", edit(func(b []byte) { b[7] ^= 0x40 }), &want.Malformed},
			{"last octet of padding", edit(func(b []byte) { b[len(b)-3] ^= 1 }), &want.Malformed},
		} {
			seq++
			*tt.count++
			pkt := p.ref.seal(t, testSPI, seq, randomBytes(9, p.ref.ivLen), tt.body)
			if got := open(t, p.in, pkt); (got != nil) != (tt.count == &want.Opened) {
				t.Errorf("%s, %s: Open(%x) = %q", name, tt.name, tt.body, got)
			}
			if got := p.in.Stats(); got != want {
				t.Errorf("%s, %s: Stats() = %+v, want %+v", name, tt.name, got, want)
			}
			open(t, p.in, pkt)
			want.Replayed++
		}
	}
}

func TestTooShort(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		smallest := len(p.packetOf(t, 1, []byte("x")))
		var want Stats
		for n := 1; n < smallest; n++ {
			if got := open(t, p.in, binary.BigEndian.AppendUint32(nil, testSPI)[:min(n, 4)]); got != nil {
				t.Errorf("%s: a packet of %d octets gave %x", name, n, got)
			}
			pkt := append(binary.BigEndian.AppendUint32(nil, testSPI), make([]byte, smallest)...)[:n]
			if n > 7 {
				pkt[7] = 1
			}
			if got := open(t, p.in, pkt); got != nil {
				t.Errorf("%s: Open(%x) = %x, want nothing", name, pkt, got)
			}
			want.Dropped += 2
		}
		if got := p.in.Stats(); got != want {
			t.Errorf("%s: Stats() = %+v, want %+v", name, got, want)
		}
	}
}

// A peer with the keys may send anything, in an authentic packet too: half a
// block of CBC, or so little of GCM that there is no trailer.
func TestAuthenticButTooShort(t *testing.T) {
	for _, name := range allSuites() {
		p := newPair(t, name)
		seq := uint32(0)
		for n := range 40 {
			if n%p.ref.align() == 0 && n > 0 || p.ref.gcm && n >= 2 {
				continue
			}
			seq++
			var pkt []byte
			if p.ref.gcm {
				pkt = p.ref.seal(t, testSPI, seq, randomBytes(1, 8), make([]byte, n))
			} else {
				pkt = p.ref.seal(t, testSPI, seq, randomBytes(1, p.ref.ivLen), nil)
				pkt = append(pkt[:len(pkt)-p.ref.icv], randomBytes(2, n)...)
				pkt = append(pkt, p.ref.sum(pkt)...)
			}
			if got := open(t, p.in, pkt); got != nil {
				t.Errorf("%s: Open of %d encrypted octets = %x, want nothing", name, n, got)
			}
		}
		if got, want := p.in.Stats(), (Stats{Dropped: uint64(seq)}); got != want || seq == 0 {
			t.Errorf("%s: Stats() = %+v, want %+v", name, got, want)
		}
	}
}

// A number that has come before is turned away before any cryptography.
func TestReplayIsCheckedFirst(t *testing.T) {
	p := newPair(t, "aes128-sha1")
	pkt := p.packetOf(t, 1, []byte("x"))
	open(t, p.in, pkt)
	pkt[len(pkt)-1] ^= 1
	open(t, p.in, pkt)
	if got, want := p.in.Stats(), (Stats{Opened: 1, Replayed: 1}); got != want {
		t.Errorf("Stats() after a forgery with an old number = %+v, want %+v", got, want)
	}
}

func TestOtherSPI(t *testing.T) {
	p := newPair(t, "aes128-sha1")
	pkt := p.ref.seal(t, testSPI+1, 1, randomBytes(1, 16), p.ref.pad([]byte("x"), 0, 17))
	if got := open(t, p.in, pkt); got != nil {
		t.Errorf("a packet of another SPI gave %q", got)
	}
	if got, want := p.in.Stats(), (Stats{Dropped: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestOpenStepsOverEmptyBuffers(t *testing.T) {
	p := newPair(t, "aes128gcm16")
	batch := batchOf(t, nil, p.packetOf(t, 1, []byte("x")), nil)
	if got := p.in.Open(testTime, batch); got != 1 || string(batch[1].Bytes()) != "x" {
		t.Errorf("Open = %d with %q, want 1 with \"x\"", got, batch[1].Bytes())
	}
	if got := p.in.Open(testTime, nil); got != 0 {
		t.Errorf("Open(nil) = %d, want 0", got)
	}
	if got, want := p.in.Stats(), (Stats{Opened: 1}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

// Only what is authentic and new tells that the peer is alive.
func TestLastSeen(t *testing.T) {
	p := newPair(t, "aes128-sha1")
	at := func(seconds int) time.Time { return testTime.Add(time.Duration(seconds) * time.Second) }
	pkt := p.packetOf(t, 1, []byte("x"))
	dummy := p.ref.seal(t, testSPI, 2, randomBytes(1, 16), p.ref.pad(nil, 0, 59))
	forged := p.packetOf(t, 3, []byte("x"))
	forged[len(forged)-1] ^= 1
	for i, tt := range []struct {
		name string
		pkt  []byte
		want time.Time
	}{
		{"forged", forged, time.Time{}},
		{"good", pkt, at(1)},
		{"replayed", pkt, at(1)},
		{"dummy", dummy, at(3)},
		{"forged again", forged, at(3)},
	} {
		p.in.Open(at(i), batchOf(t, tt.pkt))
		if got := p.in.LastSeen(); !got.Equal(tt.want) {
			t.Errorf("%s: LastSeen() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Two goroutines with the same packets: each is opened once.
func TestConcurrentOpen(t *testing.T) {
	for _, name := range []string{"aes128gcm16", "aes128-sha1"} {
		p := newPair(t, name)
		const packets = 400
		var pkts [][]byte
		for seq := uint32(1); seq <= packets; seq++ {
			pkts = append(pkts, p.packetOf(t, seq, []byte("x")))
		}
		var wg sync.WaitGroup
		for range 2 {
			batch := batchOf(t, pkts...)
			wg.Go(func() {
				for len(batch) > 0 {
					p.in.Open(testTime, batch[:8])
					p.in.Stats()
					p.in.LastSeen()
					batch = batch[8:]
				}
			})
		}
		wg.Wait()
		if got, want := p.in.Stats(), (Stats{Opened: packets, Replayed: packets}); got != want {
			t.Errorf("%s: Stats() = %+v, want %+v", name, got, want)
		}
	}
}
