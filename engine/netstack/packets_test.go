package netstack

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// Nobody reads: the queue keeps its first packets and drops the others.
func TestQueueIsBounded(t *testing.T) {
	s := newStack(t, addrA, netip.Addr{})
	defer s.Close()
	c, err := s.DialContext(t.Context(), "udp", "10.99.0.10:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = queueLen + 100
	for i := range sent {
		if _, err := c.Write([]byte{byte(i >> 8), byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Dropped(); got != sent-queueLen {
		t.Errorf("Dropped() = %d, want %d", got, sent-queueLen)
	}
	batch := packet.NewBatch(100)
	for i := 0; i < queueLen; {
		n, err := s.Read(batch)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(len(batch), queueLen-i); n != want {
			t.Fatalf("Read() = %d packets, want %d", n, want)
		}
		for _, b := range batch[:n] {
			p := b.Bytes()
			if len(p) != 30 || int(p[28])<<8+int(p[29]) != i {
				t.Fatalf("packet %d = %x, want one of 30 octets with its number at the end", i, p)
			}
			i++
		}
	}
}

func TestReadDropsWhatDoesNotFit(t *testing.T) {
	s := newStack(t, addrA, netip.Addr{})
	defer s.Close()
	c, err := s.DialContext(t.Context(), "udp", "10.99.0.10:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, size := range []int{500, 1} {
		if _, err := c.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	small := []*packet.Buffer{packet.New(packet.Headroom + 100), packet.New(packet.Headroom + 100)}
	n, err := s.Read(small)
	if n != 1 || err != nil || small[0].Len() != 29 || s.Dropped() != 1 {
		t.Errorf("Read() = %d, %v with %d octets, Dropped() = %d, want the second packet only", n, err, small[0].Len(), s.Dropped())
	}
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("Read(nil) = %d, %v, want 0, nil", n, err)
	}
}

// A packet to somebody else is neither answered nor sent on.
func TestForeignDestination(t *testing.T) {
	client, gw := newStack(t, addrB, netip.Addr{}), newStack(t, addrA, netip.Addr{})
	defer client.Close()
	defer gw.Close()
	c, err := client.DialContext(t.Context(), "udp", "192.0.2.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	batch := packet.NewBatch(4)
	n, err := client.Read(batch)
	if err != nil {
		t.Fatal(err)
	}
	if err := gw.Write(batch[:n]); err != nil {
		t.Fatal(err)
	}
	gw.link.mu.Lock()
	defer gw.link.mu.Unlock()
	if gw.link.count != 0 {
		t.Errorf("%d packets came back, want none", gw.link.count)
	}
}

func FuzzWrite(f *testing.F) {
	s, err := New(Config{Address: addrA, Address6: addrA6, MTU: 1400})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	l, err := s.ListenTCP(80)
	if err != nil {
		f.Fatal(err)
	}
	defer l.Close()
	f.Add([]byte{}, []byte{0x45})
	// An echo request, and a SYN with a wrong checksum.
	f.Add([]byte("\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x01\x65\xd0\x0a\x63\x00\x0a\x0a\x63\x00\x01\x08\x00\xf7\xff\x00\x00\x00\x00"),
		[]byte("\x45\x00\x00\x28\x00\x00\x00\x00\x40\x06\x65\xbf\x0a\x63\x00\x0a\x0a\x63\x00\x01\x04\x00\x00\x50\x00\x00\x00\x00\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\x60\x00\x00\x00\x00\x00\x3a\xff"), bytes.Repeat([]byte{0xff}, 1500))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		batch := packet.NewBatch(3)
		if !batch[0].Set(one) || !batch[2].Set(two) {
			return
		}
		if err := s.Write(batch); err != nil {
			t.Errorf("Write(%x, %x) = %v, want nil", one, two, err)
		}
	})
}
