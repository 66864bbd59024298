package firewall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// lab is a machine in the test's own namespace, and all that is outside of it
// in another one:
//
//	client                                    outside
//	  eth0     192.0.2.10, 192.168.77.10  --  out0  192.0.2.1, 192.168.77.1
//	           2001:db8::10                         2001:db8::1, ::99
//	  culvert0 10.99.0.10, fd00:99::10    --  in0   10.99.0.1, fd00:99::1
//	  bridge0  172.30.0.1                     lo    the gateways, servers and resolvers
//	    |
//	  c0 172.30.0.2 in a third namespace: a container
//
// What leaves eth0 is captured at out0, what goes into the tunnel at in0.
type lab struct {
	client, outside, container *testroom.Network
	out, in                    *capture
	cpus                       []int
	barrier                    uint32
	raw                        int // packet socket on eth0, which no rule stops
}

const server4, server6 = "203.0.113.9", "2001:db8:9::9"

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{client: testroom.Own(t), outside: testroom.NewNetwork(t), container: testroom.NewNetwork(t)}
	testroom.Cable(l.client, "eth0", l.outside, "out0")
	testroom.Cable(l.client, "culvert0", l.outside, "in0")
	testroom.Cable(l.client, "bridge0", l.container, "c0")
	l.outside.IP(
		"addr add 192.0.2.1/24 dev out0", "addr add 192.168.77.1/24 dev out0",
		"addr add 2001:db8::1/64 dev out0 nodad", "addr add 2001:db8::99/64 dev out0 nodad",
		"addr add 10.99.0.1/24 dev in0", "addr add fd00:99::1/64 dev in0 nodad",
		"link set out0 up", "link set in0 up",
		"addr add 198.51.100.1/32 dev lo", "addr add 198.51.100.2/32 dev lo", "addr add 203.0.113.9/32 dev lo", "addr add 203.0.113.53/32 dev lo",
		"addr add 2001:db8:100::1/128 dev lo", "addr add 2001:db8:9::9/128 dev lo",
		"route add 172.30.0.0/24 via 10.99.0.10")
	l.client.IP(
		"addr add 192.0.2.10/24 dev eth0", "addr add 192.168.77.10/24 dev eth0", "addr add 2001:db8::10/64 dev eth0",
		"addr add 10.99.0.10/24 dev culvert0", "addr add fd00:99::10/64 dev culvert0",
		"addr add 172.30.0.1/24 dev bridge0",
		"link set eth0 up", "link set culvert0 up", "link set bridge0 up",
		"route add default via 192.0.2.1", "-6 route add default via 2001:db8::1")
	sysctl(t, "ipv4/ip_forward", "1")
	l.container.IP("addr add 172.30.0.2/24 dev c0", "link set c0 up", "route add default via 172.30.0.1")
	l.outside.Do(func() { l.out, l.in = newCapture(t, "out0"), newCapture(t, "in0") })
	l.neighbours(t)
	l.pin(t)
	l.raw = packetSocket(t, "eth0")
	return l
}

// neighbours makes the routers known, so that a packet leaves when it is sent.
func (l *lab) neighbours(t *testing.T) {
	t.Helper()
	for _, n := range []struct{ addr, dev, peer string }{
		{"192.0.2.1", "eth0", "out0"}, {"192.168.77.1", "eth0", "out0"}, {"2001:db8::1", "eth0", "out0"},
		{"10.99.0.1", "culvert0", "in0"}, {"10.99.0.77", "culvert0", "in0"}, {"fd00:99::1", "culvert0", "in0"},
	} {
		var mac string
		l.outside.Do(func() {
			link, err := netlink.LinkByName(n.peer)
			if err != nil {
				t.Error(err)
				return
			}
			mac = link.Attrs().HardwareAddr.String()
		})
		run(t, fmt.Sprintf("ip neigh replace %s lladdr %s dev %s nud permanent", n.addr, mac, n.dev))
	}
}

// pin keeps the test's thread on one CPU: then what it sends arrives in order.
func (l *lab) pin(t *testing.T) {
	t.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			l.cpus = append(l.cpus, cpu)
		}
	}
	one.Set(l.cpus[0])
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			t.Error(err)
		}
	})
}

// sysctl sets a value of the namespace that the test is in.
func sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// capture is what arrives at an interface.
type capture struct {
	mu     sync.Mutex
	cond   sync.Cond
	frames [][]byte
	closed bool
}

// etherBarrier is an EtherType for experiments (IEEE 802, local experimental 1).
const etherBarrier = 0x88b5

func packetSocket(t *testing.T, dev string) int {
	t.Helper()
	link, err := netlink.LinkByName(dev)
	if err != nil {
		t.Fatal(err)
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20); err != nil {
		t.Fatal(err)
	}
	return fd
}

func newCapture(t *testing.T, dev string) *capture {
	t.Helper()
	c := &capture{}
	c.cond.L = &c.mu
	fd := packetSocket(t, dev)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.read(fd) })
	t.Cleanup(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		wg.Wait()
	})
	return c
}

func (c *capture) read(fd int) {
	buf := make([]byte, 65536)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		c.mu.Lock()
		if ll, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && ll.Pkttype != unix.PACKET_OUTGOING {
			c.frames = append(c.frames, bytes.Clone(buf[:n]))
		}
		c.cond.Broadcast() // also when nothing came: waiters look at the time
		closed := c.closed
		c.mu.Unlock()
		if closed || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// wait waits until a frame is like that, and tells whether one came.
func (c *capture) wait(like func(frame []byte) bool) bool {
	end := time.Now().Add(10 * time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	for seen := 0; ; {
		for ; seen < len(c.frames); seen++ {
			if like(c.frames[seen]) {
				return true
			}
		}
		if c.closed || time.Now().After(end) {
			return false
		}
		c.cond.Wait()
		seen = min(seen, len(c.frames))
	}
}

// count is how many frames are like that.
func (c *capture) count(like func(frame []byte) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, f := range c.frames {
		if like(f) {
			n++
		}
	}
	return n
}

func (c *capture) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = nil
}

// settle waits until all that has left eth0 so far is captured: a frame of its
// own that no rule stops has come through behind it, from each CPU.
func (l *lab) settle(t *testing.T) {
	t.Helper()
	for i := range l.cpus {
		var one unix.CPUSet
		one.Set(l.cpus[len(l.cpus)-1-i]) // the last is the pinned one
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		l.barrier++
		frame := bytes.Repeat([]byte{0xff}, 12)
		frame = binary.BigEndian.AppendUint16(frame, etherBarrier)
		frame = append(binary.BigEndian.AppendUint32(frame, l.barrier), make([]byte, 42)...)
		if _, err := unix.Write(l.raw, frame); err != nil {
			t.Fatal(err)
		}
		if !l.out.wait(func(f []byte) bool { return bytes.Equal(f[12:], frame[12:]) }) {
			t.Fatal("the frame behind all others did not arrive")
		}
	}
}

// to tells frames with IP packets for one of addrs.
func to(addrs ...string) func([]byte) bool {
	var want []netip.Addr
	for _, a := range addrs {
		want = append(want, netip.MustParseAddr(a))
	}
	return func(f []byte) bool {
		dst, ok := destination(f)
		for _, a := range want {
			if ok && dst == a {
				return true
			}
		}
		return false
	}
}

// destination is where the IP packet in a frame goes.
func destination(f []byte) (netip.Addr, bool) {
	if len(f) < 14 {
		return netip.Addr{}, false
	}
	switch binary.BigEndian.Uint16(f[12:]) {
	case unix.ETH_P_IP:
		if len(f) >= 34 {
			return netip.AddrFrom4([4]byte(f[30:34])), true
		}
	case unix.ETH_P_IPV6:
		if len(f) >= 54 {
			return netip.AddrFrom16([16]byte(f[38:54])), true
		}
	}
	return netip.Addr{}, false
}

func with(token string) func([]byte) bool {
	return func(f []byte) bool { return bytes.Contains(f, []byte(token)) }
}

// icmp6 tells frames with an ICMPv6 message of a type, without extension
// headers.
func icmp6(typ byte) func([]byte) bool {
	return func(f []byte) bool {
		return len(f) > 54 && binary.BigEndian.Uint16(f[12:]) == unix.ETH_P_IPV6 && f[20] == protoICMPv6 && f[54] == typ
	}
}

// packet is one that a program sends.
type packet struct {
	to    string // address
	proto int    // UDP, TCP, ESP, ICMP or ICMPv6
	port  int
	from  int // source port
	mark  int
	dev   string
}

// send sends it with token in it; TCP begins a connection, without one.
func (p packet) send(token string) error {
	a := netip.MustParseAddr(p.to)
	domain, typ, proto := unix.AF_INET, unix.SOCK_RAW, p.proto
	if a.Is6() {
		domain = unix.AF_INET6
	}
	payload := []byte(token)
	switch p.proto {
	case protoUDP:
		typ = unix.SOCK_DGRAM
	case protoTCP:
		typ = unix.SOCK_STREAM | unix.SOCK_NONBLOCK
	case protoICMP:
		payload = echo(8, token)
	case protoICMPv6:
		payload = echo(128, token)
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := p.options(fd, a); err != nil {
		return err
	}
	sa := sockaddr(a, p.port)
	if p.proto == protoTCP {
		err := unix.Connect(fd, sa)
		if errors.Is(err, unix.EINPROGRESS) {
			err = nil
			if n, e := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); e == nil && n != 0 {
				err = unix.Errno(n)
			}
		}
		return err
	}
	return unix.Sendto(fd, payload, 0, sa)
}

func (p packet) options(fd int, a netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
		return err
	}
	if p.mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, p.mark); err != nil {
			return err
		}
	}
	if p.dev != "" {
		if err := unix.BindToDevice(fd, p.dev); err != nil {
			return err
		}
	}
	if p.from == 0 {
		return nil
	}
	any := netip.IPv4Unspecified()
	if a.Is6() {
		any = netip.IPv6Unspecified()
	}
	return unix.Bind(fd, sockaddr(any, p.from))
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
}

// echo is an echo request; the kernel fills in ICMPv6's checksum.
func echo(typ byte, token string) []byte {
	b := append([]byte{typ, 0, 0, 0, 0, 1, 0, 1}, token...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
	return b
}

// nftScript gives a ruleset of somebody else's to nft.
func nftScript(t *testing.T, script string) {
	t.Helper()
	c := exec.Command("nft", "-f", "-")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
}
