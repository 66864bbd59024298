package testroom

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Bus is a D-Bus of a test's own, which starts no services.
type Bus struct {
	*Process
	Address string // as libraries take it
	t       testing.TB
	socket  string
	config  string
}

// everybody may do everything.
const everybody = `<policy context="default"><allow send_destination="*"/><allow own="*"/><allow eavesdrop="true"/></policy>`

// NewBus starts a bus at a socket, or at one of its own if that is empty. What
// people may do on it is as in dbus-daemon(1); if that is empty, everything.
func NewBus(t testing.TB, socket, policy string) *Bus {
	t.Helper()
	dir := Scratch(t)
	if socket == "" {
		socket = filepath.Join(dir, "bus")
	}
	if policy == "" {
		policy = everybody
	}
	b := &Bus{t: t, Address: "unix:path=" + socket, socket: socket, config: filepath.Join(dir, "bus.conf")}
	text := "<busconfig><type>custom</type><listen>" + b.Address + "</listen><auth>EXTERNAL</auth>" + policy + "</busconfig>"
	Must(t, os.WriteFile(b.config, []byte(text), 0o600))
	b.Restart()
	return b
}

// Restart starts the bus, also when it has been killed.
func (b *Bus) Restart() {
	b.t.Helper()
	_ = os.Remove(b.socket) // of one that was killed
	b.Process = Here(b.t).Start("dbus-daemon", "--config-file="+b.config, "--nofork", "--nopidfile", "--print-address")
	b.Says("unix:path=")
}

// Connect is a connection of the test's own to the bus.
func (b *Bus) Connect() *dbus.Conn {
	b.t.Helper()
	conn, err := dbus.Connect(b.Address)
	Must(b.t, err)
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// Await waits for a service on the bus.
func (b *Bus) Await(name string) {
	b.t.Helper()
	conn := b.Connect()
	Eventually(b.t, name+" on the bus", func() bool {
		var there bool
		Must(b.t, conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&there))
		return there
	})
}
