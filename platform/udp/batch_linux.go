package udp

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ours: how many datagrams one system call moves at most.
const maxMessages = 64

// batch reads and writes several datagrams in a system call (recvmmsg and
// sendmmsg). golang.org/x/net would allocate an address for each.
type batch struct {
	raw      syscall.RawConn
	ipHeader bool
	reader   reader

	writing sync.Mutex // guards writer
	writer  writer
}

func newBatch(c conn, opts Options, connected, ipHeader bool) (*batch, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	b := &batch{raw: raw, ipHeader: ipHeader}
	if cerr := raw.Control(func(fd uintptr) { err = b.configure(int(fd), opts) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("udp: socket options: %w", err)
	}
	b.reader.init()
	b.writer.init(connected)
	return b, nil
}

func (b *batch) configure(fd int, opts Options) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return err
	}
	if opts.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(opts.Mark)); err != nil {
			return fmt.Errorf("mark: %w", err)
		}
	}
	forceBuffer(fd, opts.Buffer, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	forceBuffer(fd, opts.Buffer, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	b.writer.inet6 = domain == unix.AF_INET6
	if b.writer.inet6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT); err != nil {
			return err
		}
	}
	// On an IPv6 socket this is for the IPv4 that it carries, which a socket
	// for IPv6 only refuses: as well.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT); err != nil && !b.writer.inet6 {
		return err
	}
	proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return err
	}
	if proto == unix.IPPROTO_UDP {
		b.writer.segment = true
		// A burst comes as one. A kernel without it gives each by itself.
		b.reader.joined = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	}
	return nil
}

// forceBuffer asks for size octets beyond the system's limit, which takes
// privilege, or else up to it.
func forceBuffer(fd, size, force, plain int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size) // the system's own size does as well, if slower
	}
}

// ReadBatch waits for datagrams and reads at most len(bufs): each into a
// buffer, its length into sizes and, unless peers is nil, its sender into
// peers. Where the kernel has joined datagrams of one size, the last one perhaps
// shorter, that size goes into segments. A datagram that is longer than its
// buffer is cut.
func (b *batch) ReadBatch(bufs [][]byte, sizes, segments []int, peers []netip.AddrPort) (int, error) {
	n, err := b.reader.read(b.raw, bufs, sizes, segments, peers)
	if err != nil {
		return 0, err
	}
	if b.ipHeader {
		for i := range n {
			sizes[i] = stripIPv4(bufs[i], sizes[i])
		}
	}
	return n, nil
}

// WriteBatch sends bufs in their order: to peers, or with nil where the socket
// is connected to. It tries every datagram and gives the first error.
func (b *batch) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.writer.write(b.raw, bufs, peers)
}
