package tun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/vishvananda/netlink"
)

// openUp opens a device and gives its interface an address.
func openUp(t *testing.T, cidr string) *Device {
	t.Helper()
	d, err := Open(1400)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	l, err := netlink.LinkByName(d.Name())
	if err != nil {
		t.Fatal(err)
	}
	if l.Attrs().MTU != 1400 {
		t.Errorf("the interface has MTU %d, want 1400", l.Attrs().MTU)
	}
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(l, a); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
	return d
}

// udpPacket is an IPv4 packet with a UDP datagram. Its UDP checksum is absent.
func udpPacket(src, dst netip.AddrPort, payload []byte) []byte {
	p := make([]byte, 28, 28+len(payload))
	p[0] = 0x45
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(payload)))
	p[8], p[9] = 64, 17
	copy(p[12:], src.Addr().AsSlice())
	copy(p[16:], dst.Addr().AsSlice())
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
	binary.BigEndian.PutUint16(p[20:], src.Port())
	binary.BigEndian.PutUint16(p[22:], dst.Port())
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(payload)))
	return append(p, payload...)
}

func TestPacketsPass(t *testing.T) {
	testroom.Own(t)
	d := openUp(t, "10.99.0.10/24")
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 99, 0, 10), Port: 5000})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	peer := netip.MustParseAddrPort("10.99.0.1:6000")

	// Out of the kernel.
	if _, err := conn.WriteToUDPAddrPort([]byte("hello"), peer); err != nil {
		t.Fatal(err)
	}
	bufs, sizes := make([][]byte, d.BatchSize()), make([]int, d.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, 2048)
	}
	const offset = 64
	for got := false; !got; {
		n, err := d.Read(bufs, sizes, offset)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range bufs[:n] {
			p := b[offset : offset+sizes[i]]
			if p[0]>>4 == 4 && p[9] == 17 && bytes.HasSuffix(p, []byte("hello")) {
				got = true
			} // else: the kernel's own IPv6 chatter
		}
	}

	// Into the kernel, a batch in order.
	const count = 30 // what a socket of the default size holds
	own := netip.MustParseAddrPort("10.99.0.10:5000")
	out := make([][]byte, count)
	for i := range out {
		out[i] = udpPacket(peer, own, bytes.Repeat([]byte{byte(i)}, 1000))
	}
	if err := d.Write(out); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for i := range count {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil || from != peer || n != 1000 || buf[0] != byte(i) {
			t.Fatalf("datagram %d: %d octets of %#x from %v, %v", i, n, buf[0], from, err)
		}
	}
}

func TestNamesAndClose(t *testing.T) {
	testroom.Own(t)
	first, second := openUp(t, "10.99.0.10/32"), openUp(t, "10.99.0.11/32")
	if first.Name() != "culvert0" || second.Name() != "culvert1" || first.MTU() != 1400 {
		t.Errorf("names %q and %q, MTU %d, want culvert0, culvert1 and 1400", first.Name(), second.Name(), first.MTU())
	}
	ended := make(chan error)
	go func() {
		bufs, sizes := [][]byte{make([]byte, 2048)}, make([]int, 1)
		for {
			if _, err := first.Read(bufs, sizes, 0); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read ended with %v, want os.ErrClosed", err)
	}
	var none netlink.LinkNotFoundError
	if _, err := netlink.LinkByName("culvert0"); !errors.As(err, &none) {
		t.Errorf("the interface is still there: %v", err)
	}
	third := openUp(t, "10.99.0.12/32")
	if third.Name() != "culvert0" {
		t.Errorf("the next device is %q, want the free culvert0", third.Name())
	}
}
