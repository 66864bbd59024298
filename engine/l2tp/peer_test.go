package l2tp

import (
	"errors"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

const (
	peerTunnelID  = 0x2222
	peerSessionID = 0x4444
)

// peer is the other end by hand: it numbers its messages and remembers what it
// was told. It acknowledges only by the messages it sends.
type peer struct {
	t      *testing.T
	c      *Conn
	now    time.Time
	ns, nr uint16
	assign uint16 // our tunnel id, once the Conn said it
	call   uint16 // our session id
	secret secret.Secret
	got    []Message // all messages of the Conn since the last take
	heads  []Header
	zlbs   int
	events []Event
}

func newPeer(t *testing.T, cfg Config) *peer {
	if cfg.Rand == nil {
		cfg.Rand = seeded(7)
	}
	p := &peer{t: t, c: New(cfg), now: epoch, secret: cfg.Secret}
	p.do(func(out *Output) { p.c.Start(p.now, out) })
	return p
}

// do runs one call and reads what comes of it.
func (p *peer) do(f func(out *Output)) {
	p.t.Helper()
	var out Output
	f(&out)
	p.events = append(p.events, out.Events...)
	for _, pkt := range out.Packets {
		h, body, err := ParseHeader(pkt)
		if err != nil {
			p.t.Fatalf("the Conn sent %x: %v", pkt, err)
		}
		if len(body) == 0 {
			p.zlbs++
			continue
		}
		m, err := ParseMessage(body, p.secret)
		if err != nil {
			p.t.Fatalf("the Conn sent %x: %v", pkt, err)
		}
		if h.Ns == p.nr {
			p.nr++
		}
		if m.AssignedTunnel != 0 && p.assign == 0 {
			p.assign = m.AssignedTunnel
		}
		if m.Type == ICRQ || m.Type == ICRP {
			p.call = m.AssignedSession
		}
		p.got, p.heads = append(p.got, m), append(p.heads, h)
	}
}

// raw delivers AVPs in the peer's next message.
func (p *peer) raw(tunnel, session uint16, body []byte) {
	p.t.Helper()
	h := Header{Tunnel: tunnel, Session: session, Ns: p.ns, Nr: p.nr}
	if len(body) > 0 {
		p.ns++
	}
	p.deliver(append(h.Append(nil, len(body)), body...))
}

func (p *peer) deliver(pkt []byte) {
	p.t.Helper()
	p.do(func(out *Output) { p.c.Handle(p.now, pkt, out) })
}

// say delivers a message, with more AVPs behind it.
func (p *peer) say(m Message, more ...AVP) {
	p.t.Helper()
	tunnel, session := p.assign, uint16(0)
	if m.Type == SCCRQ {
		tunnel = 0
	}
	if m.Type.ofSession() && m.Type != ICRQ && m.Type != OCRQ {
		session = p.call
	}
	body := m.Append(nil)
	for _, a := range more {
		body = a.Append(body)
	}
	p.raw(tunnel, session, body)
}

func (p *peer) zlb() { p.t.Helper(); p.raw(p.assign, 0, nil) }

// advance lets the time pass up to now+d, deadline by deadline.
func (p *peer) advance(d time.Duration) {
	p.t.Helper()
	end := p.now.Add(d)
	for n := 0; ; n++ {
		next := p.c.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		if n > 1000 {
			p.t.Fatal("the Conn does not come to rest")
		}
		p.now = next
		p.do(func(out *Output) { p.c.Advance(p.now, out) })
	}
	p.now = end
}

// take returns the types of the messages since the last take; 0 for each ZLB
// at the end.
func (p *peer) take() []MessageType {
	var types []MessageType
	for _, m := range p.got {
		types = append(types, m.Type)
	}
	types = append(types, make([]MessageType, p.zlbs)...)
	p.got, p.heads, p.zlbs = nil, nil, 0
	return types
}

func (p *peer) want(what string, types ...MessageType) {
	p.t.Helper()
	wantTypes(p.t, what+": the Conn", p.take(), types...)
}

// last is the last message of a type since the last take.
func (p *peer) last(t MessageType) Message {
	p.t.Helper()
	for i := len(p.got) - 1; i >= 0; i-- {
		if p.got[i].Type == t {
			return p.got[i]
		}
	}
	p.t.Fatalf("no %v among %v", t, p.take())
	return Message{}
}

func (p *peer) wantDrop(r DropReason) {
	p.t.Helper()
	if len(p.events) == 0 || p.events[len(p.events)-1] != (Drop{r}) {
		p.t.Errorf("last of %+v is not Drop %v", p.events, r)
	}
}

// end is the Error of Down, or of the last SessionDown; nil when there is none.
func (p *peer) end() (err *Error, down bool) {
	for _, ev := range p.events {
		switch ev := ev.(type) {
		case Down:
			if down {
				p.t.Error("Down was said twice")
			}
			down, err = true, nil
			errors.As(ev.Err, &err)
		case SessionDown:
			errors.As(ev.Err, &err)
		}
	}
	return err, down
}

func (p *peer) wantEnd(want Error) {
	p.t.Helper()
	err, down := p.end()
	if !down || err == nil || *err != want {
		p.t.Errorf("end %+v, down %v, want %+v; events %+v", err, down, want, p.events)
	}
}

func sccrp() Message {
	return Message{Type: SCCRP, Version: protocolVersion, FramingCapabilities: 3, HostName: "gw", Vendor: "lab", AssignedTunnel: peerTunnelID, Window: 16}
}

func sccrq() Message {
	m := sccrp()
	m.Type = SCCRQ
	return m
}

func icrp() Message { return Message{Type: ICRP, AssignedSession: peerSessionID} }
func icrq() Message { return Message{Type: ICRQ, AssignedSession: peerSessionID, CallSerial: 1} }
func iccn() Message { return Message{Type: ICCN, TxSpeed: 1000, FramingType: 1} }
func stop(result, code uint16, text string) Message {
	return Message{Type: StopCCN, AssignedTunnel: peerTunnelID, Result: result, Code: code, Text: text}
}
func cdn(result, code uint16, text string) Message {
	return Message{Type: CDN, AssignedSession: peerSessionID, Result: result, Code: code, Text: text}
}

// newLACPeer is the gateway before a LAC whose session is up; newLNSPeer the client.
func newLACPeer(t *testing.T, cfg Config) *peer {
	t.Helper()
	cfg.Role = LAC
	p := newPeer(t, cfg)
	p.say(sccrp())
	p.say(icrp())
	p.zlb()
	if p.c.session != SessionEstablished || !p.c.ctl.empty() {
		t.Fatalf("LAC is in %v/%v", p.c.tunnel, p.c.session)
	}
	p.take()
	return p
}

func newLNSPeer(t *testing.T, cfg Config) *peer {
	t.Helper()
	cfg.Role = LNS
	p := newPeer(t, cfg)
	p.say(sccrq())
	p.say(Message{Type: SCCCN})
	p.say(icrq())
	p.say(iccn())
	if p.c.session != SessionEstablished || !p.c.ctl.empty() {
		t.Fatalf("LNS is in %v/%v", p.c.tunnel, p.c.session)
	}
	p.take()
	return p
}
