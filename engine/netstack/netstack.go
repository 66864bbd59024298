// Package netstack is a TCP/IP stack in the process as a packet device: what a
// tunnel ends in where the program has no privilege to open a TUN device. The
// demo, the proxy, the gateway and the tests use it.
//
//	      Dial, Listen, Ping                      the tunnel
//	+----------------------------+   Read    +---------------------+
//	| gVisor: TCP, UDP, ICMP, IP | --------> | PPP, L2TP, ESP, UDP |
//	|        one interface       | <-------- |                     |
//	+----------------------------+   Write   +---------------------+
//
// The stack has one interface, which everything but its own addresses is
// routed to. It neither forwards nor takes what is not addressed to it.
package netstack

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/culvert-vpn/culvert/engine/packet"
)

// From the specifications.
const (
	minMTU  = 68   // RFC 791, 3.2
	minMTU6 = 1280 // RFC 8200, 5
)

// Ours.
const (
	// maxMTU is what a buffer of the data path has room for.
	maxMTU = packet.Size - packet.Headroom - packet.Tailroom
	// queueLen bounds the packets that wait for the tunnel: five bursts of
	// 64 KB, 3 ms at 1 Gbit/s. A longer queue would only add delay.
	queueLen = 256
	// patience is how long a sender waits for room in that queue: longer than
	// the tunnel is ever busy with a batch, too short for anyone to notice.
	patience = 5 * time.Millisecond
	// The windows of TCP: the start suits a short path, the end holds
	// 500 Mbit/s over 130 ms.
	startWindow = 1 << 20
	maxWindow   = 8 << 20
)

const nicID = 1

// Config says what the stack is to be.
type Config struct {
	// Address is its own IPv4 address, Address6 its IPv6 address; one of the
	// two may be missing.
	Address, Address6 netip.Addr
	// MTU is the largest IP packet that the tunnel carries, in octets: 68 to
	// 1684, with IPv6 1280 at least.
	MTU int
}

// Stack is a TCP/IP stack and a packet device. Its methods may be called from
// several goroutines.
type Stack struct {
	cfg  Config
	ip   *stack.Stack
	link *link

	mu        sync.Mutex // guards the fields below
	closed    bool
	listeners map[*listener]struct{}
}

// New makes a stack that is up. Close ends it.
func New(cfg Config) (*Stack, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Stack{
		cfg:       cfg,
		link:      newLink(cfg.MTU),
		listeners: make(map[*listener]struct{}),
		ip: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
			HandleLocal:        true,
		}),
	}
	if err := s.setUp(); err != nil {
		s.ip.Destroy()
		return nil, err
	}
	return s, nil
}

func (cfg *Config) check() error {
	low := minMTU
	if cfg.Address6.IsValid() {
		low = minMTU6
	}
	switch {
	case !cfg.Address.IsValid() && !cfg.Address6.IsValid():
		return errors.New("netstack: no address")
	case cfg.Address.IsValid() && !cfg.Address.Is4():
		return fmt.Errorf("netstack: address %v is not IPv4", cfg.Address)
	case cfg.Address6.IsValid() && (!cfg.Address6.Is6() || cfg.Address6.Is4In6() || cfg.Address6.Zone() != ""):
		return fmt.Errorf("netstack: address %v is not IPv6 without a zone", cfg.Address6)
	case cfg.MTU < low || cfg.MTU > maxMTU:
		return fmt.Errorf("netstack: MTU %d is not in %d to %d", cfg.MTU, low, maxMTU)
	}
	return nil
}

// setUp gives the stack its options, its interface, addresses and routes.
func (s *Stack) setUp() error {
	cubic := tcpip.CongestionControlOption("cubic")
	sack := tcpip.TCPSACKEnabled(true)
	tune := tcpip.TCPModerateReceiveBufferOption(true)
	// Without RACK: over a queue that overflowed and added no delay five of
	// eight transfers with it fell back to a segment or two a timeout for good,
	// of those without it none. On a line of 20 to 100 Mbit/s they are alike.
	recovery := tcpip.TCPRecovery(0)
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&cubic, &sack, &tune, &recovery,
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: startWindow, Max: maxWindow},
		&tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: startWindow, Max: maxWindow},
	} {
		if err := s.ip.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("netstack: set TCP option %T: %w", o, toError(err))
		}
	}
	if err := s.ip.CreateNIC(nicID, s.link); err != nil {
		return fmt.Errorf("netstack: make the interface: %w", toError(err))
	}
	if s.cfg.Address.IsValid() {
		if err := s.addAddress(s.cfg.Address, header.IPv4ProtocolNumber, header.IPv4EmptySubnet); err != nil {
			return err
		}
	}
	if s.cfg.Address6.IsValid() {
		if err := s.addAddress(s.cfg.Address6, header.IPv6ProtocolNumber, header.IPv6EmptySubnet); err != nil {
			return err
		}
	}
	h := make(handlers)
	for _, family := range []tcpip.NetworkProtocolNumber{header.IPv4ProtocolNumber, header.IPv6ProtocolNumber} {
		e, err := s.ip.GetNetworkEndpoint(nicID, family)
		if err != nil {
			return fmt.Errorf("netstack: get the network layer: %w", toError(err))
		}
		h[family] = e
	}
	s.link.start(h)
	return nil
}

// addAddress takes an address and routes all of its family to the tunnel.
func (s *Stack) addAddress(a netip.Addr, family tcpip.NetworkProtocolNumber, all tcpip.Subnet) error {
	own := tcpip.ProtocolAddress{Protocol: family, AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
	if err := s.ip.AddProtocolAddress(nicID, own, stack.AddressProperties{}); err != nil {
		return fmt.Errorf("netstack: add address %v: %w", a, toError(err))
	}
	s.ip.AddRoute(tcpip.Route{Destination: all, NIC: nicID})
	return nil
}

// Read waits until an IP packet wants to go to the tunnel, then takes as many
// as wait and bufs can hold, and reports how many. What does not fit its buffer
// is dropped. After Close the error is net.ErrClosed.
func (s *Stack) Read(bufs []*packet.Buffer) (int, error) { return s.link.read(bufs) }

// Write hands the stack IP packets that came from the tunnel; empty buffers
// are skipped. It only borrows bufs. After Close the error is net.ErrClosed.
func (s *Stack) Write(bufs []*packet.Buffer) error { return s.link.write(bufs) }

// MTU is the largest IP packet that Read gives, in octets.
func (s *Stack) MTU() int { return s.cfg.MTU }

// Dropped counts the packets that found the queue to the tunnel full, or a
// buffer of Read too small.
func (s *Stack) Dropped() uint64 { return s.link.dropped.Load() }

// Close aborts all connections, ends Read and Accept, and waits until the
// stack has stopped. A second call does nothing.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := s.listeners
	s.listeners = nil
	s.mu.Unlock()

	for l := range open {
		l.shut()
	}
	s.ip.Close()
	s.link.shut()
	s.link.cut()
	s.ip.Wait()
	return nil
}
