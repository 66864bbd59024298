//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

// batch reads and writes one datagram at a time.
type batch struct {
	conn      conn
	connected bool
	ipHeader  bool
}

func newBatch(c conn, opts Options, connected, ipHeader bool) (*batch, error) {
	if u, ok := c.(interface {
		SetReadBuffer(int) error
		SetWriteBuffer(int) error
	}); ok {
		// The system's own size does as well, if slower.
		_ = u.SetReadBuffer(opts.Buffer)
		_ = u.SetWriteBuffer(opts.Buffer)
	}
	return &batch{c, connected, ipHeader}, nil
}

// ReadBatch waits for datagrams and reads at most len(bufs): each into a
// buffer, its length into sizes and, unless peers is nil, its sender into
// peers. A datagram that is longer than its buffer is cut.
func (b *batch) ReadBatch(bufs [][]byte, sizes []int, peers []netip.AddrPort) (int, error) {
	var from netip.AddrPort
	var err error
	if u, ok := b.conn.(*net.UDPConn); ok {
		sizes[0], from, err = u.ReadFromUDPAddrPort(bufs[0])
	} else {
		// Unlike ReadFrom, Read leaves the IP header where it is.
		sizes[0], err = b.conn.Read(bufs[0])
		from = addrPort(b.conn.RemoteAddr())
	}
	if err != nil {
		return 0, err
	}
	if b.ipHeader {
		sizes[0] = stripIPv4(bufs[0], sizes[0])
	}
	if peers != nil {
		peers[0] = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	return 1, nil
}

// WriteBatch sends bufs in their order: to peers, or with nil where the socket
// is connected to. It tries every datagram and gives the first error.
func (b *batch) WriteBatch(bufs [][]byte, peers []netip.AddrPort) error {
	var first error
	for i, p := range bufs {
		var err error
		if b.connected {
			_, err = b.conn.Write(p)
		} else {
			_, err = b.conn.(*net.UDPConn).WriteToUDPAddrPort(p, peers[i])
		}
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}
