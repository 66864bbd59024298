package whole

import (
	"testing"
)

// TestWhole connects, sends through the tunnel, and disconnects; afterwards the
// machine is as it was, to the octet.
func TestWhole(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	r.gateway()
	d := r.begin()
	same(t, "started", r.state(), before)
	s := d.connected(profile())
	t.Logf("connected as %v with %s", s.Address, s.Suite)
	if r.state() == before {
		t.Error("connected, and nothing has changed")
	}
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	d.term(t)
	same(t, "ended", r.state(), before)
}
