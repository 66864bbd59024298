package whole

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// From the specification: ICMPv6 types that finding neighbours and routers takes
// (RFC 4861, 4; RFC 3810, 5).
var neighbours = []byte{132, 133, 134, 135, 136, 143}

// capture is all that leaves the client, as the interface at the other end of its
// cable gets it.
type capture struct {
	t       *testing.T
	fd      int
	gateway netip.Addr

	mu      sync.Mutex // guards what follows
	since   time.Time  // when the network was closed; zero: it is open
	allowed map[string]int
	leaks   []string
	closed  time.Duration // how long the network was closed, all in all
}

// capture starts one, which judges until the end of the test what leaves while
// the network is closed.
func (r *room) capture() *capture {
	r.t.Helper()
	c := &capture{t: r.t, gateway: gatewayAddr, allowed: map[string]int{}}
	r.world.Do(func() {
		link, err := netlink.LinkByName(r.captured)
		must(r.t, err)
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(swap(unix.ETH_P_ALL)))
		must(r.t, err)
		must(r.t, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
		must(r.t, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1))
		must(r.t, unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ALL), Ifindex: link.Attrs().Index}))
	})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read(stop)
	}()
	r.t.Cleanup(func() {
		close(stop)
		<-done
		stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		unix.Close(c.fd)
		if err != nil || stats.Drops > 0 {
			r.t.Errorf("the capture lost %d packets: %v", stats.Drops, err)
		}
	})
	return c
}

func swap(n uint16) uint16 { return n<<8 | n>>8 }

// read takes frames until stop.
func (c *capture) read(stop <-chan struct{}) {
	frame, oob := make([]byte, 65536), make([]byte, 256)
	poll := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor
	for {
		select {
		case <-stop:
			return
		default:
		}
		if n, err := unix.Poll(poll, 50); n <= 0 || err != nil {
			continue
		}
		n, k, _, from, err := unix.Recvmsg(c.fd, frame, oob, unix.MSG_DONTWAIT)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENETDOWN) {
				c.t.Errorf("capture: %v", err)
				return
			}
			continue
		}
		if a, ok := from.(*unix.SockaddrLinklayer); ok && a.Pkttype == unix.PACKET_OUTGOING {
			continue // towards the client
		}
		c.judge(frame[:n], stamp(oob[:k]))
	}
}

// stamp is when the kernel got the frame.
func stamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 || len(messages[0].Data) < 16 {
		return time.Now()
	}
	d := messages[0].Data
	return time.Unix(int64(binary.NativeEndian.Uint64(d)), int64(binary.NativeEndian.Uint64(d[8:]))) //nolint:gosec // a time
}

// judge notes a frame that left while the network was closed. For the
// application's the moment counts at which it was sent.
func (c *capture) judge(frame []byte, at time.Time) {
	what, mine, ok := c.look(frame)
	if !mine.IsZero() {
		at = mine
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.since.IsZero() || at.Before(c.since):
	case ok:
		c.allowed[what]++
	case len(c.leaks) < 20:
		c.leaks = append(c.leaks, fmt.Sprintf("%v after it was closed: %s", at.Sub(c.since).Round(time.Microsecond), what))
	}
}

// look says what a frame is, when the application sent it if it did, and whether
// it may leave.
func (c *capture) look(f []byte) (what string, mine time.Time, ok bool) {
	if len(f) < 34 {
		return "a short frame", mine, false
	}
	switch binary.BigEndian.Uint16(f[12:]) {
	case unix.ETH_P_ARP:
		return "ARP", mine, true
	case unix.ETH_P_IP:
		return c.look4(f[14:])
	case unix.ETH_P_IPV6:
		return c.look6(f[14:])
	}
	return fmt.Sprintf("a frame of type %x", f[12:14]), mine, false
}

func (c *capture) look4(p []byte) (string, time.Time, bool) {
	from, _ := netip.AddrFromSlice(p[12:16])
	to, _ := netip.AddrFromSlice(p[16:20])
	what := fmt.Sprintf("IPv4 %v to %v, protocol %d", from, to, p[9])
	head := int(p[0]&15) * 4
	switch {
	case p[9] == unix.IPPROTO_ESP:
		return "ESP to the gateway", time.Time{}, to == c.gateway
	case p[9] == unix.IPPROTO_IGMP:
		return what, time.Time{}, false
	case p[9] != unix.IPPROTO_UDP || len(p) < head+8:
		return what, time.Time{}, false
	}
	sport, dport := binary.BigEndian.Uint16(p[head:]), binary.BigEndian.Uint16(p[head+2:])
	mine := sentAt(p[head+8:])
	switch {
	case mine.IsZero() && to == c.gateway && slices.Contains([]uint16{500, 4500, 1701}, dport):
		return fmt.Sprintf("UDP %d to the gateway", dport), mine, true
	case mine.IsZero() && netip.AddrPortFrom(to, dport) == resolverAddr:
		return "the helper's questions to the resolver", mine, true
	case sport == 68 && dport == 67:
		return "DHCP", mine, true
	}
	return fmt.Sprintf("%s, port %d to %d, the application's: %v", what, sport, dport, !mine.IsZero()), mine, false
}

func (c *capture) look6(p []byte) (string, time.Time, bool) {
	if len(p) < 40 {
		return "a short IPv6 packet", time.Time{}, false
	}
	from, _ := netip.AddrFromSlice(p[8:24])
	to, _ := netip.AddrFromSlice(p[24:40])
	next, rest := p[6], p[40:]
	if next == unix.IPPROTO_HOPOPTS && len(rest) >= 8 { // MLD has a router alert
		next, rest = rest[0], rest[8:]
	}
	what := fmt.Sprintf("IPv6 %v to %v, protocol %d", from, to, next)
	switch {
	case next == unix.IPPROTO_ICMPV6 && len(rest) > 0:
		return fmt.Sprintf("ICMPv6 %d", rest[0]), time.Time{}, slices.Contains(neighbours, rest[0])
	case next == unix.IPPROTO_UDP && len(rest) >= 8:
		return what, sentAt(rest[8:]), false
	}
	return what, time.Time{}, false
}

// close begins a time in which nothing may leave beside the tunnel, if it has not
// begun.
func (c *capture) close(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		c.since = at
	}
}

// open ends that time.
func (c *capture) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() {
		c.closed += time.Since(c.since)
	}
	c.since = time.Time{}
}

// tight fails the test if anything left that must not have.
func (c *capture) tight(t *testing.T, when string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.leaks) > 0 {
		t.Errorf("%s: left beside the tunnel:\n%s", when, strings.Join(c.leaks, "\n"))
	}
	c.leaks = nil
}

// leaky waits until something has left that must not: who finds nothing when
// everything leaves proves nothing when nothing is found.
func (c *capture) leaky(t *testing.T) {
	t.Helper()
	c.close(time.Now())
	eventually(t, "leaks of an open network", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		all := strings.Join(c.leaks, "\n")
		return strings.Contains(all, server4.Addr().String()) && strings.Contains(all, resolverAddr.Addr().String()) && strings.Contains(all, server6.Addr().String())
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since, c.leaks = time.Time{}, nil
}

// report says what was seen.
func (c *capture) report(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("closed for %v in all; left meanwhile: %v", c.closed.Round(time.Millisecond), c.allowed)
}
