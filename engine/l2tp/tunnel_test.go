package l2tp

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

func TestChallenge(t *testing.T) {
	tests := []struct {
		name     string
		lac, lns string
		hide     bool
		want     [2]Reason // of LAC and LNS; 0: both come up
	}{
		{"both know it", "s3cret", "s3cret", false, [2]Reason{}},
		{"both know it, hidden", "s3cret", "s3cret", true, [2]Reason{}},
		{"none has one", "", "", true, [2]Reason{}},
		{"LAC knows another", "other", "s3cret", false, [2]Reason{AuthFailed, PeerClosed}},
		{"LAC knows another, hidden", "other", "s3cret", true, [2]Reason{AuthFailed, PeerClosed}},
		{"only the LNS has one", "", "s3cret", false, [2]Reason{AuthFailed, PeerClosed}},
		{"only the LAC has one", "s3cret", "", false, [2]Reason{AuthFailed, AuthFailed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLink(t, 3, Config{Secret: secret.Secret(tt.lac), HideAVPs: tt.hide}, Config{Secret: secret.Secret(tt.lns)})
			l.start()
			if up := l.run(40*time.Second, l.bothUp); up != (tt.want == [2]Reason{}) {
				t.Errorf("up: %v, want %v", up, !up)
			}
			if got := l.lac.reason(); got != tt.want[0] {
				t.Errorf("LAC says %v, want %v", got, tt.want[0])
			}
			if got := l.lns.reason(); got != tt.want[1] {
				t.Errorf("LNS says %v, want %v", got, tt.want[1])
			}
			for _, ev := range l.lac.events {
				if u, ok := ev.(TunnelUp); ok && u.Authenticated != (tt.lac != "") {
					t.Errorf("TunnelUp = %+v", u)
				}
			}
		})
	}
}

// The responses, against a hand-made peer.
func TestChallengeResponses(t *testing.T) {
	key := secret.Secret("s3cret")
	t.Run("LAC answers and checks", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC, Secret: key})
		asked := p.last(SCCRQ)
		m := sccrp()
		m.Challenge = []byte("gateway's")
		m.Response = challengeResponse(SCCRP, key, asked.Challenge)
		p.say(m)
		if got := p.last(SCCCN); !bytes.Equal(got.Response, challengeResponse(SCCCN, key, m.Challenge)) {
			t.Errorf("response %x", got.Response)
		}
	})
	t.Run("LAC gets its own response back", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC, Secret: key})
		m := sccrp()
		m.Response = challengeResponse(SCCCN, key, p.last(SCCRQ).Challenge)
		p.say(m)
		if got := p.last(StopCCN); got.Result != stopNotAuthorized {
			t.Errorf("StopCCN %+v, want result %d", got, stopNotAuthorized)
		}
		p.zlb()
		p.wantEnd(Error{Reason: AuthFailed, Message: StopCCN, Local: true, Result: 4, Text: "peer gave a wrong challenge response"})
	})
	t.Run("LNS gets no response", func(t *testing.T) {
		p := newPeer(t, Config{Role: LNS, Secret: key})
		p.say(sccrq())
		p.say(Message{Type: SCCCN})
		p.zlb()
		p.wantEnd(Error{Reason: AuthFailed, Message: StopCCN, Local: true, Result: 4, Text: "peer gave no challenge response"})
	})
	t.Run("LAC is challenged without a secret", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC})
		m := sccrp()
		m.Challenge = []byte("gateway's")
		p.say(m)
		p.zlb()
		p.wantEnd(Error{Reason: AuthFailed, Message: StopCCN, Local: true, Result: 4, Text: "peer demands tunnel authentication; no tunnel secret is set"})
	})
	t.Run("hidden AVPs without a secret", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC})
		p.say(sccrp(), AVP{Mandatory: true, Hidden: true, Type: AVPChallenge, Value: make([]byte, 16)})
		p.zlb()
		p.wantEnd(Error{Reason: AuthFailed, Message: StopCCN, Local: true, Result: 4, Text: "SCCRP has hidden attributes that the tunnel secret does not open"})
	})
}

func TestUnknownMandatoryAVP(t *testing.T) {
	odd := AVP{Mandatory: true, Vendor: 9, Type: 123, Value: []byte("x")}
	const name = "attribute 123 of vendor 9"
	tunnel := Error{Reason: UnknownAVP, Message: StopCCN, Local: true, Result: 2, Code: 8, Text: name}
	session := tunnel
	session.Message = CDN
	tests := []struct {
		name string
		peer func(t *testing.T) *peer
		do   func(p *peer)
		end  Error
		down bool
	}{
		{"SCCRP", func(t *testing.T) *peer { return newPeer(t, Config{Role: LAC}) }, func(p *peer) { p.say(sccrp(), odd) }, tunnel, true},
		{"SCCRQ", func(t *testing.T) *peer { return newPeer(t, Config{Role: LNS}) }, func(p *peer) { p.say(sccrq(), odd) }, tunnel, true},
		{"HELLO", func(t *testing.T) *peer { return newLNSPeer(t, Config{}) }, func(p *peer) { p.say(Message{Type: HELLO}, odd) }, tunnel, true},
		{"SLI at the LNS: only the session", func(t *testing.T) *peer { return newLNSPeer(t, Config{}) },
			func(p *peer) { p.say(Message{Type: SLI}, odd) }, session, false},
		{"ICRP at the LAC, which has nothing else", func(t *testing.T) *peer {
			p := newPeer(t, Config{Role: LAC})
			p.say(sccrp())
			return p
		}, func(p *peer) { p.say(icrp(), odd) }, session, true},
		{"a mandatory message of unknown type", func(t *testing.T) *peer { return newLACPeer(t, Config{}) },
			func(p *peer) { p.say(Message{Type: 77}) },
			Error{Reason: UnknownAVP, Message: StopCCN, Local: true, Result: 2, Code: 8, Text: "message type 77"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.peer(t)
			tt.do(p)
			sent := p.last(tt.end.Message)
			if sent.Result != tt.end.Result || sent.Code != tt.end.Code || sent.Text != tt.end.Text {
				t.Errorf("sent %+v, want %+v", sent, tt.end)
			}
			p.zlb()
			if err, down := p.end(); down != tt.down || err == nil || *err != tt.end {
				t.Errorf("end %+v, down %v, want %+v, %v", err, down, tt.end, tt.down)
			}
		})
	}
	t.Run("optional", func(t *testing.T) {
		p := newLNSPeer(t, Config{})
		p.say(Message{Type: HELLO}, AVP{Vendor: 9, Type: 123})
		p.raw(p.assign, 0, AVP{Type: AVPMessageType, Value: []byte{0, 77}}.Append(nil))
		p.wantDrop(DropUnknown)
		p.want("both are acknowledged", 0, 0)
	})
}

func TestPeerStops(t *testing.T) {
	waiting := func(t *testing.T) *peer { return newPeer(t, Config{Role: LAC}) }
	challenged := func(t *testing.T) *peer {
		p := newPeer(t, Config{Role: LAC, Secret: secret.Secret("s")})
		m := sccrp()
		m.Challenge, m.Response = []byte("c"), challengeResponse(SCCRP, p.secret, p.last(SCCRQ).Challenge)
		p.say(m)
		return p
	}
	up := func(t *testing.T) *peer { return newLACPeer(t, Config{}) }
	tests := []struct {
		name string
		peer func(t *testing.T) *peer
		stop Message
		want Error
	}{
		{"in place of SCCRP", waiting, stop(2, 4, "full\x00\r\n"), Error{Reason: Refused, Result: 2, Code: 4, Text: "full"}},
		{"not authorized", waiting, stop(4, 0, ""), Error{Reason: AuthFailed, Result: 4}},
		{"version", waiting, stop(5, 0x100, ""), Error{Reason: Version, Result: 5, Code: 0x100}},
		{"xl2tpd and the wrong secret", challenged, stop(2, 6, "Invalid challenge authentication"),
			Error{Reason: AuthFailed, Result: 2, Code: 6, Text: "Invalid challenge authentication"}},
		{"the same without a challenge", waiting, stop(2, 6, ""), Error{Reason: Refused, Result: 2, Code: 6}},
		{"while connected", up, stop(6, 0, "bye"), Error{Reason: PeerClosed, Result: 6, Text: "bye"}},
		{"not authorized any more", up, stop(4, 0, ""), Error{Reason: PeerClosed, Result: 4}},
		{"an LNS is left", func(t *testing.T) *peer { return newLNSPeer(t, Config{}) }, stop(1, 0, ""), Error{Reason: PeerClosed, Result: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.peer(t)
			p.take()
			tt.want.Message = StopCCN
			p.say(tt.stop)
			p.wantEnd(tt.want)
			p.want("acknowledgement", 0)
			p.ns--
			p.say(tt.stop)
			p.want("acknowledgement of the repeat", 0)
		})
	}
}

func TestTunnelIDs(t *testing.T) {
	p := newLNSPeer(t, Config{})
	h := Header{Tunnel: p.assign ^ 1, Ns: p.ns, Nr: p.nr}
	p.deliver(h.Append(nil, 0))
	p.wantDrop(DropTunnelID)
	h.Tunnel = 0
	p.deliver(h.Append(nil, 0))
	p.wantDrop(DropTunnelID)
	p.raw(0, 0, (&Message{Type: HELLO}).Append(nil))
	p.wantDrop(DropTunnelID)
	p.ns--
	other := stop(1, 0, "")
	other.AssignedTunnel++
	p.raw(0, 0, other.Append(nil))
	p.wantDrop(DropTunnelID)
	p.want("nothing")

	idle := newPeer(t, Config{Role: LNS})
	idle.deliver(Header{Tunnel: idle.c.localTunnel}.Append(nil, 0))
	idle.wantDrop(DropTunnelID)

	// A client that gives up before it knows our id takes its SCCRQ back.
	p = newPeer(t, Config{Role: LNS})
	p.say(sccrq())
	p.take()
	m := stop(1, 0, "")
	p.raw(0, 0, m.Append(nil))
	p.wantEnd(Error{Reason: PeerClosed, Message: StopCCN, Result: 1})
	p.want("acknowledgement", 0)

	// A LAC waits for SCCRP at its id, nothing else.
	p = newPeer(t, Config{Role: LAC})
	p.raw(0, 0, m.Append(nil))
	p.wantDrop(DropTunnelID)
}

func TestNewTunnel(t *testing.T) {
	packet := func(m Message) []byte {
		body := m.Append(nil)
		return append(Header{}.Append(nil, len(body)), body...)
	}
	same := packet(sccrq())
	m := sccrq()
	m.AssignedTunnel++
	other := packet(m)
	if id, ok := IsNewTunnel(other); id != peerTunnelID+1 || !ok {
		t.Errorf("IsNewTunnel(SCCRQ) = %x, %v", id, ok)
	}
	for _, pkt := range [][]byte{nil, packet(sccrp()), Header{}.Append(nil, 0), {0, 2, 0, 1, 0, 1}} {
		if id, ok := IsNewTunnel(pkt); ok {
			t.Errorf("IsNewTunnel(%x) = %x, true", pkt, id)
		}
	}
	p := newPeer(t, Config{Role: LNS})
	p.deliver(same)
	p.want("first", SCCRP)
	p.deliver(same)
	p.wantDrop(DropDuplicate)
	p.want("at once again", 0)
	p.now = p.now.Add(answerRepeat)
	p.deliver(same)
	p.want("a little later", SCCRP)
	p.deliver(other)
	p.wantDrop(DropNewTunnel)
	p = newLNSPeer(t, Config{})
	p.deliver(other)
	p.wantDrop(DropNewTunnel)
	p.deliver(same)
	p.wantDrop(DropDuplicate)
	p.want("a late duplicate", 0)
	p.c.ctl.nr = 0 // the numbers went around
	p.deliver(same)
	p.wantDrop(DropNs)
	p = newLNSPeer(t, Config{})
	p.say(stop(1, 0, ""))
	p.deliver(other)
	p.wantDrop(DropNewTunnel)
}

func TestSCCRQCollision(t *testing.T) {
	p := newPeer(t, Config{Role: LAC})
	p.take()
	m := sccrq()
	m.TieBreaker = []byte("\x00\x00\x00\x00\x00\x00\x00\x01")
	p.raw(0, 0, m.Append(nil))
	p.wantDrop(DropCollision)
	if h := p.heads[0]; h.Tunnel != peerTunnelID || h.Ns != 0 || h.Nr != 1 {
		t.Errorf("refused with %+v", h)
	}
	if m := p.last(StopCCN); m.Result != stopNotAuthorized || m.AssignedTunnel == 0 || m.AssignedTunnel == p.c.localTunnel {
		t.Errorf("refused with %+v", m)
	}
	p.want("refusal", StopCCN)
	p.ns, p.nr = 0, 1
	p.say(sccrp())
	p.want("our own tunnel goes on", SCCCN, ICRQ)
}

func TestVersion(t *testing.T) {
	want := Error{Reason: Version, Message: StopCCN, Local: true, Result: 5, Code: 0x100}
	for _, role := range []Role{LAC, LNS} {
		p := newPeer(t, Config{Role: role})
		m := sccrp()
		if role == LNS {
			m = sccrq()
		}
		m.Version = 0x0200
		p.say(m)
		p.zlb()
		p.wantEnd(want)
	}
	p := newPeer(t, Config{Role: LAC})
	m := sccrp()
	m.Version = 0x0107 // a later revision of the same
	if p.say(m); p.c.tunnel != TunnelEstablished {
		t.Errorf("revision 7 leaves the tunnel %v", p.c.tunnel)
	}
}

func TestTunnelFSM(t *testing.T) {
	tests := []struct {
		name string
		peer func(t *testing.T) *peer
		m    Message
		text string
	}{
		{"LAC gets SCCCN for SCCRP", func(t *testing.T) *peer { return newPeer(t, Config{Role: LAC}) }, Message{Type: SCCCN}, "SCCCN in state wait-ctl-reply"},
		{"LAC gets SCCRP twice", func(t *testing.T) *peer { return newLACPeer(t, Config{}) }, sccrp(), "SCCRP in state established"},
		{"LNS gets SCCCN twice", func(t *testing.T) *peer { return newLNSPeer(t, Config{}) }, Message{Type: SCCCN}, "SCCCN in state established"},
		{"LNS gets SCCRP", func(t *testing.T) *peer {
			p := newPeer(t, Config{Role: LNS})
			p.say(sccrq())
			return p
		}, sccrp(), "SCCRP in state wait-ctl-conn"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.peer(t)
			p.say(tt.m)
			p.zlb()
			p.wantEnd(Error{Reason: ProtocolError, Message: StopCCN, Local: true, Result: 7, Text: tt.text})
		})
	}
}

func TestTunnelTimeouts(t *testing.T) {
	t.Run("LNS without SCCCN", func(t *testing.T) {
		p := newPeer(t, Config{Role: LNS})
		p.say(sccrq())
		p.advance(tunnelTime)
		if m := p.last(StopCCN); m.Result != stopGeneral {
			t.Errorf("StopCCN %+v", m)
		}
		p.advance(closeTime)
		p.wantEnd(Error{Reason: NoAnswer})
	})
	t.Run("LNS without a call", func(t *testing.T) {
		p := newPeer(t, Config{Role: LNS, HelloInterval: -1})
		p.say(sccrq())
		p.say(Message{Type: SCCCN})
		p.advance(idleTime)
		p.zlb()
		p.wantEnd(Error{Reason: Idle, Message: StopCCN, Local: true, Result: 1, Text: "tunnel without session"})
	})
	t.Run("LAC gets only acknowledgements", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC})
		p.zlb()
		p.advance(tunnelTime)
		p.wantEnd(Error{Reason: NoAnswer})
	})
}

func TestMalformedIsDropped(t *testing.T) {
	p := newPeer(t, Config{Role: LAC})
	for _, tt := range []struct {
		pkt  string
		want DropReason
	}{
		{"", DropMalformed}, {"c803000c000000000000000000", DropVersion}, {"000200010001ff03", DropNotControl}, {"c802000d", DropMalformed},
	} {
		p.deliver(unhex(t, tt.pkt))
		p.wantDrop(tt.want)
	}
	p.raw(p.assign, 0, Message{Type: SCCRP, HostName: "x"}.appendTo()) // without Assigned Tunnel ID
	p.wantDrop(DropMalformed)
	p.ns--
	p.say(sccrp())
	if p.c.tunnel != TunnelEstablished {
		t.Errorf("after a malformed SCCRP and a good one the tunnel is %v", p.c.tunnel)
	}
	lns := newPeer(t, Config{Role: LNS})
	lns.raw(0, 0, (&Message{Type: SCCRQ}).Append(nil))
	lns.wantDrop(DropMalformed)
	lns.ns = 5
	lns.say(sccrq())
	lns.wantDrop(DropMalformed)
}

func (m Message) appendTo() []byte { return m.Append(nil) }

func TestNoRandomness(t *testing.T) {
	for _, r := range []io.Reader{nil, bytes.NewReader(nil), bytes.NewReader([]byte{1, 2, 3})} {
		c := New(Config{Role: LAC, Rand: r})
		var out Output
		c.Start(epoch, &out)
		var err *Error
		if down, ok := out.Events[len(out.Events)-1].(Down); !ok || !errors.As(down.Err, &err) || err.Reason != Internal {
			t.Errorf("Start gave %+v, want Down for no randomness", out.Events)
		}
		if out.Reset(); len(out.Events) != 0 || len(out.Packets) != 0 {
			t.Errorf("Reset left %+v", out)
		}
	}
	c := New(Config{Role: LAC, Rand: bytes.NewReader(make([]byte, 100)), LocalTunnel: 5, LocalSession: 6})
	var out Output
	c.Start(epoch, &out)
	if c.localTunnel != 5 || c.localSession != 6 {
		t.Errorf("ids %d and %d, want those asked for", c.localTunnel, c.localSession)
	}
	c = New(Config{Role: LAC, Rand: bytes.NewReader(make([]byte, 100))})
	if c.Start(epoch, &out); c.localTunnel == 0 || c.localSession == 0 {
		t.Errorf("ids %d and %d out of zeros", c.localTunnel, c.localSession)
	}
}
