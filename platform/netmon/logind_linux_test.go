package netmon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// Ours: for anything that has to happen.
const patience = testroom.Patience

// login is systemd-logind on a bus.
type login struct{ *testroom.Logind }

func newLogin(b *testroom.Bus, deny bool) login { return login{testroom.NewLogind(b, deny)} }

// lock is the next one that was asked for, rightly.
func (l login) lock(t *testing.T) *os.File {
	t.Helper()
	lock := l.Lock()
	if lock.Asked != "[sleep Culvert The VPN disconnects in order delay]" {
		t.Errorf("Inhibit(%s)", lock.Asked)
	}
	return lock.File
}

// held is whether the lock is still held, after a moment to let go of it.
func held(t *testing.T, f *os.File, moment time.Duration) bool {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(moment)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Read(make([]byte, 1))
	return os.IsTimeout(err)
}

// sleeper is a Monitor whose network never changes, on that bus.
func sleeper(t *testing.T, address string) *Monitor {
	t.Helper()
	in := newInbox()
	m, err := start(Options{}, in, &busOnly{logind: newLogind(in, address)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type busOnly struct {
	fake
	*logind
}

func (b *busOnly) suspended() (time.Duration, bool) { return 0, !b.tells() }
func (b *busOnly) tick()                            { b.tryAgain() }
func (b *busOnly) close()                           { b.logind.close() }

func event(t *testing.T, m *Monitor) Event {
	t.Helper()
	select {
	case e := <-m.Events():
		return e
	case <-time.After(patience):
		t.Fatal("no event")
	}
	return Event{}
}

func TestLogind(t *testing.T) {
	b := testroom.NewBus(t, "", "")
	l := newLogin(b, false)
	m := sleeper(t, b.Address)
	t.Cleanup(m.Close)
	var e Event
	for range 3 {
		lock := l.lock(t)
		if !held(t, lock, 50*time.Millisecond) {
			t.Fatal("the lock was not kept")
		}
		l.PrepareForSleep(true)
		if e = event(t, m); e.Changes != Sleep {
			t.Fatalf("event %v, want sleep", e.Changes)
		}
		if !held(t, lock, 50*time.Millisecond) {
			t.Fatal("the machine may sleep before anybody was ready")
		}
		e.Ready()
		if held(t, lock, patience) {
			t.Fatal("the machine may not sleep though we are ready")
		}
		l.PrepareForSleep(false)
		if w := event(t, m); w.Changes != Wake {
			t.Fatalf("event %v, want wake", w.Changes)
		}
	}
	// Who is ready late does not let the next sleep go.
	lock := l.lock(t)
	e.Ready()
	if !held(t, lock, 50*time.Millisecond) {
		t.Error("an old Ready let a new lock go")
	}
}

// A consumer that never says Ready has its lock taken by the wake, and Close
// leaves none.
func TestLogindNotReady(t *testing.T) {
	b := testroom.NewBus(t, "", "")
	l := newLogin(b, false)
	m := sleeper(t, b.Address)
	first := l.lock(t)
	l.PrepareForSleep(true)
	event(t, m)
	l.PrepareForSleep(false)
	event(t, m)
	second := l.lock(t)
	if held(t, first, patience) || !held(t, second, 50*time.Millisecond) {
		t.Error("after the wake the old lock is held, or the new one is not")
	}
	m.Close()
	if held(t, second, patience) {
		t.Error("Close left the lock")
	}
}

// The clock is looked at only while nobody tells: logind that goes and comes,
// a bus that goes and comes.
func TestLogindComesAndGoes(t *testing.T) {
	b := testroom.NewBus(t, "", "")
	in := newInbox()
	l := newLogind(in, b.Address)
	defer l.close()
	wait := func(what string, tells bool) {
		t.Helper()
		for timeout := time.After(patience); l.tells() != tells; {
			select {
			case <-in.signal:
			case <-timeout:
				t.Fatalf("%s: tells = %v, want %v", what, l.tells(), tells)
			}
		}
	}
	service := newLogin(b, false)
	service.lock(t)
	wait("logind came", true)
	service.Close()
	wait("logind went", false)
	service = newLogin(b, false)
	lock := service.lock(t)
	wait("logind is back", true)
	b.Kill()
	wait("the bus went", false)
	if held(t, lock, patience) {
		t.Error("a lock without logind")
	}
	b.Restart()
	service = newLogin(b, true)
	l.tryAgain()
	service.lock(t) // refused: without a lock it still tells
	wait("the bus is back", true)
	service.PrepareForSleep(true)
	<-in.signal
	c, ready := in.take()
	if c&Sleep == 0 || len(ready) != 1 {
		t.Errorf("told %v with %d to be ready, want sleep", c, len(ready))
	}
	Event{ready: ready}.Ready()
}

func TestNoBus(t *testing.T) {
	l := newLogind(newInbox(), "unix:path="+filepath.Join(t.TempDir(), "none"))
	l.tryAgain()
	if l.tells() {
		t.Error("tells without a bus")
	}
	l.close()
}
