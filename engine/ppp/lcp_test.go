package ppp

import (
	"fmt"
	"testing"
	"time"
)

func TestLCPJudgesThePeer(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		code          uint8
		answer        string
	}{
		{"nothing", "", configureAck, ""},
		{"what pppd asks of a client", "01040578 0206 00000000 0305c22381 05061234abcd 0702 0802", configureAck, "0104057802060000000003 05c22381 05061234abcd07020802"},
		{"MRU of 1500", "010405dc", configureAck, "010405dc"},
		{"tiny MRU", "01040010", configureNak, "01040080"},
		{"MRRU and endpoint discriminator", "010405b61104 05b6 13070312345678", configureReject, "110405b613070312345678"},
		{"callback", "0d0306", configureReject, "0d0306"},
		{"quality", "0408c02500000000", configureReject, "0408c02500000000"},
		{"reject goes before nak", "0104001011 0405b6", configureReject, "110405b6"},
		{"an option of a wrong length", "01030005", configureReject, "010300"},
		{"EAP", askEAP, configureNak, askMSCHAPv2},
		{"MS-CHAP", askMSCHAP, configureNak, askMSCHAPv2},
		{"PAP, allowed", askPAP, configureAck, askPAP},
		{"unknown authentication", "0306c22799 99", configureNak, askMSCHAPv2},
	} {
		s := newScript(t, clientConfig(1, MSCHAPv2, PAP))
		s.frames = nil
		options := tt.options
		if tt.name == "an option of a wrong length" {
			options = "010300"
		}
		s.now = s.now.Add(10 * time.Millisecond)
		s.recvHex(protocolLCP, configureRequest, 0, options)
		s.expect(protocolLCP, configureRequest) // ours, once more
		p := s.expect(protocolLCP, tt.code)
		if want := unhex(t, tt.answer); p.id != 0 || string(p.data) != string(want) {
			t.Errorf("%s: %s is answered with id %d %x, want id 0 %x", tt.name, options, p.id, p.data, want)
		}
	}
}

func TestLCPRequests(t *testing.T) {
	s := newScript(t, clientConfig(1))
	magic := fmt.Sprintf("%08x", s.c.lcp.magic)
	s.expectHex(protocolLCP, configureRequest, 1, "010405780506"+magic)

	// A smaller MRU is taken over, a larger one is not.
	s.recvHex(protocolLCP, configureNak, 1, "01040500")
	s.expectHex(protocolLCP, configureRequest, 2, "010405000506"+magic)
	s.recvHex(protocolLCP, configureNak, 2, "010405dc")
	s.expectHex(protocolLCP, configureRequest, 3, "010405000506"+magic)
	s.recvHex(protocolLCP, configureNak, 3, "010405dc")
	s.expectHex(protocolLCP, configureRequest, 4, "0506"+magic)
	s.recvHex(protocolLCP, configureReject, 4, "0506"+magic)
	s.expectHex(protocolLCP, configureRequest, 5, "")

	// Answers to what has been answered, and to what was never asked.
	s.recvHex(protocolLCP, configureReject, 4, "0506"+magic)
	s.dropped(DropIdentifier)
	s.recvHex(protocolLCP, configureAck, 9, "")
	s.dropped(DropIdentifier)
	s.recvHex(protocolLCP, configureAck, 5, "0702")
	s.dropped(DropMismatch)
	s.recvHex(protocolLCP, configureNak, 5, "07")
	s.dropped(DropMalformed)
	s.recvHex(protocolLCP, configureRequest, 5, "0700")
	s.dropped(DropMalformed)
	s.quiet()

	s.recvHex(protocolLCP, configureAck, 5, "")
	s.recvHex(protocolLCP, configureRequest, 1, "01040578 0702 0802")
	s.expect(protocolLCP, configureAck)
	want := LinkUp{LocalMRU: 1500, PeerMRU: 1400, ACFC: true, PFC: true}
	if e := must[LinkUp](s); e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func TestServerRequest(t *testing.T) {
	cfg := serverConfig(1, MSCHAPv2)
	cfg.MRU = 1380
	s := newScript(t, cfg)
	s.expectHex(protocolLCP, configureRequest, 1, fmt.Sprintf("01040564 %s 0506%08x", askMSCHAPv2, s.c.lcp.magic))
	// A server does not authenticate itself with the client's methods.
	s.recvHex(protocolLCP, configureRequest, 1, askPAP)
	s.expect(protocolLCP, configureRequest)
	s.expectHex(protocolLCP, configureReject, 1, askPAP)
}

// The early repeats, then those of the Restart timer, all of them the same
// packet; ten for Max-Configure; then the end.
func TestNoAnswer(t *testing.T) {
	s := newScript(t, clientConfig(1))
	var at []time.Duration
	for len(s.events) == 0 || !s.c.Deadline().IsZero() {
		for len(s.frames) > 0 {
			if _, p := s.next(); p.code == configureRequest && p.id == 1 {
				at = append(at, s.now.Sub(epoch))
			}
		}
		s.pass(s.c.Deadline().Sub(s.now))
	}
	ms := time.Millisecond
	want := []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 3100 * ms, 6100 * ms, 9100 * ms, 12100 * ms, 15100 * ms, 18100 * ms, 21100 * ms, 24100 * ms, 27100 * ms}
	if fmt.Sprint(at) != fmt.Sprint(want) {
		t.Errorf("requests at %v, want %v", at, want)
	}
	s.down(NoAnswer)
	if got := s.now.Sub(epoch); got != 30100*ms {
		t.Errorf("gave up after %v, want 30.1 s", got)
	}
}

func TestLoopback(t *testing.T) {
	s := newScript(t, clientConfig(1))
	for i := 0; len(s.frames) > 0 && s.c.Phase() != PhaseOver; i++ {
		if i > 100 {
			t.Fatal("a loop is not noticed")
		}
		f := s.frames[0]
		s.frames = s.frames[1:]
		s.now = s.now.Add(time.Millisecond)
		s.frame(f)
	}
	s.down(Loopback)
}

// A magic number once the same by chance is no loop.
func TestMagicByChance(t *testing.T) {
	s := newScript(t, clientConfig(1))
	p := s.expect(protocolLCP, configureRequest)
	s.recv(protocolLCP, configureRequest, 1, p.data...)
	s.expect(protocolLCP, configureRequest)
	nak := s.expect(protocolLCP, configureNak)
	if len(nak.data) != 6 || string(nak.data) == string(p.data[4:]) {
		t.Errorf("Nak'd with %x", nak.data)
	}
	s.recvHex(protocolLCP, configureRequest, 2, "0506"+"00000000") // never legal
	s.expect(protocolLCP, configureNak)
	s.recvHex(protocolLCP, configureRequest, 3, "0506"+"01020304")
	s.expect(protocolLCP, configureAck)
	s.recvHex(protocolLCP, configureNak, 1, "0506"+"01020304")
	if q := s.expect(protocolLCP, configureRequest); string(q.data) == string(p.data) {
		t.Error("a Nak'd magic number is kept")
	}
}

func TestLCPNakLoop(t *testing.T) {
	s := newScript(t, clientConfig(1))
	for i := 0; len(s.frames) > 0 && s.c.Phase() != PhaseOver; i++ {
		if i > 50 {
			t.Fatal("Naks go on for ever")
		}
		if _, p := s.next(); p.code == configureRequest {
			s.recvHex(protocolLCP, configureNak, p.id, "0506"+fmt.Sprintf("%08x", i))
		}
	}
	s.down(NegotiationFailed)
}

// Max-Failure: a peer that will not take our Naks gets a Reject.
func TestMaxFailure(t *testing.T) {
	s := newScript(t, clientConfig(1))
	for i := range uint8(10) {
		s.frames = nil
		s.recvHex(protocolLCP, configureRequest, i, "01040010")
		_, p := s.next()
		for p.code == configureRequest {
			_, p = s.next()
		}
		want := uint8(configureNak)
		if i >= maxFailure {
			want = configureReject
		}
		if p.code != want {
			t.Errorf("request %d is answered with code %d, want %d", i, p.code, want)
		}
	}
}

// A peer that answers and never agrees does not hold us for ever.
func TestLinkTime(t *testing.T) {
	s := newScript(t, clientConfig(1))
	for i := 0; i < 1000 && s.c.Phase() != PhaseOver; i++ {
		for len(s.frames) > 0 {
			if _, p := s.next(); p.code == configureRequest {
				s.recv(protocolLCP, configureAck, p.id, p.data...)
			}
		}
		s.pass(time.Second) // its own request never comes
	}
	s.down(NegotiationFailed)
}

func TestAuthLadder(t *testing.T) {
	// SoftEther: EAP, then MS-CHAPv2, then PAP, whatever is suggested.
	s := newScript(t, clientConfig(1, PAP))
	s.ack(protocolLCP)
	s.recvHex(protocolLCP, configureRequest, 0, askEAP)
	s.expectHex(protocolLCP, configureNak, 0, askPAP)
	s.recvHex(protocolLCP, configureRequest, 0, askEAP) // our Nak was lost: no insisting
	s.expectHex(protocolLCP, configureNak, 0, askPAP)
	s.recvHex(protocolLCP, configureRequest, 1, askMSCHAPv2)
	s.expectHex(protocolLCP, configureNak, 1, askPAP)
	s.recvHex(protocolLCP, configureRequest, 2, askPAP)
	s.expectHex(protocolLCP, configureAck, 2, askPAP)
	if e := must[Authenticating](s); e.Method != PAP {
		t.Errorf("authenticating with %v", e.Method)
	}
	s.expect(protocolPAP, papRequest)
}

func TestAuthMethodRefused(t *testing.T) {
	t.Run("the peer insists", func(t *testing.T) {
		s := newScript(t, clientConfig(1, MSCHAPv2, CHAPMD5))
		s.ack(protocolLCP)
		s.recvHex(protocolLCP, configureRequest, 1, askPAP)
		s.expectHex(protocolLCP, configureNak, 1, askMSCHAPv2)
		s.recvHex(protocolLCP, configureRequest, 2, askPAP)
		s.expectHex(protocolLCP, configureNak, 2, askMD5)
		s.recvHex(protocolLCP, configureRequest, 3, askPAP)
		s.expect(protocolLCP, terminateRequest)
		if e := s.down(AuthMethodRefused); e.Detail != "we allow [MS-CHAPv2 CHAP-MD5], peer asked for [PAP PAP PAP]" {
			t.Errorf("detail %q", e.Detail)
		}
	})
	t.Run("the peer ends it", func(t *testing.T) {
		s := newScript(t, clientConfig(1, MSCHAPv2))
		s.ack(protocolLCP)
		s.recvHex(protocolLCP, configureRequest, 1, askEAP)
		s.expect(protocolLCP, configureNak)
		s.recv(protocolLCP, terminateRequest, 2, []byte("peer refused to authenticate")...)
		s.expect(protocolLCP, terminateAck)
		if e := s.down(AuthMethodRefused); e.Text != "peer refused to authenticate" {
			t.Errorf("text %q", e.Text)
		}
	})
	t.Run("the peer gives in, and then ends it", func(t *testing.T) {
		// pppd opens the link without its demand, and says there what it thinks.
		s := newScript(t, clientConfig(1, PAP))
		s.ack(protocolLCP)
		s.recvHex(protocolLCP, configureRequest, 1, askMD5)
		s.expectHex(protocolLCP, configureNak, 1, askPAP)
		s.recvHex(protocolLCP, configureRequest, 2, "")
		s.expectHex(protocolLCP, configureAck, 2, "")
		s.expect(protocolIPCP, configureRequest)
		s.recv(protocolLCP, terminateRequest, 3, []byte("peer refused to authenticate")...)
		s.expect(protocolLCP, terminateAck)
		s.down(AuthMethodRefused)
	})
	t.Run("the peer alternates", func(t *testing.T) {
		s := newScript(t, clientConfig(1, MSCHAPv2))
		s.ack(protocolLCP)
		for i := uint8(0); s.c.Phase() != PhaseOver && i < 50; i++ {
			s.recvHex(protocolLCP, configureRequest, i, []string{askEAP, askPAP}[i&1])
			if p := s.expect(protocolLCP, s.frames[0][4]); p.code == configureReject {
				s.recv(protocolLCP, terminateRequest, i+1) // what else
			}
		}
		s.down(AuthMethodRefused)
	})
	t.Run("nothing is allowed", func(t *testing.T) {
		s := newScript(t, clientConfig(1))
		s.recvHex(protocolLCP, configureRequest, 1, askPAP)
		s.down(AuthMethodRefused)
	})
	t.Run("the protocol is rejected", func(t *testing.T) {
		s := newScript(t, clientConfig(1, PAP))
		s.link(askPAP)
		s.recvHex(protocolLCP, protocolReject, 1, "c023 01010004")
		s.down(AuthMethodRefused)
	})
	t.Run("server", func(t *testing.T) {
		s := newScript(t, serverConfig(1, MSCHAPv2, PAP))
		s.reject(protocolLCP, askMSCHAPv2)
		p := s.expect(protocolLCP, configureRequest)
		if string(p.data[4:8]) != string(unhex(t, askPAP)) {
			t.Errorf("demands %x, want PAP next", p.data)
		}
		s.recvHex(protocolLCP, configureNak, p.id, askEAP)
		s.down(AuthMethodRefused)
	})
}

func TestLCPRejected(t *testing.T) {
	for _, tt := range []struct {
		name string
		code uint8
		data string
	}{
		{"Code-Reject of Configure-Request", codeReject, "01010004"},
		{"Protocol-Reject of LCP", protocolReject, "c021"},
	} {
		s := network(t, clientConfig(1))
		s.recvHex(protocolLCP, tt.code, 1, tt.data)
		s.pass(7 * time.Second) // Stopping waits for a Terminate-Ack first
		s.down(NegotiationFailed)
	}
}

func TestLCPCodes(t *testing.T) {
	s := network(t, clientConfig(1))
	s.frames, s.events = nil, nil
	magic := fmt.Sprintf("%08x", s.c.lcp.magic)
	// SoftEther's echo: magic number zero, and text.
	s.recvHex(protocolLCP, echoRequest, 0, "00000000 536f6674 00")
	s.expectHex(protocolLCP, echoReply, 0, magic+"536f667400")
	s.recvHex(protocolLCP, echoRequest, 3, magic)
	s.dropped(DropMagic)
	s.recvHex(protocolLCP, echoRequest, 3, "0000")
	s.dropped(DropMalformed)
	s.recvHex(protocolLCP, identification, 3, "00000000 41")
	s.dropped(DropIgnored)
	s.recvHex(protocolLCP, timeRemaining, 3, "00000000 00000010")
	s.recvHex(protocolLCP, discardRequest, 3, "00000000")
	s.recvHex(protocolLCP, echoReply, 3, "00000000")
	s.recvHex(protocolLCP, codeReject, 3, "0c010004")
	s.recvHex(protocolLCP, protocolReject, 3, "80fd")
	s.quiet()
	s.recvHex(protocolLCP, 99, 3, "abcd")
	if p := s.expect(protocolLCP, codeReject); string(p.data) != string(unhex(t, "63030006abcd")) {
		t.Errorf("Code-Reject of %x", p.data)
	}
	s.recvHex(protocolIPCP, 9, 3, "00000000") // echoes are LCP's alone
	s.expect(protocolIPCP, codeReject)
	s.frame(unhex(t, "ff0380fb01010004")) // a protocol we do not speak
	s.expectHex(protocolLCP, protocolReject, s.c.lcp.otherID, "80fb01010004")
	s.frame(unhex(t, "214500"))
	s.dropped(DropData)
	s.frame(unhex(t, "ff03c02102"))
	s.dropped(DropMalformed)
	s.frame(unhex(t, "ff"))
	s.dropped(DropMalformed)
}

// Echoes are answered in Opened only.
func TestEchoBeforeOpened(t *testing.T) {
	s := newScript(t, clientConfig(1))
	s.frames = nil
	s.recvHex(protocolLCP, echoRequest, 0, "00000000")
	s.quiet()
}

func TestEcho(t *testing.T) {
	cfg := clientConfig(1)
	cfg.EchoInterval, cfg.EchoFailures = 30*time.Second, 4
	echoes := func(s *script) (n int) {
		for ; len(s.frames) > 0; n++ {
			s.expectHex(protocolLCP, echoRequest, s.frames[0][5], fmt.Sprintf("%08x", s.c.lcp.magic))
		}
		return n
	}
	t.Run("dead", func(t *testing.T) {
		s := up(t, cfg)
		s.pass(119 * time.Second)
		if n := echoes(s); n != 3 {
			t.Errorf("%d echoes after 119 s, want 3", n)
		}
		s.pass(2 * time.Second)
		if n := echoes(s); n != 1 {
			t.Errorf("%d echoes more after 121 s, want 1", n)
		}
		s.pass(30 * time.Second)
		s.down(PeerDead)
		if n := count[Unanswered](s); n != 4 {
			t.Errorf("Unanswered %d times, want once for each of 4 echoes", n)
		}
	})
	t.Run("answered", func(t *testing.T) {
		s := up(t, cfg)
		for range 20 {
			s.pass(31 * time.Second)
			if n := echoes(s); n != 1 {
				t.Fatalf("%d echoes in 31 s, want 1", n)
			}
			s.recvHex(protocolLCP, echoReply, s.c.lcp.otherID, "00000000")
		}
		if n := count[Unanswered](s); n != 0 {
			t.Errorf("Unanswered %d times, want never", n)
		}
	})
	t.Run("data arrives", func(t *testing.T) {
		s := up(t, cfg)
		for range 100 {
			s.pass(20 * time.Second)
			s.c.Saw(s.now)
		}
		if n := echoes(s); n != 0 {
			t.Errorf("%d echoes with data every 20 s", n)
		}
		s.c.Saw(s.now.Add(-time.Hour)) // an old time changes nothing
		s.pass(29 * time.Second)
		s.quiet()
		s.pass(2 * time.Second)
		if n := echoes(s); n != 1 {
			t.Errorf("%d echoes after 31 s of silence, want 1", n)
		}
	})
	t.Run("asleep", func(t *testing.T) { // the clock jumps: one echo, not many
		s := up(t, cfg)
		s.now = s.now.Add(8 * time.Hour)
		s.pass(0)
		if n := echoes(s); n != 1 {
			t.Errorf("%d echoes after eight hours of sleep, want 1", n)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("acknowledged", func(t *testing.T) {
		s := up(t, clientConfig(1))
		s.c.Close(s.now, &s.out)
		s.collect()
		p := s.expect(protocolLCP, terminateRequest)
		must[NetworkDown](s)
		s.recv(protocolLCP, terminateAck, p.id)
		if d := must[Down](s); d.Err != nil {
			t.Errorf("Down with %v after our own Close", d.Err)
		}
		n := len(s.events)
		s.recv(protocolLCP, terminateRequest, 1)
		s.pass(time.Hour)
		if s.quiet(); len(s.events) > n {
			t.Errorf("%+v after Down", s.events[n:])
		}
	})
	t.Run("silence", func(t *testing.T) {
		s := up(t, clientConfig(1))
		s.c.Close(s.now, &s.out)
		s.collect()
		s.pass(7 * time.Second)
		s.expect(protocolLCP, terminateRequest)
		s.expect(protocolLCP, terminateRequest)
		s.quiet()
		if d := must[Down](s); d.Err != nil {
			t.Errorf("Down with %v after our own Close", d.Err)
		}
	})
	t.Run("before anything", func(t *testing.T) {
		c := New(clientConfig(1))
		var out Output
		c.Handle(epoch, []byte{0xff, 0x03, 0xc0, 0x21}, &out)
		c.Advance(epoch, &out)
		c.Close(epoch, &out)
		c.Close(epoch, &out)
		c.Start(epoch, &out)
		if len(out.Frames) != 0 || c.Phase() != PhaseOver || !c.Deadline().IsZero() {
			t.Errorf("%+v in phase %v", out, c.Phase())
		}
	})
	t.Run("in every phase", func(t *testing.T) {
		for n := range 256 {
			c, now := inState(t, uint8(n))
			var out Output
			c.Close(now, &out)
			for i := 0; !c.Deadline().IsZero() && i < 10; i++ {
				c.Advance(c.Deadline(), &out)
			}
			if c.Phase() != PhaseOver {
				t.Errorf("state %d: closed, and in phase %v", n, c.Phase())
			}
		}
	})
}

// The peer negotiates anew while we are connected.
func TestRenegotiation(t *testing.T) {
	s := up(t, clientConfig(1))
	s.events = nil
	s.pass(10 * time.Second)
	s.recvHex(protocolLCP, configureRequest, 2, "0506"+"0badcafe")
	must[NetworkDown](s)
	must[LinkDown](s)
	ours := s.expect(protocolLCP, configureRequest) // before the Ack: see transitions
	s.expect(protocolLCP, configureAck)
	s.recv(protocolLCP, configureAck, ours.id, ours.data...)
	must[LinkUp](s)
	p := s.ack(protocolIPCP)
	if want := "\x03\x06\x0a\x63\x00\x0a"; string(p.data) != want {
		t.Errorf("asks for %x, want the address it had", p.data)
	}
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	must[NetworkUp](s)
}

// A repeat of what was acknowledged is no renegotiation: our Ack was lost.
func TestCopiedRequest(t *testing.T) {
	s := up(t, clientConfig(1))
	s.events = nil
	s.pass(3 * time.Second)
	s.recvHex(protocolLCP, configureRequest, 1, "")
	s.expectHex(protocolLCP, configureAck, 1, "")
	s.recvHex(protocolIPCP, configureRequest, 7, "03060a630001")
	s.expect(protocolIPCP, configureAck)
	s.quiet()
	if len(s.events) > 0 {
		t.Errorf("a copy leads to %+v", s.events)
	}
	// One that comes later is what RFC 1661 takes it for.
	s.pass(4 * time.Second)
	s.recvHex(protocolLCP, configureRequest, 1, "")
	must[LinkDown](s)
}

type deafReader struct{}

func (deafReader) Read([]byte) (int, error) { return 0, errLength }

func TestNoRandomNumbers(t *testing.T) {
	cfg := clientConfig(1)
	cfg.Rand = deafReader{}
	s := newScript(t, cfg)
	s.down(NegotiationFailed)
}
