//go:build !linux && !windows

package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxMessages is how many datagrams one ReadBatch brings at most.
const maxMessages = 64

// batch reads what there is, a system call for each datagram: what comes as a
// batch is opened as one, which is worth more than the calls.
//
// macOS has calls for several, recvmsg_x and sendmsg_x, which are Apple's own.
// They are not used: before macOS 15.6 recvmsg_x can leave with the socket
// locked, which stops loopback for all programs until the machine is started
// again, and programs that called it have made kernels panic. No trial at run
// time can find that out safely.
//
// The Don't Fragment bit is set on none of these systems unless asked for.
type batch struct {
	conn      conn
	raw       syscall.RawConn
	connected bool
	remote    netip.AddrPort
	ipHeader  bool

	drainer drainer
	bufs    [][]byte // of the read under way, and so on
	sizes   []int
	peers   []netip.AddrPort
	want    int
	poll    func(fd uintptr) bool // made once: a closure a call would allocate

	writing sync.Mutex // several at once would wait in the conn as well; guards what follows
	out     [][]byte
	to      []netip.AddrPort
	send    func(i, n int) (verdict, error)
}

func newBatch(c conn, opts Options, connected, ipHeader bool) (*batch, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("udp: %w", err)
	}
	b := &batch{conn: c, raw: raw, connected: connected, ipHeader: ipHeader}
	if connected {
		b.remote = addrPort(c.RemoteAddr())
	}
	if err := raw.Control(func(fd uintptr) {
		setBuffer(func(size int) error { return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size) }, opts.Buffer)
		setBuffer(func(size int) error { return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, size) }, opts.Buffer)
	}); err != nil {
		return nil, fmt.Errorf("udp: socket options: %w", err)
	}
	b.poll = func(fd uintptr) bool {
		return b.drainer.drain(b.want, func(i int) (bool, error) { return b.receive(int(fd), i) })
	}
	b.send = b.sendOne
	return b, nil
}

// ReadBatch waits for datagrams and reads at most len(bufs): each into a
// buffer, its length into sizes and, unless peers is nil, its sender into
// peers. A datagram that is longer than its buffer is cut.
func (b *batch) ReadBatch(bufs [][]byte, sizes, _ []int, peers []netip.AddrPort) (int, error) {
	b.bufs, b.sizes, b.peers, b.want = bufs, sizes, peers, min(len(bufs), maxMessages)
	if err := b.raw.Read(b.poll); err != nil {
		return 0, err
	}
	if b.drainer.err != nil {
		return 0, fmt.Errorf("udp: receive: %w", b.drainer.err)
	}
	return b.drainer.n, nil
}

// receive reads datagram i, if there is one.
func (b *batch) receive(fd, i int) (bool, error) {
	var n int
	var err error
	from := b.remote
	for {
		if b.connected {
			n, err = unix.Read(fd, b.bufs[i])
		} else {
			var sa unix.Sockaddr
			n, sa, err = unix.Recvfrom(fd, b.bufs[i], 0)
			from = fromSockaddr(sa)
		}
		if err != unix.EINTR {
			break
		}
	}
	if err == unix.EAGAIN {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if b.ipHeader {
		n = stripIPv4(b.bufs[i], n)
	}
	b.sizes[i] = n
	if b.peers != nil {
		b.peers[i] = from
	}
	return true, nil
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(scoped(a.Addr, a.ZoneId), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// WriteBatch sends bufs in their order: to peers, or with nil where the socket
// is connected to. It tries every datagram and gives the first error.
func (b *batch) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.out, b.to = bufs, peers
	runs := false
	return sendAll(bufs, peers, &runs, b.send)
}

func (b *batch) sendOne(i, _ int) (verdict, error) {
	var err error
	switch c := b.conn.(type) {
	case *net.UDPConn:
		if b.connected {
			_, err = c.Write(b.out[i])
		} else {
			_, err = c.WriteToUDPAddrPort(b.out[i], b.to[i])
		}
	case *net.IPConn:
		if b.connected {
			_, err = c.Write(b.out[i])
		} else {
			_, err = c.WriteToIP(b.out[i], ipAddr(b.to[i].Addr()))
		}
	}
	switch {
	case err == nil:
		return verdictLost, nil
	case errors.Is(err, net.ErrClosed):
		return verdictClosed, err
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTDOWN):
		return verdictEarlier, err
	}
	return verdictLost, err
}
