// Package netmon tells when the machine's network changed, and when the machine
// goes to sleep and wakes up. A burst of changes is one event, with the present
// state and what is different.
//
// Nothing is polled. Where no service tells of sleep, one look at the clock
// every 40 seconds, and at each change of the network, finds it afterwards.
package netmon

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrUnsupported is a system whose network this package cannot watch.
var ErrUnsupported = errors.New("netmon: not supported on this system")

// Ours: a burst is over when nothing came for so long; it is told of after the
// longer time even if it goes on.
const (
	quiet = 50 * time.Millisecond
	late  = 200 * time.Millisecond
)

// Ours: at most 1.5 wake-ups a minute, and only where nothing tells of sleep;
// and how much longer a machine must have slept to be noticed.
const (
	clockCheck = 40 * time.Second
	leastSleep = time.Second
)

// Ours: after the system refused to say what its state is.
const retryRead = time.Second

// Change is what is different, as a set.
type Change uint

// What can be different. That the state is the same as before does not mean
// that nothing happened: a link that went down and up took routes with it.
const (
	DefaultIPv4 Change = 1 << iota // the default route was lost, changed, or is back
	DefaultIPv6
	Addresses // of the outside interfaces, among them State's sources
	Link      // an outside interface's went down or came up
	Rules     // somebody removed rules of policy routing; perhaps ours (Linux)
	Sleep     // the machine is about to sleep, and waits a few seconds for Event.Ready
	Wake      // it slept; together with Sleep: already over
	Routes    // others than the default ones: of the networks that the machine is on, for example

	reread // look again, whatever it is
)

// String lists what is set, for logs.
func (c Change) String() string {
	var s []string
	for i, name := range []string{"default-ipv4", "default-ipv6", "addresses", "link", "rules", "sleep", "wake", "routes"} {
		if c&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	return strings.Join(s, " ")
}

// Default is a default route; its zero value is none.
type Default struct {
	Interface string
	Index     int        // of the interface
	Gateway   netip.Addr // the router; not valid: none, as on point-to-point links
	Source    netip.Addr // that packets leave with; not valid: none yet
}

// Valid is whether there is one.
func (d Default) Valid() bool { return d.Interface != "" }

// State is the network at a time. The tunnel's own interface is not in it.
type State struct {
	IPv4, IPv6 Default
	// Addresses of the interfaces of the default routes, sorted, without
	// link-local ones.
	Addresses []netip.Prefix
}

// Online is whether there is any default route.
func (s State) Online() bool { return s.IPv4.Valid() || s.IPv6.Valid() }

// Event is a change.
type Event struct {
	Changes  Change
	State    State // at present
	Previous State // of the event before

	ready []func()
}

// Ready tells, after Sleep, that the machine may sleep from here on. It may be
// called for any event and any number of times.
func (e Event) Ready() {
	for _, f := range e.ready {
		f()
	}
}

// Options of a Monitor.
type Options struct {
	// Ignore tells of an interface whether it is our own tunnel's; nil: none is.
	Ignore func(name string) bool
}

// Monitor watches the network. Close it after use.
type Monitor struct {
	opts   Options
	source source
	in     *inbox
	events chan Event
	done   chan struct{}
	wg     sync.WaitGroup // the loop

	mu    sync.Mutex // guards state
	state State
}

// source is the system.
type source interface {
	read(ignore func(name string) bool) (snapshot, error)
	// suspended is how long the machine has slept since it was started; not ok
	// where a service tells of sleep.
	suspended() (d time.Duration, ok bool)
	// tick comes with each look at the clock.
	tick()
	close()
}

// inbox is what sources tell. It never blocks and loses nothing: what was not
// taken yet is added to.
type inbox struct {
	signal chan struct{} // capacity 1: set or not

	mu      sync.Mutex // guards what follows
	changes Change
	ready   []func()
}

func newInbox() *inbox { return &inbox{signal: make(chan struct{}, 1)} }

func (in *inbox) tell(c Change, ready ...func()) {
	in.mu.Lock()
	in.changes |= c
	in.ready = append(in.ready, ready...)
	in.mu.Unlock()
	select {
	case in.signal <- struct{}{}:
	default:
	}
}

func (in *inbox) take() (Change, []func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	c, ready := in.changes, in.ready
	in.changes, in.ready = 0, nil
	return c, ready
}

// New watches from now on.
func New(opts Options) (*Monitor, error) {
	in := newInbox()
	s, err := newSource(in)
	if err != nil {
		return nil, err
	}
	return start(opts, in, s)
}

func start(opts Options, in *inbox, s source) (*Monitor, error) {
	if opts.Ignore == nil {
		opts.Ignore = func(string) bool { return false }
	}
	m := &Monitor{opts: opts, source: s, in: in, events: make(chan Event), done: make(chan struct{})}
	first, err := s.read(opts.Ignore)
	if err != nil {
		s.close()
		return nil, err
	}
	m.state = first.State
	m.wg.Go(func() { m.loop(first) })
	return m, nil
}

// State is the network at present.
func (m *Monitor) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state
	s.Addresses = slices.Clone(s.Addresses)
	return s
}

// Events are the changes. While nobody takes one, what else happens is added to
// it. Close closes the channel.
func (m *Monitor) Events() <-chan Event { return m.events }

// Power tells Sleep or Wake, where a service manager learns of them (Windows).
func (m *Monitor) Power(c Change) { m.in.tell(c & (Sleep | Wake)) }

// Close ends the watching.
func (m *Monitor) Close() {
	close(m.done)
	m.source.close()
	m.wg.Wait()
	close(m.events)
	_, ready := m.in.take()
	Event{ready: ready}.Ready()
}

// loop is the goroutine that turns what sources tell into events.
func (m *Monitor) loop(now snapshot) {
	l := &loop{m: m, now: now, previous: now.State}
	l.slept, _ = m.source.suspended()
	l.burst, l.clock = time.NewTimer(0), time.NewTimer(0)
	l.burst.Stop()
	l.armClock()
	defer l.burst.Stop()
	defer l.clock.Stop()
	for {
		var out chan<- Event
		var e Event
		if l.pending != 0 {
			out, e = m.events, Event{Changes: l.pending, State: l.now.State, Previous: l.previous, ready: l.ready}
		}
		select {
		case <-m.done:
			Event{ready: l.ready}.Ready()
			return
		case out <- e:
			l.pending, l.ready, l.previous = 0, nil, l.now.State
		case <-m.in.signal:
			l.told(m.in.take())
			l.armClock()
		case <-l.burst.C:
			l.look()
		case <-l.clock.C:
			m.source.tick()
			l.checkClock()
			l.armClock()
		}
	}
}

// loop is the state of that goroutine.
type loop struct {
	m        *Monitor
	now      snapshot
	previous State // of the last event
	pending  Change
	ready    []func()

	marks    Change      // told in the present burst
	deadline time.Time   // of the present burst; zero: there is none
	burst    *time.Timer // its end
	clock    *time.Timer
	slept    time.Duration
}

// told begins or goes on with a burst. Sleep does not wait for its end.
func (l *loop) told(c Change, ready []func()) {
	l.ready = append(l.ready, ready...)
	if c&Sleep != 0 {
		l.pending |= Sleep
		c &^= Sleep
	}
	if c == 0 {
		return
	}
	l.checkClock()
	l.mark(c)
}

func (l *loop) mark(c Change) {
	l.marks |= c
	now := time.Now()
	if l.deadline.IsZero() {
		l.deadline = now.Add(late)
	}
	l.burst.Reset(min(quiet, l.deadline.Sub(now)))
}

// look ends a burst.
func (l *loop) look() {
	if l.marks == Routes {
		// There may be thousands of them, and none is in the state.
		l.pending |= l.marks
		l.marks, l.deadline = 0, time.Time{}
		return
	}
	s, err := l.m.source.read(l.m.opts.Ignore)
	if err != nil {
		l.burst.Reset(retryRead)
		return
	}
	l.pending |= (l.marks | s.since(l.now)) &^ reread
	l.marks, l.deadline = 0, time.Time{}
	s.wasOutside(l.now)
	l.now = s
	l.m.mu.Lock()
	l.m.state = s.State
	l.m.mu.Unlock()
}

// checkClock finds a sleep that nobody told of.
func (l *loop) checkClock() {
	d, ok := l.m.source.suspended()
	if ok && d-l.slept >= leastSleep {
		l.mark(Wake)
	}
	l.slept = d
}

// armClock runs the clock where it is needed.
func (l *loop) armClock() {
	if _, ok := l.m.source.suspended(); !ok {
		l.clock.Stop()
		return
	}
	l.clock.Reset(clockCheck)
}
