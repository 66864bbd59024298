package supervisor

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// used lets time go by, in which packets are counted as they are asked for, and
// says when the connection ended: how long after the beginning.
func (b *bench) used(d time.Duration, packets func(since time.Duration) uint64) (ended time.Duration) {
	b.t.Helper()
	begin := b.now
	for b.m.Status(b.now).State == api.Connected {
		at := b.m.Deadline()
		if at.IsZero() || at.Sub(begin) > d {
			b.now = begin.Add(d)
			return 0
		}
		b.now = at
		b.out.Reset()
		b.m.Advance(b.now, &b.out)
		for _, e := range b.out.Effects {
			if c, ok := e.(CountTraffic); ok {
				b.in(Traffic{c.Attempt, packets(b.now.Sub(begin))})
			}
		}
	}
	return b.now.Sub(begin)
}

func TestIdle(t *testing.T) {
	minutes := func(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
	for _, c := range []struct {
		name        string
		packets     func(since time.Duration) uint64
		least, most time.Duration // when it ends; 0: not within a day
	}{
		{"nothing ever", func(time.Duration) uint64 { return 0 }, minutes(10), minutes(10)},
		{"only what begins a connection", func(time.Duration) uint64 { return 7 }, minutes(10), minutes(11)},
		{"for five minutes", func(since time.Duration) uint64 { return uint64(min(since, minutes(5)) / time.Second) }, minutes(15), minutes(16)},
		{"a packet every nine minutes", func(since time.Duration) uint64 { return uint64(since / minutes(9)) }, 0, 0},
		{"a packet every twelve minutes", func(since time.Duration) uint64 { return uint64(since / minutes(12)) }, minutes(10), minutes(10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t).connected(office("idle"))
			switch got := b.used(24*time.Hour, c.packets); {
			case got < c.least || got > c.most:
				t.Fatalf("it ended after %v, want %v to %v", got, c.least, c.most)
			case got == 0:
				return
			}
			b.did("wish nothing", "clear", "stop #1 in order", "firewall open", "forget all", "tell connection.idle")
		})
	}
}

// An idle connection ends as if a person had ended it, but for the reason, and for
// a kill switch: that stays closed until a person opens it.
func TestIdleEnds(t *testing.T) {
	none := func(time.Duration) uint64 { return 0 }
	b := newBench(t).connected(office("idle"))
	b.used(time.Hour, none)
	b.state(api.Disconnecting).down("").state(api.Disconnected).failure(api.ConnectionIdle).asks().after(time.Hour).did()
	if f := b.m.Status(b.now).Failure; f.Evidence[0] != "nothing was sent or received for 10m0s (reconnect.idle_disconnect)" {
		t.Errorf("because of %q", f.Evidence)
	}
	b.in(Connect{office("idle")}).failure("")

	b = newBench(t).connected(office("idle", "ks"))
	b.used(time.Hour, none)
	b.did("firewall closed for 198.51.100.1", "clear", "stop #1 in order", "forget all", "tell connection.idle")
	b.down("").state(api.Blocked).failure(api.ConnectionIdle).in(Disconnect{}).state(api.Disconnected)

	// Another one waits already.
	b = newBench(t).connected(office("idle"))
	b.used(time.Hour, none)
	b.in(Connect{home()}).down("").did("wish Home ks=false orderly=false", "start #2 Home")
	// The gateway was faster.
	b = newBench(t).connected(office("idle")).after(time.Minute).down(failure.PathDead).did("clear", "start #2 Office at 198.51.100.1 as 10.99.0.10", "firewall open", "tell path.dead")
	b.in(Traffic{1, 0}).did().online()
	if got := b.used(time.Hour, none); got != 10*time.Minute {
		t.Errorf("the next connection ended after %v, want 10m", got)
	}
}

// It is switched on and off while connected.
func TestIdleSwitched(t *testing.T) {
	none := func(time.Duration) uint64 { return 0 }
	b := newBench(t).connected(office())
	if !b.m.Deadline().IsZero() {
		t.Errorf("a deadline at %v, and nobody wants one", b.m.Deadline())
	}
	b.after(time.Hour).in(ProfileChanged{officeID, office("idle")}).did("wish Office ks=false orderly=false", "firewall tunnel for 198.51.100.1 by culvert0")
	short := office("idle")
	short.Reconnect.IdleDisconnect = profile.Duration(time.Second)
	if b.in(ProfileChanged{officeID, short}); b.m.Deadline().Sub(b.now) != 100*time.Millisecond {
		t.Errorf("the next look in %v, want 100ms", b.m.Deadline().Sub(b.now))
	}
	b.in(ProfileChanged{officeID, office()})
	if got := b.used(time.Hour, none); got != 0 {
		t.Errorf("switched off, and it ended after %v", got)
	}
	b.in(ProfileChanged{officeID, office("idle")})
	if got := b.used(time.Hour, none); got != 10*time.Minute {
		t.Errorf("switched on, it ended after %v, want 10m", got)
	}
	b.in(Traffic{1, 0}).did() // it comes too late
}
