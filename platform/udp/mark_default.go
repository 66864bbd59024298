//go:build !linux

package udp

import (
	"context"
	"net"
	"net/netip"
)

// DialMarked is net.Dialer's DialContext to one address. Only Linux has marks.
func DialMarked(ctx context.Context, network string, to netip.AddrPort, _ uint32) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, to.String())
}
