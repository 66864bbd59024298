package netmon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// rtnetlink is the source of a Linux machine.
type rtnetlink struct {
	in     *inbox
	ask    *netlink.Handle
	socket *nl.NetlinkSocket
	power  *logind
	done   chan struct{}
	wg     sync.WaitGroup // the goroutine that listens

	mu      sync.Mutex      // guards what follows
	running map[int32]bool  // links; not in it: not known
	told    int             // messages about links
	outside map[int32]bool  // interfaces of default routes
	sources map[string]bool // addresses, as octets, of outside interfaces
	ignored map[int32]bool  // interfaces that are none of the network's
	ignore  func(string) bool
	lost    int // how often the kernel had more to tell than there was room for
}

func newSource(in *inbox) (source, error) {
	s, err := newRtnetlink(in)
	if err != nil {
		return nil, err
	}
	s.power = newLogind(in, "")
	return s, nil
}

// newRtnetlink watches the network namespace of its caller's thread.
func newRtnetlink(in *inbox) (*rtnetlink, error) {
	ask, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netmon: netlink: %w", err)
	}
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		ask.Close()
		return nil, fmt.Errorf("netmon: subscribe to netlink: %w", err)
	}
	s := &rtnetlink{in: in, ask: ask, socket: socket, done: make(chan struct{}), running: map[int32]bool{}, ignored: map[int32]bool{}, ignore: func(string) bool { return false }}
	s.wg.Go(s.listen)
	return s, nil
}

func (s *rtnetlink) close() {
	close(s.done)
	s.socket.Close()
	s.wg.Wait()
	if s.power != nil {
		s.power.close()
	}
	s.ask.Close()
}

func (s *rtnetlink) suspended() (time.Duration, bool) {
	d, err := suspended()
	return d, err == nil && (s.power == nil || !s.power.tells())
}

func (s *rtnetlink) tick() {
	if s.power != nil {
		s.power.tryAgain()
	}
}

// suspended is what the clock that goes on in sleep is ahead of the one that
// does not (clock_gettime(2)).
func suspended() (time.Duration, error) {
	var before, boot, after unix.Timespec
	for {
		err := errors.Join(unix.ClockGettime(unix.CLOCK_MONOTONIC, &before), unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot), unix.ClockGettime(unix.CLOCK_MONOTONIC, &after))
		if err != nil {
			return 0, err
		}
		// A process that had to wait between the two looks is no sleep.
		if after.Nano()-before.Nano() < int64(leastSleep/2) {
			return time.Duration(boot.Nano() - after.Nano()), nil
		}
	}
}

// listen is the goroutine that reads what the kernel tells.
func (s *rtnetlink) listen() {
	for {
		msgs, from, err := s.socket.Receive()
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, unix.EBADF):
			return
		case err != nil:
			// Most of all ENOBUFS: more came than there was room for. What it
			// was is not known: everything is read again.
			s.forget()
			s.in.tell(reread)
			if !errors.Is(err, unix.ENOBUFS) && !s.pause() {
				return
			}
			continue
		case from.Pid != nl.PidKernel:
			continue
		}
		for _, m := range msgs {
			if c := s.meaning(m); c != 0 {
				s.in.tell(c)
			}
		}
	}
}

func (s *rtnetlink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = map[int32]bool{}
	s.told++
	s.lost++
}

// pause keeps an error that comes again and again from taking the processor; it
// is false when the source was closed.
func (s *rtnetlink) pause() bool {
	select {
	case <-s.done:
		return false
	case <-time.After(retryRead):
		return true
	}
}

// meaning is what a message may change.
func (s *rtnetlink) meaning(m syscall.NetlinkMessage) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return s.linkMeaning(m)
	case unix.RTM_NEWADDR:
		return reread
	case unix.RTM_DELADDR:
		return s.addrMeaning(m)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return s.routeMeaning(m)
	case unix.RTM_DELRULE:
		return Rules
	}
	return 0
}

// linkMeaning finds links that go down and come up: of one that does both
// before anybody looks, nothing would be seen.
func (s *rtnetlink) linkMeaning(m syscall.NetlinkMessage) Change {
	if len(m.Data) < unix.SizeofIfInfomsg {
		return 0
	}
	s.told++
	l := nl.DeserializeIfInfomsg(m.Data)
	running := m.Header.Type == unix.RTM_NEWLINK && l.Flags&unix.IFF_UP != 0 && l.Flags&unix.IFF_RUNNING != 0
	was, known := s.running[l.Index]
	s.running[l.Index] = running
	s.ignored[l.Index] = s.ignore(nameOf(m))
	if m.Header.Type == unix.RTM_DELLINK {
		delete(s.running, l.Index)
		delete(s.ignored, l.Index)
	}
	switch {
	case known && was == running:
		return 0 // statistics of wireless links, mostly
	case s.ignored[l.Index]:
		return reread
	case known && s.outside[l.Index]:
		return Link | Routes | reread
	case known:
		return Routes | reread // the kernel does not tell of IPv4 routes that go with a link
	}
	return reread
}

// nameOf is the name of the interface that a message is about.
func nameOf(m syscall.NetlinkMessage) string {
	attrs, err := nl.ParseRouteAttr(m.Data[unix.SizeofIfInfomsg:])
	if err != nil {
		return ""
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_IFNAME {
			return unix.ByteSliceToString(a.Value)
		}
	}
	return ""
}

func (s *rtnetlink) addrMeaning(m syscall.NetlinkMessage) Change {
	if len(m.Data) < unix.SizeofIfAddrmsg {
		return 0
	}
	attrs, err := nl.ParseRouteAttr(m.Data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return reread
	}
	for _, a := range attrs {
		if (a.Attr.Type == unix.IFA_LOCAL || a.Attr.Type == unix.IFA_ADDRESS) && s.sources[string(a.Value)] {
			return Addresses | reread
		}
	}
	return reread
}

// routeMeaning looks at the main table only, and not at neighbours that the
// kernel remembers as routes.
func (s *rtnetlink) routeMeaning(m syscall.NetlinkMessage) Change {
	if len(m.Data) < unix.SizeofRtMsg {
		return 0
	}
	r := nl.DeserializeRtMsg(m.Data)
	if r.Table != unix.RT_TABLE_MAIN || r.Flags&unix.RTM_F_CLONED != 0 {
		return 0
	}
	attrs, err := nl.ParseRouteAttr(m.Data[unix.SizeofRtMsg:])
	if err != nil {
		return reread
	}
	var by int32
	for _, a := range attrs {
		if a.Attr.Type == unix.RTA_OIF && len(a.Value) >= 4 {
			by = int32(nl.NativeEndian().Uint32(a.Value)) //nolint:gosec // an interface index
		}
	}
	switch {
	case r.Dst_len != 0 && s.ignored[by]:
		return 0
	case r.Dst_len != 0:
		return Routes
	case m.Header.Type == unix.RTM_NEWROUTE || !s.outside[by]:
		return reread
	case r.Family == unix.AF_INET6:
		return DefaultIPv6 | reread
	}
	return DefaultIPv4 | reread
}

func (s *rtnetlink) read(ignore func(string) bool) (snapshot, error) {
	s.mu.Lock()
	told := s.told
	s.ignore = ignore
	s.mu.Unlock()
	links, err := again(s.ask.LinkList)
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: list interfaces: %w", err)
	}
	var nets []network
	running, ignored := map[int32]bool{}, map[int32]bool{}
	for _, l := range links {
		a := l.Attrs()
		up := a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_RUNNING != 0
		running[int32(a.Index)] = up             //nolint:gosec // an interface index
		ignored[int32(a.Index)] = ignore(a.Name) //nolint:gosec // an interface index
		if a.Flags&net.FlagLoopback == 0 {
			nets = append(nets, network{a.Index, a.Name, up})
		}
	}
	ways, err := s.ways()
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: list default routes: %w", err)
	}
	list, err := again(func() ([]netlink.Addr, error) { return s.ask.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return snapshot{}, fmt.Errorf("netmon: list addresses: %w", err)
	}
	var addrs []address
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		n, _ := a.Mask.Size()
		addrs = append(addrs, address{
			index: a.LinkIndex, prefix: netip.PrefixFrom(ip.Unmap(), n),
			old: a.Flags&unix.IFA_F_DEPRECATED != 0, late: a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0,
			random: ip.Is6() && !ip.Is4In6() && a.Flags&unix.IFA_F_TEMPORARY != 0,
		})
	}
	snap := choose(nets, ways, addrs, ignore)
	s.remember(running, ignored, told, snap)
	return snap, nil
}

// remember is for telling what messages mean. What messages said of links since
// told is newer.
func (s *rtnetlink) remember(running, ignored map[int32]bool, told int, snap snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == told {
		s.running, s.ignored = running, ignored
	}
	s.sources = map[string]bool{}
	for _, p := range snap.Addresses {
		s.sources[string(p.Addr().AsSlice())] = true
	}
	if len(snap.outside) == 0 {
		return // while there is none, the last ones count
	}
	s.outside = map[int32]bool{}
	for i := range snap.outside {
		s.outside[int32(i)] = true //nolint:gosec // an interface index
	}
}

// ways are the default routes of the main table.
func (s *rtnetlink) ways() ([]wayOut, error) {
	var out []wayOut
	for _, f := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := again(func() ([]netlink.Route, error) {
			return s.ask.RouteListFiltered(f, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		})
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			continue // no IPv6 in the kernel
		}
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if r.Type != unix.RTN_UNICAST {
				continue
			}
			hops := r.MultiPath
			if len(hops) == 0 {
				hops = []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Via: r.Via}}
			}
			for _, h := range hops {
				w := wayOut{index: h.LinkIndex, metric: r.Priority, ipv6: f == netlink.FAMILY_V6}
				gw := h.Gw
				if via, ok := h.Via.(*netlink.Via); ok && gw == nil {
					gw = via.Addr
				}
				w.via, w.source = addrOf(gw), addrOf(r.Src)
				out = append(out, w)
			}
		}
	}
	return out, nil
}

// addrOf is not valid for an address that is not there.
func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// again asks until the answer is of one piece.
func again[T any](ask func() ([]T, error)) ([]T, error) {
	for {
		list, err := ask()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
}
