package l2tp

import (
	"slices"
	"testing"
	"time"
)

// sendTimes advances by d and tells when, since from, messages of a type went out.
func sendTimes(p *peer, from time.Time, d time.Duration, kind MessageType) (at []time.Duration) {
	end := p.now.Add(d)
	for {
		next := p.c.Deadline()
		if next.IsZero() || next.After(end) {
			break
		}
		p.now = next
		p.do(func(out *Output) { p.c.Advance(p.now, out) })
		for _, m := range p.take() {
			if m == kind {
				at = append(at, p.now.Sub(from))
			}
		}
	}
	p.now = end
	return at
}

func ms(n ...int) (d []time.Duration) {
	for _, v := range n {
		d = append(d, time.Duration(v)*time.Millisecond)
	}
	return d
}

func TestSCCRQRepeats(t *testing.T) {
	tests := []struct {
		name  string
		first time.Duration
		want  []time.Duration
	}{
		{"default", 0, ms(30, 90, 210, 450, 930, 1890, 3810, 7650)},
		{"one second", time.Second, ms(1000, 3000, 7000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, Config{Role: LAC, FirstRepeat: tt.first})
			first := p.heads[0]
			p.want("start", SCCRQ)
			if first != (Header{}) {
				t.Errorf("SCCRQ has the header %+v, want zeros", first)
			}
			got := sendTimes(p, epoch, 14*time.Second, SCCRQ)
			if !slices.Equal(got, tt.want) {
				t.Errorf("repeats at %v, want %v", got, tt.want)
			}
			p.advance(2 * time.Second)
			p.wantEnd(Error{Reason: NoAnswer})
			if at := p.c.closedAt.Sub(epoch); at != tunnelTime {
				t.Errorf("given up after %v, want %v", at, tunnelTime)
			}
		})
	}
}

func TestGiveUpAfterRepeats(t *testing.T) {
	p := newLACPeer(t, Config{})
	p.advance(defaultHello)
	p.want("after a minute", HELLO)
	from := p.now
	if got, want := sendTimes(p, from, time.Minute, HELLO), ms(1000, 3000, 7000, 15000, 23000); !slices.Equal(got, want) {
		t.Errorf("HELLO repeated after %v, want %v", got, want)
	}
	p.wantEnd(Error{Reason: PeerDead})
	if at := p.c.closedAt.Sub(from); at != 31*time.Second {
		t.Errorf("given up after %v, want 31s", at)
	}
	if d := p.c.Deadline(); !d.IsZero() {
		t.Errorf("Deadline() = %v after Down, want none", d)
	}
}

// A repeat has the same Ns, and the Nr of its day.
func TestRepeatRestampsNr(t *testing.T) {
	p := newLNSPeer(t, Config{})
	p.advance(defaultHello)
	before := p.heads[0]
	p.nr-- // the HELLO never came
	p.take()
	p.say(Message{Type: HELLO})
	p.advance(time.Second)
	if len(p.heads) != 1 {
		t.Fatalf("%d messages, want the repeat of HELLO", len(p.heads))
	}
	if after := p.heads[0]; after.Ns != before.Ns || after.Nr != before.Nr+1 {
		t.Errorf("repeat has Ns %d Nr %d, first had Ns %d Nr %d", after.Ns, after.Nr, before.Ns, before.Nr)
	}
	p.want("repeat", HELLO, 0)
}

func TestWindow(t *testing.T) {
	tests := []struct {
		name   string
		window []AVP
		value  uint16
		first  []MessageType
	}{
		{"of one", nil, 1, []MessageType{SCCCN}},
		{"of zero, which is invalid", []AVP{{Mandatory: true, Type: AVPReceiveWindowSize, Value: []byte{0, 0}}}, 0, []MessageType{SCCCN}},
		{"of two", nil, 2, []MessageType{SCCCN, ICRQ}},
		{"not given", nil, 0, []MessageType{SCCCN, ICRQ}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPeer(t, Config{Role: LAC})
			p.take()
			m := sccrp()
			m.Window = tt.value
			p.say(m, tt.window...)
			p.want("back to back", tt.first...)
			p.zlb()
			if len(tt.first) == 1 {
				p.want("after the acknowledgement", ICRQ)
			}
		})
	}
	p := newPeer(t, Config{Role: LAC})
	m := sccrp()
	m.Window = 65535
	if p.say(m); p.c.ctl.window != maxSendWindow {
		t.Errorf("a window of 65535 became %d, want %d", p.c.ctl.window, maxSendWindow)
	}
}

func TestOrder(t *testing.T) {
	hello := func(p *peer, ns uint16) []byte {
		body := (&Message{Type: HELLO}).Append(nil)
		return append(Header{Tunnel: p.assign, Ns: ns, Nr: p.nr}.Append(nil, len(body)), body...)
	}
	p := newLNSPeer(t, Config{})
	base := p.ns
	for _, d := range []uint16{3, 1, 2, 2, 7} {
		p.deliver(hello(p, base+d))
	}
	p.want("early messages")
	if len(p.c.ctl.early) != 4 {
		t.Errorf("%d early messages kept, want 4", len(p.c.ctl.early))
	}
	p.deliver(hello(p, base+8))
	p.wantDrop(DropNs)
	p.deliver(hello(p, base))
	p.want("the gap closes", 0)
	if p.c.ctl.nr != base+4 || len(p.c.ctl.early) != 1 {
		t.Errorf("Nr %d, %d kept, want %d, 1", p.c.ctl.nr, len(p.c.ctl.early), base+4)
	}
	p.deliver(hello(p, base+1))
	p.wantDrop(DropDuplicate)
	p.want("a duplicate", 0)
	long := hello(p, base+5)
	long = append(long, make([]byte, maxEarly)...)
	p.deliver(long)
	p.wantDrop(DropEarly)
	// A ZLB is never acknowledged, nor does it move Nr.
	p.raw(p.assign, 0, nil)
	p.want("a ZLB")
	if p.c.ctl.nr != base+4 {
		t.Errorf("Nr %d after a ZLB, want %d", p.c.ctl.nr, base+4)
	}
}

func TestBadNr(t *testing.T) {
	p := newLNSPeer(t, Config{})
	p.deliver(Header{Tunnel: p.assign, Ns: p.ns, Nr: p.nr + 1}.Append(nil, 0))
	p.wantDrop(DropNr)
	n := len(p.events)
	p.deliver(Header{Tunnel: p.assign, Ns: p.ns, Nr: p.nr - 1}.Append(nil, 0)) // was overtaken
	if len(p.events) != n {
		t.Errorf("an old Nr gave %+v", p.events[n:])
	}
}

// Both numbers pass 65535 on a bad link.
func TestSequenceWrap(t *testing.T) {
	for seed := range uint64(50) {
		l := newLink(t, seed, Config{HelloInterval: 2 * time.Second}, Config{HelloInterval: 2 * time.Second})
		l.loss, l.jitter = 0.1, 50*time.Millisecond
		l.connect()
		l.loss = 0
		l.run(900*time.Millisecond, nil) // ICCN and its acknowledgement are through
		if !l.lac.ctl.empty() || !l.lns.ctl.empty() {
			t.Fatalf("seed %d: not quiet", seed)
		}
		l.loss, l.dup, l.flying = 0.1, 0.1, nil
		l.lac.ctl.ns, l.lns.ctl.nr = 65530, 65530
		l.lns.ctl.ns, l.lac.ctl.nr = 65534, 65534
		l.run(2*time.Minute, nil)
		if l.lac.ctl.ns > 1000 || l.lns.ctl.ns > 1000 {
			t.Fatalf("seed %d: Ns %d and %d did not wrap", seed, l.lac.ctl.ns, l.lns.ctl.ns)
		}
		if l.bothDown() {
			t.Errorf("seed %d: down: %+v", seed, l.lac.events)
		}
		l.do(l.lac, func(out *Output) { l.lac.Close(l.now, "", out) })
		l.run(time.Minute, l.bothDown)
		if l.lac.reason() != closedByUs {
			t.Errorf("seed %d: LAC says %v", seed, l.lac.reason())
		}
	}
}

// A peer that asks much and acknowledges nothing gets no more ear.
func TestBoundedBacklog(t *testing.T) {
	p := newLNSPeer(t, Config{})
	acked := p.nr
	for range 1000 {
		p.nr = acked
		p.say(Message{Type: OCRQ, AssignedSession: 9, CallSerial: 1})
		if len(p.c.ctl.queue) > maxBacklog {
			t.Fatalf("%d messages queued, want at most %d", len(p.c.ctl.queue), maxBacklog)
		}
	}
	p.wantDrop(DropNs)
	busy := 0
	for _, ev := range p.events {
		if ev == (Drop{DropBusy}) {
			busy++
		}
	}
	if busy == 0 || len(p.c.ctl.early) >= receiveWindow {
		t.Errorf("%d drops for being busy, %d early", busy, len(p.c.ctl.early))
	}
}

func TestHello(t *testing.T) {
	tests := []struct {
		name     string
		interval time.Duration
		during   func(p *peer)
		want     []MessageType
	}{
		{"silence", 20 * time.Second, func(p *peer) { p.advance(20 * time.Second) }, []MessageType{HELLO}},
		{"a little less", 20 * time.Second, func(p *peer) { p.advance(20*time.Second - 1) }, nil},
		{"off", -1, func(p *peer) { p.advance(time.Hour) }, nil},
		{"data", 20 * time.Second, func(p *peer) {
			p.advance(15 * time.Second)
			p.c.Saw(p.now)
			p.c.Saw(epoch) // late news
			p.advance(20*time.Second - 1)
		}, nil},
		{"silence after data", 20 * time.Second, func(p *peer) {
			p.c.Saw(p.now.Add(15 * time.Second))
			p.advance(35 * time.Second)
		}, []MessageType{HELLO}},
		{"control", 20 * time.Second, func(p *peer) {
			p.advance(15 * time.Second)
			p.say(Message{Type: HELLO})
			p.advance(20*time.Second - 1)
		}, []MessageType{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newLACPeer(t, Config{HelloInterval: tt.interval})
			tt.during(p)
			p.want(tt.name, tt.want...)
		})
	}
	p := newLACPeer(t, Config{HelloInterval: 20 * time.Second})
	for range 10 {
		p.advance(20 * time.Second)
		p.zlb()
		p.want("answered", HELLO)
	}
	if _, down := p.end(); down {
		t.Errorf("down though all HELLOs were answered: %+v", p.events)
	}
}
