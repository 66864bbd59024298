package engine

import (
	"bytes"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// divert6 takes what is of the link itself out of a batch of IP packets: the
// system behind the device would take an advertisement for its own.
func (s *Session) divert6(l *link, batch []*packet.Buffer) {
	for _, b := range batch {
		if ip := b.Bytes(); slaac.Link(ip) {
			s.tell(message{via: l.via, data: bytes.Clone(ip), link6: true})
			uncount(&s.conn.Counters().RxPackets, &s.conn.Counters().RxBytes, len(ip))
			b.Drop()
		}
	}
}

// uncount takes back that a packet was counted: what the link says to itself is
// nobody's traffic, and comes when a connection is idle, too.
func uncount(packets, octets *atomic.Uint64, n int) {
	packets.Add(^uint64(0))
	octets.Add(-uint64(n))
}

// keepLink6 keeps from the gateway what a system says to the link behind a device:
// it has another link-local address there than we have on the gateway's.
func keepLink6(batch []*packet.Buffer) {
	for _, b := range batch {
		if slaac.Link(b.Bytes()) {
			b.Drop()
		}
	}
}

// network6 begins to look for what a link has of IPv6, or ends it. Connections
// do not wait for it: it begins when packets flow.
func (l *loop) network6(up *stack.Network6Up) {
	l.link6 = up
	if l.six != nil {
		l.six = nil // another link, or none
		if l.cfg.Learned6 != nil && l.sixKnown {
			l.cfg.Learned6(time.Now(), slaac.Network{})
		}
		l.sixKnown = false
	}
	if up == nil || l.device.Load() == nil || l.ending || l.cfg.Learned6 == nil || l.network.MTU < slaac.MinMTU {
		return
	}
	l.six = slaac.New(slaac.Config{LocalID: up.LocalID, PeerID: up.PeerID, MTU: l.network.MTU, Rand: l.cfg.Stack.Rand})
	l.callIPv6(l.six.Start)
}

// callIPv6 calls one method of the search, and does what it says.
func (l *loop) callIPv6(f func(time.Time, *slaac.Output)) {
	now := time.Now()
	l.sixOut.Reset()
	f(now, &l.sixOut)
	for _, ip := range l.sixOut.Packets {
		if p := l.path.Load(); p != nil && p.Network6 && len(ip) <= p.MTU {
			l.sendIP(now, ip)
			uncount(&p.Counters.TxPackets, &p.Counters.TxBytes, len(ip))
		}
	}
	for _, e := range l.sixOut.Events {
		if e, ok := e.(slaac.Learned); ok {
			l.sixKnown = true
			l.cfg.Learned6(now, e.Network)
		}
	}
}
