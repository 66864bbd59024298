package whole

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// TestKillSwitch goes through every state with the kill switch on, while an
// application keeps sending, and captures what leaves.
func TestKillSwitch(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	gw := r.gateway()
	wire := r.capture()
	app := r.application()
	d := r.begin()

	began := time.Now()
	d.connect(profile(killSwitch...))
	wire.close(time.Now())
	d.log.state(t, 0, api.Connected)
	t.Logf("connected, and the first answer through the tunnel, after %v", app.flows(t, began).Round(time.Millisecond))
	wire.tight(t, "connected")

	from := d.log.len()
	began = time.Now()
	gw.crash()
	gw.boot()
	t.Logf("the gateway was killed and started: the first answer after %v", app.flows(t, began).Round(time.Millisecond))
	d.log.state(t, from, api.Reconnecting)
	d.log.state(t, from, api.Connected)
	wire.tight(t, "reconnected")
	wire.open()
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	wire.report(t)
}
