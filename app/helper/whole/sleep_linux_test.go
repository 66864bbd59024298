package whole

import (
	"os"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
)

// logind is a bus in the room, and one on it that says of itself that it is
// systemd-logind.
type logind struct {
	t     *testing.T
	conn  *dbus.Conn
	locks chan *os.File // the test's end of each lock that was asked for
}

// Names of systemd-logind's (org.freedesktop.login1(5)).
const (
	login1        = "org.freedesktop.login1"
	login1Path    = "/org/freedesktop/login1"
	login1Manager = "org.freedesktop.login1.Manager"
)

// logind starts them; it has to come before the helper.
func (r *room) logind() *logind {
	t := r.t
	t.Helper()
	conn := testroom.NewBus(t, r.Path("/run/dbus/system_bus_socket"), "").Connect()
	l := &logind{t: t, conn: conn, locks: make(chan *os.File, 16)}
	calls := make(chan *dbus.Message, 16)
	conn.Eavesdrop(calls)
	go l.serve(calls) // ends with the connection
	// Only now, so that whoever sees the name is answered.
	must(t, conn.BusObject().Call("org.freedesktop.DBus.RequestName", dbus.FlagNoReplyExpected, login1, uint32(0)).Err)
	return l
}

// serve answers each call, and Inhibit with a lock, as logind does: a descriptor
// that holds it while it is open.
func (l *logind) serve(calls <-chan *dbus.Message) {
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

func (l *logind) prepareForSleep(start bool) {
	l.t.Helper()
	must(l.t, l.conn.Emit(login1Path, login1Manager+".PrepareForSleep", start))
}

// lock is the next lock that was asked for.
func (l *logind) lock() *os.File {
	l.t.Helper()
	select {
	case f := <-l.locks:
		l.t.Cleanup(func() { f.Close() })
		return f
	case <-time.After(limit):
		l.t.Fatal("nobody asked for a lock against sleep")
	}
	return nil
}

// TestSleep: the helper takes leave of the gateway before the machine sleeps, and
// is connected again soon after it wakes.
func TestSleep(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	gw := r.gateway()
	bus := r.logind()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	d.log.state(t, 0, api.Connected)
	app.flows(t, time.Now())

	lock := bus.lock()
	from := d.log.len()
	began := time.Now()
	bus.prepareForSleep(true)
	d.log.state(t, from, api.Reconnecting)
	must(t, lock.SetReadDeadline(time.Now().Add(5*time.Second)))
	if _, err := lock.Read(make([]byte, 1)); os.IsTimeout(err) {
		t.Error("the machine may not sleep after five seconds")
	}
	t.Logf("ready to sleep after %v", time.Since(began).Round(time.Millisecond))
	gw.Says(": gone")
	wire.tight(t, "asleep")

	from = d.log.len()
	began = time.Now()
	bus.prepareForSleep(false)
	within(t, "awake", app.flows(t, began), afterWake)
	d.log.state(t, from, api.Connected)
	wire.tight(t, "awake")

	// As after a power button that asked nobody.
	bus.lock()
	from = d.log.len()
	bus.prepareForSleep(false)
	again := d.log.until(t, from, "state reconnecting", stateIs(api.Reconnecting))
	within(t, "awake without having been told of a sleep", app.flows(t, again.at), afterWake)
	wire.tight(t, "awake again")
	wire.open()
	d.disconnected()
	wire.report(t)
}
