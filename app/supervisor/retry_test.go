package supervisor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// waitsOf lets a repeated try fail n times for the same reason, and says after
// which waits it was repeated.
func waitsOf(b *bench, code failure.Code, n int) string {
	b.t.Helper()
	var s []string
	for range n {
		b.down(code).state(api.Reconnecting)
		at := b.m.Status(b.now).NextAttempt
		s = append(s, at.Sub(b.now).String())
		b.after(at.Sub(b.now))
		if b.m.engine != running {
			b.t.Fatalf("no try at %v", b.now)
		}
	}
	return strings.Join(s, " ")
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name string
		code failure.Code // of each try after the connection was lost
		n    int
		want string
	}{
		{"a gateway that says no", failure.L2TPRefused, 9, "1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s"},
		{"a gateway that is silent", failure.IKENoAnswer, 36, "1s 2s" + strings.Repeat(" 4s", 31) + " 8s 16s 32s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t).connected(office()).after(time.Hour).down(failure.PathDead)
			if got := waitsOf(b, c.code, c.n); got != c.want {
				t.Errorf("waits %s, want %s", got, c.want)
			}
			b.online().after(lasting).down(failure.GatewayClosed)
			if got := b.m.Status(b.now).NextAttempt.Sub(b.now); got != time.Second {
				t.Errorf("after a connection that lasted: %v, want 1s again", got)
			}
		})
	}
}

// Two computers with one user throw each other out: neither may do so every
// second.
func TestShortConnectionsBackOff(t *testing.T) {
	b := newBench(t).connected(office())
	var waits []string
	for range 5 {
		b.after(lasting - time.Second).down(failure.GatewayClosed)
		d := b.m.Status(b.now).NextAttempt.Sub(b.now)
		waits = append(waits, d.String())
		b.after(d).online()
	}
	if got, want := strings.Join(waits, " "), "1s 2s 4s 8s 16s"; got != want {
		t.Errorf("waits %s, want %s", got, want)
	}
}

func TestJitter(t *testing.T) {
	for _, c := range []struct {
		rand string
		want time.Duration
	}{
		{"\x00\x00", 800 * time.Millisecond}, {"\x80\x00", time.Second}, {"\xff\xff", 1199993896}, {"", time.Second},
	} {
		m := New(Config{Rand: bytes.NewReader([]byte(c.rand))})
		if got := m.jittered(time.Second); got != c.want {
			t.Errorf("with %q: %v, want %v", c.rand, got, c.want)
		}
	}
	if got := New(Config{Rand: strings.NewReader("\xff\xff")}).jittered(backoffMost); got != backoffMost {
		t.Errorf("the longest wait became %v", got)
	}
}

// Within 3 s traffic must flow again: the next try begins in the same moment in
// which the engine of the old network is down.
func TestAtOnce(t *testing.T) {
	again := "start #2 Office at 198.51.100.1 as 10.99.0.10"
	for _, c := range []struct {
		name string
		do   func(b *bench)
	}{
		{"another network", func(b *bench) {
			b.in(Route{true, "eth0"}).did("clear", "stop #1 at once", "firewall open", "tell network.changed").down("")
		}},
		{"network back on another way", func(b *bench) {
			b.in(Route{Online: false}).after(2*time.Second).in(Route{true, "wlan0 b"}).did("clear", "stop #1 at once", "firewall open", "tell network.changed").down("")
		}},
		{"network back after a while", func(b *bench) {
			b.in(Route{Online: false}).after(time.Minute).did("clear", "stop #1 at once", "firewall open", "tell network.changed").down("").did("find a way").in(Route{true, "wlan0"})
		}},
		{"wake", func(b *bench) {
			b.in(Sleep{}).did("clear", "stop #1 in order", "firewall open", "tell network.changed").down("").did().in(Wake{})
		}},
		{"wake before the engine is down", func(b *bench) { b.in(Sleep{}, Wake{}).did("stop #1 at once").down("") }},
		{"wake without a sleep", func(b *bench) {
			b.in(Wake{}).did("clear", "stop #1 at once", "firewall open", "tell network.changed").down("")
		}},
		{"the sleep did not come", func(b *bench) { b.in(Sleep{}).down("").after(sleepLimit) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t).connected(office()).after(time.Hour)
			c.do(b)
			b.did(again).state(api.Reconnecting).online().failure("")
		})
	}
	t.Run("the gateway restarted", func(t *testing.T) {
		newBench(t).connected(office()).after(time.Hour).down(failure.GatewayRestarted).did("clear", again, "firewall open", "tell gateway.restarted")
	})
	t.Run("while it waits for its time", func(t *testing.T) {
		b := newBench(t).connected(office()).after(time.Hour).down(failure.PathDead)
		waitsOf(b, failure.L2TPRefused, 8)
		b.down(failure.L2TPRefused).in(Route{true, "eth0"}).did("start #11 Office at 198.51.100.1 as 10.99.0.10")
	})
}

// A gateway that restarts has traffic within 10 s: from its return on it is asked
// every four seconds and a little.
func TestGatewayAwayForAMinute(t *testing.T) {
	b := newBench(t).connected(office()).after(time.Hour).down(failure.GatewayRestarted)
	gone := b.now
	for b.now.Sub(gone) < time.Minute {
		b.after(100 * time.Millisecond).down(failure.IKEUnreachable)
		at := b.m.Status(b.now).NextAttempt
		if at.Sub(b.now) > 5*time.Second {
			t.Fatalf("%v after it was lost the next try is in %v", b.now.Sub(gone), at.Sub(b.now))
		}
		b.after(at.Sub(b.now))
	}
}

// Wi-Fi that is away for a moment is no reason to connect anew.
func TestFlap(t *testing.T) {
	b := newBench(t).connected(office()).after(time.Hour)
	b.in(Route{Online: false}).did().after(flapGrace - 1).did().in(Route{true, "wlan0"}).did()
	b.after(time.Hour).did().state(api.Connected)
	b.in(Route{true, "wlan0"}, Route{true, "wlan0"}).did()
}

// A network that changes all the time is not followed all the time.
func TestFlapsAreCalmed(t *testing.T) {
	b := newBench(t).connected(office())
	for i := range maxFlaps {
		b.after(time.Second).in(Route{true, fmt.Sprint("way ", i)}).down("").online()
	}
	b.after(time.Second).in(Route{true, "one more"}).down("").state(api.Reconnecting)
	if got := b.m.Status(b.now).NextAttempt.Sub(b.now); got != time.Second {
		t.Errorf("the next try is in %v, want 1s", got)
	}
	b.after(time.Second).online().after(lasting).in(Route{true, "a new life"}).down("").did("start #8 Office at 198.51.100.1 as 10.99.0.10")
}

// No network is waited for, and that is no try.
func TestNoNetwork(t *testing.T) {
	b := newBench(t).connected(office()).after(time.Hour).in(Route{Online: false}).after(flapGrace).down("")
	for range 3 {
		b.in(Route{true, "wlan0"}, Route{Online: false}).down("")
	}
	st := b.m.Status(b.now)
	if st.Attempt != 0 || !st.Offline || !st.NextAttempt.IsZero() || !b.m.Deadline().IsZero() {
		t.Errorf("without a network: %+v, deadline %v", st, b.m.Deadline())
	}
	b.after(48 * time.Hour).did().in(Route{true, "wlan0"}).state(api.Reconnecting)
	if got := b.m.Status(b.now).Attempt; got != 1 {
		t.Errorf("it is try %d, want 1", got)
	}
	b.down(failure.IKENoAnswer)
	if got := b.m.Status(b.now).NextAttempt.Sub(b.now); got != time.Second {
		t.Errorf("the next try is in %v, want 1s", got)
	}
}

// The way is not known when the first engine starts: that it becomes known is no
// change.
func TestFirstRoute(t *testing.T) {
	newBench(t).in(Start{}, Connect{office()}, Route{true, "wlan0"}).did().online().in(Route{true, "wlan0"}).did().in(Route{true, "eth0"}).did("clear", "stop #1 at once", "firewall open", "tell network.changed")
}

func TestChangedAddress(t *testing.T) {
	b := newBench(t).connected(office("ks")).after(time.Hour)
	b.down(failure.GatewayRestarted).in(Up{2, network(77)}).did("apply #2 10.99.0.77").in(Applied{2}).did("firewall tunnel only for 198.51.100.1 by culvert0")
	if got := b.m.Status(b.now).Address; got != network(77).Address {
		t.Errorf("the status has %v", got)
	}
	// And while connected: other name servers.
	n := network(77)
	n.DNS = append(n.DNS, server)
	b.in(Up{2, n}).did("apply #2 10.99.0.77").in(Applied{2}).did().in(Up{2, n}).did().state(api.Connected)
	if got := b.m.Status(b.now).DNS; len(got) != 1 {
		t.Errorf("the status has the name servers %v", got)
	}
}
