package enginetest

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"
)

// IP protocols (IANA).
const (
	ProtoUDP = 17
	ProtoESP = 50
)

// Octets in front of a datagram's data.
const (
	ipv4Header = 20
	ipv6Header = 40
	udpHeader  = 8
)

// Datagram is an IP packet on a link. Data is what follows the UDP header, or
// the IP header for a protocol without ports, whose ports are 0.
type Datagram struct {
	From, To netip.AddrPort
	Proto    uint8
	Data     []byte
}

// Size is the length of the IP packet: what an MTU limits.
func (d Datagram) Size() int {
	n := len(d.Data) + ipv4Header
	if d.To.Addr().Is6() {
		n = len(d.Data) + ipv6Header
	}
	if d.Proto == ProtoUDP {
		n += udpHeader
	}
	return n
}

// Clone is a copy of its own.
func (d Datagram) Clone() Datagram {
	d.Data = bytes.Clone(d.Data)
	return d
}

// String is its addresses and size, for logs of a test.
func (d Datagram) String() string {
	return fmt.Sprintf("%v > %v protocol %d, %d octets", d.From, d.To, d.Proto, len(d.Data))
}

// End is an end of a link. A is the one that may be behind a NAT.
type End uint8

// The ends.
const (
	A End = iota + 1
	B
)

// LinkConfig says what a link is like. A and B get what arrives there; nil is
// nobody.
type LinkConfig struct {
	ToA, ToB Conditions
	A, B     func(now time.Time, d Datagram)
	// NAT, if any, is between A and the line. Several links may share one: to
	// the other ends all their A are one address, and what comes back reaches
	// the right A whichever of the links it is sent over.
	NAT *NAT
}

// Link joins two ends. A gateway of many clients is end B of many links.
type Link struct {
	// ToA and ToB are the two directions: their conditions, filters and counts.
	// With a NAT, ToB carries datagrams already rewritten, ToA those that are
	// yet to be.
	ToA, ToB *Pipe[Datagram]
	nat      *NAT
	a        func(now time.Time, d Datagram)
}

// NewLink makes a link.
func NewLink(s *Sim, cfg LinkConfig) *Link {
	nobody := func(time.Time, Datagram) {}
	if cfg.A == nil {
		cfg.A = nobody
	}
	if cfg.B == nil {
		cfg.B = nobody
	}
	l := &Link{nat: cfg.NAT, a: cfg.A}
	l.ToA = NewPipe(s, cfg.ToA, l.arriveAtA)
	l.ToB = NewPipe(s, cfg.ToB, cfg.B)
	return l
}

// Send sends a datagram from one end to the other. Its data is copied.
func (l *Link) Send(from End, d Datagram) {
	switch from {
	case A:
		if l.nat != nil {
			d = l.nat.outbound(l, d)
		}
		l.ToB.Send(d)
	case B:
		l.ToA.Send(d)
	default:
		panic(fmt.Sprintf("enginetest: a link has no end %d", from))
	}
}

func (l *Link) arriveAtA(now time.Time, d Datagram) {
	if l.nat == nil {
		l.a(now, d)
		return
	}
	if to, inside, ok := l.nat.inbound(d); ok {
		to.a(now, inside)
	}
}
