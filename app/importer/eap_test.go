package importer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Methods of EAP come and go with the files that have them.
func TestEAP(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"a phone book", "rasphone.pbk", "[Office]\r\nType=2\r\nVpnStrategy=3\r\nPhoneNumber=vpn.example.com\r\nAuthRestrictions=640\r\n", "[mschapv2 eap-mschapv2]"},
		{"PowerShell", "vpn.ps1", "Add-VpnConnection -Name Office -ServerAddress vpn.example.com -TunnelType L2tp -AuthenticationMethod Eap\n", "[eap-mschapv2]"},
		{"NetworkManager without anything else", "office.nmconnection", "[connection]\nid=Office\ntype=vpn\n[vpn]\nservice-type=org.freedesktop.NetworkManager.l2tp\ngateway=vpn.example.com\nuser=alice\n" +
			"ipsec-enabled=yes\nrefuse-pap=yes\nrefuse-chap=yes\nrefuse-mschap=yes\nrefuse-mschapv2=yes\n", "[eap-mschapv2 eap-md5]"},
	} {
		r, err := Read(c.file, []byte(c.text))
		if err != nil || len(r.Profiles) != 1 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := fmt.Sprint(r.Profiles[0].Profile.PPP.Auth); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	p := profile.Default()
	p.Name, p.Servers, p.User, p.PPP.Auth = "Office", []string{"vpn.example.com"}, "alice", []profile.AuthMethod{profile.EAPMSCHAPv2}
	e, err := Export(p, nil, PowerShell)
	if err != nil || !strings.Contains(string(e.Data), " -AuthenticationMethod Eap ") {
		t.Errorf("PowerShell: %v\n%s", err, e.Data)
	}
}
