package tun

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// From the specification: the errors of Wintun's functions (wintun.h).
const (
	ringEOF      = syscall.Errno(38)  // ERROR_HANDLE_EOF: the adapter is going away
	ringOverflow = syscall.Errno(111) // ERROR_BUFFER_OVERFLOW: no room to send
	ringEmpty    = syscall.Errno(259) // ERROR_NO_MORE_ITEMS
)

// ring is a session of Wintun: two rings of packets that are shared with its
// driver. What it gives is good until it is given back.
type ring interface {
	ReceivePacket() ([]byte, error)
	ReleaseReceivePacket(packet []byte)
	AllocateSendPacket(size int) ([]byte, error)
	SendPacket(packet []byte)
}

// ringError is an error of a ring as the others are.
func ringError(op string, err error) error {
	switch err {
	case ringEmpty:
		return errEmpty
	case ringEOF:
		return fmt.Errorf("tun: %s: %w", op, os.ErrClosed)
	}
	return fmt.Errorf("tun: %s: %w", op, err)
}

// receive copies a packet into b. One that has no room there is lost.
func receive(r ring, b []byte) (int, error) {
	p, err := r.ReceivePacket()
	if err != nil {
		return 0, ringError("read", err)
	}
	n := 0
	if len(p) <= len(b) {
		n = copy(b, p)
	}
	r.ReleaseReceivePacket(p)
	return n, nil
}

// sender writes to a ring, for one goroutine at a time.
type sender struct{ room [][]byte }

// send copies packets into r. Their order is that in which room was taken, and
// the driver sees none before all that are ahead of it were handed over: so the
// last is handed over first, and the driver sees all at once and is woken once.
// What a full ring has no room for is lost, as in any queue that is full.
func (s *sender) send(r ring, packets [][]byte) error {
	var first error
	s.room = s.room[:0]
	for _, p := range packets {
		if len(p) == 0 {
			continue // the ring's functions have no address of it to take
		}
		room, err := r.AllocateSendPacket(len(p))
		switch err {
		case nil:
			copy(room, p)
			s.room = append(s.room, room)
		case ringOverflow:
		default:
			if first == nil {
				first = ringError("write", err)
			}
		}
	}
	for i := len(s.room) - 1; i >= 0; i-- {
		r.SendPacket(s.room[i])
	}
	clear(s.room)
	return first
}

const namePrefix = "culvert"

// freeNumber is the first number of a device whose name is not taken.
func freeNumber(taken []string) int {
	has := make(map[string]bool, len(taken))
	for _, name := range taken {
		has[name] = true
	}
	n := 0
	for has[namePrefix+strconv.Itoa(n)] {
		n++
	}
	return n
}
