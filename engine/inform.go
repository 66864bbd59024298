package engine

import (
	"bytes"
	"time"

	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/packet"
)

// divert takes what answers the question xid out of a batch of IP packets: the
// system behind the device did not ask.
func (s *Session) divert(l *link, batch []*packet.Buffer, xid uint32) {
	for _, b := range batch {
		if dhcp.Answers(b.Bytes(), xid) {
			s.tell(message{via: l.via, data: bytes.Clone(b.Bytes()), dhcp: true})
			b.Drop()
		}
	}
}

// inform begins to ask what the gateway has to tell of its network. Packets flow
// by now, and nobody waits for it.
func (l *loop) inform() {
	if l.cfg.Learned == nil || !l.network.Local.Is4() {
		return
	}
	l.dhcp = dhcp.New(dhcp.Config{Local: l.network.Local, Peer: l.network.Peer, MTU: l.network.MTU, Rand: l.cfg.Stack.Rand})
	l.callDHCP(l.dhcp.Start)
}

// callDHCP calls one method of the question, if there is one, and does what it
// says.
func (l *loop) callDHCP(f func(time.Time, *dhcp.Output)) {
	now := time.Now()
	l.dhcpOut.Reset()
	f(now, &l.dhcpOut)
	// First, so that the answer to what is sent now is seen.
	l.question.Store(l.dhcp.XID())
	for _, ip := range l.dhcpOut.Packets {
		l.sendIP(now, ip)
	}
	for _, e := range l.dhcpOut.Events {
		switch e := e.(type) {
		case dhcp.Learned:
			l.cfg.Learned(now, e.Options)
		case dhcp.Down:
			l.dhcp = nil
		}
	}
}

// sendIP sends an IP packet through the tunnel, as one of the device's.
func (l *loop) sendIP(now time.Time, ip []byte) {
	p := l.path.Load()
	if p == nil || !l.buf.Set(ip) {
		return
	}
	batch := []*packet.Buffer{l.buf}
	if k := l.links[viaOf(p)]; k != nil && p.Seal(now, batch) == nil {
		_ = k.write.Write(batch) // repeated by its protocol
	}
}

// stopAsking forgets what is asked beside the connection, which ends.
func (l *loop) stopAsking() {
	l.dhcp, l.six = nil, nil
	l.question.Store(0)
}
