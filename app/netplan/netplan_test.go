package netplan

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
)

func TestRoutes(t *testing.T) {
	at := func(server, peer string) Connection {
		c := Connection{Interface: "culvert0", Server: netip.MustParseAddr(server), Local: netip.MustParseAddr("10.99.0.10"), MTU: 1400}
		if peer != "" {
			c.Peer = netip.MustParseAddr(peer)
		}
		return c
	}
	usual := at("198.51.100.1", "10.99.0.1")
	six := usual
	six.Local6 = netip.MustParseAddr("2001:db8:99::10")
	for _, c := range []struct {
		name    string
		routing string
		in      Connection
		routes  string
		outside string
		blocked string
	}{
		{"full", ``, usual, "[0.0.0.0/0]", "[198.51.100.1/32]", "[::/0]"},
		{"full with exclusions", `exclude = ["192.168.0.0/16", "198.51.100.1/32"]`, usual, "[0.0.0.0/0]", "[198.51.100.1/32 192.168.0.0/16]", "[::/0]"},
		{"full, IPv6 as it is", `ipv6 = "leave"`, usual, "[0.0.0.0/0]", "[198.51.100.1/32]", "[]"},
		{"full, gateway on IPv6", ``, at("2001:db8::1", "10.99.0.1"), "[0.0.0.0/0]", "[2001:db8::1/128]", "[::/0]"},
		{"the gateway's outside address is the peer", ``, at("198.51.100.1", "198.51.100.1"), "[0.0.0.0/0]", "[198.51.100.1/32]", "[::/0]"},
		{"full, the gateway carries IPv6", ``, six, "[0.0.0.0/0 ::/0]", "[198.51.100.1/32]", "[]"},
		{"full, it does but is not to", `ipv6 = "block"`, six, "[0.0.0.0/0]", "[198.51.100.1/32]", "[::/0]"},
		{"split, the gateway carries IPv6", "mode = \"split\"\ninclude = [\"10.0.0.0/8\"]", six, "[10.99.0.1/32 10.0.0.0/8]", "[198.51.100.1/32]", "[]"},
		{"split, it does but is not to", "mode = \"split\"\nipv6 = \"block\"\ninclude = [\"10.0.0.0/8\"]", six, "[10.99.0.1/32 10.0.0.0/8]", "[198.51.100.1/32]", "[::/0]"},
		{"split", "mode = \"split\"\ninclude = [\"10.0.0.0/8\", \"10.0.0.0/8\"]", usual, "[10.99.0.1/32 10.0.0.0/8]", "[198.51.100.1/32]", "[]"},
		{"split, no peer address", "mode = \"split\"\ninclude = [\"10.0.0.0/8\"]", at("198.51.100.1", ""), "[10.0.0.0/8]", "[198.51.100.1/32]", "[]"},
		{"split, the outside address is the peer", "mode = \"split\"\ninclude = [\"198.51.100.0/24\", \"198.51.100.1/32\"]", at("198.51.100.1", "198.51.100.1"),
			"[198.51.100.0/24]", "[198.51.100.1/32]", "[]"},
		{"split, IPv6 blocked", "mode = \"split\"\nipv6 = \"block\"\ninclude = [\"10.0.0.0/8\"]", usual, "[10.99.0.1/32 10.0.0.0/8]", "[198.51.100.1/32]", "[::/0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := profile.Parse("p", []byte("servers = [\"vpn.example.com\"]\nuser = \"alice\"\n[routing]\n"+c.routing+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			got := Routes(p, c.in)
			if got.Interface != "culvert0" || got.Address != c.in.Local || got.MTU != 1400 {
				t.Errorf("Routes = %+v, want interface, address and MTU of the connection", got)
			}
			if wantSix := c.in.Local6.IsValid() && c.blocked == "[]"; got.Address6.IsValid() != wantSix || got.CaptureLocal {
				t.Errorf("Routes = %+v, want IPv6 address: %v, local networks kept", got, wantSix)
			}
			for _, x := range []struct{ what, got, want string }{
				{"Routes", fmt.Sprint(got.Routes), c.routes}, {"Outside", fmt.Sprint(got.Outside), c.outside}, {"Blocked", fmt.Sprint(got.Blocked), c.blocked},
			} {
				if x.got != x.want {
					t.Errorf("%s = %s, want %s", x.what, x.got, x.want)
				}
			}
		})
	}
}
