package udp

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// reader is for one goroutine.
type reader struct {
	joined bool // the system may join datagrams
	remote netip.AddrPort

	drainer drainer
	msg     windows.WSAMsg
	buf     windows.WSABuf
	from    sockaddr
	ctl     control
	poll    func(fd uintptr) bool // made once: a closure a call would allocate

	bufs            [][]byte // of the read under way, and so on
	sizes, segments []int
	peers           []netip.AddrPort
	want            int
}

func (r *reader) init() {
	r.poll = func(fd uintptr) bool {
		return r.drainer.drain(r.want, func(i int) (bool, error) { return r.receive(windows.Handle(fd), i) })
	}
}

func (r *reader) read(raw syscall.RawConn, bufs [][]byte, sizes, segments []int, peers []netip.AddrPort) (int, error) {
	r.bufs, r.sizes, r.segments, r.peers, r.want = bufs, sizes, segments, peers, min(len(bufs), maxMessages)
	if err := raw.Read(r.poll); err != nil {
		return 0, posix(err)
	}
	if r.drainer.err != nil {
		return 0, fmt.Errorf("udp: receive: %w", posix(r.drainer.err))
	}
	return r.drainer.n, nil
}

// receive reads datagram i, if there is one.
func (r *reader) receive(fd windows.Handle, i int) (bool, error) {
	b := r.bufs[i]
	r.buf = windows.WSABuf{Len: uint32(len(b)), Buf: unsafe.SliceData(b)}
	r.msg = windows.WSAMsg{Buffers: &r.buf, BufferCount: 1, Name: (*syscall.RawSockaddrAny)(unsafe.Pointer(&r.from)), Namelen: sockaddrLen6}
	if r.joined {
		r.msg.Control = windows.WSABuf{Len: controlRoom, Buf: &r.ctl.b[0]}
	}
	var n uint32
	switch err := windows.WSARecvMsg(fd, &r.msg, &n, nil, nil); err {
	case nil:
	case windows.WSAEWOULDBLOCK:
		return false, nil
	case windows.WSAEMSGSIZE: // cut
		n = uint32(len(b))
	default:
		return false, err
	}
	r.sizes[i] = int(n)
	if r.joined {
		size := int(findControl(r.ctl.b[:min(int(r.msg.Control.Len), controlRoom)], word, windows.IPPROTO_UDP, windows.UDP_COALESCED_INFO))
		r.segments[i] = size
		if !joining.ok(int(n), size) {
			_ = windows.SetsockoptInt(fd, windows.IPPROTO_UDP, windows.UDP_RECV_MAX_COALESCED_SIZE, 0)
			r.joined = false
		}
	}
	if r.peers != nil {
		r.peers[i] = r.remote
		if !r.remote.IsValid() {
			r.peers[i] = r.from.get(windows.AF_INET6)
		}
	}
	return true, nil
}
