package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
)

const mail = "Hi,\nServer: vpn.example.com\nPre-shared key: pit-hole\nUser name: alice\nPassword: Tr0ub4dor\nGroup name: staff\nLocker code: 4711\n"

func TestImport(t *testing.T) {
	d := newDesk(t)
	file := write(t, "mail.txt", mail, 0o600)
	out := d.expect(0, "→ servers", "", "import", file, "--dry-run")
	if strings.Contains(out, "saved") || len(d.saved()) != 0 || len(d.keys.values) != 0 {
		t.Errorf("a dry run has saved something:\n%s", out)
	}
	out = d.expect(0, "“vpn.example.com” is saved: culvert up vpn.example.com connects.\n", "", "import", file)
	for _, want := range []string{"text: “vpn.example.com”\n  understood\n", "Password        (not shown)      → password\n", "Locker code"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, secret := range []string{"pit-hole", "Tr0ub4dor", "4711"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q shows in\n%s", secret, out)
		}
	}
	p := d.saved()[0]
	if p.User != "alice" || d.keys.values[p.ID+"/psk"] != "pit-hole" || d.keys.values[p.ID+"/password"] != "Tr0ub4dor" || len(d.keys.values) != 2 {
		t.Errorf("saved %+v with %v", p, d.keys.values)
	}

	// The name is taken: asked for, or given.
	d.expect(2, "understood", "nothing was saved: there is a profile called \"vpn.example.com\" already: give --rename, or --name\n", "import", file)
	d.expect(0, "“vpn.example.com 2” is saved", "", "import", file, "--rename")
	d.expect(0, "“Office” is saved", "", "import", file, "--name", "Office")
	someone := &person{answers: []string{"office", ""}}
	d.around.terminal = someone
	d.expect(0, "“vpn.example.com 3” is saved", "", "import", file)
	if len(someone.asked) != 2 || !strings.HasPrefix(someone.asked[0], "There is a profile “vpn.example.com” already. Another name [") {
		t.Errorf("asked %q", someone.asked)
	}
}

func TestImportSeveral(t *testing.T) {
	d := newDesk(t)
	book := write(t, "rasphone.pbk", "[Office]\r\nType=2\r\nVpnStrategy=3\r\nPhoneNumber=vpn.example.com\r\n[Home]\r\nType=2\r\nVpnStrategy=4\r\nPhoneNumber=home.example.net\r\n[New]\r\nType=2\r\nVpnStrategy=7\r\n", 0o600)
	d.expect(2, "missing: the user", "nothing was saved: “Office” does not say it: give --user\n", "import", book)
	d.expect(2, "", "there are 2 connections in it: --name is for one\n", "import", book, "--name", "x")
	someone := &person{answers: []string{"alice", "", "bob"}}
	d.around.terminal = someone
	out := d.expect(0, "“Home” is saved", "must name the user", "import", book)
	if !strings.Contains(out, "Besides\n  left out\n    [New] VpnStrategy  7") {
		t.Errorf("what was left out is not in\n%s", out)
	}
	if list := d.saved(); len(list) != 2 || list[0].User != "bob" || list[1].User != "alice" {
		t.Errorf("saved %+v", list)
	}
	// Nothing is half-made.
	someone.answers = []string{"alice", "", "carol"} // and nobody answers for the second name
	d.expect(2, "understood", "nothing was saved: EOF", "import", book)
	if len(d.saved()) != 2 {
		t.Error("one of two was saved")
	}
}

// TestImportTwice: the id of the source is that of another profile by then, whose
// secrets must stay.
func TestImportTwice(t *testing.T) {
	d := newDesk(t)
	own := "id = \"6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b\"\nservers = [\"vpn.example.com\"]\nuser = \"alice\"\n[secrets]\npsk = \"%\"\n"
	d.expect(0, "is saved", "", "import", write(t, "a.toml", strings.Replace(own, "%", "the first", 1), 0o600))
	d.expect(0, "is saved", "", "import", write(t, "b.toml", strings.Replace(own, "%", "the second", 1), 0o600), "--rename")
	if d.keys.values["6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b/psk"] != "the first" || len(d.keys.values) != 2 {
		t.Errorf("secrets %v", d.keys.values)
	}
}

func TestImportJSON(t *testing.T) {
	d := newDesk(t)
	_, out, errs := d.run("import", write(t, "mail.txt", mail, 0o600), "--dry-run", "--json")
	var l struct {
		Type, Format, Name, Path, Profile string
		Secrets, Missing                  []string
		Understood                        []importer.Item
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil || errs != "" {
		t.Fatalf("%v of %s%s", err, out, errs)
	}
	p, err := profile.Parse("x", []byte(l.Profile))
	if err != nil || p.User != "alice" || l.Type != "profile" || l.Format != "text" || l.Path != "" || strings.Join(l.Secrets, " ") != "psk password" || len(l.Understood) < 4 {
		t.Errorf("%v: %+v", err, l)
	}
	if strings.Contains(out, "pit-hole") || strings.Contains(out, "Tr0ub4dor") {
		t.Errorf("a secret shows in %s", out)
	}
	if len(d.saved()) > 0 {
		t.Error("a dry run has saved something")
	}
}

func TestImportRefused(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"a.txt":          {"Dear Alice, it rains.", "there are no VPN settings in "},
		"b.sswan":        {`{"type":"ikev2-cert"}`, "there is no L2TP/IPsec connection in "},
		"c.toml":         {"servers = [", "is not valid TOML"},
		"d.onc":          {`{"Type":"EncryptedConfiguration"}`, "it is encrypted"},
		"e.mobileconfig": {"<plist><array>", "its XML is damaged"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		d.expect(2, "", c.want, "import", path)
	}
	d.expect(2, "", "no such file", "import", filepath.Join(dir, "none"))
	d.expect(2, "", "is a folder", "import", dir)
	d.expect(2, "", "there are no VPN settings in -", "import", "-") // an empty input
	d.expect(2, "", "something is missing", "import")
	if len(d.saved()) > 0 {
		t.Error("something was saved")
	}
}

func TestImportWithoutKeychain(t *testing.T) {
	d := newDesk(t)
	d.keys.err = errLocked
	d.expect(0, "is saved", noKeychain, "import", write(t, "mail.txt", mail, 0o600))
}

func TestExport(t *testing.T) {
	d := newDesk(t)
	p := d.profile("Office", "preset = \"mikrotik\"\n")
	for _, f := range importer.ExportFormats {
		out := d.expectExport(0, "export", "Office", "--format", string(f))
		if strings.Contains(out, "the key") || strings.Contains(out, "correct horse") {
			t.Errorf("%s without --with-secrets has secrets:\n%s", f, out)
		}
		out = d.expectExport(0, "export", "Office", "--format", string(f), "--with-secrets")
		r, err := importer.Read("x", []byte(out))
		if err != nil || string(r.Profiles[0].Secrets.PSK) != "the key" || string(r.Profiles[0].Secrets.Password) != "correct horse" || r.Profiles[0].Profile.User != "alice" {
			t.Errorf("%s with secrets comes back as %v:\n%s", f, err, out)
		}
	}
	d.expect(0, "vpn.managed", "  not in it\n    preset  'mikrotik'  This form has no place for it.\n", "export", p.ID, "--format", "mobileconfig")
	d.expect(2, "", "give --format", "export", "Office")
	d.expect(2, "", `"pdf" is not known; there is: toml`, "export", "Office", "--format", "pdf")
	d.expect(2, "", `no profile "Nowhere"`, "export", "Nowhere", "--format", "toml")
	d.keys.err = errLocked
	d.expect(1, "", "the keychain cannot be reached, so nothing was written", "export", "Office", "--format", "toml", "--with-secrets")
}

// expectExport is what is printed, whatever is said beside it.
func (d *desk) expectExport(status int, args ...string) string {
	d.Helper()
	s, out, errs := d.run(args...)
	if s != status {
		d.Errorf("culvert %q: status %d\n%s%s", args, s, out, errs)
	}
	return out
}
