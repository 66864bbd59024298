package udp

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// DialMarked is net.Dialer's DialContext to one address, for UDP or TCP, with
// SO_MARK on the socket.
func DialMarked(ctx context.Context, network string, to netip.AddrPort, mark uint32) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)) }); cerr != nil {
			return cerr
		}
		return err
	}}
	return d.DialContext(ctx, network, to.String())
}
