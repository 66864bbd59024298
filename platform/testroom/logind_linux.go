package testroom

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Logind is one on a bus that says of itself that it is systemd-logind, as far
// as sleep goes (org.freedesktop.login1(5)).
type Logind struct {
	*dbus.Conn
	t     testing.TB
	deny  bool
	locks chan Lock
}

// Lock is one against sleep that was asked for: the file ends when it was let
// go, and is nil when it was refused.
type Lock struct {
	*os.File
	Asked string // what, who, why and how
}

// NewLogind takes its place on a bus; deny: whoever asks for a lock is refused.
func NewLogind(b *Bus, deny bool) *Logind {
	b.t.Helper()
	l := &Logind{Conn: b.Connect(), t: b.t, deny: deny, locks: make(chan Lock, 16)}
	calls := make(chan *dbus.Message, 16)
	l.Eavesdrop(calls)
	go l.serve(calls) // ends with the connection
	// Only now, so that whoever sees the name is answered.
	Must(b.t, l.BusObject().Call("org.freedesktop.DBus.RequestName", dbus.FlagNoReplyExpected, "org.freedesktop.login1", uint32(0)).Err)
	return l
}

// serve answers each call, and Inhibit with a descriptor that holds the lock
// while it is open.
func (l *Logind) serve(calls <-chan *dbus.Message) {
	for m := range calls {
		if m.Type != dbus.TypeMethodCall {
			continue
		}
		reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: m.Headers[dbus.FieldSender],
			dbus.FieldReplySerial: dbus.MakeVariant(m.Serial()),
		}}
		if m.Headers[dbus.FieldMember].Value() != "Inhibit" {
			l.Send(reply, nil)
			continue
		}
		lock := Lock{Asked: fmt.Sprint(m.Body)}
		if l.deny {
			reply.Type = dbus.TypeError
			reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.DBus.Error.AccessDenied")
			l.Send(reply, nil)
			l.locks <- lock
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			l.t.Error(err)
			return
		}
		lock.File = r
		fd := dbus.UnixFD(w.Fd()) //nolint:gosec // a descriptor
		reply.Body = []any{fd}
		reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(fd))
		l.Send(reply, nil) // it is written when Send returns
		w.Close()
		l.locks <- lock
	}
}

// Lock is the next one that is asked for.
func (l *Logind) Lock() Lock {
	l.t.Helper()
	select {
	case lock := <-l.locks:
		l.t.Cleanup(func() { lock.Close() })
		return lock
	case <-time.After(Patience):
		l.t.Fatal("nobody asks for a lock against sleep")
	}
	return Lock{}
}

// PrepareForSleep tells that the machine is about to sleep, or has woken up.
func (l *Logind) PrepareForSleep(start bool) {
	l.t.Helper()
	Must(l.t, l.Emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", start))
}
