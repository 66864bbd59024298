//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// From the specification (RFC 792).
const (
	echoReply   = 0
	echoRequest = 8
	echoHeader  = 8
)

// Ours: ping(8) sends as much, and gives up no sooner.
const (
	echoSize     = 56
	pingPatience = time.Second
)

// roundTrips are the round trips of echo requests, in milliseconds. One without
// an answer counts as pingPatience.
type roundTrips struct {
	Sent   int     `json:"sent"`
	Lost   int     `json:"lost"`
	Min    float64 `json:"min_ms"`
	Median float64 `json:"median_ms"`
	P99    float64 `json:"p99_ms"`
}

func summary(took []time.Duration) roundTrips {
	r := roundTrips{Sent: len(took)}
	for i, d := range took {
		if d == 0 {
			took[i] = pingPatience
			r.Lost++
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	r.Min, r.Median, r.P99 = ms(took[0]), ms(took[len(took)/2]), ms(took[len(took)*99/100])
	return r
}

// pingCommand sends echo requests and prints roundTrips as JSON. The time of an
// answer is the kernel's, as with ping(8): how soon this process gets to run does
// not count.
func pingCommand(args []string) error {
	f := flag.NewFlagSet("ping", flag.ContinueOnError)
	var to netip.Addr
	f.TextVar(&to, "to", netip.Addr{}, "IPv4 `address`")
	count := f.Int("count", 100, "how many")
	interval := f.Duration("interval", 10*time.Millisecond, "how far apart")
	delay := f.Duration("delay", 0, "before the first one")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !to.Is4() || *count < 1 || *interval <= 0 {
		return errors.New("give an IPv4 address, a count and an interval")
	}
	<-time.After(*delay)
	took, err := ping(to, *count, *interval)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(summary(took))
}

// ping is how long each answer took; zero when none came.
func ping(to netip.Addr, count int, interval time.Duration) ([]time.Duration, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return nil, fmt.Errorf("ICMP socket: %w", err)
	}
	defer unix.Close(fd)
	// Wakes the receiver now and then, to see whether it is over.
	wake := unix.NsecToTimeval(int64(100 * time.Millisecond))
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wake),
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.As4()}))
	if err != nil {
		return nil, fmt.Errorf("ICMP socket: %w", err)
	}
	e := &echoes{id: uint16(os.Getpid()), sent: make([]time.Time, count), answered: make([]time.Time, count), all: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { e.receive(fd) })
	err = e.send(fd, interval)
	if err == nil {
		select {
		case <-e.all:
		case <-time.After(pingPatience):
		}
	}
	e.finish()
	wg.Wait()
	if err := errors.Join(err, e.err); err != nil {
		return nil, err
	}
	took := make([]time.Duration, count)
	for i, at := range e.answered {
		if !at.IsZero() {
			took[i] = max(at.Sub(e.sent[i].Round(0)), 1) // by the wall clock, as the kernel's
		}
	}
	return took, nil
}

// echoes are some echo requests and their answers.
type echoes struct {
	id   uint16
	sent []time.Time

	mu       sync.Mutex // guards what follows
	answered []time.Time
	missing  int
	over     bool
	err      error
	all      chan struct{} // closed when every answer is there
}

func (e *echoes) send(fd int, interval time.Duration) error {
	e.mu.Lock()
	e.missing = len(e.sent)
	e.mu.Unlock()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for i := range e.sent {
		if i > 0 {
			<-tick.C
		}
		msg := echoMessage(e.id, uint16(i))
		e.sent[i] = time.Now()
		if err := unix.Send(fd, msg, 0); err != nil {
			return fmt.Errorf("echo request: %w", err)
		}
	}
	return nil
}

func (e *echoes) finish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
}

// receive takes answers until it is over.
func (e *echoes) receive(fd int) {
	buf, oob := make([]byte, 2048), make([]byte, 256)
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, 0)
		e.mu.Lock()
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			e.err = fmt.Errorf("echo reply: %w", err)
			e.over = true
		}
		if e.over {
			e.mu.Unlock()
			return
		}
		if err == nil {
			e.take(buf[:n], oob[:oobn])
		}
		e.mu.Unlock()
	}
}

// take notes an answer: an IPv4 packet, and what the kernel says about it.
func (e *echoes) take(b, oob []byte) {
	if len(b) < 20 || len(b) < int(b[0]&15)*4+echoHeader {
		return
	}
	b = b[int(b[0]&15)*4:]
	seq := int(binary.BigEndian.Uint16(b[6:]))
	if b[0] != echoReply || binary.BigEndian.Uint16(b[4:]) != e.id || seq >= len(e.answered) || !e.answered[seq].IsZero() {
		return
	}
	at := time.Now()
	if messages, err := unix.ParseSocketControlMessage(oob); err == nil {
		for _, m := range messages {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	e.answered[seq] = at
	if e.missing--; e.missing == 0 {
		close(e.all)
	}
}

// echoMessage is an echo request.
func echoMessage(id, seq uint16) []byte {
	b := make([]byte, echoHeader+echoSize)
	b[0] = echoRequest
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
	return b
}
