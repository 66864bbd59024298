package netmon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/platform/internal/rib"
	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// routeSocket is the source of a Mac: route(4).
type routeSocket struct {
	in   *inbox
	file *os.File
	wg   sync.WaitGroup // the goroutine that listens
}

func newSource(in *inbox) (source, error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("netmon: route socket: %w", err)
	}
	unix.CloseOnExec(fd)
	// Not blocking: Close ends a Read.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netmon: route socket: %w", err)
	}
	s := &routeSocket{in: in, file: os.NewFile(uintptr(fd), "route socket")}
	s.wg.Go(s.listen)
	return s, nil
}

func (s *routeSocket) close() {
	_ = s.file.Close() // nothing was written
	s.wg.Wait()
}

// listen is the goroutine that reads what the kernel tells.
func (s *routeSocket) listen() {
	b := make([]byte, 1<<16)
	for {
		n, err := s.file.Read(b)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			s.in.tell(reread) // more came than there was room for
			continue
		case err != nil:
			return
		}
		msgs, err := route.ParseRIB(route.RIBTypeRoute, b[:n])
		if err != nil {
			s.in.tell(reread)
			continue
		}
		for _, m := range msgs {
			if matters(m) {
				s.in.tell(Routes | reread)
			}
		}
	}
}

// matters is whether a message can be about more than a neighbour or a single
// route: those come all the time.
func matters(m route.Message) bool {
	r, ok := m.(*route.RouteMessage)
	if !ok {
		return true
	}
	switch r.Type {
	case unix.RTM_ADD, unix.RTM_DELETE, unix.RTM_CHANGE:
		return r.Flags&(unix.RTF_HOST|unix.RTF_LLINFO|unix.RTF_WASCLONED) == 0
	}
	return false
}

func (*routeSocket) tick() {}

// suspended is what the clock that goes on in sleep is ahead of the one that
// does not (clock_gettime(3)).
func (*routeSocket) suspended() (time.Duration, bool) {
	var all, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &all) != nil || unix.ClockGettime(unix.CLOCK_UPTIME_RAW, &awake) != nil {
		return 0, false
	}
	return time.Duration(all.Nano() - awake.Nano()), true
}

func (*routeSocket) read(ignore func(string) bool) (snapshot, error) {
	routes, err := rib.Read()
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: %w", err)
	}
	links, err := net.Interfaces()
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: list interfaces: %w", err)
	}
	var nets []network
	var addrs []address
	for _, l := range links {
		if l.Flags&net.FlagLoopback != 0 {
			continue
		}
		nets = append(nets, network{l.Index, l.Name, l.Flags&net.FlagUp != 0 && l.Flags&net.FlagRunning != 0})
		list, err := l.Addrs()
		if err != nil {
			continue // the interface has just gone
		}
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				addrs = append(addrs, address{index: l.Index, prefix: p})
			}
		}
	}
	return choose(nets, ways(routes), addrs, ignore), nil
}
