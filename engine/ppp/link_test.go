package ppp

import (
	"fmt"
	"math/rand"
	"testing"
	"time"
)

// net is a client and a server with a bad link between them, in virtual time.
type net struct {
	t       testing.TB
	rand    *rand.Rand
	now     time.Time
	ends    [2]*end
	flying  []flight
	faulty  bool
	latency time.Duration
	frames  int

	onQuestion func(i int, q Question)
}

type end struct {
	c          *Conn
	up, up6    bool
	ups, downs int
	net        NetworkUp
	user       string
	method     AuthMethod
	over       bool
	err        error
}

type flight struct {
	at   time.Time
	to   int
	data []byte
}

func newNet(t testing.TB, seed int64, client, server Config) *net {
	n := &net{t: t, rand: rand.New(rand.NewSource(seed)), now: epoch, latency: 5 * time.Millisecond}
	n.ends = [2]*end{{c: New(client)}, {c: New(server)}}
	return n
}

func (n *net) start(i int) {
	var out Output
	n.ends[i].c.Start(n.now, &out)
	n.take(i, &out)
}

func (n *net) take(i int, out *Output) {
	e := n.ends[i]
	for _, ev := range out.Events {
		if e.over {
			n.t.Fatalf("%+v after Down", ev)
		}
		switch ev := ev.(type) {
		case NetworkUp:
			e.up, e.net = true, ev
			e.ups++
		case NetworkDown:
			e.up = false
			e.downs++
		case Network6Up:
			e.up6 = true
		case Network6Down:
			e.up6 = false
		case Authenticated:
			e.user, e.method = ev.User, ev.Method
		case Question:
			defer n.onQuestion(i, ev)
		case Down:
			e.over, e.up, e.err = true, false, ev.Err
		}
	}
	for _, f := range out.Frames {
		n.frames++
		copies := 1
		if n.faulty {
			switch p := n.rand.Intn(100); {
			case p < 15:
				copies = 0
			case p < 25:
				copies = 2
			}
		}
		for range copies {
			delay := n.latency
			if n.faulty {
				delay += time.Duration(n.rand.Intn(30)) * time.Millisecond // overtakes others
			}
			n.flying = append(n.flying, flight{n.now.Add(delay), 1 - i, f})
		}
	}
}

// run lets the two talk for that long.
func (n *net) run(d time.Duration) {
	if n.now.Equal(epoch) && n.ends[0].c.Phase() == PhaseDead {
		n.start(1)
		n.start(0)
	}
	stop := n.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 100000 {
			n.t.Fatalf("busy for ever at %v", n.now.Sub(epoch))
		}
		next, who, packet := stop, -1, -1
		for i, f := range n.flying {
			if f.at.Before(next) {
				next, packet = f.at, i
			}
		}
		for i, e := range n.ends {
			if at := e.c.Deadline(); !at.IsZero() && at.Before(next) {
				next, who, packet = at, i, -1
			}
		}
		if who < 0 && packet < 0 {
			break
		}
		if next.After(n.now) {
			n.now = next
		}
		var out Output
		if packet >= 0 {
			f := n.flying[packet]
			n.flying = append(n.flying[:packet], n.flying[packet+1:]...)
			who = f.to
			n.ends[who].c.Handle(n.now, f.data, &out)
		} else {
			n.ends[who].c.Advance(n.now, &out)
		}
		n.take(who, &out)
	}
	n.now = stop
}

func (n *net) checkUp(t testing.TB) {
	t.Helper()
	c, s := n.ends[0], n.ends[1]
	if !c.up || !s.up {
		t.Fatalf("client up %v in %v (%v), server up %v in %v (%v)", c.up, c.c.Phase(), c.err, s.up, s.c.Phase(), s.err)
	}
	want := NetworkUp{Local: addr("10.99.0.10"), Peer: addr("10.99.0.1")}
	if c.net.Local != want.Local || c.net.Peer != want.Peer || len(c.net.DNS) != 2 || len(c.net.NBNS) != 1 {
		t.Fatalf("client has %+v", c.net)
	}
	if s.net.Local != want.Peer || s.net.Peer != want.Local {
		t.Fatalf("server has %+v", s.net)
	}
}

func TestClientAgainstServer(t *testing.T) {
	for _, m := range []AuthMethod{0, PAP, CHAPMD5, MSCHAPv2} {
		demand := []AuthMethod{m}
		if m == 0 {
			demand = nil
		}
		client, server := clientConfig(1, MSCHAPv2, CHAPMD5, PAP), serverConfig(2, demand...)
		client.IPv6, server.IPv6 = true, true
		n := newNet(t, 1, client, server)
		n.run(200 * time.Millisecond)
		n.checkUp(t)
		if m != 0 && n.ends[1].user != "alice" {
			t.Errorf("%v: server let in %q", m, n.ends[1].user)
		}
		if !n.ends[0].up6 || !n.ends[1].up6 {
			t.Errorf("%v: no IPv6", m)
		}
		var out Output
		n.ends[0].c.Close(n.now, &out)
		n.take(0, &out)
		n.run(time.Second)
		if !n.ends[0].over || n.ends[0].err != nil {
			t.Errorf("%v: client ends with %v", m, n.ends[0].err)
		}
		if e, ok := n.ends[1].err.(*Error); !ok || e.Reason != PeerClosed {
			t.Errorf("%v: server ends with %v", m, n.ends[1].err)
		}
	}
}

// Methods that the ends do not have in common are found, or not.
func TestMethodsMeet(t *testing.T) {
	for _, tt := range []struct {
		client, server []AuthMethod
		want           AuthMethod
	}{
		{[]AuthMethod{MSCHAPv2, PAP}, []AuthMethod{CHAPMD5, MSCHAPv2}, MSCHAPv2},
		{[]AuthMethod{PAP}, []AuthMethod{CHAPMD5, MSCHAPv2, PAP}, PAP},
		{[]AuthMethod{CHAPMD5, PAP}, []AuthMethod{MSCHAPv2, PAP}, PAP},
		{[]AuthMethod{MSCHAPv2}, []AuthMethod{CHAPMD5, PAP}, 0},
	} {
		n := newNet(t, 1, clientConfig(1, tt.client...), serverConfig(2, tt.server...))
		n.run(time.Second)
		if tt.want == 0 {
			e0, _ := n.ends[0].err.(*Error)
			e1, _ := n.ends[1].err.(*Error)
			if e0 == nil || e1 == nil || e0.Reason != AuthMethodRefused || e1.Reason != AuthMethodRefused {
				t.Errorf("%v against %v: %v and %v", tt.client, tt.server, n.ends[0].err, n.ends[1].err)
			}
			continue
		}
		n.checkUp(t)
		if got := n.ends[0].c.auth.method; got != tt.want {
			t.Errorf("%v against %v: %v, want %v", tt.client, tt.server, got, tt.want)
		}
	}
}

// 15 % of the frames are lost, 10 % come twice, all of them in any order: the
// link comes up and stays up.
func TestLossyLink(t *testing.T) {
	methods := [][]AuthMethod{nil, {PAP}, {CHAPMD5}, {MSCHAPv2}, {EAPMD5}, {EAPMSCHAPv2}, {EAPGTC}, {EAPGTC, MSCHAPv2}}
	var worst time.Duration
	for seed := range int64(1000) {
		client, server := clientConfig(seed, MSCHAPv2, CHAPMD5, PAP), serverConfig(seed+1e6, methods[seed/2%8]...)
		client.EAPForms = true
		server.TakesCode = func(string) bool { return seed/2%8 == 6 }
		server.CheckCode = func(_ time.Time, _ string, code []byte) bool { return string(code) == "424242" }
		client.EchoInterval, server.EchoInterval = 5*time.Second, 5*time.Second
		client.IPv6, server.IPv6 = seed&4 != 0, seed&4 != 0
		n := newNet(t, seed, client, server)
		n.tokens("424242")
		n.faulty = true
		began := n.now
		for !(n.ends[0].up && n.ends[1].up) {
			n.run(50 * time.Millisecond)
			if n.ends[0].over || n.ends[1].over || n.now.Sub(began) > 60*time.Second {
				t.Fatalf("seed %d: after %v client in %v (%v), server in %v (%v)", seed, n.now.Sub(began),
					n.ends[0].c.Phase(), n.ends[0].err, n.ends[1].c.Phase(), n.ends[1].err)
			}
		}
		worst = max(worst, n.now.Sub(began))
		n.checkUp(t)
		n.faulty = false // settle, and see that it stays
		n.run(30 * time.Second)
		n.checkUp(t)
		if n.ends[0].ups > 20 || n.frames > 400 {
			t.Errorf("seed %d: up %d times with %d frames", seed, n.ends[0].ups, n.frames)
		}
	}
	t.Logf("slowest of 1000: %v", worst)
}

// pppd is attached to its session 85 to 100 ms after ICCN and hears nothing
// before. Our requests of that time are lost; its first calls forth ours.
func TestDeafPeer(t *testing.T) {
	for _, latency := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond} {
		for deaf := 80 * time.Millisecond; deaf <= 120*time.Millisecond; deaf += time.Millisecond {
			n := newNet(t, 1, clientConfig(1, MSCHAPv2), serverConfig(2, MSCHAPv2))
			n.latency = latency
			n.start(0)
			n.now = n.now.Add(deaf)
			var out Output
			n.ends[0].c.Advance(n.now, &out) // the early repeat, at its time if that has come
			n.take(0, &out)
			n.flying = nil // what was sent until now is lost
			n.start(1)
			for !n.ends[0].up || !n.ends[1].up {
				n.run(time.Millisecond)
				// LCP, MS-CHAPv2 and IPCP take seven one-way trips from here.
				if took := n.now.Sub(epoch) - deaf - 10*latency; took > 50*time.Millisecond {
					t.Fatalf("latency %v, deaf for %v: not up %v after that", latency, deaf, took)
				}
			}
			if n.ends[0].ups != 1 || n.ends[1].ups != 1 {
				t.Errorf("latency %v, deaf for %v: up %d and %d times", latency, deaf, n.ends[0].ups, n.ends[1].ups)
			}
		}
	}
}

// On a long path repeats must not knock over a peer that is Opened already.
func TestLongPath(t *testing.T) {
	for _, latency := range []time.Duration{60, 125, 190, 300} {
		n := newNet(t, 1, clientConfig(1, MSCHAPv2), serverConfig(2, MSCHAPv2))
		n.latency = latency * time.Millisecond
		n.run(10 * time.Second)
		n.checkUp(t)
		if n.ends[0].ups != 1 || n.ends[1].ups != 1 {
			t.Errorf("latency %d ms: up %d and %d times", latency, n.ends[0].ups, n.ends[1].ups)
		}
	}
}

// An idle link with echoes stays up for a day, and says little.
func TestIdleDay(t *testing.T) {
	client, server := clientConfig(1, PAP), serverConfig(2, PAP)
	client.EchoInterval, server.EchoInterval = 30*time.Second, 30*time.Second
	n := newNet(t, 1, client, server)
	n.run(24 * time.Hour)
	n.checkUp(t)
	if n.frames > 2*2*2880+100 {
		t.Errorf("%d frames in a day", n.frames)
	}
	if n.ends[0].ups != 1 {
		t.Errorf("up %d times", n.ends[0].ups)
	}
	// Then the server vanishes.
	n.ends[1].c = New(serverConfig(3))
	n.flying = nil
	n.run(3 * time.Minute)
	if e, ok := n.ends[0].err.(*Error); !ok || e.Reason != PeerDead {
		t.Errorf("client ends with %v", n.ends[0].err)
	}
}

func ExampleError() {
	fmt.Println(&Error{Reason: AuthMethodRefused, Detail: "we allow [MS-CHAPv2], peer asked for [EAP PAP]"})
	// Output: ppp: no common authentication method; we allow [MS-CHAPv2], peer asked for [EAP PAP]
}
