//go:build linux

package interop

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

var soak = flag.Duration("soak", 90*time.Second, "how long each rekey test lasts")

// twoBehindNAT connects two clients from behind one NAT: neither may disturb
// the other.
func twoBehindNAT(t *testing.T, g *lab.Gateway) {
	var before [2]string
	var clients [2]*lab.Connection
	for i, from := range g.NATed {
		before[i] = from.State(t)
		clients[i] = g.Up(t, from, nil, lab.Secrets{})
		clients[i].Connected(t)
		lab.Reach(t, from, g.Inside)
	}
	for range 2 {
		for _, from := range g.NATed {
			lab.Ping(t, from, g.Inside, 3, 56)
			g.Transfers(t, from, little/4)
		}
	}
	for _, c := range clients {
		c.Close(t)
	}
	g.Empty(t)
	for i, from := range g.NATed {
		same(t, from, before[i])
	}
}

// againAfterKill kills a client that is connected. The next one has to connect
// at once, although the gateway still holds the dead tunnel, and the network has
// to be in order after it.
func againAfterKill(t *testing.T, g *lab.Gateway) {
	before := g.Direct.State(t)
	c := g.Up(t, g.Direct, nil, lab.Secrets{})
	c.Connected(t)
	lab.Reach(t, g.Direct, g.Inside)
	c.Kill()
	c = g.Up(t, g.Direct, nil, lab.Secrets{})
	c.Connected(t)
	lab.Reach(t, g.Direct, g.Inside)
	g.Transfers(t, g.Direct, little)
	c.Close(t)
	same(t, g.Direct, before)
}

// rekeys keeps a connection over many rekeyings, which either end starts, and
// loses nothing.
func rekeys(t *testing.T, g *lab.Linux) {
	for _, tt := range []struct {
		name    string
		gateway lab.LinuxOptions
		profile lab.Profile
	}{
		{name: "by the client", profile: lab.Profile{"ipsec.phase1_lifetime": `"70s"`, "ipsec.phase2_lifetime": `"24s"`}},
		{name: "by the gateway", gateway: lab.LinuxOptions{IKERekey: time.Minute, ESPRekey: 20 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.Configure(t, tt.gateway)
			c := g.Up(t, g.Direct, tt.profile, lab.Secrets{})
			c.Connected(t)
			lab.Reach(t, g.Direct, g.Inside)
			seen, phase1 := spis{}, phase1s(t, g)
			var slowest time.Duration
			for end := time.Now().Add(*soak); time.Now().Before(end); {
				// Echo requests all the time, and a transfer across each change.
				slowest = max(slowest, lab.Ping(t, g.Direct, g.Inside, 60, 1000))
				g.Transfers(t, g.Direct, little)
				seen.add(g.Run(t, "ip xfrm state"))
			}
			t.Logf("the slowest echo took %v", slowest)
			// One pair of SAs to begin with, then one with each rekeying.
			if got, want := len(seen)/2-1, int(*soak/(20*time.Second))-1; got < want {
				t.Errorf("%d rekeyings of phase 2 in %v, want at least %d", got, *soak, want)
			}
			if got, want := phase1s(t, g)-phase1, max(1, int(*soak/time.Minute)-1); got < want {
				t.Errorf("%d rekeyings of phase 1 in %v, want at least %d", got, *soak, want)
			}
			if n := strings.Count(fmt.Sprint(c.Events()), "reconnecting"); n > 0 {
				t.Errorf("%d reconnections while rekeying", n)
			}
			c.Close(t)
			g.Empty(t)
		})
	}
}

// phase1s is how often the gateway has logged that a phase 1 is up.
func phase1s(t *testing.T, g *lab.Linux) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(g.Run(t,
		`grep -cE 'IKE_SA l2tp\[[0-9]+\] established between|(ISAKMP|IKE) SA established' /var/log/ike.log || true`)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// spis is the set of the SAs that were seen at the gateway.
type spis map[string]bool

var spi = regexp.MustCompile(`spi (0x[0-9a-f]+)`)

func (s spis) add(xfrmState string) {
	for _, m := range spi.FindAllStringSubmatch(xfrmState, -1) {
		s[m[1]] = true
	}
}

// endedByGateway has the gateway end the connection in order, which the client
// takes note of at once.
func endedByGateway(t *testing.T, g *lab.Linux) {
	before := g.Direct.State(t)
	c := g.Up(t, g.Direct, nil, lab.Secrets{})
	c.Connected(t)
	g.Run(t, "pkill -TERM -x pppd")
	c.Fails(t, connectionLost, "gateway.closed")
	same(t, g.Direct, before)
}

// crash cuts the gateway's power. The client finds out by itself, and a gateway
// that is back up is one to connect to.
func crash(t *testing.T, g *lab.Linux) {
	before := g.Direct.State(t)
	c := g.Up(t, g.Direct, lab.Profile{"ipsec.dpd_interval": `"10s"`}, lab.Secrets{})
	c.Connected(t)
	g.Crash(t)
	c.Fails(t, connectionLost, "path.dead")
	same(t, g.Direct, before)
	g.Boot(t)
	connects(t, &g.Gateway, stage{bytes: little})
}

// rekeySoftEther renews both phases with the gateway that has no timer for phase
// 1, and ends everything when it has to ask for a phase 2 in vain.
func rekeySoftEther(t *testing.T, g *lab.SoftEther) {
	c := g.Up(t, g.Direct, lab.Profile{"ipsec.phase1_lifetime": `"60s"`, "ipsec.phase2_lifetime": `"20s"`}, lab.Secrets{})
	c.Connected(t)
	lab.Reach(t, g.Direct, g.Inside)
	for end := time.Now().Add(*soak); time.Now().Before(end); {
		lab.Ping(t, g.Direct, g.Inside, 60, 1000)
		g.Transfers(t, g.Direct, little)
	}
	c.Close(t)
	g.Empty(t)
}

// restart has the gateway come back without its memory. It says INVALID-SPI to
// what it does not know any more: a hint on which the client asks, and the
// silence to that is what ends the connection, long before the next dead peer
// detection would.
func restart(t *testing.T, g *lab.SoftEther) {
	before := g.Direct.State(t)
	c := g.Up(t, g.Direct, lab.Profile{"ipsec.dpd_interval": `"10m"`, "ppp.echo_interval": `"10m"`, "l2tp.hello_interval": `"10m"`}, lab.Secrets{})
	c.Connected(t)
	lab.Reach(t, g.Direct, g.Inside)
	g.Crash(t)
	g.Boot(t)
	begin := time.Now()
	// Nobody answers: it is the question that counts.
	_ = g.Direct.Command("ping", "-c", "3", "-W", "1", g.Inside.String()).Run()
	c.Fails(t, connectionLost, "path.dead")
	took := time.Since(begin)
	t.Logf("noticed after %v", took.Round(time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("the restart was noticed after %v, want at most 30 s", took)
	}
	same(t, g.Direct, before)
}
