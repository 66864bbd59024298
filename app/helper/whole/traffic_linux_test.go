package whole

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An application on the client that keeps sending, whatever the helper does: a
// thousand packets a second.
const (
	burstEvery = 10 * time.Millisecond
	perBurst   = 10
)

// payload is what the application sends: magic, and when, so that a packet tells
// by itself that it is the application's and of what time.
const magic = "from the application"

func payload(at time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte(magic), uint64(at.UnixNano())) //nolint:gosec // a time
}

// sentAt is when the application sent a packet; zero: it is not the application's.
func sentAt(data []byte) time.Time {
	if len(data) < len(magic)+8 || string(data[:len(magic)]) != magic {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(data[len(magic):]))) //nolint:gosec // a time
}

// application sends over IPv4 to a server, which answers, to a resolver, and over
// IPv6.
type application struct {
	sent    [4]atomic.Uint64 // by target; the last: refused by the system
	answers answers
}

// answers is what came back, and which way it had gone.
type answers struct {
	mu     sync.Mutex // guards what follows
	last   reply
	last6  reply         // of those by IPv6
	more   chan struct{} // closed and replaced with each answer
	inside int           // by the tunnel
	direct int           // past it
}

// reply is an answer: when its question was sent, when it came, and whose address
// the server saw.
type reply struct {
	sent, came time.Time
	from       netip.Addr
}

// application starts one, which sends until the end of the test, and the server
// that answers it.
func (r *room) application() *application {
	r.t.Helper()
	a := &application{answers: answers{more: make(chan struct{})}}
	r.serve()
	var four, six *net.UDPConn
	r.Do(func() {
		var err error
		four, err = net.ListenUDP("udp4", nil)
		must(r.t, err)
		six, err = net.ListenUDP("udp6", nil)
		must(r.t, err)
	})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { a.send(four, six, stop) })
	for _, c := range []*net.UDPConn{four, six} {
		wg.Go(func() { a.receive(c) })
	}
	r.t.Cleanup(func() {
		close(stop)
		four.Close()
		six.Close()
		wg.Wait()
		r.t.Logf("the application: %d packets to the server, %d to the resolver, %d by IPv6, and %d refused at once; %d answers by the tunnel, %d past it",
			a.sent[0].Load(), a.sent[1].Load(), a.sent[2].Load(), a.sent[3].Load(), a.answers.inside, a.answers.direct)
	})
	return a
}

func (a *application) send(four, six *net.UDPConn, stop <-chan struct{}) {
	tick := time.NewTicker(burstEvery)
	defer tick.Stop()
	targets := []struct {
		c  *net.UDPConn
		to netip.AddrPort
	}{{four, server4}, {four, resolverAddr}, {six, server6}}
	// A slow machine makes up for bursts that it was late for.
	for due := time.Now(); ; due = due.Add(burstEvery) {
		for time.Now().Before(due) {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
		for i := range perBurst {
			k := i % len(targets)
			if _, err := targets[k].c.WriteToUDPAddrPort(payload(time.Now()), targets[k].to); err != nil {
				a.sent[3].Add(1)
				if errors.Is(err, net.ErrClosed) {
					return
				}
			} else {
				a.sent[k].Add(1)
			}
		}
	}
}

// receive takes answers until the connection is closed. Each carries the address
// that the server saw behind the question.
func (a *application) receive(c *net.UDPConn) {
	b := make([]byte, 2048)
	for {
		n, err := c.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		at := sentAt(b[:n])
		from, ok := netip.AddrFromSlice(b[len(magic)+8 : max(n, len(magic)+8)])
		if at.IsZero() || !ok {
			continue
		}
		a.answers.add(reply{at, time.Now(), from.Unmap()})
	}
}

func (a *answers) add(r reply) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = r
	if r.from.Is6() {
		a.last6 = r
	}
	if r.inside() {
		a.inside++
	} else {
		a.direct++
	}
	close(a.more)
	a.more = make(chan struct{})
}

// outside are the client's networks: what the server sees from there has not gone
// through the tunnel.
var outside = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.168.77.0/24"),
	netip.MustParsePrefix("198.51.100.3/32"), netip.MustParsePrefix("2001:db8::/64")}

// inside says that the question went through the tunnel.
func (r reply) inside() bool {
	return r.from.IsValid() && !slices.ContainsFunc(outside, func(p netip.Prefix) bool { return p.Contains(r.from) })
}

// flows waits for the answer to a question that was sent after a moment and went
// through the tunnel, and says how long after the moment it came.
func (a *application) flows(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	return a.flowsBy(t, since, &a.answers.last)
}

// flowsBy6 is flows by IPv6.
func (a *application) flowsBy6(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	return a.flowsBy(t, since, &a.answers.last6)
}

// flowsBy waits for the answer that newest is.
func (a *application) flowsBy(t *testing.T, since time.Time, newest *reply) time.Duration {
	t.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		a.answers.mu.Lock()
		last, more := *newest, a.answers.more
		a.answers.mu.Unlock()
		if last.sent.After(since) && last.inside() {
			return last.came.Sub(since)
		}
		select {
		case <-more:
		case <-timeout.C:
			t.Fatalf("nothing came through the tunnel within %v", limit)
		}
	}
}

// serve answers the application in the world until the end of the test. IPv6 is
// answered too; the resolver's port is served by whoever wants to.
func (r *room) serve() {
	r.t.Helper()
	var wg sync.WaitGroup
	var all []*net.UDPConn
	r.t.Cleanup(func() {
		for _, c := range all {
			c.Close()
		}
		wg.Wait()
	})
	for _, at := range []netip.AddrPort{server4, server6} {
		var c *net.UDPConn
		r.servers.Do(func() {
			var err error
			c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			must(r.t, err)
		})
		all = append(all, c)
		wg.Go(func() {
			b := make([]byte, 2048)
			for {
				n, from, err := c.ReadFromUDPAddrPort(b)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					_, _ = c.WriteToUDPAddrPort(slices.Concat(b[:n], from.Addr().Unmap().AsSlice()), from) // lost like any other
				}
			}
		})
	}
}
