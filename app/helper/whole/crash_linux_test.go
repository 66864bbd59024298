package whole

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
	"golang.org/x/sys/unix"
)

// point is a moment at which the helper is killed.
type point struct {
	name  string
	after phase // what the test does before it waits
	write int   // the n-th change of a file in the helper's state directory since then; 0: none
	event func(api.Event) bool
	delay time.Duration // at most, and by chance
}

// phase is what goes on when the helper is killed.
type phase uint8

const (
	connecting phase = iota + 1
	connected
	reconnecting
	disconnecting
)

func stageIs(s failure.Stage, state api.StageState) func(api.Event) bool {
	return func(e api.Event) bool {
		x, ok := e.(api.StageEvent)
		return ok && x.Stage == s && x.State == state
	}
}

func stateIs(s api.State) func(api.Event) bool {
	return func(e api.Event) bool {
		x, ok := e.(api.Status)
		return ok && x.State == s
	}
}

// points are spread over a connection's life: behind each thing that is written
// down, which comes before what it is about is done, and behind each effect.
var points = []point{
	{name: "wish or firewall written", after: connecting, write: 1},
	{name: "second thing written", after: connecting, write: 2},
	{name: "third thing written", after: connecting, write: 3},
	{name: "third thing written, and a moment", after: connecting, write: 3, delay: 3 * time.Millisecond},
	{name: "fourth thing written", after: connecting, write: 4},
	{name: "fourth thing written, and a moment", after: connecting, write: 4, delay: 10 * time.Millisecond},
	{name: "fifth thing written", after: connecting, write: 5},
	{name: "phase 1 begins", after: connecting, event: stageIs(failure.Phase1, api.Started)},
	{name: "phase 2 is done", after: connecting, event: stageIs(failure.Phase2, api.Done), delay: 20 * time.Millisecond},
	{name: "logging in", after: connecting, event: stageIs(failure.Authenticate, api.Done), delay: 5 * time.Millisecond},
	{name: "routes begin", after: connecting, event: stageIs(failure.Routes, api.Started), delay: 20 * time.Millisecond},
	{name: "connected", after: connecting, event: stateIs(api.Connected)},
	{name: "connected for a while", after: connected, delay: 300 * time.Millisecond},
	{name: "reconnecting", after: reconnecting, event: stateIs(api.Reconnecting), delay: 5 * time.Millisecond},
	{name: "reconnecting, first thing written", after: reconnecting, write: 1},
	{name: "reconnecting, third thing written", after: reconnecting, write: 3, delay: 3 * time.Millisecond},
	{name: "disconnecting, first thing written", after: disconnecting, write: 1},
	{name: "disconnecting, second thing written", after: disconnecting, write: 2},
	{name: "disconnecting, third thing written", after: disconnecting, write: 3},
	{name: "disconnecting, and a moment", after: disconnecting, event: stateIs(api.Disconnecting), delay: 30 * time.Millisecond},
}

// TestCrash kills the helper at each point, and starts it again: the machine is
// as before, or with the kill switch closed until somebody opens it; and nothing
// leaves in between.
func TestCrash(t *testing.T) {
	for _, closed := range []bool{false, true} {
		// Two rooms each, for time.
		for half := range 2 {
			name := "open"
			if closed {
				name = "kill switch"
			}
			t.Run(fmt.Sprintf("%s %d", name, half+1), func(t *testing.T) {
				t.Parallel()
				var mine []point
				for i, p := range points {
					if i%2 == half {
						mine = append(mine, p)
					}
				}
				crashes(t, closed, mine)
			})
		}
	}
}

func crashes(t *testing.T, closed bool, points []point) {
	r := newRoom(t)
	before := r.parts()
	r.gateway()
	wire := r.capture()
	r.application()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	for _, p := range points {
		c := &crash{room: r, t: t, p: p, before: before, closed: closed, wire: wire}
		if p.delay > 0 {
			c.delay = time.Duration(chance.Int64N(int64(p.delay)))
		}
		c.again = time.Duration(chance.Int64N(int64(maxAgain)))
		c.run()
		if t.Failed() {
			t.Fatalf("at: %s, %v later", p.name, c.delay)
		}
	}
	if closed {
		wire.report(t)
	}
}

// maxAgain is how long the helper that comes back lives at most before it is
// killed, too: longer than it takes to put all in order.
const maxAgain = 40 * time.Millisecond

// crash is one of them.
type crash struct {
	*room
	t      *testing.T
	p      point
	before map[string]string
	closed bool
	wire   *capture
	delay  time.Duration
	again  time.Duration // until the next one
}

func (c *crash) run() {
	t, p := c.t, c.p
	text := profile()
	if c.closed {
		text = profile(killSwitch...)
	}
	d := c.begin()
	from := d.log.len()
	if p.after != connecting {
		d.connected(text)
		from = d.log.len()
	}
	var moment func()
	if p.write > 0 {
		moment = c.writes(p.write)
	} else if p.event != nil {
		moment = func() { d.log.until(t, from, p.name, p.event) }
	} else {
		moment = func() {}
	}
	answered := c.act(d, text)
	moment()
	<-time.After(c.delay)
	d.Kill()
	died := time.Now()
	<-answered
	if p.after == reconnecting {
		c.room.IP("route replace default via 192.0.2.1", "addr del 192.0.2.11/24 dev eth0")
	}

	// Putting in order is interrupted, too.
	second := c.Start("/usr/sbin/culvertd", "--state", "/"+stateDir)
	<-time.After(c.again)
	second.Kill()
	d = c.begin()
	if p.after != disconnecting {
		c.closeFrom(time.Now()) // if it was not closed yet
	}
	want := []api.State{api.Disconnected}
	if c.closed && p.after != disconnecting {
		want = []api.State{api.Blocked}
	}
	s := d.log.state(t, 0, want...)
	took := time.Since(died)
	if c.closed && p.after != disconnecting {
		c.stillClosed(p.name)
		c.wire.tight(t, p.name)
		c.wire.open()
		d.disconnected()
	}
	same(t, p.name, textOf(c.parts()), textOf(c.before))
	t.Logf("%-36s +%-8v again after %-8v %s %v later, in order", p.name, c.delay.Round(10*time.Microsecond), c.again.Round(10*time.Microsecond), s.State, took.Round(time.Millisecond))
	d.Term()
	same(t, p.name+", ended", textOf(c.parts()), textOf(c.before))
	c.nothingWritten()
}

// act does what is to be interrupted. What it gives is closed once the helper has
// answered, or is dead.
func (c *crash) act(d *daemon, text string) <-chan struct{} {
	answered := make(chan struct{})
	switch c.p.after {
	case connecting:
		go func() {
			defer close(answered)
			if d.Connect(c.t.Context(), request(text)) == nil {
				c.closeFrom(time.Now())
			}
		}()
		return answered
	case connected:
		c.closeFrom(time.Now())
	case reconnecting:
		c.closeFrom(time.Now())
		// Another network is another connection, at once.
		c.room.IP("addr add 192.0.2.11/24 dev eth0", "route replace default via 192.0.2.1 src 192.0.2.11")
	case disconnecting:
		go func() {
			defer close(answered)
			_ = d.Disconnect(c.t.Context()) // it may die meanwhile
		}()
		return answered
	}
	close(answered)
	return answered
}

// closeFrom tells the capture from when on nothing may leave.
func (c *crash) closeFrom(at time.Time) {
	if c.closed {
		c.wire.close(at)
	}
}

// stillClosed: the helper that came back has put all back but the firewall, which
// lets nothing out.
func (c *crash) stillClosed(when string) {
	c.t.Helper()
	now := c.parts()
	const rules = "nft list ruleset"
	same(c.t, when+", blocked", textOf(now, rules), textOf(c.before, rules))
	if !strings.HasPrefix(now[rules], c.before[rules]) || !strings.Contains(now[rules], "table inet culvert {") {
		c.t.Errorf("%s: blocked, and the firewall is\n%s", when, now[rules])
	}
}

// nothingWritten: a journal with nothing in it, and no wish.
func (c *crash) nothingWritten() {
	c.t.Helper()
	entries, err := os.ReadDir(c.Path(stateDir))
	must(c.t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(c.Path(stateDir), e.Name()))
		must(c.t, err)
		if text := strings.TrimSpace(string(data)); e.Name() != "journal.json" || text != "{}" {
			c.t.Errorf("%s is left with %s", e.Name(), text)
		}
	}
}

// writes gives a function that waits until n files of the state directory have
// been replaced or removed since now.
func (c *crash) writes(n int) func() {
	t := c.t
	t.Helper()
	dir := c.Path(stateDir)
	must(t, os.MkdirAll(dir, 0o700))
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	must(t, err)
	// The kernel makes one of equal events in a row (inotify(7)): the new file that
	// comes before each replacement keeps them apart.
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE)
	must(t, err)
	return func() {
		defer unix.Close(fd)
		b := make([]byte, 4096)
		for n > 0 {
			poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor
			if k, err := unix.Poll(poll, int(limit/time.Millisecond)); k <= 0 && err != unix.EINTR {
				t.Fatalf("%d files fewer were written than expected (%v)", n, err)
			}
			k, err := unix.Read(fd, b)
			if err == unix.EINTR {
				continue
			}
			must(t, err)
			for at := 0; at < k; {
				e := (*unix.InotifyEvent)(unsafe.Pointer(&b[at])) //nolint:gosec // inotify(7)
				name := strings.TrimRight(string(b[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+int(e.Len)]), "\x00")
				at += unix.SizeofInotifyEvent + int(e.Len)
				if !strings.HasPrefix(name, ".new") {
					n--
				}
			}
		}
	}
}
