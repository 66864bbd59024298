package netplan

import (
	"fmt"
	"net/netip"
	"slices"
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
	asked := usual
	asked.DNS = []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("172.16.0.53"), usual.Server, usual.Peer}
	six := usual
	six.Local6 = netip.MustParseAddr("2001:db8:99::10")
	sixAsked := six
	sixAsked.DNS = []netip.Addr{netip.MustParseAddr("2001:db8:99::53")}
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
		{"split, name servers", "mode = \"split\"\ninclude = [\"10.0.0.0/8\"]", asked, "[10.99.0.1/32 10.0.0.0/8 172.16.0.53/32]", "[198.51.100.1/32]", "[]"},
		{"split, name servers that are not used", "mode = \"split\"\ninclude = [\"10.0.0.0/8\"]\n[dns]\nmode = \"off\"", asked, "[10.99.0.1/32 10.0.0.0/8]", "[198.51.100.1/32]", "[]"},
		{"full, name servers", ``, asked, "[0.0.0.0/0]", "[198.51.100.1/32]", "[::/0]"},
		{"split, no peer address", "mode = \"split\"\ninclude = [\"10.0.0.0/8\"]", at("198.51.100.1", ""), "[10.0.0.0/8]", "[198.51.100.1/32]", "[]"},
		{"split, the outside address is the peer", "mode = \"split\"\ninclude = [\"198.51.100.0/24\", \"198.51.100.1/32\"]", at("198.51.100.1", "198.51.100.1"),
			"[198.51.100.0/24]", "[198.51.100.1/32]", "[]"},
		{"full, IPv6 with exclusions", `exclude = ["2001:db8:1::/48"]`, six, "[0.0.0.0/0 ::/0]", "[198.51.100.1/32 2001:db8:1::/48]", "[]"},
		{"split, an IPv6 network", "mode = \"split\"\ninclude = [\"2001:db8:1::/48\"]", six, "[10.99.0.1/32 2001:db8:1::/48]", "[198.51.100.1/32]", "[]"},
		{"split, an IPv6 network and no IPv6", "mode = \"split\"\ninclude = [\"2001:db8:1::/48\"]", usual, "[10.99.0.1/32]", "[198.51.100.1/32]", "[2001:db8:1::/48]"},
		{"split, all of IPv6 blocked", "mode = \"split\"\nipv6 = \"block\"\ninclude = [\"2001:db8:1::/48\"]", usual, "[10.99.0.1/32]", "[198.51.100.1/32]", "[::/0 2001:db8:1::/48]"},
		{"split, IPv6 name servers", "mode = \"split\"", sixAsked, "[10.99.0.1/32 2001:db8:99::53/128]", "[198.51.100.1/32]", "[]"},
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

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestPushed(t *testing.T) {
	for _, c := range []struct {
		name    string
		mode    string
		change  func(r *profile.Routing)
		pushed  []netip.Prefix
		routes  string
		ignored string
	}{
		{"split", "split", nil, prefixes("10.0.0.0/8", "172.16.5.0/24"), "[10.99.0.1/32 10.0.0.0/8 172.16.5.0/24]", "[]"},
		{"split, beside the profile's", "split", func(r *profile.Routing) { r.Include = prefixes("10.0.0.0/8", "192.0.2.0/24") },
			prefixes("10.0.0.0/8", "172.16.5.0/24"), "[10.99.0.1/32 10.0.0.0/8 192.0.2.0/24 172.16.5.0/24]", "[]"},
		{"split, a default route", "split", nil, prefixes("0.0.0.0/0", "10.0.0.0/8"), "[10.99.0.1/32 10.0.0.0/8]", "[0.0.0.0/0]"},
		{"split, a default route in disguise", "split", nil, prefixes("0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7"), "[10.99.0.1/32]", "[0.0.0.0/1 128.0.0.0/1 8.0.0.0/7]"},
		{"split, the gateway outside", "split", nil, prefixes("198.51.100.1/32"), "[10.99.0.1/32]", "[198.51.100.1/32]"},
		{"split, a network around the gateway outside", "split", nil, prefixes("198.51.100.0/24"), "[10.99.0.1/32 198.51.100.0/24]", "[]"},
		{"split, the local network", "split", nil, prefixes("192.168.1.0/24", "192.168.1.1/32", "192.168.0.0/16"), "[10.99.0.1/32 192.168.0.0/16]", "[192.168.1.0/24 192.168.1.1/32]"},
		{"split, a local network that is not kept", "split", func(r *profile.Routing) { r.LocalNetwork = false }, prefixes("192.168.1.0/24"), "[10.99.0.1/32 192.168.1.0/24]", "[]"},
		{"split, not wanted", "split", func(r *profile.Routing) { r.FromGateway = false }, prefixes("10.0.0.0/8"), "[10.99.0.1/32]", "[10.0.0.0/8]"},
		{"full", "full", nil, prefixes("0.0.0.0/0", "10.0.0.0/8"), "[0.0.0.0/0 10.0.0.0/8]", "[0.0.0.0/0]"},
		{"IPv6 that the tunnel does not carry", "split", nil, prefixes("2001:db8::/32"), "[10.99.0.1/32]", "[]"},
		{"full, excluded", "full", func(r *profile.Routing) { r.Exclude = prefixes("10.1.0.0/16") }, prefixes("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"),
			"[0.0.0.0/0 10.0.0.0/8]", "[10.1.0.0/16 10.1.2.0/24]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := profile.Default()
			p.Routing.Mode = c.mode
			if c.change != nil {
				c.change(&p.Routing)
			}
			in := Connection{Interface: "culvert0", Server: netip.MustParseAddr("198.51.100.1"), Local: netip.MustParseAddr("10.99.0.10"),
				Peer: netip.MustParseAddr("10.99.0.1"), Pushed: c.pushed, OnLink: prefixes("192.168.1.0/24")}
			got := Routes(p, in)
			_, ignored := Pushed(p, in)
			if fmt.Sprint(got.Routes) != c.routes || fmt.Sprint(ignored) != c.ignored {
				t.Errorf("Routes = %v, ignored %v, want %s, %s", got.Routes, ignored, c.routes, c.ignored)
			}
			if !slices.Contains(got.Outside, netip.MustParsePrefix("198.51.100.1/32")) {
				t.Errorf("Outside = %v, without the gateway", got.Outside)
			}
		})
	}
}

// A gateway that carries IPv6 pushes networks of it, too.
func TestPushed6(t *testing.T) {
	p := profile.Default()
	p.Routing.Mode = "split"
	in := Connection{Interface: "culvert0", Server: netip.MustParseAddr("2001:db8:ffff::1"), Local: netip.MustParseAddr("10.99.0.10"), Local6: netip.MustParseAddr("2001:db8:99:1::7"),
		Pushed: prefixes("2001:db8:99:1::/64", "fc00::/7", "::/0", "2000::/3", "2001:db8:ffff::1/128", "2001:db8:1::/64"), OnLink: prefixes("2001:db8:1::/64")}
	got := Routes(p, in)
	_, ignored := Pushed(p, in)
	const routes, not = "[2001:db8:99:1::/64 fc00::/7]", "[::/0 2000::/3 2001:db8:ffff::1/128 2001:db8:1::/64]"
	if fmt.Sprint(got.Routes) != routes || fmt.Sprint(ignored) != not || got.Address6 != in.Local6 {
		t.Errorf("Routes = %v as %v, ignored %v, want %s, %s", got.Routes, got.Address6, ignored, routes, not)
	}
}

func TestDNS(t *testing.T) {
	servers := []netip.Addr{netip.MustParseAddr("10.99.0.1")}
	for _, c := range []struct {
		name string
		dns  profile.DNS
		want string
		ok   bool
	}{
		{"the gateway's", profile.DNS{Mode: "auto"}, "[10.99.0.1] [corp.example other.example] []", true},
		{"the profile's search list first", profile.DNS{Mode: "auto", Search: []string{"a.example", "corp.example"}}, "[10.99.0.1] [a.example corp.example other.example] []", true},
		{"some domains only", profile.DNS{Mode: "auto", Domains: []string{"Example."}}, "[10.99.0.1] [corp.example other.example] [Example.]", true},
		{"not below these domains", profile.DNS{Mode: "auto", Domains: []string{"corp.example"}}, "[10.99.0.1] [corp.example] [corp.example]", true},
		{"the profile's", profile.DNS{Mode: "manual", Servers: []string{"9.9.9.9"}, Search: []string{"a.example"}}, "[9.9.9.9] [a.example] []", true},
		{"none", profile.DNS{Mode: "off"}, "[] [] []", false},
	} {
		p := profile.Default()
		p.DNS = c.dns
		got, ok := DNS(p, "culvert0", servers, "corp.example", "other.example")
		if text := fmt.Sprint(got.Servers, got.Search, got.Domains); text != c.want || ok != c.ok {
			t.Errorf("%s: DNS = %s, %t, want %s, %t", c.name, text, ok, c.want, c.ok)
		}
	}
}
