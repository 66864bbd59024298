package profile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseGateway(t *testing.T) {
	g, err := ParseGateway("g", []byte(`listen = "198.51.100.1"
psk = "k"
plain = true
phase2 = ["aes128-sha1"]
pfs = "modp1024"
auth = ["pap", "eap-gtc"]
dns = ["10.99.0.1", "9.9.9.9"]
code_prompt = "Token:"
routes = ["10.20.0.0/16", "0.0.0.0/0"]
search = ["corp.example"]
[users]
alice = "correct horse"
"bob@LAB" = "p"
"CORP\\carol" = "q"
[totp]
alice = "GEZDGNBVGY3TQOJQ"
[codes]
"bob@LAB" = "424242"
`))
	if err != nil {
		t.Fatal(err)
	}
	if g.Listen.String() != "198.51.100.1" || g.Ports != "standard" || !g.Plain || g.ESP || len(g.DNS) != 2 || g.MTU != 1400 || g.PFS.Group.String() != "modp1024" {
		t.Errorf("ParseGateway = %+v", g)
	}
	if fmt.Sprint(g.Routes, g.Search) != "[10.20.0.0/16 0.0.0.0/0] [corp.example]" {
		t.Errorf("routes %v, search %v", g.Routes, g.Search)
	}
	if g.CodePrompt != "Token:" || string(g.TOTP["alice"]) != "GEZDGNBVGY3TQOJQ" || string(g.Codes["bob@LAB"]) != "424242" {
		t.Errorf("%d and %d codes, asked for with %q", len(g.TOTP), len(g.Codes), g.CodePrompt)
	}
	if len(g.Users) != 3 || string(g.Users["alice"]) != "correct horse" || string(g.Users["bob@LAB"]) != "p" || string(g.Users[`CORP\carol`]) != "q" {
		t.Errorf("%d users", len(g.Users))
	}
}

func TestGatewayFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		want []string
	}{
		{"empty", "", []string{
			`g: listen: must be an address of this machine, such as "198.51.100.1"`,
			`g: psk: must be the key that clients share with this gateway`,
			`g: users: must have a line for each user, such as alice = "password" below [users]`,
		}},
		{"codes", `listen = "198.51.100.1"
psk = "k"
auth = ["mschapv2", "eap-md5"]
code_prompt = "a\nb"
[users]
alice = "x"
[totp]
alice = "x"
bob = "x"
[codes]
alice = "1"
carol = "1"
`, []string{
			`g:3: auth: must have eap-gtc, which codes are asked for by`,
			`g:4: code_prompt: "a\nb" is no question; allowed: one line of 200 octets at most`,
			`g:9: totp.bob: needs a line of the same user below [users]`,
			`g:11: codes.alice: has a line below [totp] already`,
			`g:12: codes.carol: needs a line of the same user below [users]`,
		}},
		{"values", `listen = "0.0.0.0"
psk = 12345
ports = "some"
address = "2001:db8::1"
pool = "10.0.0.0/31"
mtu = 9000
dns = ["a", "b", "c"]
routes = ["10.0.0.0"]
search = ["a b"]
user = "alice"
[users]
alice = 4711
bob.x = "hunter2"
[[users2]]
x = 1
`, []string{
			`g:1: listen: "0.0.0.0" is no address of this machine; allowed: an IPv4 or IPv6 address`,
			`g:2: psk: must be a string, not an integer`,
			`g:3: ports: "some" is not known; allowed: standard, any`,
			`g:4: address: "2001:db8::1" is no address inside; allowed: an IPv4 address such as 10.99.0.1`,
			`g:5: pool: "10.0.0.0/31" has no fitting size; allowed: /8 to /30`,
			`g:6: mtu: 9000 is out of range; allowed: 576 to 1500`,
			`g:7: dns: "a" is no address inside; allowed: an IPv4 address such as 10.99.0.1`,
			`g:7: dns: "b" is no address inside; allowed: an IPv4 address such as 10.99.0.1`,
			`g:7: dns: "c" is no address inside; allowed: an IPv4 address such as 10.99.0.1`,
			`g:8: routes: "10.0.0.0" is no network; allowed: a prefix such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/48`,
			`g:9: search: "a b" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
			`g:10: user: unknown key; allowed: listen, ports, plain, esp, psk, tunnel_secret, phase1, phase2, pfs, phase1_lifetime, phase2_lifetime, dpd_interval, auth, address, pool, dns, pool6, address6, dns6, routes, search, mtu, max_clients, http, inside, code_prompt, [users], [totp], [codes]`,
			`g:12: users.alice: must be a string, not an integer`,
			`g:13: users.bob.x: unknown key; allowed in [users]: any name`,
			`g:14: users2: is given as a list of tables, [[...]]`,
		}},
		{"syntax shows no secret", "psk = hunter2\n", []string{"g:1: is not valid TOML"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseGateway("g", []byte(c.text))
			if want := strings.Join(c.want, "\n"); err == nil || err.Error() != want {
				t.Errorf("ParseGateway says\n%v\nwant\n%s", err, want)
			}
		})
	}
}

func FuzzParseGateway(f *testing.F) {
	f.Add([]byte("listen = \"198.51.100.1\"\npsk = \"k\"\n[users]\nalice = \"p\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGateway("g", data)
		var e *Error
		if err != nil && !errors.As(err, &e) || err == nil && (len(g.Users) == 0 || g.PSK == nil) {
			t.Fatalf("ParseGateway(%q) = %+v, %v", data, g, err)
		}
	})
}
