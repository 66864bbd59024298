package netmon

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a system whose state the test sets.
type fake struct {
	mu    sync.Mutex // guards all of it
	snap  snapshot
	err   error
	slept time.Duration
	told  bool // a service tells of sleep
	reads int
	ticks int
}

func (f *fake) read(func(string) bool) (snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	return f.snap, f.err
}

func (f *fake) suspended() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.slept, !f.told
}

func (f *fake) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ticks++
}

func (f *fake) close() {}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func by(gateway string) snapshot {
	return snapshot{
		State: State{IPv4: Default{Interface: "eth0", Index: 2, Gateway: netip.MustParseAddr(gateway), Source: netip.MustParseAddr("192.0.2.10")},
			Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/24")}},
		running: map[int]bool{2: true}, outside: map[int]bool{2: true},
	}
}

// virtual runs a Monitor in virtual time.
func virtual(t *testing.T, test func(t *testing.T, m *Monitor, f *fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{snap: by("192.0.2.1"), told: true}
		m, err := start(Options{}, newInbox(), f)
		if err != nil {
			t.Fatal(err)
		}
		test(t, m, f)
		m.Close()
		if _, open := <-m.Events(); open {
			t.Error("Close left an event")
		}
	})
}

// next waits for an event and says how long that took.
func next(t *testing.T, m *Monitor) (Event, time.Duration) {
	t.Helper()
	start := time.Now()
	select {
	case e := <-m.Events():
		return e, time.Since(start)
	case <-time.After(time.Hour):
		t.Fatal("no event")
	}
	return Event{}, 0
}

func TestBurst(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, f *fake) {
		go func() { // a burst that lasts for a second
			for range 1000 {
				time.Sleep(time.Millisecond)
				m.in.tell(reread)
			}
		}()
		f.set(func() { f.snap = by("192.0.2.2") })
		e, after := next(t, m)
		if e.Changes != DefaultIPv4 || e.State.IPv4.Gateway.String() != "192.0.2.2" || e.Previous.IPv4.Gateway.String() != "192.0.2.1" {
			t.Errorf("event %v: %+v", e.Changes, e)
		}
		if after > 250*time.Millisecond {
			t.Errorf("the event came after %v, want 250 ms at most", after)
		}
		if got := m.State(); got.IPv4 != e.State.IPv4 {
			t.Errorf("State = %+v, want %+v", got, e.State)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if f.reads > 8 {
			t.Errorf("%d looks for a burst of a second", f.reads)
		}
		select {
		case e := <-m.Events():
			t.Errorf("one more event for nothing: %+v", e)
		default:
		}
	})
}

func TestShortBurst(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, f *fake) {
		f.set(func() { f.snap = by("192.0.2.2") })
		m.in.tell(reread)
		if _, after := next(t, m); after != quiet {
			t.Errorf("the event came after %v, want %v", after, quiet)
		}
	})
}

// What nobody takes is added up, against what was last told of.
func TestPending(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, f *fake) {
		for _, s := range []snapshot{by("192.0.2.2"), {}, by("192.0.2.3")} {
			f.set(func() { f.snap = s })
			m.in.tell(reread)
			time.Sleep(time.Second)
		}
		m.in.tell(Rules)
		time.Sleep(time.Second)
		e, _ := next(t, m)
		if want := DefaultIPv4 | Addresses | Link | Rules; e.Changes != want {
			t.Errorf("changes %v, want %v", e.Changes, want)
		}
		if e.Previous.IPv4.Gateway.String() != "192.0.2.1" || e.State.IPv4.Gateway.String() != "192.0.2.3" {
			t.Errorf("from %+v to %+v", e.Previous, e.State)
		}
	})
}

// Sleep is told at once, and the machine waits for Ready.
func TestSleep(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, _ *fake) {
		ready := 0
		m.in.tell(Sleep, func() { ready++ })
		e, after := next(t, m)
		if e.Changes != Sleep || after != 0 {
			t.Errorf("event %v after %v", e.Changes, after)
		}
		if ready != 0 {
			t.Error("ready before anybody said so")
		}
		e.Ready()
		if ready != 1 {
			t.Error("Ready was not heard")
		}
		m.Power(Wake | Link) // Link is not for others to tell
		if e, _ := next(t, m); e.Changes != Wake {
			t.Errorf("event %v, want wake", e.Changes)
		} else {
			e.Ready()
		}
		m.in.tell(Sleep, func() { ready++ })
	})
}

// Close lets go what nobody took.
func TestCloseReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := start(Options{}, newInbox(), &fake{told: true})
		if err != nil {
			t.Fatal(err)
		}
		ready := 0
		m.in.tell(Sleep, func() { ready++ })
		synctest.Wait()
		m.Close()
		if ready != 1 {
			t.Errorf("the machine was let to sleep %d times, want 1", ready)
		}
	})
}

// Where nobody tells of sleep the clock does, rarely while nothing happens and
// at once when something does.
func TestClock(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, f *fake) {
		f.set(func() { f.told = false })
		m.in.tell(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if f.ticks > 120 || f.ticks < 80 {
			t.Errorf("%d looks at the clock in an hour, want less than two a minute", f.ticks)
		}
		f.set(func() { f.slept += 10 * time.Second })
		if e, after := next(t, m); e.Changes != Wake || after > clockCheck+late {
			t.Errorf("event %v after %v", e.Changes, after)
		}
		f.set(func() { f.slept += 10 * time.Second; f.snap = by("192.0.2.2") })
		m.in.tell(reread)
		if e, after := next(t, m); e.Changes != Wake|DefaultIPv4 || after > late {
			t.Errorf("event %v after %v", e.Changes, after)
		}
		f.set(func() { f.slept += leastSleep / 2 }) // no sleep, only a look at two clocks
		f.set(func() { f.told, f.ticks = true, 0 })
		m.in.tell(0)
		f.set(func() { f.slept += time.Hour }) // and that is told by the service
		time.Sleep(time.Hour)
		synctest.Wait()
		if f.ticks != 0 {
			t.Errorf("%d looks at the clock though sleep is told of", f.ticks)
		}
		select {
		case e := <-m.Events():
			t.Errorf("event %v for nothing", e.Changes)
		default:
		}
	})
}

// A system that does not answer is asked again.
func TestReadFails(t *testing.T) {
	virtual(t, func(t *testing.T, m *Monitor, f *fake) {
		f.set(func() { f.err = errors.New("no answer"); f.snap = by("192.0.2.2") })
		m.in.tell(reread)
		time.Sleep(10 * time.Second)
		f.set(func() { f.err = nil })
		if e, after := next(t, m); e.Changes != DefaultIPv4 || after > retryRead {
			t.Errorf("event %v after %v", e.Changes, after)
		}
	})
	if _, err := start(Options{}, newInbox(), &fake{err: errors.ErrUnsupported}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("start = %v", err)
	}
}

func TestChangeString(t *testing.T) {
	if got, want := (DefaultIPv4 | Wake | reread).String(), "default-ipv4 wake"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}
