package importer

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

func TestErrors(t *testing.T) {
	plistOf := func(inner string) string {
		return `<?xml version="1.0"?><plist version="1.0">` + inner + `</plist>`
	}
	entities := `<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><plist><string>&b;</string></plist>`
	var syntax *SyntaxError
	var nothing *NothingError
	var faults *profile.Error
	for _, c := range []struct {
		name, file, data string
		is               error
		as               any
	}{
		{name: "empty", is: ErrUnknown},
		{name: "prose", data: "Dear Alice,\nthe server: it is down again.\nBob", is: ErrUnknown},
		{name: "picture", data: "\x89PNG\r\n\x1a\n\x00\x00\x00", is: ErrUnknown},
		{name: "too large", data: strings.Repeat("x", MaxInput+1), is: ErrTooLarge},
		{name: "too much text", data: strings.Repeat("x", maxText+1), is: ErrTooLarge},
		{name: "entities", data: entities, as: &syntax},
		{name: "deep", data: plistOf(strings.Repeat("<array>", 5000)), as: &syntax},
		{name: "deep and whole", data: plistOf(strings.Repeat("<array>", 40) + strings.Repeat("</array>", 40)), as: &syntax},
		{name: "long", data: plistOf("<array>" + strings.Repeat("<true/>", maxElements+1) + "</array>"), as: &syntax},
		{name: "list, not a dictionary", data: plistOf("<array/>"), as: &syntax},
		{name: "no VPN in it", data: plistOf("<dict><key>PayloadType</key><string>Configuration</string></dict>"), as: &nothing},
		{name: "encrypted payload", data: plistOf("<dict><key>EncryptedPayloadContent</key><data>AA==</data></dict>"), is: ErrEncrypted},
		{name: "encrypted ONC", data: `{"Type":"EncryptedConfiguration","Cipher":"AES256"}`, is: ErrEncrypted},
		{name: "other JSON", data: `{"a":1}`, is: ErrUnknown},
		{name: "other keyfile", data: "[connection]\nid=x\n[vpn]\nservice-type=org.freedesktop.NetworkManager.openvpn\n", as: &nothing},
		{name: "own, damaged", file: "x.toml", data: "servers = [", as: &faults},
		{name: "own, nothing in it", file: "x.toml", data: "name = \"x\"", is: ErrUnknown},
		{name: "secrets of a wrong type", data: "servers = [\"vpn.example.com\"]\nuser=\"a\"\n[secrets]\npsk = 7\n", as: &faults},
		{name: "too many", data: strings.Repeat("[x]\nType=2\nVpnStrategy=3\nPhoneNumber=vpn.example.com\n", maxProfiles+1), is: ErrTooLarge},
	} {
		r, err := Read(c.file, []byte(c.data))
		if err == nil || c.is != nil && !errors.Is(err, c.is) || c.as != nil && !errors.As(err, c.as) {
			t.Errorf("%s: Read = %d profiles, %v", c.name, len(r.Profiles), err)
		}
	}
}

// TestSignedDamaged cuts and changes a signed file everywhere.
func TestSignedDamaged(t *testing.T) {
	for _, file := range []string{"testdata/apple-signed-der.mobileconfig", "testdata/apple-signed-ber.mobileconfig"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := unwrap(data)
		if err != nil || !bytes.HasPrefix(whole, []byte("<?xml")) || !bytes.HasSuffix(bytes.TrimSpace(whole), []byte("</plist>")) {
			t.Fatalf("unwrap(%s) = %d octets, %v", file, len(whole), err)
		}
		for n := range data {
			if got, err := unwrap(data[:n]); err == nil && !bytes.Equal(got, whole) {
				t.Fatalf("unwrap of the first %d octets of %s is something else, without an error", n, file)
			}
		}
		for n := range 200 {
			bad := bytes.Clone(data)
			bad[n] ^= 0xff
			_, _ = unwrap(bad) // must come back
		}
	}
	if _, err := unwrap(bytes.Repeat([]byte{0x30, 0x80}, 1<<16)); err == nil {
		t.Error("endless nesting was taken")
	}
}

// TestHostile reads texts that grow where a careless reader's time or memory would.
func TestHostile(t *testing.T) {
	for name, data := range map[string]string{
		"labels":       strings.Repeat("Server: vpn.example.com, user: a, PSK: b, password: c\n", 1000),
		"one line":     strings.Repeat("Server: a ", 5000),
		"also":         "conn a\n also=b\nconn b\n also=a\n" + strings.Repeat(" also=a\n", 2500) + "right=vpn.example.com\ntype=transport\n",
		"conns":        strings.Repeat("conn a\n type=tunnel\n right=vpn.example.com\n", 1000),
		"keys":         strings.Repeat(": PSK \"x\"\n", 4000),
		"options":      strings.Repeat("foo-bar x\n", 4000) + ": PSK \"x\"\n",
		"keyfile":      "[vpn]\nservice-type=" + l2tpService + "\ngateway=vpn.example.com\nuser=a\n" + strings.Repeat("a=b\n", 10000),
		"routes":       "[vpn]\nservice-type=" + l2tpService + "\ngateway=vpn.example.com\nuser=a\n[ipv4]\nnever-default=true\n" + strings.Repeat("route1=10.0.0.0/8\n", 1000),
		"sections":     strings.Repeat("[x]\nVpnStrategy=7\nPhoneNumber=a\n", 1500),
		"script":       strings.Repeat("Add-VpnConnection -Name x -ServerAddress vpn.example.com\n", 1000),
		"variables":    "$a='" + strings.Repeat("x", 1000) + "'\n" + strings.Repeat("$a=\"$a$a\"\n", 40) + "Add-VpnConnection -Name $a -ServerAddress vpn.example.com",
		"arrays":       "$a='x','y'\n" + strings.Repeat("$a=$a,$a\n", 40) + "Add-VpnConnection -Name $a -ServerAddress vpn.example.com",
		"brackets":     "Add-VpnConnection -Name " + strings.Repeat("(", 5000),
		"gateways":     "[x]\nVpnStrategy=3\n" + strings.Repeat("PhoneNumber=vpn.example.com\nServerListServerName=b.example.com\n", 1000),
		"proposals":    "conn a\n right=vpn.example.com\n type=transport\n ike=" + strings.Repeat("aes-sha1-", 2500) + "," + strings.Repeat("aes128-sha1-modp1024,", 1000),
		"own":          "servers=[\"vpn.example.com\"]\nuser=\"a\"\n" + strings.Repeat("[x]\n", 1) + strings.Repeat("[x.y]\n", 1),
		"white space":  "Server:" + strings.Repeat(" ", 50000) + "x",
		"nested lists": "{\"NetworkConfigurations\":" + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}",
	} {
		began := time.Now()
		r, err := Read("x", []byte(data))
		sound(t, r, err)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestReadFiles(t *testing.T) {
	r, err := ReadFiles(
		File{"/etc/xl2tpd/xl2tpd.conf", []byte("[global]\nport = 1701\n[lac office]\nlns = vpn.example.com\npppoptfile = /etc/ppp/options.l2tpd\n")},
		File{"/etc/ipsec.conf", []byte("conn office\n type=transport\n authby=secret\n left=%defaultroute\n right=vpn.example.com\n")},
		File{"/etc/ipsec.secrets", []byte("%any vpn.example.com : PSK \"pit-hole\"\n")},
		File{"/etc/ppp/options.l2tpd", []byte("name alice\nmtu 1300\nrefuse-pap\n")},
		File{"chap-secrets", []byte("bob * other-secret *\nalice * Tr0ub4dor *\n")},
		File{`C:\Users\alice\rasphone.pbk`, []byte("[Home]\r\nType=2\r\nVpnStrategy=3\r\nPhoneNumber=home.example.net\r\n")},
	)
	if err != nil || len(r.Profiles) != 2 {
		t.Fatalf("ReadFiles = %d profiles, %v; want 2", len(r.Profiles), err)
	}
	home, office := r.Profiles[0], r.Profiles[1]
	if home.Profile.Name != "Home" || office.Profile.Name != "office" {
		t.Errorf("names %q, %q", home.Profile.Name, office.Profile.Name)
	}
	if p := office; p.Profile.User != "alice" || string(p.Secrets.PSK) != "pit-hole" || string(p.Secrets.Password) != "Tr0ub4dor" || p.Profile.PPP.MRU != 1300 || len(p.Missing) > 0 {
		t.Errorf("office: %+v, psk %q, password %q", p.Profile, []byte(p.Secrets.PSK), []byte(p.Secrets.Password))
	}
	r.Zero()
	if string(office.Secrets.PSK) == "pit-hole" {
		t.Error("Zero left a secret behind")
	}
	if _, err := ReadFiles(File{"a.txt", []byte("nothing")}); !errors.Is(err, ErrUnknown) || !strings.HasPrefix(err.Error(), "a.txt: ") {
		t.Errorf("ReadFiles of nothing = %v", err)
	}
}

func TestComplete(t *testing.T) {
	r, err := Read("rasphone.pbk", []byte("[Home]\nType=2\nVpnStrategy=3\nPhoneNumber=home.example.net\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := &r.Profiles[0]
	var faults *profile.Error
	if err := p.Complete("", ""); !errors.As(err, &faults) || len(p.Missing) != 1 || p.Missing[0] != "user" {
		t.Errorf("Complete without an answer = %v, missing %q", err, p.Missing)
	}
	if err := p.Complete("no host", "alice"); !errors.As(err, &faults) {
		t.Errorf("Complete with a wrong server = %v", err)
	}
	if err := p.Complete("", " alice "); err != nil || p.Missing != nil || p.Profile.User != "alice" || p.Profile.ID == "" || p.Profile.Servers[0] != "home.example.net" {
		t.Errorf("Complete = %v, %+v", err, p.Profile)
	}
}

// TestNotYet: what Culvert cannot do yet is left out in plain words, and each of
// these has some.
func TestNotYet(t *testing.T) {
	for field, why := range lacking() {
		if !strings.HasSuffix(why.Text(), ".") || strings.Contains(why.Text(), "will") {
			t.Errorf("%s: %q is no sentence without a promise", field, why)
		}
	}
	d := newDraft()
	if d.set("k", "v", "servers", func(p *profile.Profile) { p.Servers = []string{"no host"} }) || len(d.p.Servers) > 0 || len(d.leftOut) != 1 || d.leftOut[0].Reason != whyValue || d.leftOut[0].Why != whyValue.Text() {
		t.Errorf("an impossible value: %+v, left out %+v", d.p.Servers, d.leftOut)
	}
}

func TestProposals(t *testing.T) {
	for _, c := range []struct{ list, want, rest string }{
		{"aes256-sha1-modp2048,3des-sha1-modp1024!", "aes256-sha1-modp2048,3des-sha1-modp1024", ""},
		{"aes256-sha2_256;modp2048", "aes256-sha256-modp2048", ""},
		{"aes_cbc256-sha2_512;dh14", "aes256-sha512-modp2048", ""},
		{"aes128-sha1-ecp_384", "aes128-sha1-ecp384", ""},
		{"aes-256-sha1-modp1024", "aes256-sha1-modp1024", ""},
		{"3des-md5", "3des-md5-modp2048,3des-md5-modp1536,3des-md5-modp1024", ""},
		{"aes128-aes256-sha1-modp1024", "aes128-sha1-modp1024,aes256-sha1-modp1024", ""},
		{"aes256gcm16-prfsha256-modp2048", "", "aes256gcm16-prfsha256-modp2048"},
		{"chacha20poly1305-x25519, aes128-sha1-modp1024", "aes128-sha1-modp1024", "chacha20poly1305-x25519"},
		{"aes128-sha1-modp1024s160", "", "aes128-sha1-modp1024s160"},
	} {
		got, rest := phase1(c.list)
		if names(got) != c.want || strings.Join(rest, ",") != c.rest {
			t.Errorf("phase1(%q) = %s, rest %q; want %s, %q", c.list, names(got), rest, c.want, c.rest)
		}
	}
	for _, c := range []struct{ list, want, pfs string }{
		{"aes_gcm256,aes128-sha2_256;modp1024", "aes256gcm16,aes128-sha256", "modp1024"},
		{"aes128gcm16", "aes128gcm16", ""},
		{"aes256-sha256_96", "aes256-sha256_96", ""},
		{"aes128-sha256_128", "aes128-sha256", ""},
		{"3des-sha1-96", "", ""},
		{"aes256-sha1!", "aes256-sha1", ""},
	} {
		got, pfs, _ := phase2(c.list)
		if names(got) != c.want || (pfs != 0 && pfs.String() != c.pfs) || (pfs == 0 && c.pfs != "") {
			t.Errorf("phase2(%q) = %s, %v; want %s, %s", c.list, names(got), pfs, c.want, c.pfs)
		}
	}
}

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want Format
	}{
		"a mail that tells of a command": {"Server: vpn.example.com\nPSK: x\nUser: alice\nor run Add-VpnConnection", PowerShell},
		"hash table":                     {"$p = @{ Name = 'x' }\nAdd-VpnConnection @p", PowerShell},
		"dangling script":                {"version = 1 of our guide\nServer: vpn.example.com\nPSK: x", Text},
	} {
		if got := Detect("", []byte(c.data)); got != c.want {
			t.Errorf("%s: Detect = %q, want %q", name, got, c.want)
		}
	}
}

// TestPhrases: how people write it.
func TestPhrases(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"VPN server is vpn.example.com and username is bob and password is s3cret and shared secret is foo", "vpn.example.com bob foo s3cret"},
		{"server=vpn.example.com;user=alice;psk=abc;def;password=x", "vpn.example.com alice abc;def x"},
		{"Server\tvpn.example.com\nUser\talice\nPSK\tabc\nPassword\tdef", "vpn.example.com alice abc def"},
		{"| Server | vpn.example.com |\n|---|---|\n| PSK | abc |\n| User | alice |", "vpn.example.com alice abc "},
		{"Server address: https://vpn.example.com:1701/\nSecret key: abc\nLogin: a@b.c", "vpn.example.com a@b.c abc "},
		{"> Server: vpn.example.com.\n> PSK: abc.\n> User: alice", "vpn.example.com alice abc. "},
		{"Server: vpn.example.com (not the old one)\nPSK: x\nUser: a", "vpn.example.com a x "},
		{"L2TP Server: vpn.example.com\nL2TP PSK: abc\nL2TP user: bob", "vpn.example.com bob abc "},
		{"服务器地址：vpn.example.com\n预共享密钥：abc\n用户名：bob\n密码：x", "vpn.example.com bob abc x"},
		{"Server: vpn.example.com\nPSK: 12:34=56, 78\nUser: alice\nPassword: is it: yes", "vpn.example.com alice 12:34=56, 78 is it: yes"},
		{"Server: 2001:db8::1\nPSK: x\nUser: a", "2001:db8::1 a x "},
	} {
		r, err := Read("", []byte(c.text))
		if err != nil {
			t.Errorf("Read(%q) = %v", c.text, err)
			continue
		}
		p := r.Profiles[0]
		got := strings.Join(p.Profile.Servers, ",") + " " + p.Profile.Login() + " " + string(p.Secrets.PSK) + " " + string(p.Secrets.Password)
		if got != c.want {
			t.Errorf("Read(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
