package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestRawESP(t *testing.T) {
	testroom.Own(t)
	for _, c := range []struct{ a, b string }{{"127.0.0.1", "127.0.0.2"}, {"::1", "::1"}} {
		a, b := netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)
		one, err := OpenRawESP(a, b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		two, err := OpenRawESP(b, a, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer two.Close()
		if err := two.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if one.Local() != netip.AddrPortFrom(a, 0) {
			t.Errorf("Local = %v, want %v", one.Local(), a)
		}
		want := payloads([]int{1400, 1400, 20, 100})
		if err := one.WriteBatch(want, nil); err != nil {
			t.Fatal(err)
		}
		got, peers := readAll(t, two, len(want))
		for i := range want {
			if !bytes.Equal(got[i], want[i]) || peers[i].Addr() != a {
				t.Errorf("packet %d: %d octets (%x...) from %v, want %d from %v", i, len(got[i]), got[i][:4], peers[i], len(want[i]), a)
			}
		}
		testRawListen(t, b, one, want)
	}
}

// testRawListen has a socket at addr, open to all, take packets from one and
// answer.
func testRawListen(t *testing.T, addr netip.Addr, one *Socket, want [][]byte) {
	t.Helper()
	all, err := OpenRawESP(addr, netip.Addr{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	for _, s := range []*Socket{all, one} {
		if err := s.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.WriteBatch(want, nil); err != nil {
		t.Fatal(err)
	}
	got, peers := readAll(t, all, len(want))
	if !bytes.Equal(got[0], want[0]) || peers[0] != one.Local() {
		t.Errorf("open to all: %d octets from %v, want %d from %v", len(got[0]), peers[0], len(want[0]), one.Local())
	}
	if addr == one.Local().Addr() {
		return // it would answer itself as well
	}
	if err := all.WriteBatch(want, []netip.AddrPort{peers[0], peers[0], peers[0], peers[0]}); err != nil {
		t.Fatal(err)
	}
	if got, _ = readAll(t, one, len(want)); !bytes.Equal(got[3], want[3]) {
		t.Errorf("the answer has %d octets, want %d", len(got[3]), len(want[3]))
	}
}

// No way there: typed, at once.
func TestUnreachable(t *testing.T) {
	testroom.Own(t)
	remote := netip.MustParseAddrPort("192.0.2.1:500")
	if _, err := Open(netip.AddrPort{}, remote, Options{}); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("without a route: Open = %v, want ENETUNREACH", err)
	}
	if _, err := LocalAddr(remote.Addr()); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("without a route: LocalAddr = %v, want ENETUNREACH", err)
	}
	_, all, err := net.ParseCIDR("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 9), Mask: net.CIDRMask(32, 32)}}); err != nil {
		t.Fatal(err)
	}
	if err := netlink.RouteAdd(&netlink.Route{Dst: all, LinkIndex: lo.Attrs().Index}); err != nil {
		t.Fatal(err)
	}
	s := open(t, netip.AddrPort{}, remote)
	if err := netlink.RouteDel(&netlink.Route{Dst: all, LinkIndex: lo.Attrs().Index}); err != nil {
		t.Fatal(err)
	}
	if err := netlink.RouteAdd(&netlink.Route{Dst: all, Type: unix.RTN_UNREACHABLE}); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteBatch(payloads([]int{100, 100}), nil); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("WriteBatch = %v, want EHOSTUNREACH", err)
	}
}

// Datagrams larger than the path leave in fragments, also out of a run, which
// the kernel would not fragment.
func TestFragments(t *testing.T) {
	testroom.Own(t)
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetMTU(lo, 1280); err != nil {
		t.Fatal(err)
	}
	server := open(t, loopback, netip.AddrPort{})
	client := open(t, loopback, server.Local())
	want := payloads([]int{1460, 1460, 1460, 1000, 1000})
	if err := client.WriteBatch(want, nil); err != nil {
		t.Fatal(err)
	}
	got, _ := readAll(t, server, len(want))
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("datagram %d: %d octets, want %d", i, len(got[i]), len(want[i]))
		}
	}
}

// An error that came back for an earlier datagram takes none of the next ones
// with it.
func TestRefusedLosesNothing(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	addr := server.Local()
	client := open(t, loopback, addr)
	server.Close()
	if err := client.WriteBatch([][]byte{[]byte("lost")}, nil); err != nil {
		t.Fatal(err)
	}
	server = open(t, addr, netip.AddrPort{})
	want := payloads([]int{10, 20, 30})
	if err := client.WriteBatch(want, nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("WriteBatch = %v, want ECONNREFUSED", err)
	}
	got, _ := readAll(t, server, len(want))
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("datagram %d: %d octets, want %d", i, len(got[i]), len(want[i]))
		}
	}
}

func TestOptions(t *testing.T) {
	s := open(t, loopback, netip.AddrPort{})
	if err := s.raw.Control(func(fd uintptr) {
		if v, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER); err != nil || v != unix.IP_PMTUDISC_DONT {
			t.Errorf("IP_MTU_DISCOVER = %d, %v, want %d", v, err, unix.IP_PMTUDISC_DONT)
		}
		// The kernel doubles what it is asked for, to have room of its own.
		if v, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || os.Getuid() == 0 && v != 2<<20 {
			t.Errorf("SO_RCVBUF = %d, %v, want %d", v, err, 2<<20)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// A burst comes as one: in fewer reads than it has datagrams, with their size.
func TestBurstComesJoined(t *testing.T) {
	for _, local := range []string{"127.0.0.1:0", "[::1]:0"} {
		server := open(t, netip.MustParseAddrPort(local), netip.AddrPort{})
		client := open(t, netip.AddrPort{}, server.Local())
		want := append(payloads(bytesOf(40, 1460)), []byte("a shorter end"))
		if err := client.WriteBatch(want, nil); err != nil {
			t.Fatal(err)
		}
		bufs, sizes, segments := make([][]byte, 8), make([]int, 8), make([]int, 8)
		for i := range bufs {
			bufs[i] = make([]byte, 1<<16)
		}
		n, err := server.ReadBatch(bufs, sizes, segments, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := bufs[0][:sizes[0]]; n != 1 || segments[0] != 1460 || !bytes.Equal(got, bytes.Join(want, nil)) {
			t.Errorf("%s: %d reads, the first one of %d octets in pieces of %d, want 1 of %d in 1460", local, n, sizes[0], segments[0], 40*1460+13)
		}
		// One that came alone has no size.
		if err := client.WriteBatch(want[:1], nil); err != nil {
			t.Fatal(err)
		}
		segments[0] = 99
		if n, err = server.ReadBatch(bufs, sizes, segments, nil); err != nil || n != 1 || sizes[0] != 1460 || segments[0] != 0 {
			t.Errorf("%s: one alone: %d reads of %d octets in pieces of %d, %v", local, n, sizes[0], segments[0], err)
		}
	}
}

// Raw ESP cannot have runs, but goes and comes many packets a system call.
func TestRawESPInBatches(t *testing.T) {
	testroom.Own(t)
	a, b := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	one, err := OpenRawESP(a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := OpenRawESP(b, a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if err := two.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	calls, send := 0, one.writer.poll
	one.writer.poll = func(fd uintptr) bool { calls++; return send(fd) }
	want := payloads(bytesOf(50, 1400))
	if err := one.WriteBatch(want, nil); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("%d calls for %d packets, want 1", calls, len(want))
	}
	bufs, sizes := make([][]byte, 64), make([]int, 64)
	for i := range bufs {
		bufs[i] = make([]byte, 2048)
	}
	n, err := two.ReadBatch(bufs, sizes, make([]int, 64), nil)
	if err != nil || n != len(want) {
		t.Fatalf("one read brings %d packets, %v, want %d", n, err, len(want))
	}
	for i := range want {
		if !bytes.Equal(bufs[i][:sizes[i]], want[i]) {
			t.Errorf("packet %d has %d octets, want %d", i, sizes[i], len(want[i]))
		}
	}
}

// Nothing is allocated per datagram, nor per batch.
func TestNoAllocation(t *testing.T) {
	server := open(t, loopback, netip.AddrPort{})
	client := open(t, loopback, server.Local())
	out := payloads([]int{100, 200, 200, 200})
	bufs, sizes, segments, peers := make([][]byte, 16), make([]int, 16), make([]int, 16), make([]netip.AddrPort, 16)
	for i := range bufs {
		bufs[i] = make([]byte, 2048)
	}
	to := make([]netip.AddrPort, 4)
	for i := range to {
		to[i] = client.Local()
	}
	round := func(from, at *Socket, to []netip.AddrPort) {
		if err := from.WriteBatch(out, to); err != nil {
			t.Fatal(err)
		}
		for octets := 0; octets < 700; {
			n, err := at.ReadBatch(bufs, sizes, segments, peers)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sizes[:n] {
				octets += s
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { round(client, server, nil); round(server, client, to) }); n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
}

func BenchmarkWriteBatch(b *testing.B) {
	server, err := Open(loopback, netip.AddrPort{}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	client, err := Open(loopback, server.Local(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	bufs := payloads(bytesOf(44, 1460))
	b.SetBytes(44 * 1460)
	for _, segment := range []bool{true, false} {
		b.Run(map[bool]string{true: "runs", false: "single"}[segment], func(b *testing.B) {
			client.writer.segment = segment
			b.SetBytes(44 * 1460)
			for b.Loop() {
				if err := client.WriteBatch(bufs, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Firewall and routing know a socket by its mark.
func TestMark(t *testing.T) {
	for name, open := range map[string]func() (*Socket, error){
		"UDP": func() (*Socket, error) { return Open(loopback, netip.AddrPort{}, Options{Mark: 0xc5}) },
		"ESP": func() (*Socket, error) { return OpenRawESP(loopback.Addr(), netip.Addr{}, Options{Mark: 0xc5}) },
	} {
		s, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var mark int
		if cerr := s.raw.Control(func(fd uintptr) { mark, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK) }); cerr != nil || err != nil || mark != 0xc5 {
			t.Errorf("%s: the mark is %#x, %v, %v, want 0xc5", name, mark, cerr, err)
		}
		s.Close()
	}
}
