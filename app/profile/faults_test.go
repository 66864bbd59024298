package profile

import (
	"strings"
	"testing"
)

// badProfiles: every fault of the file, word by word.
var badProfiles = []struct {
	name string
	text string
	want []string
}{
	{"empty", "", []string{
		`f.toml: servers: must name at least one gateway, such as ["vpn.example.com"]`,
		`f.toml: user: must name the user to log in as`,
	}},
	{"all at once, in the order of lines", `server = "x"
version = 2
user = 7
servers = ["vpn.example.com", "https://vpn.example.com/", 3]
[ipsec]
auth = "certificate"
phase1 = ["aes256-sha256-modp2048",
  "aes256"]
dpd_interval = 30
[kill]
switch = true
[dns]
mode = "system"
`, []string{
		`f.toml:1: server: unknown key; allowed: version, id, name, preset, servers, user, domain, ask_password, [ipsec], [l2tp], [ppp], [routing], [dns], [reconnect]`,
		`f.toml:2: version: 2 is out of range; allowed: 1 to 1`,
		`f.toml:3: user: must be a string, not an integer`,
		`f.toml:4: servers: "https://vpn.example.com/" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:4: servers: must be a string, not an integer`,
		`f.toml:6: ipsec.auth: "certificate" is not supported yet; allowed: psk`,
		`f.toml:8: ipsec.phase1: unknown algorithm "aes256": a phase 1 suite is cipher-hash-group, such as aes256-sha256-modp2048`,
		`f.toml:9: ipsec.dpd_interval: must be a string, not an integer`,
		`f.toml:10: kill: unknown key; allowed: version, id, name, preset, servers, user, domain, ask_password, [ipsec], [l2tp], [ppp], [routing], [dns], [reconnect]`,
		`f.toml:13: dns.mode: "system" is not known; allowed: auto, manual, off`,
	}},
	{"syntax", minimal + "name = \n", []string{"f.toml:3: is not valid TOML: unexpected character U+000A at start of value"}},
	{"key twice", minimal + "user = \"bob\"\n", []string{"f.toml:3: user: is not valid TOML: key user is already defined"}},
	{"unknown key in a table", minimal + "[ppp]\nmtu = 1400\n", []string{
		`f.toml:4: ppp.mtu: unknown key; allowed in [ppp]: auth, mru, mppe, echo_interval, echo_failures, auth_timeout, address`}},
	{"unknown key in an inline table", minimal + "l2tp = { port = 1701 }\n", []string{
		`f.toml:3: l2tp.port: unknown key; allowed in [l2tp]: hello_interval, tunnel_auth, source_port, data_sequencing`}},
	{"key with a dot in quotes", minimal + "\"ppp.mru\" = 1400\n", []string{
		`f.toml:3: "ppp.mru": unknown key; allowed: version, id, name, preset, servers, user, domain, ask_password, [ipsec], [l2tp], [ppp], [routing], [dns], [reconnect]`}},
	{"scalar for a table", minimal + "dns = \"auto\"\n", []string{`f.toml:3: dns: is a table, not a string: write [dns]`}},
	{"table for a scalar", minimal + "[name]\nx = 1\n", []string{
		`f.toml:3: name: unknown key; allowed: version, id, name, preset, servers, user, domain, ask_password, [ipsec], [l2tp], [ppp], [routing], [dns], [reconnect]`}},
	{"list of tables", minimal + "[[ipsec]]\nenabled = true\n", []string{`f.toml:3: ipsec: is given as a list of tables, [[...]]`}},
	{"table below a table", minimal + "[ppp.auth]\npap = true\n", []string{
		`f.toml:3: ppp.auth: unknown key; allowed in [ppp]: auth, mru, mppe, echo_interval, echo_failures, auth_timeout, address`}},
	{"types", `servers = "vpn.example.com"
user = ["alice"]
ask_password = "no"
version = 1.5
[l2tp]
tunnel_auth = 1
source_port = "1701"
[ppp]
auth = "pap"
mru = 2026-01-01
[dns]
servers = "10.0.0.1"
`, []string{
		`f.toml:1: servers: must be a list of strings, not a string`,
		`f.toml:2: user: must be a string, not a list`,
		`f.toml:3: ask_password: must be true or false, not a string`,
		`f.toml:4: version: must be an integer, not a decimal number`,
		`f.toml:6: l2tp.tunnel_auth: must be true or false, not an integer`,
		`f.toml:7: l2tp.source_port: must be an integer, not a string`,
		`f.toml:9: ppp.auth: must be a list of strings, not a string`,
		`f.toml:10: ppp.mru: must be an integer, not a date or time`,
		`f.toml:12: dns.servers: must be a list of strings, not a string`,
	}},
	{"not supported yet", minimal + `[ipsec]
certificate = "me.p12"
ca = "ca.pem"
group = "staff"
[ppp]
auth = ["eap-tls", "mschapv2", "mschap"]
mppe = "require"
`, []string{
		`f.toml:4: ipsec.certificate: is not supported yet: leave it out or empty`,
		`f.toml:5: ipsec.ca: is not supported yet: leave it out or empty`,
		`f.toml:6: ipsec.group: is not supported yet: leave it out or empty`,
		`f.toml:8: ppp.auth: "eap-tls" is not supported yet; allowed: mschapv2, chap, pap, eap-mschapv2, eap-md5, eap-gtc`,
		`f.toml:8: ppp.auth: "mschap" is not supported yet; allowed: mschapv2, chap, pap, eap-mschapv2, eap-md5, eap-gtc`,
		`f.toml:9: ppp.mppe: "require" is not supported yet; allowed: off`,
	}},
	{"values of dns", minimal + `[dns]
mode = "manual"
servers = ["ns.example.com", "0.0.0.0", "fe80::1%eth0"]
search = ["a b", "", "-x.example.com"]
domains = ["größe.example", "a..b"]
`, []string{
		`f.toml:5: dns.servers: "ns.example.com" is no name server; allowed: an address such as 10.99.0.1`,
		`f.toml:5: dns.servers: "0.0.0.0" is no name server; allowed: an address such as 10.99.0.1`,
		`f.toml:5: dns.servers: "fe80::1%eth0" is no name server; allowed: an address such as 10.99.0.1`,
		`f.toml:6: dns.search: "a b" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
		`f.toml:6: dns.search: "" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
		`f.toml:6: dns.search: "-x.example.com" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
		`f.toml:7: dns.domains: "größe.example" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
		`f.toml:7: dns.domains: "a..b" is no domain; allowed: a name such as corp.example.com, beyond ASCII in its xn-- form`,
	}},
	{"no name servers", minimal + "[dns]\nmode = \"manual\"\n", []string{`f.toml: dns.servers: must name at least one name server for dns.mode = "manual"`}},
	{"name servers that are not asked", minimal + "[dns]\nservers = [\"10.0.0.1\"]\n", []string{`f.toml:4: dns.servers: is only for dns.mode = "manual"; with "auto" they are not asked`}},
	{"domains without name servers", minimal + "[dns]\nmode = \"off\"\nsearch = [\"a\"]\ndomains = [\"b\"]\n", []string{
		`f.toml:5: dns.search: has no meaning with dns.mode = "off"`, `f.toml:6: dns.domains: has no meaning with dns.mode = "off"`}},
	{"defaults that do nothing yet, spelled out", minimal + "ppp.mppe = \"auto\"\n", []string{
		`f.toml:3: ppp.mppe: "auto" is not supported yet; allowed: off`,
	}},
	{"values of the top", `id = "42"
name = "a\nb"
preset = "netgear"
servers = []
user = "a\u0000b"
domain = "CORP\\alice"
`, []string{
		`f.toml:1: id: "42" is no UUID such as 6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b; leave it out to have one made`,
		`f.toml:2: name: "a\nb" is no name; allowed: 255 octets at most, without control characters`,
		`f.toml:3: preset: "netgear" is not known; allowed: auto, windows, meraki, unifi, mikrotik, sonicwall, fortigate, cisco-asa, softether, hwdsl2, rras`,
		`f.toml:4: servers: must name at least one gateway, such as ["vpn.example.com"]`,
		`f.toml:5: user: "a\x00b" is no user name; allowed: any text without control characters`,
		`f.toml:6: domain: "CORP\\alice" is no NT domain; allowed: a name without backslash and control characters`,
	}},
	{"values of ipsec", minimal + `[ipsec]
phase1 = ["aes128gcm16-sha1-modp2048", "aes256-sha1-modp999"]
phase2 = ["blowfish-sha1"]
pfs = "on"
encapsulation = "tcp"
phase1_lifetime = "8"
phase2_lifetime = "1s"
dpd_interval = "-1s"
source_ports = "any"
remote_id = "@"
`, []string{
		`f.toml:4: ipsec.phase1: unknown algorithm "aes128gcm16": phase 1 has no GCM: use aes256, aes192, aes128 or 3des`,
		`f.toml:4: ipsec.phase1: unknown algorithm "modp999": a group is one of modp768, modp1024, modp1536, modp2048, modp3072, modp4096, ecp256, ecp384, ecp521`,
		`f.toml:5: ipsec.phase2: unknown algorithm "blowfish": a cipher is one of aes256gcm16, aes192gcm16, aes128gcm16, aes256, aes192, aes128, 3des, des`,
		`f.toml:6: ipsec.pfs: unknown algorithm "on": a group is one of modp768, modp1024, modp1536, modp2048, modp3072, modp4096, ecp256, ecp384, ecp521; also allowed: auto, off`,
		`f.toml:7: ipsec.encapsulation: "tcp" is not known; allowed: auto, udp, esp`,
		`f.toml:8: ipsec.phase1_lifetime: "8" is no duration such as "30s" or "8h"; allowed: "30s" to "720h"`,
		`f.toml:9: ipsec.phase2_lifetime: "1s" is out of range; allowed: "10s" to "720h"`,
		`f.toml:10: ipsec.dpd_interval: "-1s" is out of range; allowed: "0", or "1s" to "24h"`,
		`f.toml:11: ipsec.source_ports: "any" is not known; allowed: ephemeral, standard`,
		`f.toml:12: ipsec.remote_id: "@" is no identity; allowed: an address, a name such as gw.example.com, or user@host`,
	}},
	{"values of l2tp and ppp", minimal + `[l2tp]
hello_interval = "25h"
source_port = 65536
[ppp]
auth = ["none"]
mru = 100
echo_failures = 0
auth_timeout = "0"
address = "2001:db8::1"
`, []string{
		`f.toml:4: l2tp.hello_interval: "25h" is out of range; allowed: "0", or "1s" to "24h"`,
		`f.toml:5: l2tp.source_port: 65536 is out of range; allowed: 0 to 65535`,
		`f.toml:7: ppp.auth: "none" is not known; allowed: mschapv2, chap, pap, eap-mschapv2, eap-md5, eap-gtc`,
		`f.toml:8: ppp.mru: 100 is out of range; allowed: 0, or 576 to 1500`,
		`f.toml:9: ppp.echo_failures: 0 is out of range; allowed: 1 to 100`,
		`f.toml:10: ppp.auth_timeout: "0" is out of range; allowed: "1s" to "1h"`,
		`f.toml:11: ppp.address: "2001:db8::1" is no address to ask for; allowed: an IPv4 address such as 10.99.0.10`,
	}},
	{"values of routing", minimal + `[routing]
mode = "all"
include = ["10.0.0.1/8", "10.0.0.0", "2001:db8::1/32"]
ipv6 = "on"
`, []string{
		`f.toml:4: routing.mode: "all" is not known; allowed: full, split`,
		`f.toml:5: routing.include: "10.0.0.1/8" has bits behind its length; meant is 10.0.0.0/8 or 10.0.0.1/32`,
		`f.toml:5: routing.include: "10.0.0.0" is no network; allowed: a prefix such as 10.0.0.0/8, 192.0.2.7/32 or 2001:db8::/48`,
		`f.toml:5: routing.include: "2001:db8::1/32" has bits behind its length; meant is 2001:db8::/32 or 2001:db8::1/128`,
		`f.toml:6: routing.ipv6: "on" is not known; allowed: auto, block, leave`,
	}},
	{"split without networks", minimal + "[routing]\nmode = \"split\"\nfrom_gateway = false\n", []string{
		`f.toml: routing.include: is empty: name the networks behind the gateway, or let routing.from_gateway or routing.mode = "full" have them`}},
	{"include in full mode", minimal + "[routing]\ninclude = [\"10.0.0.0/8\"]\n", []string{
		`f.toml:4: routing.include: is only for routing.mode = "split"; in full mode everything goes through the tunnel`}},
	{"exclude in split mode", minimal + "[routing]\nmode = \"split\"\ninclude = [\"10.0.0.0/8\"]\nexclude = [\"10.1.0.0/16\"]\n", []string{
		`f.toml:6: routing.exclude: is only for routing.mode = "full"; in split mode nothing else goes through the tunnel`}},
	{"servers", "user = \"u\"\nservers = [\"\", \"1.2.3\", \"a b\", \"vpn.example.com:500\", \"0.0.0.0\", \"-x.example\", \"größe.example\"]\n", []string{
		`f.toml:2: servers: "" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:2: servers: "1.2.3" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:2: servers: "a b" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:2: servers: "vpn.example.com:500" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:2: servers: "0.0.0.0" is no address of a gateway`,
		`f.toml:2: servers: "-x.example" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path`,
		`f.toml:2: servers: "größe.example" is no gateway; allowed: a host name or an IPv4 or IPv6 address, without scheme, port or path; a name beyond ASCII in its xn-- form`,
	}},
	{"too many", minimal + "[ipsec]\nphase1 = [" + strings.Repeat("\"aes256-sha1-modp2048\",", 25) + "]\n", []string{
		`f.toml:4: ipsec.phase1: has 25 entries; allowed: 24 at most`}},
	{"long login", "servers = [\"a\"]\ndomain = \"CORP\"\nuser = \"" + strings.Repeat("u", 251) + "\"\n", []string{
		`f.toml:3: user: is 256 octets long together with the domain; allowed: 255 at most`}},
	{"plain L2TP on standard ports", minimal + "[ipsec]\nenabled = false\nsource_ports = \"standard\"\n", []string{
		`f.toml:5: ipsec.source_ports: has no meaning with ipsec.enabled = false; use l2tp.source_port = 1701`}},
}

func TestParseFaults(t *testing.T) {
	for _, c := range badProfiles {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse("f.toml", []byte(c.text))
			if err == nil {
				t.Fatalf("Parse = %+v, want an error", p)
			}
			if want := strings.Join(c.want, "\n"); err.Error() != want {
				t.Errorf("Parse(%s) says\n%v\nwant\n%s", c.text, err, want)
			}
		})
	}
}
