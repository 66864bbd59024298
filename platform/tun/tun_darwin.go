package tun

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	wg "golang.zx2c4.com/wireguard/tun"
)

// Ours: a utun device gives one packet a system call, and all that waits makes
// a batch.
const batchSize = 128

// errNotIP is a packet of neither family.
var errNotIP = errors.New("tun: not an IP packet")

func open(mtu int) (*system, string, error) {
	dev, err := wg.CreateTUN("utun", mtu)
	if err != nil {
		return nil, "", fmt.Errorf("tun: %w", err)
	}
	s := &system{}
	name, err := s.take(dev)
	if err != nil {
		return nil, "", err
	}
	s.init()
	return s, name, nil
}

// system reads and writes the device's file itself: without waiting while there
// are packets, and with the header of utun beside the packet.
//
// Apple's calls for several packets, recvmsg_x and sendmsg_x, are not used:
// package udp says why.
type system struct {
	library

	bufs     [][]byte // of the read under way, and so on
	sizes    []int
	offset   int
	count    int
	failed   error
	inHeader [utunHeaderLen]byte
	in       [2][]byte
	receive  func(fd uintptr) bool // made once: a closure a call would allocate

	writing   sync.Mutex // guards what follows
	outHeader [utunHeaderLen]byte
	out       [2][]byte
	send      func(fd uintptr) bool
	sent      error
}

func (s *system) init() {
	s.receive = func(fd uintptr) bool {
		s.count, s.failed = fill(s.bufs, s.sizes, s.offset, func(b []byte) (int, error) { return s.next(int(fd), b) })
		return s.failed != errEmpty
	}
	s.send = func(fd uintptr) bool {
		for {
			_, s.sent = unix.Writev(int(fd), s.out[:])
			if s.sent != unix.EINTR {
				return s.sent != unix.EAGAIN
			}
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

// next reads a packet into b.
func (s *system) next(fd int, b []byte) (int, error) {
	s.in = [2][]byte{s.inHeader[:], b}
	for {
		n, err := unix.Readv(fd, s.in[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errEmpty
		case err != nil:
			return 0, fmt.Errorf("tun: read: %w", err)
		case n == 0:
			return 0, fmt.Errorf("tun: read: %w", os.ErrClosed)
		default:
			return max(n-utunHeaderLen, 0), nil
		}
	}
}

func (s *system) write(packets [][]byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var first error
	for _, p := range packets {
		if err := s.writeOne(p); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (s *system) writeOne(p []byte) error {
	if !putUTUN(&s.outHeader, p) {
		return errNotIP
	}
	s.out = [2][]byte{s.outHeader[:], p}
	if err := s.raw.Write(s.send); err != nil {
		return closed(err)
	}
	if s.sent != nil {
		return fmt.Errorf("tun: write: %w", s.sent)
	}
	return nil
}
