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
}

func newBatch(c conn, opts Options, connected, _ bool) (*batch, error) {
	if u, ok := c.(interface {
		SetReadBuffer(int) error
		SetWriteBuffer(int) error
	}); ok {
		// The system's own size does as well, if slower.
		_ = u.SetReadBuffer(opts.Buffer)
		_ = u.SetWriteBuffer(opts.Buffer)
	}
	return &batch{c, connected}, nil
}

// ReadBatch waits for datagrams and reads at most len(bufs): each into a
// buffer, its length into sizes and, unless peers is nil, its sender into
// peers. A datagram that is longer than its buffer is cut.
func (b *batch) ReadBatch(bufs [][]byte, sizes, _ []int, peers []netip.AddrPort) (int, error) {
	var from netip.AddrPort
	var err error
	switch c := b.conn.(type) {
	case *net.UDPConn:
		sizes[0], from, err = c.ReadFromUDPAddrPort(bufs[0])
	case *net.IPConn:
		// It takes the IPv4 header off by itself.
		var a *net.IPAddr
		if sizes[0], a, err = c.ReadFromIP(bufs[0]); err == nil {
			from = addrPort(a)
		}
	}
	if err != nil {
		return 0, err
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
		switch c := b.conn.(type) {
		case *net.UDPConn:
			if b.connected {
				_, err = c.Write(p)
			} else {
				_, err = c.WriteToUDPAddrPort(p, peers[i])
			}
		case *net.IPConn:
			if b.connected {
				_, err = c.Write(p)
			} else {
				_, err = c.WriteToIP(p, ipAddr(peers[i].Addr()))
			}
		}
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}
