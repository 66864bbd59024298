package dataplane

import (
	"net/netip"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// BatchSize is how many packets are read or written at once.
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
	// ReadBatch blocks until there is a datagram; sizes and peers (zero on a
	// connected socket) belong to bufs by index.
	ReadBatch(bufs [][]byte, sizes []int, peers []netip.AddrPort) (int, error)
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

// Reader reads batches of buffers from a socket, for one goroutine.
type Reader struct {
	s     Socket
	bufs  [][]byte
	sizes []int
	peers []netip.AddrPort
}

// NewReader reads batches of at most n.
func NewReader(s Socket, n int) *Reader {
	return &Reader{s, make([][]byte, n), make([]int, n), make([]netip.AddrPort, n)}
}

// Read fills batch from the front and gives the number of datagrams.
func (r *Reader) Read(batch []*packet.Buffer) (int, error) {
	n := min(len(batch), len(r.bufs))
	for i, b := range batch[:n] {
		b.Reset()
		r.bufs[i] = b.Space()
	}
	got, err := r.s.ReadBatch(r.bufs[:n], r.sizes[:n], r.peers[:n])
	if err != nil {
		return 0, err
	}
	for i, b := range batch[:got] {
		b.SetLen(r.sizes[i])
		b.Peer = r.peers[i]
	}
	return got, nil
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
