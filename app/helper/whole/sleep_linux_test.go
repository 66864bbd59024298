package whole

import (
	"os"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// logind starts a bus, and systemd-logind on it; it has to come before the helper.
func (r *room) logind() *testroom.Logind {
	r.t.Helper()
	return testroom.NewLogind(testroom.NewBus(r.t, r.Path("/run/dbus/system_bus_socket"), ""), false)
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

	lock := bus.Lock()
	from := d.log.len()
	began := time.Now()
	bus.PrepareForSleep(true)
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
	bus.PrepareForSleep(false)
	within(t, "awake", app.flows(t, began), afterWake)
	d.log.state(t, from, api.Connected)
	wire.tight(t, "awake")

	// As after a power button that asked nobody.
	bus.Lock()
	from = d.log.len()
	bus.PrepareForSleep(false)
	again := d.log.until(t, from, "state reconnecting", stateIs(api.Reconnecting))
	within(t, "awake without having been told of a sleep", app.flows(t, again.at), afterWake)
	wire.tight(t, "awake again")
	wire.open()
	d.disconnected()
	wire.report(t)
}
