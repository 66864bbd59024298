package netstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// DialContext connects through the tunnel. The network is tcp, tcp4, tcp6, udp,
// udp4 or udp6, the address an IP address and a port: the stack resolves no
// names. Errors are *net.OpError around a syscall.Errno (ECONNREFUSED,
// EHOSTUNREACH, ENETUNREACH, ETIMEDOUT), the context's error or net.ErrClosed.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fail(err)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	var datagrams bool
	switch network {
	case "tcp", "tcp4", "tcp6":
	case "udp", "udp4", "udp6":
		datagrams = true
	default:
		return fail(net.UnknownNetworkError(network))
	}
	if v := network[len(network)-1]; v == '4' && !to.Addr().Is4() || v == '6' && to.Addr().Is4() {
		return fail(&net.AddrError{Err: "wrong address family", Addr: address})
	}
	if s.isClosed() {
		return fail(net.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if datagrams {
		full := fullAddress(to)
		conn, err := s.openUDP(nil, &full, family(to.Addr()))
		if err != nil {
			return fail(err)
		}
		return conn, nil
	}
	conn, err := s.dialTCP(ctx, to)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return conn, nil
}

// dialTCP is gonet's dial with typed errors.
func (s *Stack) dialTCP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	wq := new(waiter.Queue)
	ep, terr := s.ip.NewEndpoint(tcp.ProtocolNumber, family(to.Addr()), wq)
	if terr != nil {
		return nil, toError(terr)
	}
	entry, notify := waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventErr | waiter.EventHUp)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)

	terr = ep.Connect(fullAddress(to))
	if _, started := terr.(*tcpip.ErrConnectStarted); started && !s.isClosed() { // Close may not have seen it
		select {
		case <-ctx.Done():
			ep.Close()
			return nil, ctx.Err()
		case <-notify:
			terr = ep.LastError()
		}
	}
	switch {
	case s.isClosed():
		ep.Close()
		return nil, net.ErrClosed
	case terr != nil:
		ep.Close()
		return nil, toError(terr)
	}
	return gonet.NewTCPConn(wq, ep), nil
}

// listener is gonet's, with an end that callers can tell.
type listener struct {
	*gonet.TCPListener
	of   *Stack
	once sync.Once
	done chan struct{}
}

// ListenTCP takes connections on a port of all own addresses; port 0 is one
// that the stack chooses. After Close of either the listener or the stack,
// Accept returns net.ErrClosed.
func (s *Stack) ListenTCP(port uint16) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: net.ErrClosed}
	}
	l, err := gonet.ListenTCP(s.ip, tcpip.FullAddress{NIC: nicID, Port: port}, s.anyFamily())
	if err != nil {
		return nil, err
	}
	own := &listener{TCPListener: l, of: s, done: make(chan struct{})}
	s.listeners[own] = struct{}{}
	return own, nil
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err == nil {
		return c, nil
	}
	select {
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
	default:
		return nil, err
	}
}

// Close ends Accept.
func (l *listener) Close() error {
	l.of.mu.Lock()
	delete(l.of.listeners, l)
	l.of.mu.Unlock()
	l.shut()
	return nil
}

func (l *listener) shut() {
	l.once.Do(func() {
		close(l.done)
		l.Shutdown()
		_ = l.TCPListener.Close() // always nil
	})
}

// ListenUDP takes datagrams on a port of all own addresses; port 0 is one that
// the stack chooses.
func (s *Stack) ListenUDP(port uint16) (net.PacketConn, error) {
	conn, err := s.openUDP(&tcpip.FullAddress{NIC: nicID, Port: port}, nil, s.anyFamily())
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Err: err}
	}
	return conn, nil
}

func (s *Stack) openUDP(local, remote *tcpip.FullAddress, family tcpip.NetworkProtocolNumber) (*gonet.UDPConn, error) {
	conn, err := gonet.DialUDP(s.ip, local, remote, family)
	if s.isClosed() {
		if err == nil {
			_ = conn.Close() // the stack's Close may not have seen it
		}
		return nil, net.ErrClosed
	}
	return conn, err
}

// anyFamily is the family that listens for all own addresses: IPv6 sockets
// take IPv4 too.
func (s *Stack) anyFamily() tcpip.NetworkProtocolNumber {
	if s.cfg.Address6.IsValid() {
		return header.IPv6ProtocolNumber
	}
	return header.IPv4ProtocolNumber
}

func (s *Stack) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func family(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return header.IPv4ProtocolNumber
	}
	return header.IPv6ProtocolNumber
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}

// toError makes an error of gVisor's, which are none.
func toError(err tcpip.Error) error {
	switch err.(type) {
	case *tcpip.ErrConnectionRefused:
		return syscall.ECONNREFUSED
	case *tcpip.ErrConnectionReset, *tcpip.ErrConnectionAborted:
		return syscall.ECONNRESET
	case *tcpip.ErrHostUnreachable, *tcpip.ErrHostDown:
		return syscall.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable:
		return syscall.ENETUNREACH
	case *tcpip.ErrTimeout:
		return syscall.ETIMEDOUT
	}
	if err == nil {
		return errors.New("no error")
	}
	return fmt.Errorf("stack: %s", err.String())
}
