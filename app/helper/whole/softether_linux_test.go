package whole

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// bedRoom is a room on the host "direct" of a test bed: its cable is captured at
// the switch, and the servers are beyond the gateway.
func bedRoom(t *testing.T, g *lab.Gateway) *room {
	t.Helper()
	r := &room{Room: clientRoom(t, bedNetwork(t, g, "direct")), t: t,
		world: bedNetwork(t, g, "inet"), servers: bedNetwork(t, g, "gateway"), captured: "v-direct"}
	r.servers.IP("addr add 203.0.113.9/32 dev lo", "addr add 2001:db8:9::9/128 dev lo")
	r.IP("addr add 2001:db8::10/64 dev eth0 nodad", "-6 route add default via 2001:db8::1")
	r.awaitSettled()
	return r
}

// bedNetwork is a network of the bed, by the file that its scripts keep of it.
func bedNetwork(t *testing.T, g *lab.Gateway, name string) *testroom.Network {
	t.Helper()
	for _, v := range g.Direct.Command("true").Env {
		dir, ok := strings.CutPrefix(v, "BED=")
		if !ok {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "pids", "net-"+name))
		must(t, err)
		pid := 0
		if _, err := fmt.Fscan(bufio.NewReader(strings.NewReader(string(text))), &pid); err != nil {
			t.Fatalf("the bed's namespace %s: %q: %v", name, text, err)
		}
		return testroom.NetworkOf(t, pid)
	}
	t.Fatal("the bed does not say where it is")
	return nil
}

// TestSoftEther does the main things with a gateway that nobody here wrote.
func TestSoftEther(t *testing.T) {
	t.Parallel()
	g := lab.StartSoftEther(t, lab.SoftEtherOptions{Bound: true})
	g.Watch(t)
	r := bedRoom(t, &g.Gateway)
	before := r.parts()
	wire := r.capture()
	app := r.application()
	d := r.begin()
	asked := api.ConnectRequest{Profile: profile(append(killSwitch, `user = "`+lab.User+`"`)...)}
	connect := func(password string) {
		t.Helper()
		asked.Secrets = api.Secrets{PSK: api.Secret(lab.PSK), Password: api.Secret(password)}
		must(t, d.Connect(t.Context(), asked))
		wire.close(time.Now())
	}

	connect("not " + lab.Password)
	s := d.log.state(t, 0, api.Blocked)
	if s.Failure == nil || s.Failure.Code != failure.PPPBadCredentials {
		t.Errorf("a wrong password: %+v, want %s", s.Failure, failure.PPPBadCredentials)
	}
	from := d.log.len()
	began := time.Now()
	connect(lab.Password)
	d.log.state(t, from, api.Connected)
	t.Logf("connected, and the first answer through the tunnel, after %v", app.flows(t, began).Round(time.Millisecond))
	wire.tight(t, "connected")
	wire.open()
	d.disconnected()
	same(t, "disconnected", textOf(r.parts()), textOf(before))
	g.Empty(t)

	from = d.log.len()
	connect(lab.Password)
	d.log.state(t, from, api.Connected)
	app.flows(t, time.Now())
	from = d.log.len()
	began = time.Now()
	g.Crash(t)
	g.Boot(t)
	booted := time.Now()
	d.log.until(t, from, "state reconnecting", stateIs(api.Reconnecting))
	d.log.until(t, from, "connection", stateIs(api.Connected))
	flowed := time.Now().Add(app.flows(t, time.Now()))
	t.Logf("the gateway was killed, and was back after %v", booted.Sub(began).Round(time.Millisecond))
	within(t, "killed and started", flowed.Sub(booted), afterRestart)
	wire.tight(t, "reconnected")

	// The helper dies, and comes back from nothing.
	d.Kill()
	d = r.begin()
	d.log.state(t, 0, api.Blocked)
	const rules = "nft list ruleset"
	same(t, "blocked", textOf(r.parts(), rules), textOf(before, rules))
	wire.tight(t, "blocked")
	from = d.log.len()
	began = time.Now()
	must(t, d.Answer(t.Context(), api.Secrets{PSK: api.Secret(lab.PSK), Password: api.Secret(lab.Password)}))
	d.log.state(t, from, api.Connected)
	t.Logf("connected again after %v, beside the dead session", app.flows(t, began).Round(time.Millisecond))
	wire.tight(t, "connected again")
	wire.open()
	d.disconnected()
	same(t, "at the end", textOf(r.parts()), textOf(before))
	wire.report(t)
}
