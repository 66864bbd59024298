package tun

import (
	"fmt"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// burst is how many packets one read may make of the kernel's: as many buffers
// are to be left before it.
const burst = 64

// system reads and writes the device's file itself. The library gives what one
// read brings, which without bursts is one packet; here all that waits makes a
// batch. And it copies what it joins, where writev need not.
type system struct {
	library

	in      []byte
	bufs    [][]byte // of the read under way, and so on
	sizes   []int
	offset  int
	count   int
	failed  error
	receive func(fd uintptr) bool // made once: a closure a call would allocate

	writing sync.Mutex // guards what follows
	merge   merger
	iovs    []unix.Iovec
	vnet    [vnetLen]byte
	send    func(fd uintptr) bool
	sent    syscall.Errno
}

func (s *system) init() error {
	var err error
	if cerr := s.raw.Control(func(fd uintptr) {
		const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
		s.merge.udp = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, tcp|unix.TUN_F_USO4|unix.TUN_F_USO6) == nil
		if !s.merge.udp { // before Linux 6.2
			err = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, tcp)
		}
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("tun: offloads: %w", err)
	}
	s.in = make([]byte, vnetLen+maxPacket)
	s.receive = s.drain
	s.send = func(fd uintptr) bool {
		for {
			_, _, s.sent = unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&s.iovs[0])), uintptr(len(s.iovs)))
			if s.sent != unix.EINTR {
				return s.sent != unix.EAGAIN
			}
		}
	}
	return nil
}

// readFD, like writev above, is a raw call: neither waits, and the scheduler
// would take the processor away from calls that take as long as these do with a
// burst, and look for another thread to give it to.
func readFD(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// read waits for a packet and takes what else there is.
func (s *system) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	s.bufs, s.sizes, s.offset = bufs, sizes, offset
	if err := s.raw.Read(s.receive); err != nil {
		return 0, closed(err)
	}
	return s.count, s.failed
}

// drain reads until there is nothing left, or no room for another burst. It says
// whether there was anything.
func (s *system) drain(fd uintptr) bool {
	for s.count, s.failed = 0, nil; s.count == 0 || s.count+burst <= len(s.bufs); {
		n, err := readFD(int(fd), s.in)
		switch {
		case err == unix.EAGAIN, err != nil && s.count > 0: // which comes again
			return s.count > 0
		case err != nil:
			s.failed = fmt.Errorf("tun: read: %w", err)
			return true
		}
		s.count += split(s.in[:n], s.bufs[s.count:], s.sizes[s.count:], s.offset)
	}
	return true
}

// write joins packets of a flow where it can.
func (s *system) write(packets [][]byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var first error
	s.merge.plan(packets)
	for i := range s.merge.groups {
		g := &s.merge.groups[i]
		if err := s.writeGroup(packets, g); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *system) writeGroup(packets [][]byte, g *group) error {
	s.merge.header(packets, g).put(s.vnet[:])
	s.iovs = appendIovec(s.iovs[:0], s.vnet[:])
	for i := g.first; i != noGroup; i = s.merge.next[i] {
		b := packets[i]
		if i != g.first {
			b = b[g.headers:]
		}
		s.iovs = appendIovec(s.iovs, b)
	}
	if err := s.raw.Write(s.send); err != nil {
		return closed(err)
	}
	if s.sent != 0 {
		return fmt.Errorf("tun: write: %w", s.sent)
	}
	return nil
}

func appendIovec(list []unix.Iovec, b []byte) []unix.Iovec {
	v := unix.Iovec{Base: unsafe.SliceData(b)}
	v.SetLen(len(b))
	return append(list, v)
}
