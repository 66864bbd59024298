package udp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// message is what one mmsghdr points at besides the data.
type message struct {
	name unix.RawSockaddrInet6 // the largest that these sockets see
	ctl  segmentControl
}

// segmentControl is the control message UDP_SEGMENT: the size of the datagrams
// that one send is cut into.
type segmentControl struct {
	hdr  unix.Cmsghdr
	size uint16
	_    [6]byte
}

// joinedControl is the control message UDP_GRO: the size of the datagrams that
// the kernel has joined.
type joinedControl struct {
	hdr  unix.Cmsghdr
	size int32
	_    [4]byte
}

// mmsg calls recvmmsg or sendmmsg.
func mmsg(trap, fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.Syscall6(trap, fd, uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// reader is for one goroutine.
type reader struct {
	joined bool // UDP_GRO is on

	hdrs  []mmsghdr
	iovs  []unix.Iovec
	msgs  []message
	ctls  []joinedControl
	poll  func(fd uintptr) bool // made once: a closure a call would allocate
	want  int
	n     int
	errno syscall.Errno
}

func (r *reader) init() {
	r.hdrs, r.iovs, r.msgs = make([]mmsghdr, maxMessages), make([]unix.Iovec, maxMessages), make([]message, maxMessages)
	r.ctls = make([]joinedControl, maxMessages)
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.msgs[i].name))
		if r.joined {
			h.Control = (*byte)(unsafe.Pointer(&r.ctls[i]))
		}
	}
	r.poll = func(fd uintptr) bool {
		r.n, r.errno = mmsg(unix.SYS_RECVMMSG, fd, r.hdrs[:r.want])
		return r.errno != unix.EAGAIN
	}
}

func (r *reader) read(raw syscall.RawConn, bufs [][]byte, sizes, segments []int, peers []netip.AddrPort) (int, error) {
	r.want = min(len(bufs), maxMessages)
	for i, b := range bufs[:r.want] {
		r.iovs[i].Base = unsafe.SliceData(b)
		r.iovs[i].SetLen(len(b))
		r.hdrs[i].hdr.Namelen = unix.SizeofSockaddrInet6
		if r.joined {
			r.hdrs[i].hdr.SetControllen(int(unsafe.Sizeof(r.ctls[i])))
		}
	}
	if err := raw.Read(r.poll); err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return 0, fmt.Errorf("udp: receive: %w", r.errno)
	}
	for i := range r.n {
		sizes[i] = int(r.hdrs[i].len)
		if c := &r.ctls[i]; r.joined && r.hdrs[i].hdr.Controllen >= uint64(unix.CmsgLen(4)) && c.hdr.Level == unix.SOL_UDP && c.hdr.Type == unix.UDP_GRO {
			segments[i] = int(c.size)
		}
		if peers != nil {
			peers[i] = r.msgs[i].peer()
		}
	}
	return r.n, nil
}

// peer reads the sender's address.
func (m *message) peer() netip.AddrPort {
	switch m.name.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), networkOrder(a.Port))
	case unix.AF_INET6:
		a := netip.AddrFrom16(m.name.Addr).Unmap()
		if m.name.Scope_id != 0 && a.Is6() {
			a = a.WithZone(strconv.FormatUint(uint64(m.name.Scope_id), 10))
		}
		return netip.AddrPortFrom(a, networkOrder(m.name.Port))
	}
	return netip.AddrPort{}
}

// networkOrder turns a port of a sockaddr into the machine's order, and back.
func networkOrder(p uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], p)
	return binary.BigEndian.Uint16(b[:])
}

// setPeer writes the receiver's address and gives its length.
func (m *message) setPeer(p netip.AddrPort, inet6 bool) uint32 {
	if !inet6 {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name)) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: networkOrder(p.Port()), Addr: p.Addr().Unmap().As4()}
		return unix.SizeofSockaddrInet4
	}
	m.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(p.Port()), Addr: p.Addr().As16()}
	if z := p.Addr().Zone(); z != "" {
		if id, err := strconv.ParseUint(z, 10, 32); err == nil {
			m.name.Scope_id = uint32(id)
		}
	}
	return unix.SizeofSockaddrInet6
}
