package udp

import (
	"fmt"
	"net/netip"
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
	name sockaddr
	ctl  control // UDP_SEGMENT or UDP_GRO: the size of the datagrams in it
}

// mmsg calls recvmmsg or sendmmsg. The call is raw: it does not wait, and the
// scheduler would take the processor away from one that takes as long as a burst
// does, and look for another thread to give it to.
func mmsg(trap, fd uintptr, hdrs []mmsghdr) (int, syscall.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
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
	poll  func(fd uintptr) bool // made once: a closure a call would allocate
	want  int
	n     int
	errno syscall.Errno
}

func (r *reader) init() {
	r.hdrs, r.iovs, r.msgs = make([]mmsghdr, maxMessages), make([]unix.Iovec, maxMessages), make([]message, maxMessages)
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = &r.msgs[i].name.b[0]
		if r.joined {
			h.Control = &r.msgs[i].ctl.b[0]
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
		r.hdrs[i].hdr.Namelen = sockaddrLen6
		if r.joined {
			r.hdrs[i].hdr.SetControllen(controlRoom)
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
		m := &r.msgs[i]
		if r.joined {
			ctl := m.ctl.b[:min(int(r.hdrs[i].hdr.Controllen), controlRoom)]
			segments[i] = int(findControl(ctl, word, unix.SOL_UDP, unix.UDP_GRO))
		}
		if peers != nil {
			peers[i] = m.name.get(unix.AF_INET6)
		}
	}
	return r.n, nil
}
