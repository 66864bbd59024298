package l2tp

import (
	"testing"
	"time"
)

func TestCalls(t *testing.T) {
	p := newLNSPeer(t, Config{})
	second := Message{Type: ICRQ, AssignedSession: 0x5555, CallSerial: 2}
	p.raw(p.assign, 0, second.Append(nil))
	if m, h := p.last(CDN), p.heads[0]; m.Result != 4 || h.Session != 0x5555 || m.AssignedSession == 0 || m.AssignedSession == p.c.localSession {
		t.Errorf("second call refused with %+v to session %x", m, h.Session)
	}
	p.want("second call", CDN)
	p.say(Message{Type: OCRQ, AssignedSession: 0x6666, CallSerial: 3})
	if m, h := p.last(CDN), p.heads[0]; m.Result != 5 || h.Session != 0x6666 {
		t.Errorf("outgoing call refused with %+v to session %x", m, h.Session)
	}
	p.want("outgoing call", CDN)
	for _, typ := range []MessageType{WEN, SLI} {
		n := len(p.events)
		p.say(Message{Type: typ}, AVP{Mandatory: true, Type: AVPCallErrors, Value: make([]byte, 26)}, AVP{Mandatory: true, Type: AVPACCM, Value: make([]byte, 10)})
		p.want("ignored", 0)
		if len(p.events) != n {
			t.Errorf("%v gave %+v", typ, p.events[n:])
		}
	}
	for _, typ := range []MessageType{OCRP, OCCN} {
		p.say(Message{Type: typ, AssignedSession: 1})
		p.wantDrop(DropUnexpected)
		p.want("acknowledged", 0)
	}
	for _, m := range []Message{cdn(1, 0, ""), iccn(), {Type: SLI}} {
		p.raw(p.assign, p.call^1, m.Append(nil))
		p.wantDrop(DropSessionID)
		p.want("acknowledged", 0)
	}
	if p.c.session != SessionEstablished {
		t.Errorf("the session is %v, want established", p.c.session)
	}

	lac := newLACPeer(t, Config{})
	lac.say(second)
	if m := lac.last(CDN); m.Result != 5 {
		t.Errorf("call to a LAC refused with %+v", m)
	}
	if lac.c.session != SessionEstablished {
		t.Errorf("the session is %v, want established", lac.c.session)
	}
}

func TestSessionUp(t *testing.T) {
	p := newPeer(t, Config{Role: LAC, Sequencing: true})
	p.want("start", SCCRQ)
	p.say(sccrp())
	p.want("SCCRP", SCCCN, ICRQ)
	p.say(icrp())
	if m := p.last(ICCN); !m.Has(AVPSequencingRequired) || m.TxSpeed == 0 || m.FramingType != framingSync || p.heads[0].Session != peerSessionID {
		t.Errorf("ICCN %+v", m)
	}
	p.want("ICRP", ICCN)
	want := SessionUp{LocalTunnel: p.assign, PeerTunnel: peerTunnelID, LocalSession: p.call, PeerSession: peerSessionID, SequencingRequired: true, TxSpeed: txSpeed}
	if got := p.events[len(p.events)-1]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	wantTunnel := TunnelUp{LocalTunnel: p.assign, PeerTunnel: peerTunnelID, HostName: "gw", Vendor: "lab", Window: 16}
	if got := p.events[3]; got != wantTunnel {
		t.Errorf("%+v, want %+v", got, wantTunnel)
	}

	l := newLink(t, 1, Config{Sequencing: true}, Config{})
	l.connect()
	if s, _ := l.lns.up(); !s.SequencingRequired || s.TxSpeed != txSpeed {
		t.Errorf("LNS says %+v", s)
	}
}

func TestPeerEndsSession(t *testing.T) {
	waiting := func(t *testing.T) *peer {
		p := newPeer(t, Config{Role: LAC})
		p.say(sccrp())
		p.take()
		return p
	}
	t.Run("call refused", func(t *testing.T) {
		p := waiting(t)
		p.say(cdn(2, 4, "no licence"))
		p.want("the tunnel goes, too", StopCCN)
		if _, down := p.end(); down {
			t.Error("down before StopCCN is acknowledged")
		}
		p.zlb()
		p.wantEnd(Error{Reason: SessionRefused, Message: CDN, Result: 2, Code: 4, Text: "no licence"})
	})
	t.Run("call refused to session 0", func(t *testing.T) {
		p := waiting(t)
		m := cdn(4, 0, "")
		p.raw(p.assign, 0, m.Append(nil))
		p.advance(closeTime)
		p.wantEnd(Error{Reason: SessionRefused, Message: CDN, Result: 4})
	})
	t.Run("LAC connected", func(t *testing.T) {
		p := newLACPeer(t, Config{})
		p.say(cdn(3, 0, ""), AVP{Type: AVPPPPDisconnectCause, Value: []byte{0, 15, 0xc0, 0x21, 1}})
		p.zlb()
		p.wantEnd(Error{Reason: PeerClosed, Message: CDN, Result: 3, PPPCause: 15, PPPProtocol: 0xc021})
	})
	t.Run("no answer to ICRQ", func(t *testing.T) {
		p := waiting(t)
		p.zlb()
		p.advance(sessionTime)
		if m := p.last(CDN); m.Result != 10 {
			t.Errorf("CDN %+v, want result 10", m)
		}
		p.want("end", CDN, StopCCN)
		p.zlb()
		p.wantEnd(Error{Reason: SessionNoAnswer, Message: CDN, Local: true, Result: 10})
	})
	t.Run("ICCN for ICRP", func(t *testing.T) {
		p := waiting(t)
		p.say(iccn())
		p.zlb()
		p.wantEnd(Error{Reason: ProtocolError, Message: CDN, Local: true, Result: 2, Code: 3, Text: "ICCN in state wait-reply"})
	})
}

// The tunnel of an LNS survives its session, and takes another call.
func TestLNSSecondSession(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *peer)
		want Error
	}{
		{"CDN", func(p *peer) { p.say(cdn(3, 0, "bye")) }, Error{Reason: PeerClosed, Message: CDN, Result: 3, Text: "bye"}},
		{"CDN to session 0", func(p *peer) { m := cdn(1, 0, ""); p.raw(p.assign, 0, m.Append(nil)) }, Error{Reason: PeerClosed, Message: CDN, Result: 1}},
		{"ICCN twice", func(p *peer) { p.say(iccn()) }, Error{Reason: ProtocolError, Message: CDN, Local: true, Result: 2, Code: 3, Text: "ICCN in state established"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLNSPeer(t, Config{})
			first := p.call
			tt.end(p)
			if err, down := p.end(); down || err == nil || *err != tt.want {
				t.Errorf("end %+v, down %v, want SessionDown %+v", err, down, tt.want)
			}
			p.say(icrq())
			p.say(iccn())
			if p.c.session != SessionEstablished || p.call == first {
				t.Errorf("second session %v, id %d after %d", p.c.session, p.call, first)
			}
		})
	}
	p := newPeer(t, Config{Role: LNS, HelloInterval: -1})
	p.say(sccrq())
	p.raw(p.assign, 0, icrq().appendTo())
	p.wantDrop(DropUnexpected) // before SCCCN
	p.say(Message{Type: SCCCN})
	p.say(icrq())
	p.advance(sessionTime)
	if m := p.last(CDN); m.Result != 10 {
		t.Errorf("CDN %+v, want result 10", m)
	}
	if err, down := p.end(); down || err == nil || err.Reason != SessionNoAnswer {
		t.Errorf("end %+v, down %v, want SessionDown for no answer", err, down)
	}
}

// A session with SoftEther as it was seen on the wire: lowest free ids, HELLO
// every 8.8 s whatever else is sent, no ZLB where something carries the
// acknowledgement, its own CDN and a malformed StopCCN in answer to ours.
func TestSoftEtherTranscript(t *testing.T) {
	p := newPeer(t, Config{Role: LAC, HostName: "pc"})
	p.want("start", SCCRQ)
	send := func(ns, nr uint16, session uint16, avps string) {
		t.Helper()
		body := unhex(t, avps)
		p.deliver(append(Header{Tunnel: p.assign, Session: session, Ns: ns, Nr: nr}.Append(nil, len(body)), body...))
	}
	const hello = "8008 0000 0000 0006"
	send(0, 1, 0, "8008 0000 0000 0002 8008 0000 0002 0100 800a 0000 0003 00000003 800a 0000 0004 00000003"+
		"8008 0000 0007 766d 000a 0000 0008 4c325450 8008 0000 0009 0001 8008 0000 000a 0010")
	p.want("SCCRP", SCCCN, ICRQ)
	send(1, 3, p.call, "8008 0000 0000 000b 8008 0000 000e 0001")
	if h := p.heads[0]; h != (Header{Tunnel: 1, Session: 1, Ns: 3, Nr: 2}) {
		t.Errorf("ICCN has %+v", h)
	}
	p.want("ICRP", ICCN)
	send(2, 4, 0, "") // its ZLB: a number of its own is not used up
	ns := uint16(2)
	for range 20 {
		p.advance(8800 * time.Millisecond)
		send(ns, 4, 0, hello)
		p.want("HELLO", 0)
		ns++
	}
	// Four HELLOs pile up while the path is out; all come again, interleaved.
	for _, d := range []uint16{2, 0, 3, 1, 0, 1, 2, 3} {
		send(ns+d, 4, 0, hello)
	}
	p.want("piled up HELLOs", 0, 0, 0, 0, 0, 0)
	ns += 4
	p.do(func(out *Output) { p.c.Close(p.now, "", out) })
	p.want("close", CDN, StopCCN)
	send(ns, 5, p.call, "8008 0000 0000 000e 8008 0000 000e 0001 800a 0000 0001 00030000")
	p.want("its CDN", 0)
	send(ns+1, 6, 0, "8008 0000 0000 0004 8008 0000 0009 0001 800e 0000 0001 0000060000000000")
	p.want("its StopCCN", 0)
	if err, down := p.end(); err != nil || !down {
		t.Errorf("end %v, down %v, want nil, true", err, down)
	}
	send(ns+1, 6, 0, "8008 0000 0000 0004 8008 0000 0009 0001 800e 0000 0001 0000060000000000")
	p.want("its StopCCN again", 0)
	if at := p.events[len(p.events)-1]; at != (Drop{DropDuplicate}) {
		t.Errorf("last event %+v", at)
	}
	// SoftEther shutting down while connected: the result is in the wrong octet.
	p = newLACPeer(t, Config{})
	body := unhex(t, "8008 0000 0000 0004 8008 0000 0009 2222 800e 0000 0001 0000060000000000")
	p.raw(p.assign, 0, body)
	p.wantEnd(Error{Reason: PeerClosed, Message: StopCCN, Result: 6})
}
