package whole

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// answered pings a host through the tunnel until it answers, and says how long
// that took.
func (r *room) answered(host string) time.Duration {
	r.t.Helper()
	began := time.Now()
	eventually(r.t, "an answer of "+host, func() bool {
		_, err := r.Network.Try("ping", "-n", "-c", "1", "-W", "0.3", host)
		return err == nil
	})
	return time.Since(began)
}

// TestLinuxGateway: a gateway with strongSwan, xl2tpd and pppd loses its power while
// it is used, and is there again.
func TestLinuxGateway(t *testing.T) {
	t.Parallel()
	g := lab.StartLinux(t, lab.LinuxOptions{Daemon: lab.StrongSwan})
	g.Watch(t)
	r := &room{Room: clientRoom(t, bedNetwork(t, &g.Gateway, "direct")), t: t}
	before := r.parts()
	d := r.begin()
	must(t, d.Connect(t.Context(), api.ConnectRequest{Profile: profile(append(killSwitch, `user = "`+lab.User+`"`)...),
		Secrets: api.Secrets{PSK: api.Secret(lab.PSK), Password: api.Secret(lab.Password)}}))
	d.log.state(t, 0, api.Connected)
	inside := g.Inside.String()
	t.Logf("the first answer after %v", r.answered(inside).Round(time.Millisecond))

	from := d.log.len()
	began := time.Now()
	g.Crash(t)
	g.Boot(t)
	booted := time.Now()
	t.Logf("the gateway was killed, and was back after %v", booted.Sub(began).Round(time.Millisecond))
	d.log.until(t, from, "state reconnecting", stateIs(api.Reconnecting))
	d.log.until(t, from, "connection", stateIs(api.Connected))
	r.answered(inside)
	within(t, "killed and started", time.Since(booted), afterRestart)
	d.disconnected()
	g.Empty(t)
	same(t, "disconnected", textOf(r.parts()), textOf(before))
}
