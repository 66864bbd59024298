package dial

import (
	"fmt"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

func TestEngineConfig(t *testing.T) {
	p, err := profile.Parse("p", []byte(`servers = ["a"]
user = "alice"
domain = "CORP"
[ipsec]
remote_id = "gw.example.com"
phase1 = ["aes256-sha1-modp2048"]
phase2 = ["aes128-sha1"]
pfs = "modp1024"
encapsulation = "esp"
phase1_lifetime = "24h"
phase2_lifetime = "30m"
dpd_interval = "0"
source_ports = "standard"
[l2tp]
hello_interval = "0"
tunnel_auth = true
source_port = 1701
data_sequencing = true
[ppp]
auth = ["pap", "chap", "mschapv2"]
mru = 1280
echo_interval = "5s"
echo_failures = 3
auth_timeout = "2m"
address = "10.99.0.10"
`))
	if err != nil {
		t.Fatal(err)
	}
	s := &profile.Secrets{PSK: []byte("k"), Password: []byte("p"), TunnelSecret: []byte("t")}
	c := EngineConfig(p, s)
	k := c.Stack
	for _, x := range []struct {
		name      string
		got, want any
	}{
		{"StandardPorts", c.StandardPorts, true}, {"InnerPort", c.InnerPort, uint16(1701)}, {"IPsec", k.IPsec, true}, {"MRU", k.MRU, 1280},
		{"PSK", string(k.IKE.PSK), "k"}, {"RemoteID", fmt.Sprint(k.IKE.RemoteID.Type, " ", string(k.IKE.RemoteID.Data)), "ID_FQDN gw.example.com"},
		{"Phase1", fmt.Sprint(k.IKE.Phase1), "[aes256-sha1-modp2048]"}, {"Phase2", fmt.Sprint(k.IKE.Phase2), "[aes128-sha1]"},
		{"PFS", k.IKE.PFS.String(), "modp1024"}, {"Encapsulation", int(k.IKE.Encapsulation), 2},
		{"Phase1Lifetime", k.IKE.Phase1Lifetime, 24 * time.Hour}, {"Phase2Lifetime", k.IKE.Phase2Lifetime, 30 * time.Minute}, {"DPDInterval", k.IKE.DPDInterval, time.Duration(0)},
		{"HelloInterval", k.L2TP.HelloInterval < 0, true}, {"Secret", string(k.L2TP.Secret), "t"}, {"HideAVPs", k.L2TP.HideAVPs, true}, {"Sequencing", k.L2TP.Sequencing, true},
		{"User", k.PPP.User, `CORP\alice`}, {"Password", string(k.PPP.Password), "p"}, {"Auth", fmt.Sprint(k.PPP.Auth), "[PAP CHAP-MD5 MS-CHAPv2]"},
		{"Local", k.PPP.Local.String(), "10.99.0.10"}, {"EchoInterval", k.PPP.EchoInterval, 5 * time.Second}, {"EchoFailures", k.PPP.EchoFailures, 3}, {"AuthTimeout", k.PPP.AuthTimeout, 2 * time.Minute},
	} {
		if x.got != x.want {
			t.Errorf("%s = %v, want %v", x.name, x.got, x.want)
		}
	}
	p.Preset, p.L2TP.HelloInterval = "softether", profile.Duration(time.Minute)
	if k := EngineConfig(p, s).Stack; k.L2TP.HideAVPs || k.L2TP.HelloInterval != time.Minute {
		t.Errorf("softether: HideAVPs %t, HelloInterval %v", k.L2TP.HideAVPs, k.L2TP.HelloInterval)
	}
}

func TestIdentification(t *testing.T) {
	for in, want := range map[string]string{
		"198.51.100.1": "ID_IPV4_ADDR c6336401", "2001:db8::1": "ID_IPV6_ADDR 20010db8000000000000000000000001",
		"gw.example.com": "ID_FQDN 67772e6578616d706c652e636f6d", "@gw": "ID_FQDN 6777", "a@b": "ID_USER_FQDN 614062",
	} {
		id := identification(in)
		if got := fmt.Sprintf("%v %x", id.Type, id.Data); got != want {
			t.Errorf("identification(%q) = %s, want %s", in, got, want)
		}
	}
	if identification("") != nil {
		t.Error("no identity is an identity")
	}
}
