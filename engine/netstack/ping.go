package netstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// pingData is the length of an echo's data: what ping(8) sends.
const pingData = 56

// Ping sends one ICMP echo request and waits for its reply or the end of ctx.
// It reports the round-trip time.
func (s *Stack) Ping(ctx context.Context, addr netip.Addr) (time.Duration, error) {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return 0, errors.New("netstack: ping without an address")
	}
	if s.isClosed() {
		return 0, fmt.Errorf("netstack: ping %v: %w", addr, net.ErrClosed)
	}
	rtt, err := s.ping(ctx, addr)
	if err != nil && s.isClosed() {
		err = net.ErrClosed // whatever step Close came between
	}
	if err != nil {
		return 0, fmt.Errorf("netstack: ping %v: %w", addr, err)
	}
	return rtt, nil
}

func (s *Stack) ping(ctx context.Context, addr netip.Addr) (time.Duration, error) {
	protocol, kind, answer := icmp.ProtocolNumber4, byte(header.ICMPv4Echo), byte(header.ICMPv4EchoReply)
	if addr.Is6() {
		protocol, kind, answer = icmp.ProtocolNumber6, byte(header.ICMPv6EchoRequest), byte(header.ICMPv6EchoReply)
	}
	wq := new(waiter.Queue)
	ep, terr := s.ip.NewEndpoint(protocol, family(addr), wq)
	if terr != nil {
		return 0, toError(terr)
	}
	defer ep.Close()
	entry, notify := waiter.NewChannelEntry(waiter.ReadableEvents | waiter.EventErr | waiter.EventHUp)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if terr := ep.Connect(fullAddress(netip.AddrPortFrom(addr, 0))); terr != nil {
		return 0, toError(terr)
	}
	if s.isClosed() { // Close may not have seen the endpoint
		return 0, net.ErrClosed
	}

	// Type, code, checksum, identifier (the stack's), sequence number 1, data.
	request := make([]byte, header.ICMPv4MinimumSize+pingData)
	request[0], request[7] = kind, 1
	data := request[header.ICMPv4MinimumSize:]
	_, _ = rand.Read(data) // never fails
	start := time.Now()
	if _, terr := ep.Write(bytes.NewReader(request), tcpip.WriteOptions{}); terr != nil {
		return 0, toError(terr)
	}
	for {
		var reply bytes.Buffer
		_, terr := ep.Read(&reply, tcpip.ReadOptions{})
		switch terr.(type) {
		case nil:
			if b := reply.Bytes(); len(b) == len(request) && b[0] == answer && bytes.Equal(b[header.ICMPv4MinimumSize:], data) {
				return time.Since(start), nil
			}
		case *tcpip.ErrWouldBlock:
			select {
			case <-notify:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		default:
			return 0, toError(terr)
		}
	}
}
