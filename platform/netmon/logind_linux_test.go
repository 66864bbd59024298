package netmon

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Ours: for anything that has to happen.
const patience = 20 * time.Second

// bus is a dbus-daemon for the test alone.
type bus struct {
	t       *testing.T
	config  string
	address string
	cmd     *exec.Cmd
}

func newBus(t *testing.T) *bus {
	t.Helper()
	dir := t.TempDir()
	b := &bus{t: t, config: filepath.Join(dir, "bus.conf"), address: "unix:path=" + filepath.Join(dir, "bus")}
	text := fmt.Sprintf(`<busconfig><type>custom</type><listen>%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow own="*"/><allow eavesdrop="true"/></policy></busconfig>`, b.address)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bus) start() {
	b.t.Helper()
	b.cmd = exec.Command("dbus-daemon", "--config-file="+b.config, "--nofork", "--print-address")
	b.cmd.Stderr = os.Stderr
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatalf("%v (Debian: apt-get install dbus-daemon)", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "unix:") {
		b.t.Fatalf("dbus-daemon said %q, %v", line, err)
	}
}

func (b *bus) stop() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // killed: its status says nothing
}

// login is a fake org.freedesktop.login1: it gives locks and tells of sleep.
type login struct {
	t     *testing.T
	conn  *dbus.Conn
	locks chan *os.File // the test's end of each lock that was asked for
	deny  bool
}

func newLogin(t *testing.T, b *bus, deny bool) *login {
	t.Helper()
	conn, err := dbus.Connect(b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &login{t: t, conn: conn, locks: make(chan *os.File, 8), deny: deny}
	calls := make(chan *dbus.Message, 8)
	conn.Eavesdrop(calls)
	go l.serve(calls)
	// Only now, so that whoever sees the name is answered.
	if err := conn.BusObject().Call("org.freedesktop.DBus.RequestName", dbus.FlagNoReplyExpected, login1, uint32(0)).Err; err != nil {
		t.Fatal(err)
	}
	return l
}

// serve answers until the connection ends.
func (l *login) serve(calls <-chan *dbus.Message) {
	for m := range calls {
		if m.Type != dbus.TypeMethodCall {
			continue
		}
		reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: m.Headers[dbus.FieldSender],
			dbus.FieldReplySerial: dbus.MakeVariant(m.Serial()),
		}}
		if m.Headers[dbus.FieldMember].Value() != "Inhibit" {
			l.conn.Send(reply, nil)
			continue
		}
		if got := fmt.Sprint(m.Body); got != "[sleep Culvert The VPN disconnects in order delay]" {
			l.t.Errorf("Inhibit(%s)", got)
		}
		if l.deny {
			reply.Type = dbus.TypeError
			reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.DBus.Error.AccessDenied")
			l.conn.Send(reply, nil)
			l.locks <- nil
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			l.t.Error(err)
			return
		}
		fd := dbus.UnixFD(w.Fd()) //nolint:gosec // a descriptor
		reply.Body = []any{fd}
		reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(fd))
		l.conn.Send(reply, nil) // it is written when Send returns
		w.Close()
		l.locks <- r
	}
}

// lock is the next one that was asked for.
func (l *login) lock() *os.File {
	l.t.Helper()
	select {
	case f := <-l.locks:
		if f != nil {
			l.t.Cleanup(func() { f.Close() })
		}
		return f
	case <-time.After(patience):
		l.t.Fatal("nobody asked for an inhibitor lock")
	}
	return nil
}

func (l *login) prepareForSleep(start bool) {
	l.t.Helper()
	if err := l.conn.Emit(login1Path, login1Manager+".PrepareForSleep", start); err != nil {
		l.t.Fatal(err)
	}
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
	b := newBus(t)
	l := newLogin(t, b, false)
	m := sleeper(t, b.address)
	t.Cleanup(m.Close)
	var e Event
	for range 3 {
		lock := l.lock()
		if !held(t, lock, 50*time.Millisecond) {
			t.Fatal("the lock was not kept")
		}
		l.prepareForSleep(true)
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
		l.prepareForSleep(false)
		if w := event(t, m); w.Changes != Wake {
			t.Fatalf("event %v, want wake", w.Changes)
		}
	}
	// Who is ready late does not let the next sleep go.
	lock := l.lock()
	e.Ready()
	if !held(t, lock, 50*time.Millisecond) {
		t.Error("an old Ready let a new lock go")
	}
}

// A consumer that never says Ready has its lock taken by the wake, and Close
// leaves none.
func TestLogindNotReady(t *testing.T) {
	b := newBus(t)
	l := newLogin(t, b, false)
	m := sleeper(t, b.address)
	first := l.lock()
	l.prepareForSleep(true)
	event(t, m)
	l.prepareForSleep(false)
	event(t, m)
	second := l.lock()
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
	b := newBus(t)
	in := newInbox()
	l := newLogind(in, b.address)
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
	service := newLogin(t, b, false)
	service.lock()
	wait("logind came", true)
	service.conn.Close()
	wait("logind went", false)
	service = newLogin(t, b, false)
	lock := service.lock()
	wait("logind is back", true)
	b.stop()
	wait("the bus went", false)
	if held(t, lock, patience) {
		t.Error("a lock without logind")
	}
	if err := os.Remove(strings.TrimPrefix(b.address, "unix:path=")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	b.start()
	service = newLogin(t, b, true)
	l.tryAgain()
	service.lock() // refused: without a lock it still tells
	wait("the bus is back", true)
	service.prepareForSleep(true)
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
