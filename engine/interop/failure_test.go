//go:build linux

package interop

import (
	"testing"

	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// The exit status of culvert up.
const (
	couldNotConnect = 3
	connectionLost  = 5
)

// failing is a way not to connect: with exit status 3, a code and words.
type failing struct {
	name    string
	gateway lab.LinuxOptions
	profile lab.Profile
	secrets lab.Secrets
	code    string
}

// failures are the ways not to connect to a Linux gateway.
func failures(d lab.Daemon) []failing {
	all := []failing{
		{name: "wrong key", secrets: lab.Secrets{PSK: "wrong"}, code: "ike.psk-mismatch"},
		{name: "wrong password", secrets: lab.Secrets{Password: "wrong"}, code: "ppp.bad-credentials"},
		{name: "wrong password, chap", gateway: lab.LinuxOptions{Auth: []string{"chap"}},
			secrets: lab.Secrets{Password: "wrong"}, code: "ppp.bad-credentials"},
		{name: "wrong password, pap", gateway: lab.LinuxOptions{Auth: []string{"pap"}},
			secrets: lab.Secrets{Password: "wrong"}, code: "ppp.bad-credentials"},
		{name: "no common method", gateway: lab.LinuxOptions{Auth: []string{"pap"}},
			profile: lab.Profile{"ppp.auth": lab.List("mschapv2")}, code: "ppp.auth-method-refused"},
		{name: "no common proposal in phase 1", gateway: lab.LinuxOptions{IKE: []string{"aes256-sha256-modp2048"}},
			profile: lab.Profile{"ipsec.phase1": lab.List("3des-sha1-modp2048")}, code: "ike.no-proposal"},
		{name: "no common proposal in phase 2", gateway: lab.LinuxOptions{ESP: []string{"aes256gcm16"}},
			profile: lab.Profile{"ipsec.phase2": lab.List("3des-sha1")}, code: "ipsec.no-proposal"},
		// The router of the bed is up and has no IKE: it says so by ICMP.
		{name: "nothing listening", profile: lab.Profile{"servers": lab.List("198.51.100.254")}, code: "ike.unreachable"},
		// It has no way to there either, and drops in silence.
		{name: "nobody there", profile: lab.Profile{"servers": lab.List("192.0.2.1")}, code: "ike.no-answer"},
	}
	if d == lab.StrongSwan { // the same pppd as beside Libreswan
		eap := lab.LinuxOptions{Auth: []string{"eap"}}
		all = append(all,
			failing{name: "wrong password, eap-mschapv2", gateway: eap, profile: lab.Profile{"ppp.auth": lab.List("eap-mschapv2")},
				secrets: lab.Secrets{Password: "wrong"}, code: "ppp.bad-credentials"},
			failing{name: "no common method within EAP", gateway: eap, profile: lab.Profile{"ppp.auth": lab.List("eap-gtc")},
				code: "ppp.auth-method-refused"})
	}
	return all
}

// fails is what every such case has in common: it also leaves nothing behind.
func fails(t *testing.T, g *lab.Gateway, f failing) {
	t.Helper()
	before := g.Direct.State(t)
	g.Up(t, g.Direct, f.profile, f.secrets).Fails(t, couldNotConnect, f.code)
	same(t, g.Direct, before)
	g.Empty(t)
}
