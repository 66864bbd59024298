package l2tp

import (
	"testing"
	"time"
)

func TestClose(t *testing.T) {
	closeIt := func(p *peer) { p.do(func(out *Output) { p.c.Close(p.now, "bye\n", out) }) }
	wantNil := func(p *peer) {
		p.t.Helper()
		if err, down := p.end(); err != nil || !down {
			p.t.Errorf("end %v, down %v, want nil, true", err, down)
		}
	}
	t.Run("acknowledged", func(t *testing.T) {
		p := newLACPeer(t, Config{})
		closeIt(p)
		if m := p.last(CDN); m.Text != "bye" || m.Result != 3 || m.AssignedSession != p.call || p.heads[0].Session != peerSessionID {
			t.Errorf("CDN %+v", m)
		}
		if m := p.last(StopCCN); m.Text != "bye" || m.Result != 1 || m.AssignedTunnel != p.assign {
			t.Errorf("StopCCN %+v", m)
		}
		p.want("close", CDN, StopCCN)
		closeIt(p)
		p.want("close again")
		if _, down := p.end(); down {
			t.Error("down before the acknowledgement")
		}
		p.zlb()
		wantNil(p)
		// SoftEther's own CDN and StopCCN come late and are repeated.
		p.say(cdn(3, 0, ""))
		p.say(stop(0, 0x600, ""))
		p.want("late words", 0, 0)
		p.ns -= 2
		p.now = p.now.Add(lingerTime)
		p.say(cdn(3, 0, ""))
		p.want("late words again", 0)
		p.now = p.now.Add(time.Second)
		p.say(stop(1, 0, ""))
		p.wantDrop(DropNotOpen)
		p.want("too late")
	})
	t.Run("answered by the peer's own end", func(t *testing.T) {
		p := newLACPeer(t, Config{})
		closeIt(p)
		p.nr -= 2 // not even acknowledged
		p.say(cdn(3, 0, ""))
		p.say(stop(0, 0x600, ""))
		wantNil(p)
		p.want("close", CDN, StopCCN, 0, 0)
	})
	t.Run("not acknowledged", func(t *testing.T) {
		p := newLACPeer(t, Config{})
		from := p.now
		closeIt(p)
		p.nr -= 2
		p.advance(closeTime - 1)
		if _, down := p.end(); down {
			t.Error("given up early")
		}
		p.want("repeats", CDN, StopCCN, CDN, StopCCN, CDN, StopCCN, CDN, StopCCN)
		p.advance(1)
		wantNil(p)
		if at := p.c.closedAt.Sub(from); at != closeTime {
			t.Errorf("down after %v, want %v", at, closeTime)
		}
		p.nr -= 2
		p.say(Message{Type: HELLO}) // so it has not heard
		p.want("HELLO", CDN, StopCCN)
	})
	t.Run("before an answer", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC})
		p.take()
		closeIt(p)
		wantNil(p)
		if len(p.heads) != 1 || p.heads[0] != (Header{Ns: 1}) {
			t.Errorf("headers %+v, want one of tunnel 0, Ns 1", p.heads)
		}
		p.want("close", StopCCN)
		p.nr = 1
		p.say(sccrp()) // it did hear SCCRQ
		if len(p.heads) != 1 || p.heads[0] != (Header{Tunnel: peerTunnelID, Ns: 1, Nr: 1}) {
			t.Errorf("headers %+v, want StopCCN to the tunnel of SCCRP", p.heads)
		}
		p.want("late SCCRP", StopCCN)
	})
	t.Run("between SCCRP and ICRP", func(t *testing.T) {
		p := newPeer(t, Config{Role: LAC})
		p.say(sccrp())
		p.take()
		closeIt(p)
		if p.heads[0].Session != 0 {
			t.Errorf("CDN to session %d, want 0", p.heads[0].Session)
		}
		p.want("close", CDN, StopCCN)
	})
	t.Run("LNS, narrow window", func(t *testing.T) {
		p := newLNSPeer(t, Config{})
		p.c.ctl.window = 1
		closeIt(p)
		p.want("close", StopCCN)
		p.zlb()
		wantNil(p)
	})
	t.Run("idle LNS", func(t *testing.T) {
		p := newPeer(t, Config{Role: LNS})
		closeIt(p)
		wantNil(p)
		p.want("close")
	})
	t.Run("not started", func(t *testing.T) {
		p := &peer{t: t, c: New(Config{Role: LAC}), now: epoch}
		p.do(func(out *Output) { p.c.Advance(p.now, out) })
		p.deliver(Header{}.Append(nil, 0))
		p.wantDrop(DropNotOpen)
		closeIt(p)
		wantNil(p)
		p.do(func(out *Output) { p.c.Start(p.now, out) })
		p.want("start after close")
	})
}
