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

	"github.com/culvert-vpn/culvert/platform/internal/testnet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestRawESP(t *testing.T) {
	testnet.New(t)
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
	testnet.New(t)
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
	testnet.New(t)
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

func TestRuns(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1")
	for _, c := range []struct {
		name  string
		sizes []int
		peers []netip.AddrPort
		want  int
	}{
		{"one", []int{5}, nil, 1},
		{"equal", []int{5, 5, 5}, nil, 3},
		{"a shorter one ends it", []int{5, 5, 4, 5}, nil, 3},
		{"a longer one is not in it", []int{5, 5, 6}, nil, 2},
		{"an empty one is not in it", []int{5, 0, 5}, nil, 1},
		{"empty ones", []int{0, 0}, nil, 1},
		{"64 at most", bytesOf(100, 5), nil, 64},
		{"one datagram at most", bytesOf(64, 1460), nil, 44},
		{"another peer", []int{5, 5, 5}, []netip.AddrPort{a, a, b}, 2},
	} {
		if got := run(payloads(c.sizes), c.peers, 0); got != c.want {
			t.Errorf("%s: run(%v) = %d, want %d", c.name, c.sizes, got, c.want)
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

func TestStripIPv4(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"plain", append(append([]byte{0x45}, make([]byte, 19)...), "esp"...), "esp"},
		{"options", append(append([]byte{0x46}, make([]byte, 23)...), "esp"...), "esp"},
		{"header only", append([]byte{0x45}, make([]byte, 19)...), ""},
		{"short", []byte{0x45, 0}, ""},
		{"empty", nil, ""},
		{"length below the smallest", append([]byte{0x44}, make([]byte, 30)...), ""},
	} {
		b := bytes.Clone(c.in)
		if n := stripIPv4(b, len(b)); string(b[:n]) != c.want {
			t.Errorf("%s: stripIPv4(%x) = %q, want %q", c.name, c.in, b[:n], c.want)
		}
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
