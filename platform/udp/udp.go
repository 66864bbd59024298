// Package udp is sockets for datagrams, several in a system call where the
// system can: UDP, and raw ESP (IP protocol 50) for gateways without NAT
// traversal.
//
// A fragment of a datagram that is too large for its path is better than none,
// so sockets do not set the Don't Fragment bit.
package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// ErrUnsupported is a system that gives programs no such socket.
var ErrUnsupported = errors.New("udp: this system has no such socket")

// Ours: a burst at 10 Gbit/s for 5 ms, which is how long a busy machine may
// leave this process waiting.
const defaultBuffer = 7 << 20

// protocolESP is the IP protocol of ESP (RFC 4303, 1).
const protocolESP = 50

// Options of a socket.
type Options struct {
	// Buffer is what the system may keep for the socket in each direction, in
	// octets; 0 is 7 MB. Without privilege the system gives less.
	Buffer int
	// Mark is SO_MARK of the socket, by which a firewall and the routing tell it
	// from others (Linux; it takes CAP_NET_ADMIN); 0: none.
	Mark uint32
}

// Socket is a socket for datagrams. Writing is safe for several goroutines;
// one may read meanwhile.
//
// An error that came back from the network, such as syscall.ECONNREFUSED or
// EHOSTUNREACH, is reported once by the next ReadBatch or WriteBatch of a
// connected socket (errors.Is finds it); the socket stays good.
type Socket struct {
	*batch
	conn  conn
	local netip.AddrPort
}

// conn is what the sockets of package net have in common.
type conn interface {
	net.Conn
	net.PacketConn
}

// Open opens a UDP socket. A local address or port that is zero is the
// system's choice. With a remote address the socket is connected: it gets
// datagrams from there only, and the errors that ICMP brings. A zero remote
// leaves it open to all.
func Open(local, remote netip.AddrPort, opts Options) (*Socket, error) {
	var c *net.UDPConn
	var err error
	if remote.IsValid() {
		network := "udp4"
		if remote.Addr().Is6() && !remote.Addr().Is4In6() {
			network = "udp6"
		}
		c, err = net.DialUDP(network, udpAddr(local), net.UDPAddrFromAddrPort(remote))
	} else {
		c, err = net.ListenUDP("udp", udpAddr(local))
	}
	if err != nil {
		return nil, fmt.Errorf("udp: %w", posix(err))
	}
	return newSocket(c, opts, remote.IsValid(), false)
}

// OpenRawESP opens a raw socket for ESP between two addresses. A zero local
// address is the system's choice; a zero remote leaves the socket open to all
// that send to local. It takes root or CAP_NET_RAW: without, the error is an
// os.ErrPermission. ReadBatch gives the ESP packets without the IP header; the
// ports of peers are zero.
func OpenRawESP(local, remote netip.Addr, opts Options) (*Socket, error) {
	if !rawESP {
		return nil, ErrUnsupported
	}
	local, remote = local.Unmap(), remote.Unmap()
	network := "ip4"
	if remote.Is6() || !remote.IsValid() && local.Is6() {
		network = "ip6"
	}
	of := fmt.Sprintf("%s:%d", network, protocolESP)
	var c *net.IPConn
	var err error
	if remote.IsValid() {
		c, err = net.DialIP(of, ipAddr(local), ipAddr(remote))
	} else {
		c, err = net.ListenIP(of, ipAddr(local))
	}
	if err != nil {
		return nil, fmt.Errorf("udp: raw ESP: %w", err)
	}
	return newSocket(c, opts, remote.IsValid(), network == "ip4")
}

// ipAddr is nil for the zero address.
func ipAddr(a netip.Addr) *net.IPAddr {
	if !a.IsValid() {
		return nil
	}
	return &net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()}
}

func newSocket(c conn, opts Options, connected, ipHeader bool) (*Socket, error) {
	if opts.Buffer == 0 {
		opts.Buffer = defaultBuffer
	}
	b, err := newBatch(c, opts, connected, ipHeader)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Socket{b, c, addrPort(c.LocalAddr())}, nil
}

// Local is the socket's own address.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Close closes the socket and ends ReadBatch with net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }

// LocalAddr is the address that this machine would send from to remote. It
// sends nothing.
func LocalAddr(remote netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("udp: no way to %v: %w", remote, posix(err))
	}
	defer c.Close()
	return addrPort(c.LocalAddr()).Addr(), nil
}

func udpAddr(a netip.AddrPort) *net.UDPAddr {
	if !a.Addr().IsValid() {
		return &net.UDPAddr{Port: int(a.Port())}
	}
	return net.UDPAddrFromAddrPort(a)
}

// addrPort is a without a type; raw sockets have port 0.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		p := a.AddrPort()
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	case *net.IPAddr:
		ip, _ := netip.AddrFromSlice(a.IP) // not valid: not bound to one
		return netip.AddrPortFrom(ip.Unmap().WithZone(a.Zone), 0)
	}
	return netip.AddrPort{}
}

// stripIPv4 takes the IPv4 header off a packet of n octets, in place.
func stripIPv4(b []byte, n int) int {
	if n == 0 {
		return 0
	}
	h := int(b[0]&0xf) * 4
	if h < 20 || h > n {
		return 0
	}
	return copy(b, b[h:n])
}
