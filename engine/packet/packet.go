// Package packet has the buffer that a packet lives in on its way through the
// engine: headers are put in front of it and trailers behind it in place.
//
//	+----------+-----------------+----------+
//	| headroom |     Bytes()     | tailroom |
//	+----------+-----------------+----------+
//	0         off               end        cap
package packet

import "net/netip"

const (
	// Headroom is what the outermost wrapping needs in front of an IP packet,
	// rounded up: ESP 8, IV 16, UDP 8, L2TP 12, PPP 4.
	Headroom = 64
	// Tailroom is for ESP: padding up to 255, 2 of trailer, an ICV up to 32.
	Tailroom = 300
	// Size is the room of a buffer for one packet of the data path. It is no power
	// of two: with buffers 2,048 octets apart those of a batch share cache sets,
	// and hashing them all at once is a tenth slower.
	Size = 2304
	// ControlSize is the room of a buffer for any datagram: IKE messages with
	// certificates come in datagrams above 2 KB.
	ControlSize = 65535 + Headroom
)

// Buffer is one packet. Its zero value is of no use: see New.
type Buffer struct {
	// Peer is where a datagram came from or goes to; the zero value on a
	// connected socket.
	Peer netip.AddrPort
	off  int
	end  int
	data []byte
}

// New makes a buffer of size octets in all, headroom and tailroom included.
func New(size int) *Buffer {
	b := &Buffer{data: make([]byte, size)}
	b.Reset()
	return b
}

// Reset empties the buffer and gives it its headroom back.
func (b *Buffer) Reset() {
	b.Peer = netip.AddrPort{}
	b.off, b.end = Headroom, Headroom
}

// Bytes is the packet: a view that stays good until the buffer changes.
func (b *Buffer) Bytes() []byte { return b.data[b.off:b.end] }

// Len is the packet's length in octets. An empty packet in a batch is one that
// was dropped.
func (b *Buffer) Len() int { return b.end - b.off }

// Drop empties the packet: the rest of its batch goes on without it.
func (b *Buffer) Drop() { b.end = b.off }

// Wrap makes p the packet where it lies, without any room around it: for one of
// several datagrams that were read as one. Reset would panic from then on.
func (b *Buffer) Wrap(p []byte) { b.data, b.off, b.end = p, 0, len(p) }

// Space is all the room from the headroom to the end of the buffer, to read a
// packet into; SetLen says how much came.
func (b *Buffer) Space() []byte { return b.data[Headroom:] }

// SetLen makes the first n octets of Space the packet. It panics when n is
// beyond the buffer.
func (b *Buffer) SetLen(n int) {
	_ = b.data[Headroom : Headroom+n]
	b.off, b.end = Headroom, Headroom+n
}

// Set copies p in as the packet. It reports whether there was room.
func (b *Buffer) Set(p []byte) bool {
	if len(p) > len(b.data)-Headroom {
		return false
	}
	b.SetLen(copy(b.data[Headroom:], p))
	return true
}

// Prepend puts n octets in front of the packet and returns them, not cleared.
// It panics without headroom: that is a fault of the program.
func (b *Buffer) Prepend(n int) []byte {
	b.off -= n
	return b.data[b.off : b.off+n : b.off+n]
}

// Behind is the packet with the n octets of headroom in front of it, and no
// spare capacity: for a device that writes a header of its own there. It panics
// without headroom.
func (b *Buffer) Behind(n int) []byte { return b.data[b.off-n : b.end : b.end] }

// Append puts n octets behind the packet and returns them, not cleared; nil
// when there is no room for them.
func (b *Buffer) Append(n int) []byte {
	if n > len(b.data)-b.end {
		return nil
	}
	b.end += n
	return b.data[b.end-n : b.end : b.end]
}

// TrimFront takes n octets off the front of the packet. It panics when there
// are not so many.
func (b *Buffer) TrimFront(n int) {
	_ = b.data[b.off+n : b.end]
	b.off += n
}

// TrimBack takes n octets off the end of the packet. It panics when there are
// not so many.
func (b *Buffer) TrimBack(n int) {
	_ = b.data[b.off : b.end-n]
	b.end -= n
}

// NewBatch makes n buffers of the data path's size.
func NewBatch(n int) []*Buffer {
	batch := make([]*Buffer, n)
	for i := range batch {
		batch[i] = New(Size)
	}
	return batch
}
