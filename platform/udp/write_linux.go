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
	var first error
	single := 0   // up to here without runs
	retried := -1 // the datagram that an old error was reported at
	for i := 0; i < len(bufs); {
		w.pack(bufs, peers, i, single)
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
		switch {
		case w.counts[0] > 1 && segmentRefused(w.errno):
			single = i + w.counts[0]
			// The network device has no checksum offload: never again.
			w.segment = w.segment && w.errno != unix.EIO
			continue
		case fromNetwork(w.errno) && retried != i:
			retried = i // about an earlier datagram: this one was not sent yet
		default:
			i += w.counts[0]
		}
		if first == nil {
			first = fmt.Errorf("udp: send: %w", w.errno)
		}
	}
	return first
}

// segmentRefused says that a run may pass as single datagrams: no offload in
// the device, or datagrams that need fragments, which a run cannot have.
func segmentRefused(e syscall.Errno) bool {
	return e == unix.EIO || e == unix.EINVAL || e == unix.EMSGSIZE || e == unix.EOPNOTSUPP || e == unix.ENOPROTOOPT
}

// fromNetwork says that an error may have come back for an earlier datagram.
func fromNetwork(e syscall.Errno) bool {
	return e == unix.ECONNREFUSED || e == unix.EHOSTUNREACH || e == unix.ENETUNREACH || e == unix.EACCES || e == unix.EHOSTDOWN || e == unix.EPROTO
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
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&m.name)), m.setPeer(peers[i], w.inet6)
		}
		if n > 1 {
			m.ctl.set(len(bufs[i]))
			h.Control = (*byte)(unsafe.Pointer(&m.ctl))
			h.SetControllen(int(unsafe.Sizeof(m.ctl)))
		}
		w.counts[w.want] = n
		i += n
	}
}

func (c *segmentControl) set(size int) {
	c.hdr.Level, c.hdr.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	c.hdr.SetLen(unix.CmsgLen(2))
	c.size = uint16(size)
}

// run is how many datagrams from i on may go as one message: of one size, but
// for the last, which may be shorter, and to one peer.
func run(bufs [][]byte, peers []netip.AddrPort, i int) int {
	size, total, n := len(bufs[i]), len(bufs[i]), 1
	for size > 0 && i+n < len(bufs) && n < maxRun {
		next := len(bufs[i+n])
		if next == 0 || next > size || total+next > maxRunOctets || peers != nil && peers[i+n] != peers[i] {
			break
		}
		total += next
		n++
		if next < size {
			break
		}
	}
	return n
}
