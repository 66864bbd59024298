package whole

import (
	"net"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// TestIdle: a connection that is used stays, and ends once it is not.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	r.gateway()
	d := r.begin()
	from := d.log.len()
	d.connected(profile(`reconnect.idle_disconnect = "4s"`))
	r.serve()
	var c net.Conn
	r.Do(func() {
		var err error
		c, err = net.Dial("udp4", server4.String())
		must(t, err)
	})
	defer c.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 30 {
		_, err := c.Write([]byte("used"))
		must(t, err)
		<-tick.C
	}
	if s, err := d.State(t.Context()); err != nil || s.State != api.Connected {
		t.Fatalf("while it is used: %+v, %v", s, err)
	}
	if s := d.log.state(t, from, api.Disconnected); s.Failure == nil || s.Failure.Code != api.ConnectionIdle {
		t.Errorf("disconnected, because of %+v, want %s", s.Failure, api.ConnectionIdle)
	}
	same(t, "disconnected", r.state(), before)
}
