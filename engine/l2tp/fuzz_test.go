package l2tp

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// FuzzHandle feeds packets to both roles in each state. The input is split at
// its first octets into packets; each also comes with the right ids and numbers.
func FuzzHandle(f *testing.F) {
	for _, m := range []Message{sccrq(), sccrp(), {Type: SCCCN}, stop(1, 0, "x"), {Type: HELLO}, icrq(), icrp(), iccn(), cdn(1, 0, ""),
		{Type: SLI}, {Type: WEN}, {Type: OCRQ, AssignedSession: 1}, {Type: 77}} {
		f.Add(append(Header{Tunnel: 1}.Append(nil, 0), m.Append(nil)...), uint8(3), false)
		f.Add(m.append(make([]byte, controlHeaderLen), &hider{secret: secret.Secret("s")}), uint8(200), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint8, key bool) {
		var cfg Config
		if key {
			cfg.Secret = secret.Secret("s")
		}
		for state := range 12 {
			c := connIn(cfg, state)
			now, downs := epoch.Add(time.Second), 0
			feed := func(do func(out *Output)) {
				var out Output
				do(&out)
				for _, ev := range out.Events {
					if _, ok := ev.(Down); ok {
						downs++
					}
				}
				for _, pkt := range out.Packets {
					if _, body, err := ParseHeader(pkt); err != nil {
						t.Fatalf("sent %x: %v", pkt, err)
					} else if _, err := ParseMessage(body, cfg.Secret); len(body) > 0 && err != nil {
						t.Fatalf("sent %x: %v", pkt, err)
					}
				}
				if c.ctl.flight > len(c.ctl.queue) || len(c.ctl.queue) > maxBacklog+4 || len(c.ctl.early) >= receiveWindow {
					t.Fatalf("control channel %+v", c.ctl)
				}
			}
			body := b[min(len(b), controlHeaderLen):]
			h := Header{Tunnel: c.localTunnel, Session: c.localSession, Ns: c.ctl.nr, Nr: c.ctl.ns - uint16(len(c.ctl.queue)-c.ctl.flight)}
			pkts := [][]byte{b, b[:min(int(cut), len(b))], append(h.Append(nil, len(body)), body...)}
			h.Ns += uint16(cut)
			pkts = append(pkts, append(h.Append(nil, len(body)), body...))
			h.Tunnel, h.Ns = 0, 0
			pkts = append(pkts, append(h.Append(nil, len(body)), body...))
			for _, pkt := range pkts {
				feed(func(out *Output) { c.Handle(now, pkt, out) })
				now = now.Add(time.Duration(cut) * time.Millisecond)
				feed(func(out *Output) { c.Advance(now, out) })
			}
			feed(func(out *Output) { c.Close(now, string(b), out) })
			for range 40 {
				if d := c.Deadline(); !d.IsZero() {
					feed(func(out *Output) { c.Advance(d, out) })
				}
			}
			if state >= 10 { // they were down before
				downs++
			}
			if downs != 1 || c.tunnel != TunnelClosed {
				t.Fatalf("state %d: Down %d times, tunnel %v", state, downs, c.tunnel)
			}
		}
	})
}

// connIn is a Conn in one of twelve states: LAC and LNS in turn, before the
// tunnel, in it, in the session, closing and closed.
func connIn(cfg Config, state int) *Conn {
	cfg.Rand = seeded(uint64(state))
	cfg.Role = LAC
	if state%2 == 1 {
		cfg.Role = LNS
	}
	c := New(cfg)
	var out Output
	c.Start(epoch, &out)
	steps := state / 2
	say := func(m Message) {
		h := Header{Tunnel: c.localTunnel, Session: c.localSession, Ns: c.ctl.nr, Nr: c.ctl.ns - uint16(len(c.ctl.queue)-c.ctl.flight)}
		if m.Type == SCCRQ {
			h.Tunnel, h.Session = 0, 0
		}
		body := m.Append(nil)
		c.Handle(epoch, append(h.Append(nil, len(body)), body...), &out)
	}
	lac := []func(){
		func() {
			m := sccrp()
			if c.challenge != nil {
				m.Response = challengeResponse(SCCRP, cfg.Secret, c.challenge)
			}
			say(m)
		},
		func() { say(icrp()) },
		func() { say(Message{Type: HELLO}) },
		func() { c.Close(epoch, "", &out) },
		func() { say(stop(1, 0, "")) },
	}
	lns := []func(){
		func() { say(sccrq()) },
		func() {
			m := Message{Type: SCCCN}
			if c.challenge != nil {
				m.Response = challengeResponse(SCCCN, cfg.Secret, c.challenge)
			}
			say(m)
		},
		func() { say(icrq()); say(iccn()) },
		func() { c.Close(epoch, "", &out) },
		func() { say(stop(1, 0, "")) },
	}
	script := lac
	if cfg.Role == LNS {
		script = lns
	}
	for _, step := range script[:steps] {
		step()
	}
	return c
}

// The states of FuzzHandle are those it means to try.
func TestFuzzStates(t *testing.T) {
	want := []struct {
		tunnel  TunnelState
		session SessionState
	}{
		{TunnelWaitCtlReply, SessionWaitTunnel}, {TunnelIdle, SessionIdle},
		{TunnelEstablished, SessionWaitReply}, {TunnelWaitCtlConn, SessionIdle},
		{TunnelEstablished, SessionEstablished}, {TunnelEstablished, SessionIdle},
		{TunnelEstablished, SessionEstablished}, {TunnelEstablished, SessionEstablished},
		{TunnelClosing, SessionIdle}, {TunnelClosing, SessionIdle},
		{TunnelClosed, SessionIdle}, {TunnelClosed, SessionIdle},
	}
	for _, cfg := range []Config{{}, {Secret: secret.Secret("s")}} {
		for state, w := range want {
			if c := connIn(cfg, state); c.tunnel != w.tunnel || c.session != w.session {
				t.Errorf("state %d is %v/%v, want %v/%v", state, c.tunnel, c.session, w.tunnel, w.session)
			}
		}
	}
}
