// Package dataplane carries packets between a device and the gateway, a batch
// at a time: IP packets are put into PPP, L2TP, UDP and ESP on their way out,
// and taken out of them on their way in. The protocol machines never see a
// data packet; they publish a Path.
package dataplane

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/internal/wire"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
)

// Encapsulation is what a packet travels in.
type Encapsulation uint8

// The encapsulations.
const (
	UDP   Encapsulation = iota + 1 // ESP in UDP on port 4500 (RFC 3948)
	ESP                            // IP protocol 50
	Plain                          // L2TP on UDP 1701 without IPsec
)

// String is the encapsulation's name in logs.
func (e Encapsulation) String() string {
	switch e {
	case UDP:
		return "udp"
	case ESP:
		return "esp"
	case Plain:
		return "plain"
	}
	return "none"
}

// Path is how packets travel at present. It is never changed once published: a
// rekey or a new session is a new Path, which shares the old one's Counters.
type Path struct {
	Encapsulation Encapsulation
	Out           *esp.Outbound  // nil without IPsec, and while there is no SA: then nothing goes out
	In            []*esp.Inbound // all that may still receive, nil without IPsec

	Peer          netip.AddrPort // where datagrams go; zero on a connected socket
	Local, Remote netip.AddrPort // inner UDP endpoints, RFC 3193; the addresses count for IPv6 only

	LocalTunnel, LocalSession uint16 // as the peer addresses us
	PeerTunnel, PeerSession   uint16 // as we address the peer; a session of 0 is none yet
	Sequencing                bool   // number our data messages from the first (RFC 2661, 5.4)
	ACFC, PFC                 bool   // leave out what PPP agreed to leave out
	Network, Network6         bool   // IPv4 may flow, IPv6
	MTU                       int    // of IP packets, octets

	// Expecting are the inbound SPIs whose keys are being agreed on.
	Expecting []uint32

	Counters *Counters
}

// Counters are shared by all the Paths of a connection.
type Counters struct {
	RxPackets, RxBytes, TxPackets, TxBytes atomic.Uint64 // IP packets and their octets
	DropNoSession                          atomic.Uint64 // IP before the network is up, or another session's
	DropNoSA                               atomic.Uint64 // nothing to encrypt it with: it must not go out in clear
	DropMalformed                          atomic.Uint64 // authenticated, but no L2TP or PPP
	DropUnknownSPI                         atomic.Uint64
	DropControlFull                        atomic.Uint64                  // the control goroutine was behind
	LastRx, LastTx                         atomic.Int64                   // Unix nanoseconds of the last datagram of any kind; 0: none
	Moved                                  atomic.Pointer[netip.AddrPort] // an authentic packet came from here, not from Path.Peer
	sequence                               atomic.Uint32                  // L2TP Ns of data messages
	peerSequences                          atomic.Bool                    // the LNS numbers its data: so must we (RFC 2661, 5.4)
}

// Inner UDP (RFC 3193): every L2TP packet inside ESP has this header.
const udpHeader = 8

// l2tpHeader is flags, length and two ids; l2tpSequence is Ns and Nr behind it.
const (
	l2tpHeader   = 8
	l2tpSequence = 4
	pppHeader    = 4
)

// L2TP data header bits (RFC 2661, 3.1): length and sequence present, version 2.
const (
	l2tpDataL = 0x4002
	l2tpDataS = 0x0800
)

// addressControl is "all stations, unnumbered information" (RFC 1662, 3.1).
const addressControl = 0xff03

// HeaderLen is what frame puts in front of an IP packet, without ESP.
func (p *Path) HeaderLen() int {
	n := l2tpHeader + pppHeader
	if p.Sequencing {
		n += l2tpSequence
	}
	if p.ACFC {
		n -= 2
	}
	if p.PFC {
		n--
	}
	if p.Encapsulation != Plain {
		n += udpHeader
	}
	return n
}

// Seal turns a batch of IP packets into the datagrams that go to the gateway,
// in place and in order; what cannot be sent is dropped and counted. The error
// is esp.ErrSequenceExhausted: nothing more may be sent before a rekey.
func (p *Path) Seal(now time.Time, batch []*packet.Buffer) error {
	var packets, octets uint64
	for _, b := range batch {
		n := b.Len()
		if !p.frame(b) {
			b.Drop()
			p.Counters.DropNoSession.Add(1)
			continue
		}
		packets++
		octets += uint64(n)
	}
	p.Counters.TxPackets.Add(packets)
	p.Counters.TxBytes.Add(octets)
	return p.finish(now, batch)
}

// frame puts PPP, L2TP and inner UDP in front of one IP packet.
func (p *Path) frame(b *packet.Buffer) bool {
	ip := b.Bytes()
	if len(ip) == 0 || len(ip) > p.MTU {
		return false
	}
	protocol, up := uint16(ppp.ProtocolIPv4), p.Network
	if ip[0]>>4 == 6 {
		protocol, up = ppp.ProtocolIPv6, p.Network6
	}
	if !up {
		return false
	}
	clampMSS(ip, p.MTU)
	if p.PFC {
		b.Prepend(1)[0] = byte(protocol)
	} else {
		binary.BigEndian.PutUint16(b.Prepend(2), protocol)
	}
	if !p.ACFC {
		binary.BigEndian.PutUint16(b.Prepend(2), addressControl)
	}
	p.wrapData(b)
	return true
}

// wrapData puts the L2TP data header in front of a PPP frame.
func (p *Path) wrapData(b *packet.Buffer) {
	flags := uint16(l2tpDataL)
	if p.Sequencing || p.Counters.peerSequences.Load() {
		flags |= l2tpDataS
		// Nr of a data message is reserved (RFC 2661, 5.4).
		binary.BigEndian.PutUint32(b.Prepend(l2tpSequence), (p.Counters.sequence.Add(1)-1)<<16)
	}
	h := b.Prepend(l2tpHeader)
	binary.BigEndian.PutUint16(h, flags)
	binary.BigEndian.PutUint16(h[2:], uint16(b.Len()))
	binary.BigEndian.PutUint16(h[4:], p.PeerTunnel)
	binary.BigEndian.PutUint16(h[6:], p.PeerSession)
	p.wrapUDP(b)
}

// wrapUDP puts the inner UDP header in front of an L2TP packet.
func (p *Path) wrapUDP(b *packet.Buffer) {
	if p.Encapsulation == Plain {
		return
	}
	h := b.Prepend(udpHeader)
	n := b.Len()
	binary.BigEndian.PutUint16(h, p.Local.Port())
	binary.BigEndian.PutUint16(h[2:], p.Remote.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	// The ICV covers the packet, so IPv4 goes without the UDP checksum, which a
	// NAT would make wrong anyway (RFC 3948, 3.1.2); IPv6 needs it.
	binary.BigEndian.PutUint16(h[6:], 0)
	if p.Local.Addr().Is6() {
		src, dst := p.Local.Addr().As16(), p.Remote.Addr().As16()
		c := ^wire.Sum(uint32(n)+17, src[:], dst[:], b.Bytes())
		if c == 0 {
			c = 0xffff
		}
		binary.BigEndian.PutUint16(h[6:], c)
	}
}

// SealControl turns L2TP packets, or PPP frames with frame set, into datagrams
// for the gateway. They are not counted as traffic.
func (p *Path) SealControl(now time.Time, batch []*packet.Buffer, frame bool) error {
	for _, b := range batch {
		if frame {
			p.wrapData(b)
		} else {
			p.wrapUDP(b)
		}
	}
	return p.finish(now, batch)
}

func (p *Path) finish(now time.Time, batch []*packet.Buffer) error {
	p.Counters.LastTx.Store(now.UnixNano())
	for _, b := range batch {
		b.Peer = p.Peer
	}
	switch {
	case p.Out != nil:
		return p.Out.Seal(batch)
	case p.Encapsulation != Plain: // between a Delete and the next Quick Mode
		for _, b := range batch {
			if b.Len() > 0 {
				b.Drop()
				p.Counters.DropNoSA.Add(1)
			}
		}
	}
	return nil
}

// Open turns a batch of datagrams from the gateway (ESP packets, or L2TP
// packets without IPsec) into IP packets in place. What is not IP goes to
// control as an L2TP packet, with the peer's inner UDP port, and leaves its
// buffer empty, as does what is dropped. control borrows its argument.
func (p *Path) Open(now time.Time, batch []*packet.Buffer, control func(l2tp []byte, from uint16)) {
	if p.Encapsulation != Plain {
		p.decrypt(now, batch)
	}
	var packets, octets uint64
	for _, b := range batch {
		if b.Len() == 0 {
			continue
		}
		from := b.Peer.Port()
		if p.Encapsulation != Plain {
			if p.Encapsulation == UDP && b.Peer != p.Peer {
				p.Counters.moved(b.Peer)
			}
			from = p.unwrapUDP(b)
		}
		if b.Len() == 0 {
			continue
		}
		p.unframe(b, from, control)
		if n := b.Len(); n > 0 {
			packets++
			octets += uint64(n)
		}
	}
	p.Counters.LastRx.Store(now.UnixNano())
	p.Counters.RxPackets.Add(packets)
	p.Counters.RxBytes.Add(octets)
}

// decrypt opens runs of packets with the same SPI.
func (p *Path) decrypt(now time.Time, batch []*packet.Buffer) {
	for i := 0; i < len(batch); {
		in := p.inbound(batch[i])
		j := i + 1
		for j < len(batch) && p.inbound(batch[j]) == in {
			j++
		}
		if in != nil {
			in.Open(now, batch[i:j])
		} else {
			for _, b := range batch[i:j] {
				if b.Len() > 0 {
					p.Counters.DropUnknownSPI.Add(1)
				}
				b.Drop()
			}
		}
		i = j
	}
}

// Early is the first SPI in a batch of datagrams whose keys are being agreed on,
// 0 when there is none: with the next Path it can be opened.
func (p *Path) Early(batch []*packet.Buffer) uint32 {
	if len(p.Expecting) == 0 {
		return 0
	}
	for _, b := range batch {
		if b.Len() < 4 || p.inbound(b) != nil {
			continue
		}
		if spi := binary.BigEndian.Uint32(b.Bytes()); slices.Contains(p.Expecting, spi) {
			return spi
		}
	}
	return 0
}

func (p *Path) inbound(b *packet.Buffer) *esp.Inbound {
	if b.Len() < 4 {
		return nil
	}
	spi := binary.BigEndian.Uint32(b.Bytes())
	for _, in := range p.In {
		if in.SPI() == spi {
			return in
		}
	}
	return nil
}

// unwrapUDP takes the inner UDP header off and returns the peer's port. The
// checksum is not looked at: the ICV is stronger.
func (p *Path) unwrapUDP(b *packet.Buffer) (from uint16) {
	h := b.Bytes()
	if len(h) < udpHeader {
		p.malformed(b)
		return 0
	}
	n := int(binary.BigEndian.Uint16(h[4:]))
	if binary.BigEndian.Uint16(h[2:]) != p.Local.Port() || n < udpHeader || n > len(h) {
		p.malformed(b)
		return 0
	}
	from = binary.BigEndian.Uint16(h)
	b.TrimBack(len(h) - n)
	b.TrimFront(udpHeader)
	return from
}

// unframe leaves an IP packet in b, or hands b to control, or drops it.
func (p *Path) unframe(b *packet.Buffer, from uint16, control func([]byte, uint16)) {
	msg := b.Bytes()
	if l2tp.IsControl(msg) || p.PeerSession == 0 {
		control(msg, from)
		b.Drop()
		return
	}
	h, frame, err := l2tp.ParseData(msg)
	if err != nil {
		p.malformed(b)
		return
	}
	if h.Tunnel != p.LocalTunnel || h.Session != p.LocalSession {
		p.Counters.DropNoSession.Add(1)
		b.Drop()
		return
	}
	if h.Sequenced {
		p.Counters.peerSequences.Store(true)
	}
	protocol, info, ok := ppp.SplitFrame(frame)
	switch {
	case !ok:
		p.malformed(b)
	case protocol != ppp.ProtocolIPv4 && protocol != ppp.ProtocolIPv6:
		control(msg, from)
		b.Drop()
	case len(info) == 0, info[0]>>4 == 6 && !p.Network6, info[0]>>4 != 6 && !p.Network:
		p.Counters.DropNoSession.Add(1)
		b.Drop()
	default:
		// info is a view into msg, which may be longer behind it: the capacities
		// tell where it starts.
		b.TrimFront(cap(msg) - cap(info))
		b.TrimBack(b.Len() - len(info))
		clampMSS(b.Bytes(), p.MTU)
	}
}

// moved keeps the endpoint, which a NAT may have changed (RFC 3948, 5.1).
func (c *Counters) moved(to netip.AddrPort) { c.Moved.Store(&to) }

func (p *Path) malformed(b *packet.Buffer) {
	p.Counters.DropMalformed.Add(1)
	b.Drop()
}
