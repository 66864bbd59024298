package dataplane

import (
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// BatchSize is how many packets are read from a device, or written, at once.
const BatchSize = 128

// Device is where IP packets come from and go to: a TUN, or a userspace stack.
// One goroutine may read while another one writes.
type Device interface {
	// Read blocks until there is a packet and takes as many as there are, up to
	// len(bufs), one a buffer. After Close it gives an error.
	Read(bufs []*packet.Buffer) (int, error)
	// Write takes the packets of all buffers that are not empty, in order.
	Write(bufs []*packet.Buffer) error
	Close() error
}

// Socket sends and receives datagrams, several in a system call where the
// system can. It is safe for several goroutines.
type Socket interface {
	// ReadBatch blocks until there is a datagram. What belongs to a buffer has
	// its index: the octets that came; the size of each datagram where the system
	// gave several of one peer as one, the last of them shorter perhaps, and else
	// what was there, zero; and the peer (zero on a connected socket).
	ReadBatch(bufs [][]byte, sizes, segments []int, peers []netip.AddrPort) (int, error)
	// WriteBatch sends bufs in order; peers is nil on a connected socket.
	WriteBatch(bufs [][]byte, peers []netip.AddrPort) error
	Close() error
}

// TUN is a system's tunnel device.
type TUN interface {
	// BatchSize is how many packets one Read may bring.
	BatchSize() int
	// Read waits for packets and puts each behind offset octets of a buffer, its
	// length into sizes.
	Read(bufs [][]byte, sizes []int, offset int) (int, error)
	// Headroom is how many octets in front of a packet Write needs to itself.
	Headroom() int
	// Write takes packets in order, each behind Headroom octets of its buffer.
	// It may change their headers.
	Write(bufs [][]byte) error
	Close() error
}

// How many buffers one call may fill: where the system joins datagrams, eight
// times as many as fit 64 KB, and where it does not, as many as come in a
// millisecond at 1 Gbit/s.
const (
	joinedReads = 8
	singleReads = 64
)

// Reader reads batches of datagrams from a socket, for one goroutine.
type Reader struct {
	s               Socket
	size            int // octets of a buffer
	ask             int // joinedReads, or singleReads where the system seems to join nothing
	bufs            [][]byte
	sizes, segments []int
	peers           []netip.AddrPort
	batch           []*packet.Buffer // as many as the longest batch so far had
}

// NewReader reads into buffers of size octets.
func NewReader(s Socket, size int) *Reader {
	r := &Reader{s: s, size: size, sizes: make([]int, singleReads), segments: make([]int, singleReads), peers: make([]netip.AddrPort, singleReads)}
	r.want(joinedReads)
	return r
}

// want has the next Read ask for n datagrams.
func (r *Reader) want(n int) {
	for len(r.bufs) < n {
		r.bufs = append(r.bufs, make([]byte, r.size))
	}
	r.ask = n
}

// Read gives the datagrams that have come. They stay good until the next Read.
func (r *Reader) Read() ([]*packet.Buffer, error) {
	clear(r.segments)
	got, err := r.s.ReadBatch(r.bufs[:r.ask], r.sizes[:r.ask], r.segments[:r.ask], r.peers[:r.ask])
	if err != nil {
		return nil, err
	}
	n, joined := 0, false
	for i, buf := range r.bufs[:got] {
		data, size := buf[:r.sizes[i]], r.segments[i]
		joined = joined || size > 0
		for size > 0 && len(data) > size {
			r.add(n, data[:size:size], r.peers[i])
			data = data[size:]
			n++
		}
		r.add(n, data[:len(data):len(data)], r.peers[i])
		n++
	}
	switch {
	case joined:
		r.want(joinedReads)
	case got == r.ask:
		r.want(singleReads)
	}
	return r.batch[:n], nil
}

// add makes a datagram the n-th of the batch.
func (r *Reader) add(n int, data []byte, peer netip.AddrPort) {
	if n == len(r.batch) {
		r.batch = append(r.batch, new(packet.Buffer))
	}
	r.batch[n].Wrap(data)
	r.batch[n].Peer = peer
}

// Writer writes batches of buffers to a socket, for one goroutine.
type Writer struct {
	s         Socket
	connected bool
	bufs      [][]byte
	peers     []netip.AddrPort
}

// NewWriter writes to s; a connected socket gets no addresses.
func NewWriter(s Socket, connected bool) *Writer { return &Writer{s: s, connected: connected} }

// Write sends what is not empty in batch, in order.
func (w *Writer) Write(batch []*packet.Buffer) error {
	w.bufs, w.peers = w.bufs[:0], w.peers[:0]
	for _, b := range batch {
		if b.Len() > 0 {
			w.bufs = append(w.bufs, b.Bytes())
			w.peers = append(w.peers, b.Peer)
		}
	}
	if len(w.bufs) == 0 {
		return nil
	}
	if w.connected {
		return w.s.WriteBatch(w.bufs, nil)
	}
	return w.s.WriteBatch(w.bufs, w.peers)
}

// tunDevice makes a Device of a TUN.
type tunDevice struct {
	TUN
	headroom int
	in, out  [][]byte // of the reading and of the writing goroutine
	sizes    []int
}

// NewTUN makes a Device of a system's tunnel device.
func NewTUN(t TUN) Device {
	return &tunDevice{TUN: t, headroom: t.Headroom(), in: make([][]byte, t.BatchSize()), sizes: make([]int, t.BatchSize())}
}

func (d *tunDevice) Read(bufs []*packet.Buffer) (int, error) {
	n := min(len(bufs), len(d.in))
	for i, b := range bufs[:n] {
		b.Reset()
		d.in[i] = b.Space()
	}
	got, err := d.TUN.Read(d.in[:n], d.sizes[:n], 0)
	for i, b := range bufs[:got] {
		b.SetLen(d.sizes[i])
	}
	return got, err
}

func (d *tunDevice) Write(bufs []*packet.Buffer) error {
	d.out = d.out[:0]
	for _, b := range bufs {
		if b.Len() > 0 {
			d.out = append(d.out, b.Behind(d.headroom))
		}
	}
	if len(d.out) == 0 {
		return nil
	}
	return d.TUN.Write(d.out)
}
