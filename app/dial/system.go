package dial

import (
	"context"
	"net/netip"

	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/platform/udp"
)

// Connect is engine.Connect for a Dialer.
func Connect(ctx context.Context, cfg engine.Config) (Session, error) {
	s, err := engine.Connect(ctx, cfg)
	if err != nil {
		return nil, err // and not a nil *engine.Session in an interface
	}
	return s, nil
}

// Sockets opens the machine's sockets: an engine.Network and a gateway.Network.
type Sockets struct {
	Mark uint32 // see udp.Options
}

// Open opens a socket of a client.
func (n Sockets) Open(via stack.Via, localPort uint16, remote netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	return n.open(via, netip.AddrPortFrom(netip.Addr{}, localPort), remote)
}

// Listen opens a socket of a gateway.
func (n Sockets) Listen(via stack.Via, local netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	return n.open(via, local, netip.AddrPort{})
}

func (n Sockets) open(via stack.Via, local, remote netip.AddrPort) (dataplane.Socket, netip.AddrPort, error) {
	var s *udp.Socket
	var err error
	opts := udp.Options{Mark: n.Mark}
	if via == stack.ProtoESP {
		s, err = udp.OpenRawESP(local.Addr(), remote.Addr(), opts)
	} else {
		s, err = udp.Open(local, remote, opts)
	}
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return s, s.Local(), nil
}
