package esp

import (
	"bytes"
	"testing"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// Whatever comes, nothing panics and nothing that is not authentic passes.
func FuzzOpen(f *testing.F) {
	names := []string{"aes128gcm16", "aes128-sha1", "3des-md5", "aes256-sha512"}
	for which, name := range names {
		p := newPair(f, name)
		f.Add(uint8(which), p.packetOf(f, 1, []byte("payload")))
		f.Add(uint8(which), []byte{0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 1})
	}
	f.Add(uint8(0), []byte{0xff})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		p := newPair(t, names[int(which)%len(names)])
		b := packet.New(packet.Headroom + len(data))
		if !b.Set(data) {
			t.Fatal("no room")
		}
		if n := p.in.Open(testTime, []*packet.Buffer{b}); n == 0 {
			if b.Len() != 0 {
				t.Fatalf("Open dropped %x but left %x", data, b.Bytes())
			}
			return
		}
		// The reference fails the test unless the packet is authentic.
		if _, _, _, body := p.ref.open(t, data); !bytes.HasPrefix(body, b.Bytes()) {
			t.Fatalf("Open(%x) = %x, want the front of %x", data, b.Bytes(), body)
		}
	})
}

// An authentic packet may hold anything: the trailer never leads out of it.
func FuzzTrailer(f *testing.F) {
	names := []string{"aes128gcm16", "aes128-sha1", "des-sha256"}
	f.Add(uint8(0), uint32(1), []byte("payload.....\x01\x02\x02\x11"))
	f.Add(uint8(1), uint32(7), []byte("payload.......\xff\x11"))
	f.Add(uint8(2), uint32(0), []byte("\x01\x02\x03\x04\x05\x06\x06\x3b"))
	f.Fuzz(func(t *testing.T, which uint8, seq uint32, body []byte) {
		p := newPair(t, names[int(which)%len(names)])
		if len(body) > 2000 {
			return
		}
		for len(body) == 0 || len(body)%p.ref.align() != 0 {
			body = append(body, byte(len(body)))
		}
		want, opened := openBody(body)
		opened = opened && seq != 0
		pkt := p.ref.seal(t, testSPI, seq, randomBytes(int64(seq), p.ref.ivLen), body)
		b := packet.New(packet.Headroom + len(pkt))
		b.Set(pkt)
		n := p.in.Open(testTime, []*packet.Buffer{b})
		if (n == 1) != opened || opened && !bytes.Equal(b.Bytes(), want) || !opened && b.Len() != 0 {
			t.Fatalf("Open of number %d with %x = %d, %x, want %x: %v", seq, body, n, b.Bytes(), want, opened)
		}
	})
}

// openBody is what a body holds, by the text of RFC 4303, 2.4 to 2.6.
func openBody(body []byte) (payload []byte, ok bool) {
	pad, next := int(body[len(body)-2]), body[len(body)-1]
	rest := body[:len(body)-2]
	for i := pad; i > 0; i-- {
		if len(rest) == 0 || rest[len(rest)-1] != byte(i) {
			return nil, false
		}
		rest = rest[:len(rest)-1]
	}
	return rest, next == 17 && len(rest) > 0
}
