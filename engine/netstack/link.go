package netstack

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/stack/gro"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// groBucketSize is how many flows one bucket of gVisor's GRO holds.
const groBucketSize = 8

// link is the stack's interface: a ring of packets on their way to the tunnel,
// and receive offload for those that come from it.
type link struct {
	mtu     uint32
	dropped atomic.Uint64

	mu     sync.Mutex // guards the fields below
	ready  sync.Cond  // on mu: the ring is not empty, or closed
	ring   [queueLen]*stack.PacketBuffer
	head   int // the oldest
	count  int
	closed bool
	// stalled says that the ring is full and was not read for a while.
	stalled bool
	// room holds one token, which is lost when there is one: the ring was read.
	room chan struct{}

	in  sync.Mutex // guards gro; one batch at a time
	gro gro.GRO
	// attached says that packets go up. write looks at it with in locked, so that
	// cut can wait for it.
	attached atomic.Bool
}

func newLink(mtu int) *link {
	l := &link{mtu: uint32(mtu), room: make(chan struct{}, 1)}
	l.ready.L = &l.mu
	l.gro.Init(true)
	return l
}

// WritePackets queues what the stack sends. A sender that finds the ring full
// waits a moment for the tunnel: without that TCP, whose windows are larger
// than the ring, would lose hundreds of packets at each start. The wait is
// bounded, for the stack calls with locks held, now and then from within write.
// What then finds no room is dropped, as is everything until the next read.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	all := pkts.AsSlice()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, p := range all {
		for l.count == queueLen && !l.stalled && !l.closed {
			l.awaitRoom()
		}
		switch {
		case l.closed:
			return i, &tcpip.ErrClosedForSend{}
		case l.count == queueLen:
			l.dropped.Add(uint64(len(all) - i))
			return len(all), nil
		}
		l.ring[(l.head+l.count)%queueLen] = p.IncRef()
		if l.count++; l.count == 1 {
			l.ready.Signal()
		}
	}
	return len(all), nil
}

// awaitRoom waits, without the lock that its caller holds, for a read. Where
// none comes the link is stalled.
func (l *link) awaitRoom() {
	l.mu.Unlock()
	late := time.NewTimer(patience)
	select {
	case <-l.room:
		l.mu.Lock()
	case <-late.C:
		l.mu.Lock()
		l.stalled = l.count == queueLen
	}
	late.Stop()
	l.signalRoom() // for another one that waits
}

// signalRoom wakes one of those that wait, when there is room.
func (l *link) signalRoom() {
	if l.count == queueLen {
		return
	}
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// read fills bufs from the ring, and waits for a first packet.
func (l *link) read(bufs []*packet.Buffer) (int, error) {
	if len(bufs) == 0 {
		return 0, nil
	}
	for {
		var batch [queueLen]*stack.PacketBuffer
		taken, err := l.take(batch[:min(len(bufs), queueLen)])
		if err != nil {
			return 0, err
		}
		n := 0
		for _, p := range batch[:taken] {
			if fill(bufs[n], p) {
				n++
			} else {
				l.dropped.Add(1)
			}
			p.DecRef()
		}
		if n > 0 {
			return n, nil
		}
	}
}

// take moves packets from the ring to batch, at least one.
func (l *link) take(batch []*stack.PacketBuffer) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.count == 0 && !l.closed {
		l.ready.Wait()
	}
	if l.closed {
		return 0, net.ErrClosed
	}
	n := min(len(batch), l.count)
	for i := range n {
		batch[i] = l.ring[l.head]
		l.ring[l.head] = nil
		l.head = (l.head + 1) % queueLen
	}
	l.count -= n
	l.stalled = false
	l.signalRoom()
	if l.count > 0 {
		l.ready.Signal() // for another reader
	}
	return n, nil
}

// fill copies p into b and reports whether there was room.
func fill(b *packet.Buffer, p *stack.PacketBuffer) bool {
	b.Reset()
	room, size := b.Space(), p.Size()
	if size > len(room) {
		return false
	}
	n := 0
	views, skip := p.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		octets := v.AsSlice()
		k := min(skip, len(octets))
		skip -= k
		n += copy(room[n:], octets[k:])
	}
	b.SetLen(n)
	return true
}

// write hands the packets of a batch to the stack. Segments of one TCP
// connection that follow each other go up as one.
func (l *link) write(bufs []*packet.Buffer) error {
	l.in.Lock()
	defer l.in.Unlock()
	if !l.attached.Load() {
		return net.ErrClosed
	}
	for _, b := range bufs {
		octets := b.Bytes()
		if len(octets) == 0 {
			continue
		}
		var family tcpip.NetworkProtocolNumber
		switch octets[0] >> 4 {
		case header.IPv4Version:
			family = header.IPv4ProtocolNumber
		case header.IPv6Version:
			family = header.IPv6ProtocolNumber
		default:
			continue
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(octets)})
		p.NetworkProtocolNumber = family
		l.gro.Enqueue(p)
		p.DecRef()
	}
	// One Flush sends up only the first flow of each bucket: removing it cuts
	// the list that Flush walks.
	for range groBucketSize {
		l.gro.Flush()
	}
	return nil
}

// shut ends read and empties the ring.
func (l *link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for i := range l.ring {
		if l.ring[i] != nil {
			l.ring[i].DecRef()
			l.ring[i] = nil
		}
	}
	l.count = 0
	l.ready.Broadcast()
	l.signalRoom()
}

// handlers take IP packets, by the protocol's number. They stand in for the
// dispatcher of gVisor's interface, which forgets that the receive offload has
// checked a TCP segment's checksum, and then drops what was merged: the sums of
// its headers are those of the first segment.
type handlers map[tcpip.NetworkProtocolNumber]stack.NetworkEndpoint

// DeliverNetworkPacket hands p to the network layer.
func (h handlers) DeliverNetworkPacket(protocol tcpip.NetworkProtocolNumber, p *stack.PacketBuffer) {
	if e := h[protocol]; e != nil {
		e.HandlePacket(p)
	}
}

// DeliverLinkPacket does nothing: there is no link layer.
func (handlers) DeliverLinkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer) {}

// start lets packets from the tunnel through to h.
func (l *link) start(h handlers) {
	l.in.Lock()
	defer l.in.Unlock()
	l.gro.Dispatcher = h
	l.attached.Store(true)
}

// cut lets nothing through any more, and waits for what is on its way.
func (l *link) cut() {
	l.in.Lock()
	defer l.in.Unlock()
	l.attached.Store(false)
}

// Attach with nil cuts the interface off; see start for the contrary. It does not
// wait, for the stack calls it with a lock that a packet on its way up may want.
func (l *link) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		l.attached.Store(false)
	}
}

// IsAttached says whether packets get through to the stack.
func (l *link) IsAttached() bool { return l.attached.Load() }

// MTU is the tunnel's.
func (l *link) MTU() uint32 { return l.mtu }

// SupportedGSO asks for large segments, which TCP cuts up before they come
// here: one walk through its send queue for up to 64 KB.
func (l *link) SupportedGSO() stack.SupportedGSO { return stack.GVisorGSOSupported }

// GSOMaxSize is the largest segment to cut up.
func (l *link) GSOMaxSize() uint32 { return stack.GVisorGSOMaxSize }

// Capabilities: the stack makes and checks all checksums, for the packets go
// through other hands.
func (l *link) Capabilities() stack.LinkEndpointCapabilities { return stack.CapabilityNone }

// The rest of stack.LinkEndpoint: a tunnel has no link layer.

func (l *link) SetMTU(uint32)                           {}
func (l *link) MaxHeaderLength() uint16                 { return 0 }
func (l *link) LinkAddress() tcpip.LinkAddress          { return "" }
func (l *link) SetLinkAddress(tcpip.LinkAddress)        {}
func (l *link) Wait()                                   {}
func (l *link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *link) AddHeader(*stack.PacketBuffer)           {}
func (l *link) ParseHeader(*stack.PacketBuffer) bool    { return true }
func (l *link) Close()                                  {}
func (l *link) SetOnCloseAction(func())                 {}
