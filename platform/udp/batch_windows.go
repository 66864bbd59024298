package udp

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// From the specification: ws2ipdef.h, mswsock.h and winsock2.h, where
// golang.org/x/sys has none.
const (
	ipDontFragment   = 14 // IP_DONTFRAGMENT
	ipv6DontFragment = 14 // IPV6_DONTFRAG
	fionbio          = 0x8004667e
)

// Ours.
const (
	// maxMessages is how many datagrams one ReadBatch brings at most, joined ones
	// counted as one.
	maxMessages = 64
	// maxJoined is what the system may join: as much as a buffer for one
	// datagram of the largest size takes.
	maxJoined = 65527
)

// joining is about the machine, not about one socket.
var joining joinWatch

// batch reads what there is, one system call for a datagram or for several that
// the system has joined, and sends runs as one where the system can cut them.
// The socket does not block, so that a call ends at once; package net waits.
type batch struct {
	raw syscall.RawConn

	reader reader

	writing sync.Mutex // guards writer
	writer  writer
}

func newBatch(c conn, opts Options, connected, _ bool) (*batch, error) {
	u := c.(*net.UDPConn) // there is no raw ESP
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	b := &batch{raw: raw}
	if cerr := raw.Control(func(fd uintptr) { err = b.configure(windows.Handle(fd), opts, connected) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("udp: socket options: %w", err)
	}
	b.reader.init()
	if connected {
		b.reader.remote = addrPort(c.RemoteAddr())
	}
	b.writer.init(u, connected)
	return b, nil
}

func (b *batch) configure(fd windows.Handle, opts Options, connected bool) error {
	var out uint32
	on := uint32(1)
	if err := windows.WSAIoctl(fd, fionbio, (*byte)(unsafe.Pointer(&on)), 4, nil, 0, &out, nil, 0); err != nil {
		return fmt.Errorf("non-blocking: %w", err)
	}
	if connected {
		// That the peer's port is closed; package net switches it off. A system
		// that does not tell loses nothing but speed of noticing.
		_ = windows.WSAIoctl(fd, windows.SIO_UDP_CONNRESET, (*byte)(unsafe.Pointer(&on)), 4, nil, 0, &out, nil, 0)
	}
	setBuffer(func(size int) error { return windows.SetsockoptInt(fd, windows.SOL_SOCKET, windows.SO_RCVBUF, size) }, opts.Buffer)
	setBuffer(func(size int) error { return windows.SetsockoptInt(fd, windows.SOL_SOCKET, windows.SO_SNDBUF, size) }, opts.Buffer)
	own, err := windows.Getsockname(fd)
	if err != nil {
		return err
	}
	_, b.writer.inet6 = own.(*windows.SockaddrInet6)
	// Off is what they are by themselves; each is for one family, and refused by
	// sockets of the other.
	_ = windows.SetsockoptInt(fd, windows.IPPROTO_IP, ipDontFragment, 0)
	if b.writer.inet6 {
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_IPV6, ipv6DontFragment, 0)
	}
	// Windows 10 2004 and later know both; only later ones than that join.
	_, err = windows.GetsockoptInt(fd, windows.IPPROTO_UDP, windows.UDP_SEND_MSG_SIZE)
	b.writer.runs = err == nil
	b.reader.joined = joining.ok(0, 0) && windows.SetsockoptInt(fd, windows.IPPROTO_UDP, windows.UDP_RECV_MAX_COALESCED_SIZE, maxJoined) == nil
	return nil
}

// ReadBatch waits for datagrams and reads at most len(bufs): each into a
// buffer, its length into sizes and, unless peers is nil, its sender into
// peers. Where the system has joined datagrams of one size, the last one perhaps
// shorter, that size goes into segments. A datagram that is longer than its
// buffer is cut.
func (b *batch) ReadBatch(bufs [][]byte, sizes, segments []int, peers []netip.AddrPort) (int, error) {
	return b.reader.read(b.raw, bufs, sizes, segments, peers)
}

// WriteBatch sends bufs in their order: to peers, or with nil where the socket
// is connected to. It tries every datagram and gives the first error.
func (b *batch) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.writer.write(b.raw, bufs, peers)
}
