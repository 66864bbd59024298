// Package engine runs a connection: it gives the sans-I/O machines of stack
// their sockets, their clock and their one timer, and moves packets between a
// device and the gateway by the Path that the machines publish.
//
// Goroutines of a Session, each waited for by Wait:
//
//	control      owns the stack.Conn; the only one that calls its methods
//	receive      one a socket: classifies, opens, writes IP to the device
//	transmit     reads the device, seals, writes to the socket
package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// Network opens the sockets of a connection.
type Network interface {
	// Open gives a socket that is connected to remote, and its own address. A
	// local port of 0 is the system's choice. For stack.ProtoESP ports mean
	// nothing.
	Open(via stack.Via, localPort uint16, remote netip.AddrPort) (s dataplane.Socket, local netip.AddrPort, err error)
}

// Config is what Connect needs.
type Config struct {
	// Gateway is the address to connect to; the ports are 500, 4500 and 1701
	// where they are zero.
	Gateway  netip.Addr
	IKEPort  uint16
	NATTPort uint16
	L2TPPort uint16

	// StandardPorts sends from 500 and 4500 (or 1701) instead of fresh ports.
	StandardPorts bool
	// InnerPort is our UDP port inside the SA; 0 is a fresh one, and 1701 at a
	// second try when the gateway wants nothing else.
	InnerPort uint16

	// AutoPFS asks for perfect forward secrecy, in the group of phase 1, at a
	// second try when phase 2 was refused without it.
	AutoPFS bool

	// Stack says what to offer and who we are. Connect fills in its role,
	// addresses and ports, and crypto/rand where Rand is nil.
	Stack stack.Config

	Network Network
	// Device makes the device once the address is known; its error is best a
	// *failure.Failure. Closing the device undoes all that Device did.
	Device func(ctx context.Context, n stack.Network) (dataplane.Device, error)
	// Abort, if any, is closed when there is no time to take leave of the gateway:
	// it cuts short what Connect does once its context is done, also if that has
	// begun.
	Abort <-chan struct{}
	// Ask, if any, is told when the gateway asks a person for something: from the
	// control goroutine, so it must not block. Unanswered, the question ends the
	// connection once its time is over.
	Ask func(now time.Time, q *Question)
	// Events, if any, gets everything that happens, from the control goroutine:
	// it must not block.
	Events func(now time.Time, e stack.Event)
	// Learned, if any, has the gateway be asked for its routes and search list
	// once packets flow, and gets the answer if one comes: once at most, from the
	// control goroutine, so it must not block.
	Learned func(now time.Time, o dhcp.Options)
	// Learned6, if any, gets what the gateway has of IPv6 whenever that changes,
	// once packets flow, from the control goroutine: it must not block. It is not
	// called for a gateway that has none; Stack.PPP.IPv6 has to ask for it.
	Learned6 func(now time.Time, n slaac.Network)
}

// Standard ports.
const (
	portIKE  = 500
	portNATT = 4500
	portL2TP = 1701
)

// Connect connects and returns once packets flow. Its error is a
// *failure.Failure, or ctx's. Of a Session that was returned, Wait tells the end.
func Connect(ctx context.Context, cfg Config) (*Session, error) {
	if cfg.Stack.Rand == nil {
		cfg.Stack.Rand = rand.Reader
	}
	defaultPort(&cfg.IKEPort, portIKE)
	defaultPort(&cfg.NATTPort, portNATT)
	defaultPort(&cfg.L2TPPort, portL2TP)
	port := cfg.InnerPort
	if port == 0 {
		var err error
		if port, err = freshPort(cfg.Stack.Rand); err != nil {
			return nil, err
		}
	}
	s, err := connect(ctx, cfg, port)
	for tries := 0; err != nil && tries < maxOtherWays && otherWay(&cfg, &port, s, err); tries++ {
		before := err
		if s, err = connect(ctx, cfg, port); err != nil {
			err = both(before, err)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// both is the failure of a second try that tells of the first one, too: when
// both failed alike, what was asked for at first is what a person knows of.
func both(before, err error) error {
	var first, second *failure.Failure
	if !errors.As(before, &first) || !errors.As(err, &second) {
		return err
	}
	if first.Code != second.Code {
		first, second = second, first
	}
	told := *first
	told.Evidence = slices.Concat(first.Evidence, second.Evidence)
	return &told
}

// maxOtherWays bounds the connections that Connect tries by itself.
const maxOtherWays = 3

// otherWay changes what a gateway may have failed over, each thing once, and
// says whether there was anything to change.
func otherWay(cfg *Config, port *uint16, failed *Session, err error) bool {
	var f *failure.Failure
	if failed == nil || !errors.As(err, &f) {
		return false
	}
	var p *ppp.Error
	k := &cfg.Stack
	switch {
	// Some gateways take only 1701 for the client's inner port (RFC 3193 lets
	// it float): they refuse the identities, or leave SCCRQ unanswered.
	case (f.Code == failure.IPsecSelectorsRejected || f.Code == failure.L2TPNoAnswer) && k.IPsec && cfg.InnerPort == 0 && *port != portL2TP:
		*port = portL2TP
	// MikroTik's default wants PFS, most others refuse it.
	case f.Code == failure.IPsecNoProposal && cfg.AutoPFS && k.IKE.PFS == 0 && failed.phase1.Group != 0:
		k.IKE.PFS = failed.phase1.Group
	// pppd and SoftEther hash the octets of a password, not its characters.
	case errors.As(err, &p) && p.TryWidened && !k.PPP.Widened:
		k.PPP.Widened = true
	// pppd with EAP alone does not insist on it, SoftEther asks for what it has not.
	case errors.As(err, &p) && p.TryEAP != ppp.EAPInTurn && k.PPP.EAP == ppp.EAPInTurn:
		k.PPP.EAP = p.TryEAP
	default:
		return false
	}
	return true
}

func defaultPort(p *uint16, port uint16) {
	if *p == 0 {
		*p = port
	}
}

// freshPort is a random port of the dynamic range (RFC 6335, 6). A gateway that
// still holds a dead tunnel would swallow a new one from the same port.
func freshPort(r io.Reader) (uint16, error) {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, fmt.Errorf("engine: no randomness: %w", err)
	}
	return 0xc000 | binary.BigEndian.Uint16(b[:]), nil
}

func connect(ctx context.Context, cfg Config, innerPort uint16) (*Session, error) {
	s, err := open(cfg, innerPort)
	if err != nil {
		return nil, err
	}
	s.start()
	select {
	case <-s.up:
		return s, nil
	case <-s.ended:
		return s, s.Wait()
	case <-ctx.Done():
		s.closeOnce.Do(func() { close(s.closing) })
		select {
		case <-s.ended:
		case <-cfg.Abort:
			s.Abort()
		}
		return s, ctx.Err()
	}
}
