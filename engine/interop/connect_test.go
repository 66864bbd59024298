//go:build linux

package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// How much a case moves each way through the tunnel.
const (
	little = 4 << 20
	much   = 64 << 20 // one case of each gateway
)

// stage is a way to connect that has to work from the first packet to the last.
type stage struct {
	name    string
	gateway lab.LinuxOptions // for Linux gateways
	profile lab.Profile
	nat     bool
	bytes   int64
	suite   string // of phase 2, as the client has to report it; empty: whatever
	phase1  string
	method  string // to sign in by, as above
}

// connects is what every case has in common: it connects, moves data both ways,
// disconnects, and looks at what is left on either side.
func connects(t *testing.T, g *lab.Gateway, s stage) {
	t.Helper()
	from := g.Direct
	if s.nat {
		from = g.NATed[0]
	}
	before := from.State(t)
	c := g.Up(t, from, s.profile, lab.Secrets{})
	e := c.Connected(t)
	t.Log(spent(c))
	if s.suite != "" && e.Suite != s.suite {
		t.Errorf("suite of phase 2: %q, want %q", e.Suite, s.suite)
	}
	if s.phase1 != "" {
		done := stageDone(c, "phase1")
		if got := done.Detail["suite"]; got != s.phase1 {
			t.Errorf("suite of phase 1: %q, want %q", got, s.phase1)
		}
	}
	if got := stageDone(c, "authenticate").Detail["method"]; s.method != "" && got != s.method {
		t.Errorf("signed in by %q, want %q", got, s.method)
	}
	lab.Reach(t, from, g.Inside)
	lab.Ping(t, from, g.Inside, 5, 56)
	if e.MTU > 0 {
		lab.Ping(t, from, g.Inside, 2, e.MTU-28) // the largest that needs no fragment
	}
	g.Transfers(t, from, s.bytes)
	c.Close(t)
	g.Empty(t)
	same(t, from, before)
}

// spent is where the time went from start to address.
func spent(c *lab.Connection) string {
	var total int64
	var parts []string
	for _, e := range c.Events() {
		if e.Type == "stage" && e.State == "done" && e.Stage != "routes" {
			total += e.MS
			parts = append(parts, fmt.Sprintf("%s %d", e.Stage, e.MS))
		}
	}
	return fmt.Sprintf("start to address: %d ms (%s)", total, strings.Join(parts, ", "))
}

// same fails the test unless the host's network is as it was.
func same(t *testing.T, h *lab.Host, before string) {
	t.Helper()
	if after := h.State(t); after != before {
		t.Errorf("the client's network is not as it was:\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// stageDone is the event that ended a stage well.
func stageDone(c *lab.Connection, name string) lab.Event {
	for _, e := range c.Events() {
		if e.Type == "stage" && e.Stage == name && e.State == "done" {
			return e
		}
	}
	return lab.Event{}
}

// linuxStages are the ways to connect to a Linux gateway.
func linuxStages(d lab.Daemon) []stage {
	auth := func(methods ...string) lab.LinuxOptions { return lab.LinuxOptions{Auth: methods} }
	stages := []stage{
		{name: "as it comes", bytes: much},
		{name: "as it comes behind NAT", nat: true, bytes: little},
		{name: "chap", gateway: auth("chap"), bytes: little},
		{name: "pap", gateway: auth("pap"), bytes: little},
		{name: "any method", gateway: auth("mschap-v2", "chap", "pap"), bytes: little},
		{name: "pap behind NAT", gateway: auth("pap"), nat: true, bytes: little},
		{name: "source ports 500, 4500 and 1701", bytes: little,
			profile: lab.Profile{"ipsec.source_ports": `"standard"`, "l2tp.source_port": "1701"}},
		{name: "full mode", bytes: little, profile: lab.Profile{"routing.mode": `"full"`, "routing.include": "[]"}},
	}
	if d == lab.StrongSwan { // the same pppd as beside Libreswan
		stages = append(stages,
			// By a second connection: see ppp.Error.TryEAP.
			stage{name: "eap alone, with the usual methods", gateway: auth("eap"), bytes: little},
			stage{name: "eap-mschapv2", gateway: auth("eap"), profile: lab.Profile{"ppp.auth": lab.List("eap-mschapv2")}, method: "EAP-MSCHAPv2", bytes: little},
			stage{name: "eap-md5", gateway: auth("eap"), profile: lab.Profile{"ppp.auth": lab.List("eap-md5")}, method: "EAP-MD5", bytes: little})
	}
	for _, esp := range strings.Fields("aes128gcm16 aes256gcm16 aes256-sha256 aes256-sha1 aes128-sha1 3des-sha1") {
		stages = append(stages, stage{name: esp, gateway: lab.LinuxOptions{ESP: []string{esp}}, bytes: little, suite: esp})
	}
	ike := strings.Fields("aes256-sha256-modp2048 aes256-sha1-modp2048 aes128-sha1-modp2048 3des-sha1-modp2048 aes128-sha1-modp1536")
	if d == lab.StrongSwan { // Libreswan has no MODP1024 left
		ike = append(ike, "aes128-sha1-modp1024", "3des-sha1-modp1024")
	}
	for _, suite := range ike {
		stages = append(stages, stage{name: suite, gateway: lab.LinuxOptions{IKE: []string{suite}}, bytes: little, phase1: suite})
	}
	return stages
}

func TestStrongSwan(t *testing.T) { linux(t, lab.StrongSwan) }
func TestLibreswan(t *testing.T)  { linux(t, lab.Libreswan) }

// linux holds one gateway to all that is asked of a Linux gateway.
func linux(t *testing.T, d lab.Daemon) {
	t.Parallel()
	g := lab.StartLinux(t, lab.LinuxOptions{Daemon: d})
	for _, s := range linuxStages(d) {
		t.Run(s.name, func(t *testing.T) {
			g.Configure(t, s.gateway)
			connects(t, &g.Gateway, s)
		})
	}
	for _, f := range failures(d) {
		t.Run(f.name, func(t *testing.T) {
			g.Configure(t, f.gateway)
			fails(t, &g.Gateway, f)
		})
	}
	t.Run("no L2TP server", func(t *testing.T) {
		g.Configure(t, lab.LinuxOptions{})
		g.Run(t, "pkill -x xl2tpd")
		defer g.Run(t, "bash /mnt/l2tp")
		fails(t, &g.Gateway, failing{code: "l2tp.no-answer"})
	})
	t.Run("two clients behind one NAT", func(t *testing.T) {
		g.Configure(t, lab.LinuxOptions{})
		twoBehindNAT(t, &g.Gateway)
	})
	t.Run("again after a kill", func(t *testing.T) {
		g.Configure(t, lab.LinuxOptions{})
		againAfterKill(t, &g.Gateway)
	})
	if d == lab.StrongSwan { // its tree has dnsmasq
		t.Run("pushed routes", func(t *testing.T) {
			g.Configure(t, lab.LinuxOptions{})
			pushLinux(t, g)
		})
		t.Run("IPv6", func(t *testing.T) {
			g.Configure(t, lab.LinuxOptions{})
			sixLinux(t, g)
		})
	}
	t.Run("rekey", func(t *testing.T) { rekeys(t, g) })
	t.Run("ended by the gateway", func(t *testing.T) {
		g.Configure(t, lab.LinuxOptions{})
		endedByGateway(t, g)
	})
	t.Run("crash", func(t *testing.T) {
		g.Configure(t, lab.LinuxOptions{})
		crash(t, g)
	})
}

// SoftEther knows neither GCM nor SHA-2 in phase 2, nor groups beyond MODP.
func TestSoftEther(t *testing.T) {
	t.Parallel()
	g := lab.StartSoftEther(t, lab.SoftEtherOptions{})
	g.Watch(t)
	if n := g.Sessions(t); n != 0 {
		t.Fatalf("%d sessions before the first client", n)
	}
	for _, s := range []stage{
		{name: "as it comes", bytes: much},
		{name: "behind NAT", nat: true, bytes: little},
		{name: "pap", bytes: little, profile: lab.Profile{"ppp.auth": lab.List("pap")}},
		{name: "aes256-sha1", bytes: little, profile: lab.Profile{"ipsec.phase2": lab.List("aes256-sha1")}, suite: "aes256-sha1"},
		{name: "3des-sha1", bytes: little, profile: lab.Profile{"ipsec.phase2": lab.List("3des-sha1")}, suite: "3des-sha1"},
		{name: "aes256-sha512-modp2048", bytes: little, profile: lab.Profile{"ipsec.phase1": lab.List("aes256-sha512-modp2048")},
			phase1: "aes256-sha512-modp2048"},
		{name: "3des-sha1-modp1024", bytes: little, profile: lab.Profile{"ipsec.phase1": lab.List("3des-sha1-modp1024")},
			phase1: "3des-sha1-modp1024"},
		// Within EAP it has TLS alone: by a second connection, without EAP.
		{name: "eap-mschapv2 first", bytes: little, profile: lab.Profile{"ppp.auth": lab.List("eap-mschapv2", "mschapv2")}, method: "MS-CHAPv2"},
		{name: "plain L2TP", bytes: little, profile: lab.Profile{"ipsec.enabled": "false"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			g.Watch(t)
			connects(t, &g.Gateway, s)
		})
	}
	for _, f := range []failing{
		{name: "wrong password", secrets: lab.Secrets{Password: "wrong"}, code: "ppp.bad-credentials"},
		{name: "wrong key", secrets: lab.Secrets{PSK: "wrong"}, code: "ike.psk-mismatch"},
		{name: "no common proposal in phase 2", profile: lab.Profile{"ipsec.phase2": lab.List("aes128gcm16")}, code: "ipsec.no-proposal"},
	} {
		t.Run(f.name, func(t *testing.T) {
			g.Watch(t)
			fails(t, &g.Gateway, f)
		})
	}
	t.Run("two clients behind one NAT", func(t *testing.T) {
		g.Watch(t)
		twoBehindNAT(t, &g.Gateway)
	})
	t.Run("pushed routes", func(t *testing.T) { // they stay
		g.Watch(t)
		pushSoftEther(t, g)
	})
	// The last: SoftEther keeps the session of who was killed.
	t.Run("again after a kill", func(t *testing.T) {
		g.Watch(t)
		againAfterKill(t, &g.Gateway)
	})
}

// Bound to its address, SoftEther speaks raw ESP and is right about addresses.
func TestSoftEtherBound(t *testing.T) {
	t.Parallel()
	g := lab.StartSoftEther(t, lab.SoftEtherOptions{Bound: true})
	g.Watch(t)
	for _, s := range []stage{
		{name: "as it comes", bytes: little},
		{name: "raw ESP", bytes: much, profile: lab.Profile{"ipsec.encapsulation": `"esp"`}},
	} {
		t.Run(s.name, func(t *testing.T) {
			g.Watch(t)
			connects(t, &g.Gateway, s)
		})
	}
	t.Run("rekey", func(t *testing.T) {
		g.Watch(t)
		rekeySoftEther(t, g)
	})
	t.Run("restart", func(t *testing.T) {
		g.Watch(t)
		restart(t, g)
	})
}
