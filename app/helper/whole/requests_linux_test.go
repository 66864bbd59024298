package whole

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// TestWrongPassword: a password that is wrong is tried once, and never again by
// itself. Only what a person gives is.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	gw := r.gateway()
	d := r.begin()
	wrong := request(profile())
	wrong.Secrets.Password = api.Secret("not this one")
	tries := func() int { return strings.Count(gw.Said(), "phase 1 is up") }
	for i := range 3 {
		from := d.log.len()
		if i == 0 {
			must(t, d.Connect(t.Context(), wrong))
		} else {
			must(t, d.Answer(t.Context(), api.Secrets{Password: api.Secret("nor this one")}))
		}
		s := d.log.until(t, from, "question", func(e api.Event) bool {
			s, ok := e.(api.Status)
			return ok && s.State == api.Disconnected && len(s.Ask) == 1 && s.Ask[0] == api.Password
		}).e.(api.Status)
		if s.Failure == nil || s.Failure.Code != failure.PPPBadCredentials {
			t.Errorf("a wrong password: %+v, want %s", s.Failure, failure.PPPBadCredentials)
		}
		if got := tries(); got != i+1 {
			t.Errorf("%d tries at the gateway after %d wrong passwords", got, i+1)
		}
		same(t, "refused", r.state(), before)
	}
	// Nothing that happens by itself tries it once more.
	from := d.log.len()
	r.IP("addr add 192.0.2.11/24 dev eth0", "route replace default via 192.0.2.1 src 192.0.2.11")
	<-time.After(2 * time.Second)
	if got := tries(); got != 3 || d.log.len() != from {
		t.Errorf("%d tries at the gateway after the network changed, want the 3 from before\n%s", got, d.log)
	}
	r.IP("route replace default via 192.0.2.1", "addr del 192.0.2.11/24 dev eth0")
	must(t, d.Answer(t.Context(), api.Secrets{Password: api.Secret(password)}))
	d.log.state(t, from, api.Connected)
	t.Log("3 wrong passwords were 3 tries at the gateway")
	d.disconnected()
	same(t, "disconnected", r.state(), before)
}

// TestBusy: of two profiles one is connected, and who asks for the other one is
// told what to do.
func TestBusy(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.gateway()
	d := r.begin()
	d.connected(profile())
	from := d.log.len()
	other := profile(`id = "00000000-5b6d-4e7f-8a9b-0c1d2e3f4a5b"`, `name = "Home"`)
	var refused *client.Error
	err := d.Connect(t.Context(), request(other))
	if !errors.As(err, &refused) || refused.Code != "helper.connected" || !strings.Contains(refused.Message, "Office") || !strings.Contains(refused.Message, "disconnect it first") {
		t.Errorf("a second profile: %v, want helper.connected, the name in the way, and what to do", err)
	}
	t.Logf("the second one is told: %v", err)
	if s, err := d.State(t.Context()); err != nil || s.State != api.Connected || s.Profile.Name != "Office" {
		t.Errorf("the first one is %s %s, %v, want it undisturbed", s.Profile.Name, s.State, err)
	}
	// The same one again disturbs nothing either.
	d.connect(profile())
	if s, err := d.State(t.Context()); err != nil || s.State != api.Connected {
		t.Errorf("the same one again: %s, %v", s.State, err)
	}
	must(t, d.Disconnect(t.Context()))
	d.log.state(t, from, api.Disconnected)
	if s := d.connected(other); s.Profile.Name != "Home" {
		t.Errorf("connected: %s, want Home", s.Profile.Name)
	}
	d.disconnected()
}

// spent is for how long the helper had a processor, and for how long it could have
// gone on if others had not had them (Linux' scheduler/sched-stats).
func (d *daemon) spent() (own, others time.Duration) {
	d.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", d.PID()))
	must(d.t, err)
	for _, path := range threads {
		text, err := os.ReadFile(path)
		must(d.t, err)
		var ran, waited time.Duration
		_, err = fmt.Sscan(string(text), &ran, &waited)
		must(d.t, err)
		own, others = own+ran, others+waited
	}
	return own, others
}

// TestManyRoutes: ten thousand networks go through the tunnel.
func TestManyRoutes(t *testing.T) {
	t.Parallel()
	const n = 10000
	const most = 2 * time.Second
	r := newRoom(t)
	before := r.state()
	r.gateway()
	d := r.begin()
	networks := make([]string, n)
	for i := range networks {
		networks[i] = fmt.Sprintf("\"%d.%d.%d.0/24\"", 20+i>>14, i>>6&255, i&63<<2)
	}
	text := profile(`routing.mode = "split"`, `routing.include = [`+strings.Join(networks, ", ")+`]`)
	own, others := d.spent()
	d.connect(text)
	begin := d.log.until(t, 0, "routes", stageIs(failure.Routes, api.Started))
	end := d.log.until(t, 0, "connection", stateIs(api.Connected))
	took := end.at.Sub(begin.at)
	nowOwn, nowOthers := d.spent()
	own, others = nowOwn-own, nowOthers-others
	have := strings.Count(r.parts()["ip -4 route show table all"], "dev culvert0 ")
	t.Logf("%d routes of %d octets of profile: applied within %v, of the processor %v, while others had it %v", have, len(text),
		took.Round(time.Millisecond), own.Round(time.Millisecond), others.Round(time.Millisecond))
	if have < n || own > most || took-others > most {
		t.Errorf("%d routes after %v, want %d within %v", have, took, n, most)
	}
	began := time.Now()
	d.disconnected()
	t.Logf("and taken away within %v", time.Since(began).Round(time.Millisecond))
	same(t, "disconnected", r.state(), before)

	// A crash with all of them there.
	d.connected(text)
	d.Kill()
	began = time.Now()
	d = r.begin()
	d.log.state(t, 0, api.Disconnected)
	t.Logf("after a crash in order within %v", time.Since(began).Round(time.Millisecond))
	same(t, "after a crash", r.state(), before)
}
