package tun

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wintun"
)

// Ours.
const (
	tunnelType = "Culvert" // what the adapter is called besides its name
	batchSize  = 128
	// ringSize is octets of each ring, a power of two: as much as a socket keeps.
	ringSize = 8 << 20
)

// adapterGUID is that of the device with a number, always the same: Windows
// keeps what it knows of a network, such as its firewall profile, by it.
func adapterGUID(number int) *windows.GUID {
	return &windows.GUID{Data1: 0x9c1f6d2e, Data2: 0x57b3, Data3: 0x4e0a, Data4: [8]byte{0xa8, 0x41, 0x3d, 0x70, 0xc2, 0x95, 0x16, byte(number)}}
}

func open(int) (*system, string, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, "", fmt.Errorf("tun: %w", err)
	}
	taken := make([]string, len(list))
	for i := range list {
		taken[i] = list[i].Name
	}
	number := freeNumber(taken)
	name := namePrefix + strconv.Itoa(number)
	// Not by golang.zx2c4.com/wireguard, which hides the ring and waits for each
	// packet of it.
	adapter, err := wintun.CreateAdapter(name, tunnelType, adapterGUID(number))
	switch {
	case errors.Is(err, windows.ERROR_MOD_NOT_FOUND):
		return nil, "", fmt.Errorf("%w: wintun.dll is missing: %w", ErrUnsupported, err)
	case err != nil:
		return nil, "", fmt.Errorf("tun: make adapter %s: %w", name, err)
	}
	s := &system{adapter: adapter}
	if s.session, err = adapter.StartSession(ringSize); err != nil {
		return nil, "", fmt.Errorf("tun: start adapter %s: %w", name, errors.Join(err, adapter.Close()))
	}
	// By hand, so that it stays set.
	if s.ending, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		s.session.End()
		return nil, "", fmt.Errorf("tun: %w", errors.Join(err, adapter.Close()))
	}
	s.arrived, s.ring = s.session.ReadWaitEvent(), s.session
	return s, name, nil
}

// system is an adapter of Wintun. Its rings are read and written without a
// system call while there is something in them.
type system struct {
	adapter *wintun.Adapter
	arrived windows.Handle // an event: there are packets again
	ending  windows.Handle // an event: the device is to be closed
	closing atomic.Bool

	life    sync.RWMutex // held for reading while the session is used
	session wintun.Session
	ring    ring // the session: made an interface once, for that allocates

	writing sync.Mutex // guards sender
	sender  sender
}

// read waits for a packet and takes what else there is.
func (s *system) read(bufs [][]byte, sizes []int, offset int) (int, error) {
	s.life.RLock()
	defer s.life.RUnlock()
	for !s.closing.Load() {
		n, err := fill(bufs, sizes, offset, func(b []byte) (int, error) { return receive(s.ring, b) })
		if err != errEmpty {
			return n, err
		}
		if _, err := windows.WaitForMultipleObjects([]windows.Handle{s.arrived, s.ending}, false, windows.INFINITE); err != nil {
			return 0, fmt.Errorf("tun: wait for packets: %w", err)
		}
	}
	return 0, os.ErrClosed
}

func (s *system) write(packets [][]byte) error {
	s.life.RLock()
	defer s.life.RUnlock()
	if s.closing.Load() {
		return os.ErrClosed
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.sender.send(s.ring, packets)
}

// close ends reading and removes the adapter.
func (s *system) close() error {
	if s.closing.Swap(true) {
		return os.ErrClosed
	}
	err := windows.SetEvent(s.ending)
	s.life.Lock() // until the reader and the writers are out
	defer s.life.Unlock()
	s.session.End()
	return errors.Join(err, s.adapter.Close(), windows.CloseHandle(s.ending))
}
