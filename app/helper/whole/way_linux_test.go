package whole

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
)

// TestNoDefaultRoute: a machine without a default route waits for a way to the
// gateway, and has one when the gateway is on its own link, by number or by name,
// or behind a route of its own.
func TestNoDefaultRoute(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	far := r.gateway()
	near := &gateway{r: r, config: filepath.Join(t.TempDir(), "near.toml"), network: r.world, psk: psk, password: password}
	near.configure(`address = "10.98.0.1"`, `pool = "10.98.0.0/24"`)
	text, err := os.ReadFile(near.config)
	must(t, err)
	must(t, os.WriteFile(near.config, bytes.Replace(text, []byte("198.51.100.1"), []byte("192.0.2.1"), 1), 0o600))
	near.boot()
	r.IP("route del default", "-6 route del default")
	r.Write("/etc/hosts", "192.0.2.1 gw.lan\n")
	before := r.state()
	d := r.begin()

	for _, server := range []string{"192.0.2.1", "gw.lan"} {
		if s := d.connected(profile(`servers = ["`+server+`"]`, `dns.mode = "off"`)); s.Server != "192.0.2.1" {
			t.Errorf("connected with %s, want 192.0.2.1", s.Server)
		}
		d.disconnected()
		same(t, server, r.state(), before)
	}

	from := d.log.len()
	d.connect(profile())
	d.log.until(t, from, "word that there is no network", func(e api.Event) bool {
		s, ok := e.(api.Status)
		return ok && s.Offline && s.State == api.Connecting
	})
	r.IP("route add 198.51.100.1 via 192.0.2.1")
	d.log.state(t, from, api.Connected)

	// The way goes, and comes back.
	from = d.log.len()
	r.IP("route del 198.51.100.1 via 192.0.2.1")
	d.log.until(t, from, "word that there is no network", func(e api.Event) bool {
		s, ok := e.(api.Status)
		return ok && s.Offline && s.State == api.Reconnecting
	})
	from = d.log.len()
	r.IP("route add 198.51.100.1 via 192.0.2.1")
	d.log.state(t, from, api.Connected)
	d.disconnected()
	near.Term()
	far.Term()
}
