package udp

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writer sends batches, for one goroutine at a time. Datagrams of one size to
// one peer that follow each other are a run: they go to the kernel as one
// message that it cuts apart late (UDP_SEGMENT), which costs it one trip
// through the stack instead of one for each.
type writer struct {
	connected bool
	inet6     bool
	segment   bool // runs are allowed

	hdrs   []mmsghdr
	msgs   []message
	iovs   []unix.Iovec
	counts [maxMessages]int // datagrams in each message
	poll   func(fd uintptr) bool
	want   int
	n      int
	errno  syscall.Errno
}

func (w *writer) init(connected bool) {
	w.connected = connected
	w.hdrs, w.msgs = make([]mmsghdr, maxMessages), make([]message, maxMessages)
	w.iovs = make([]unix.Iovec, 0, maxMessages*2)
	w.poll = func(fd uintptr) bool {
		w.n, w.errno = mmsg(unix.SYS_SENDMMSG, fd, w.hdrs[:w.want])
		return w.errno != unix.EAGAIN
	}
}

func (w *writer) write(raw syscall.RawConn, bufs [][]byte, peers []netip.AddrPort) error {
	var r resend
	for i := 0; i < len(bufs); {
		w.pack(bufs, peers, i, r.single)
		if err := raw.Write(w.poll); err != nil {
			return err
		}
		if w.errno == 0 {
			for _, c := range w.counts[:w.n] {
				i += c
			}
			continue
		}
		// The error is the first message's: sendmmsg stops before any other.
		v := judge(w.errno)
		if v == verdictNoRuns && w.counts[0] > 1 {
			w.segment = false
		}
		i += r.after(i, w.counts[0], v, fmt.Errorf("udp: send: %w", w.errno))
	}
	return r.first
}

// judge says what an error of a send means.
func judge(e syscall.Errno) verdict {
	switch e {
	case unix.EIO: // the network device has no checksum offload
		return verdictNoRuns
	case unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.ENOPROTOOPT: // such as datagrams that need fragments, which a run cannot have
		return verdictSingly
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.EHOSTDOWN, unix.EPROTO:
		return verdictEarlier
	}
	return verdictLost
}

// pack makes messages of bufs from i on.
func (w *writer) pack(bufs [][]byte, peers []netip.AddrPort, i, single int) {
	w.iovs = w.iovs[:0]
	for w.want = 0; w.want < maxMessages && i < len(bufs); w.want++ {
		n := 1
		if w.segment && i >= single {
			n = run(bufs, peers, i)
		}
		n = min(n, cap(w.iovs)-len(w.iovs))
		if n == 0 {
			return
		}
		start := len(w.iovs)
		for _, b := range bufs[i : i+n] {
			v := unix.Iovec{Base: unsafe.SliceData(b)}
			v.SetLen(len(b))
			w.iovs = append(w.iovs, v)
		}
		h, m := &w.hdrs[w.want].hdr, &w.msgs[w.want]
		*h = unix.Msghdr{Iov: &w.iovs[start]}
		h.SetIovlen(n)
		if !w.connected {
			h.Name, h.Namelen = &m.name.b[0], uint32(m.name.put(peers[i], unix.AF_INET6, w.inet6))
		}
		if n > 1 {
			h.Control = &m.ctl.b[0]
			h.SetControllen(putControl(m.ctl.b[:], word, unix.SOL_UDP, unix.UDP_SEGMENT, 2, uint32(len(bufs[i]))))
		}
		w.counts[w.want] = n
		i += n
	}
}
