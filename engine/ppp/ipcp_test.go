package ppp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestIPCPClient(t *testing.T) {
	t.Run("asks for a fixed address", func(t *testing.T) {
		cfg := clientConfig(1)
		cfg.Local = addr("::ffff:10.1.2.3")
		s := network(t, cfg)
		p := s.ack(protocolIPCP)
		if want := unhex(t, "03060a010203 810600000000 820600000000 830600000000 840600000000"); string(p.data) != string(want) {
			t.Errorf("asks for %x, want %x", p.data, want)
		}
		s.recvHex(protocolIPCP, configureRequest, 0, "0306c0a81e01")
		e := must[NetworkUp](s)
		if e.Local != addr("10.1.2.3") || e.Peer != addr("192.168.30.1") || len(e.DNS)+len(e.NBNS) != 0 {
			t.Errorf("%+v", e)
		}
	})
	t.Run("name servers", func(t *testing.T) {
		s := network(t, clientConfig(1))
		p := s.expect(protocolIPCP, configureRequest)
		s.recvHex(protocolIPCP, configureNak, p.id, "03060a630010 81060a630035 82060a630037 83060a630036 840600000000")
		s.ack(protocolIPCP)
		s.recvHex(protocolIPCP, configureRequest, 0, "") // a peer that does not tell its address
		want := "{10.99.0.16 invalid IP [10.99.0.53 10.99.0.54] [10.99.0.55]}"
		if got := fmt.Sprint(must[NetworkUp](s)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("compression", func(t *testing.T) {
		s := network(t, clientConfig(1))
		s.frames = nil
		s.pass(time.Millisecond)
		s.recvHex(protocolIPCP, configureRequest, 1, "0206002d0f01 03060a630001")
		s.expectHex(protocolIPCP, configureReject, 1, "0206002d0f01")
		s.recvHex(protocolIPCP, configureRequest, 2, "03060a630001 8106 08080808")
		s.expectHex(protocolIPCP, configureReject, 2, "810608080808")
		s.recvHex(protocolIPCP, configureRequest, 3, "0304 0a63")
		s.expectHex(protocolIPCP, configureReject, 3, "03040a63")
	})
	t.Run("a peer without an address", func(t *testing.T) {
		s := network(t, clientConfig(1))
		s.ack(protocolIPCP) // of 0.0.0.0: kept for below
		s.frames = nil
		for i := range uint8(2) {
			s.recvHex(protocolIPCP, configureRequest, i, "030600000000")
			s.expectHex(protocolIPCP, configureNak, i, "0306c0000008")
		}
		s.recvHex(protocolIPCP, configureRequest, 3, "030600000000")
		s.expectHex(protocolIPCP, configureAck, 3, "030600000000")
		s.down(NoAddress) // ours is 0.0.0.0, too
	})
	t.Run("a peer that keeps 0.0.0.0", func(t *testing.T) {
		cfg := clientConfig(1)
		cfg.Local = addr("10.0.0.2")
		s := network(t, cfg)
		s.ack(protocolIPCP)
		for i := range uint8(3) {
			s.recvHex(protocolIPCP, configureRequest, i, "030600000000")
		}
		if e := must[NetworkUp](s); e.Peer.IsValid() {
			t.Errorf("peer %v", e.Peer)
		}
	})
}

func TestNoAddress(t *testing.T) {
	t.Run("naks in a circle", func(t *testing.T) {
		s := network(t, clientConfig(1))
		for i := 0; s.c.Phase() != PhaseOver && i < 50; i++ {
			p := s.expect(protocolIPCP, configureRequest)
			s.recvHex(protocolIPCP, configureNak, p.id, fmt.Sprintf("03060a6300%02x", i))
		}
		s.down(NoAddress)
	})
	t.Run("always 0.0.0.0", func(t *testing.T) {
		s := network(t, clientConfig(1))
		for i := 0; s.c.Phase() != PhaseOver && i < 50; i++ {
			p := s.expect(protocolIPCP, configureRequest)
			s.recvHex(protocolIPCP, configureNak, p.id, "030600000000")
		}
		s.down(NoAddress)
	})
	t.Run("the option is rejected", func(t *testing.T) {
		s := network(t, clientConfig(1))
		s.reject(protocolIPCP, "030600000000")
		s.ack(protocolIPCP)
		s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
		s.down(NoAddress)
	})
	t.Run("silence", func(t *testing.T) {
		s := network(t, clientConfig(1))
		s.pass(31 * time.Second)
		s.down(NoAddress)
	})
	t.Run("never the peer's turn", func(t *testing.T) {
		s := network(t, clientConfig(1))
		for i := 0; i < 100 && s.c.Phase() != PhaseOver; i++ {
			for len(s.frames) > 0 {
				if protocol, p := s.next(); protocol == protocolIPCP && p.code == configureRequest {
					s.recv(protocolIPCP, configureAck, p.id, p.data...)
				}
			}
			s.pass(time.Second)
		}
		s.down(NoAddress)
	})
	t.Run("the peer ends IPCP", func(t *testing.T) {
		s := network(t, clientConfig(1))
		s.recv(protocolIPCP, terminateRequest, 1, []byte("Could not determine remote IP address")...)
		if e := s.down(NoAddress); e.Text != "Could not determine remote IP address" {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a client that takes no address", func(t *testing.T) {
		s := newScript(t, serverConfig(1))
		s.link("")
		for i := uint8(0); s.c.Phase() != PhaseOver && i < 50; i++ {
			s.recvHex(protocolIPCP, configureRequest, i, "")
		}
		s.down(NoAddress)
	})
	t.Run("a client that takes another", func(t *testing.T) {
		s := newScript(t, serverConfig(1))
		s.link("")
		s.frames = nil
		for i := range uint8(10) {
			s.pass(time.Millisecond)
			s.recvHex(protocolIPCP, configureRequest, i, "03060a090909")
			want := uint8(configureNak)
			if i >= maxFailure {
				want = configureReject
			}
			if p := s.expect(protocolIPCP, want); want == configureNak && string(p.data) != string(unhex(t, "03060a63000a")) {
				t.Errorf("Nak'd with %x", p.data)
			}
		}
	})
}

func TestIPCPEndsLater(t *testing.T) {
	s := up(t, clientConfig(1))
	s.recv(protocolIPCP, terminateRequest, 1)
	must[NetworkDown](s)
	s.expect(protocolIPCP, terminateAck)
	s.pass(4 * time.Second)
	s.down(PeerClosed)
}

func TestProtocolRejected(t *testing.T) {
	s := network(t, clientConfig(1))
	s.recvHex(protocolLCP, protocolReject, 1, "8021 0101000a030600000000")
	s.down(IPCPRejected)

	cfg := clientConfig(1)
	cfg.IPv6 = true
	cfg.Local = addr("10.0.0.2")
	s = network(t, cfg)
	s.ack(protocolIPCP)
	s.recvHex(protocolIPCP, configureRequest, 1, "")
	s.expect(protocolIPCP, configureAck)
	s.expect(protocolIPv6CP, configureRequest)
	s.events = nil
	s.recvHex(protocolLCP, protocolReject, 1, "8057")
	if _, ok := has[Down](s); ok {
		t.Error("a link ends for want of IPv6")
	}
	s.recvHex(protocolLCP, protocolReject, 1, "8057")
	s.dropped(DropIgnored)
	s.pass(20 * time.Second)
	s.quiet()
	s.recvHex(protocolIPv6CP, configureRequest, 9, "010a0102030405060708")
	s.quiet()
}

// A client begins with IPV6CP when IPCP is opened, or not at all by itself.
func TestIPv6Waits(t *testing.T) {
	for _, waits := range []bool{false, true} {
		cfg := clientConfig(1)
		cfg.IPv6, cfg.IPv6Waits, cfg.Local = true, waits, addr("10.0.0.2")
		s := network(t, cfg)
		s.ack(protocolIPCP)
		s.recvHex(protocolIPCP, configureRequest, 1, "")
		s.expect(protocolIPCP, configureAck)
		must[NetworkUp](s)
		if waits {
			s.quiet()
			s.recvHex(protocolIPv6CP, configureRequest, 1, "010a0102030405060708")
		}
		s.expect(protocolIPv6CP, configureRequest)
	}
}

func TestIPv6CP(t *testing.T) {
	cfg := clientConfig(1)
	cfg.IPv6 = true
	cfg.InterfaceID = [8]byte{1: 9}
	s := network(t, cfg)
	s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolIPv6CP, configureRequest, 9, "010a0000000000000000") // before IPCP is opened
	p := s.expect(protocolIPv6CP, configureRequest)
	s.expect(protocolIPv6CP, configureNak)
	if string(p.data) != string(unhex(t, "010a0009000000000000")) {
		t.Errorf("identifier %x", p.data)
	}
	s.pass(time.Millisecond)
	s.recv(protocolIPv6CP, configureRequest, 1, p.data...) // ours
	if q := s.expect(protocolIPv6CP, configureNak); string(q.data) == string(p.data) {
		t.Errorf("Nak'd with %x", q.data)
	}
	s.recvHex(protocolIPv6CP, configureRequest, 2, "010a0000000000000000 0204004f")
	s.expectHex(protocolIPv6CP, configureReject, 2, "0204004f")
	s.recvHex(protocolIPv6CP, configureRequest, 3, "010a0000000000000000")
	s.expect(protocolIPv6CP, configureNak)
	s.recvHex(protocolIPv6CP, configureRequest, 4, "010a0102030405060708")
	s.expect(protocolIPv6CP, configureAck)
	s.recvHex(protocolIPv6CP, configureNak, p.id, "010a1112131415161718")
	s.ack(protocolIPv6CP)
	want := Network6Up{LocalID: [8]byte(unhex(t, "1112131415161718")), PeerID: [8]byte(unhex(t, "0102030405060708"))}
	if e := must[Network6Up](s); e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
	s.recv(protocolIPv6CP, terminateRequest, 1)
	must[Network6Down](s)

	cfg.InterfaceID = [8]byte{}
	s = network(t, cfg) // a peer that rejects the option has its own idea of ours
	s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolIPv6CP, configureRequest, 9, "010a0000000000000000")
	p = s.expect(protocolIPv6CP, configureRequest)
	s.expect(protocolIPv6CP, configureNak)
	if len(p.data) != 10 || p.data[2]&2 != 0 {
		t.Errorf("identifier %x", p.data)
	}
	s.recv(protocolIPv6CP, configureReject, p.id, p.data...)
	if p = s.ack(protocolIPv6CP); len(p.data) != 0 {
		t.Errorf("asks for %x, which was rejected", p.data)
	}
	s.recvHex(protocolIPv6CP, 9, 1, "00000000")
	s.expect(protocolIPv6CP, codeReject)

	s = network(t, clientConfig(1)) // not wanted
	s.frames = nil
	s.recvHex(protocolIPv6CP, configureRequest, 1, "010a0102030405060708")
	s.expect(protocolLCP, protocolReject)
}

// A peer that never agrees about IPv6, or never answers, costs IPv6 alone.
func TestIPv6CPGivesUp(t *testing.T) {
	cfg := clientConfig(1)
	cfg.IPv6, cfg.Local = true, addr("10.0.0.2")
	for _, answers := range []bool{true, false} {
		s := network(t, cfg)
		s.ack(protocolIPCP)
		s.recvHex(protocolIPCP, configureRequest, 1, "")
		for i := 0; answers && len(s.frames) > 0 && i < 30; i++ {
			if protocol, p := s.next(); protocol == protocolIPv6CP && p.code == configureRequest {
				s.recvHex(protocolIPv6CP, configureNak, p.id, "010a0000000000000000")
			}
		}
		s.pass(50 * time.Second)
		if s.c.Phase() != PhaseNetwork || s.c.ipcp.state != Opened || s.c.ipv6cp.state > Stopped {
			t.Errorf("answers %v: IPV6CP is in %v, the link in %v", answers, s.c.ipv6cp.state, s.c.Phase())
		}
	}
}

func TestServerHandsOut(t *testing.T) {
	cfg := serverConfig(1)
	cfg.NBNS = [2]netip.Addr{}
	cfg.DNS[1] = netip.Addr{}
	s := newScript(t, cfg)
	s.link("")
	s.expectHex(protocolIPCP, configureRequest, 1, "03060a630001")
	s.recvHex(protocolIPCP, configureRequest, 1, "030600000000 810600000000 820600000000 830600000000")
	s.expectHex(protocolIPCP, configureReject, 1, "820600000000")
	s.recvHex(protocolIPCP, configureRequest, 2, "030600000000 810600000000 830600000000")
	s.expectHex(protocolIPCP, configureNak, 2, "03060a63000a 81060a630035 83060a630035")
	s.recvHex(protocolIPCP, configureNak, 1, "03060a090909") // a server keeps its address
	s.expectHex(protocolIPCP, configureRequest, 2, "03060a630001")
	s.recvHex(protocolIPCP, configureRequest, 3, "03060a63000a 81060a630035 83060a630035")
	s.expectHex(protocolIPCP, configureAck, 3, "03060a63000a 81060a630035 83060a630035")
	s.recvHex(protocolIPCP, configureAck, 2, "03060a630001")
	e := must[NetworkUp](s)
	if e.Local != addr("10.99.0.1") || e.Peer != addr("10.99.0.10") || len(e.DNS) != 1 {
		t.Errorf("%+v", e)
	}
}

// A gateway gave its client addresses that are this machine's own, or
// everybody's, and the client took them.
func TestNoAddressOfAHost(t *testing.T) {
	for _, a := range []string{"7f000001", "7f010203", "00000001", "e0000001", "ffffffff", "f0000001"} {
		s := network(t, clientConfig(1))
		p := s.expect(protocolIPCP, configureRequest)
		s.recvHex(protocolIPCP, configureNak, p.id, "0306"+a)
		s.ack(protocolIPCP)
		s.recvHex(protocolIPCP, configureRequest, 0, "03060a630001")
		s.down(NoAddress)
	}
	s := network(t, clientConfig(1))
	p := s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolIPCP, configureNak, p.id, "03060a630010 81067f000035 8306e00000fb")
	s.ack(protocolIPCP)
	s.recvHex(protocolIPCP, configureRequest, 0, "03067f000001")
	if e := must[NetworkUp](s); e.Peer.IsValid() || len(e.DNS) != 0 {
		t.Errorf("%+v, want neither the peer's loopback address nor such name servers", e)
	}
}

func TestSetPeer(t *testing.T) {
	cfg := serverConfig(1)
	cfg.Peer, cfg.Auth = netip.Addr{}, nil
	s := network(t, cfg)
	s.c.SetPeer(addr("10.99.0.77"))
	s.frames = nil
	s.recvHex(protocolIPCP, configureRequest, 1, "030600000000")
	s.expectHex(protocolIPCP, configureNak, 1, "03060a63004d")
}
