package cli

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// saved is the profiles of a desk, and how many secrets it keeps.
func (d *desk) saved() []*profile.Profile {
	d.Helper()
	list, err := d.around.store.List()
	if err != nil {
		d.Fatal(err)
	}
	var out []*profile.Profile
	for _, e := range list {
		out = append(out, e.Profile)
	}
	return out
}

func TestProfilesAdd(t *testing.T) {
	d := newDesk(t)
	someone := &person{answers: []string{"https://x", "vpn.example.com ", "", "alice", "correct horse", "the key"}}
	d.around.terminal = someone
	d.expect(0, "“vpn.example.com” is saved: culvert up vpn.example.com connects.\n", "  \"https://x\" is no gateway; allowed: ", "profiles", "add")
	want := []string{"Server (name or address): ", "Server (name or address): ", "User: ", "User: ", "[Password (empty: ask each time): ]", "[Pre-shared key (empty: ask each time): ]"}
	if !slices.Equal(someone.asked, want) {
		t.Errorf("asked %q, want %q", someone.asked, want)
	}
	p := d.saved()[0]
	if p.Servers[0] != "vpn.example.com" || p.User != "alice" || p.AskPassword ||
		!maps.Equal(d.keys.values, map[string]string{p.ID + "/psk": "the key", p.ID + "/password": "correct horse"}) {
		t.Errorf("saved %+v with %v", p, d.keys.values)
	}
	text, err := os.ReadFile(filepath.Join(d.folders.User, "vpn.example.com.toml"))
	if err != nil || strings.Contains(string(text), "horse") || strings.Contains(string(text), "the key") {
		t.Errorf("the file: %v\n%s", err, text)
	}

	// The same once more, without a password.
	someone.answers = []string{"vpn.example.com", "bob", "", "the key"}
	d.expect(0, "“vpn.example.com 2” is saved: culvert up 'vpn.example.com 2' connects.\n", "", "profiles", "add")
	if p := d.saved()[1]; !p.AskPassword || d.keys.values[p.ID+"/psk"] != "the key" || len(d.keys.values) != 3 {
		t.Errorf("saved %+v with %v", p, d.keys.values)
	}

	// Half-way is nothing.
	someone.answers = []string{"vpn.example.com", "carol", "a password"}
	d.expect(2, "", "culvert profiles add: nothing was saved: EOF\n", "profiles", "add")
	if n := len(d.saved()); n != 2 || len(d.keys.values) != 3 {
		t.Errorf("%d profiles, secrets %v", n, d.keys.values)
	}
	someone.answers, someone.asked = nil, nil
	d.expect(2, "", `another profile called "vpn.example.com" already`, "profiles", "add", "--server", "x", "--user", "y", "--name", "vpn.example.com")
	if len(someone.asked) > 0 {
		t.Errorf("asked %q although it cannot be", someone.asked)
	}
}

func TestProfilesAddByFlags(t *testing.T) {
	d := newDesk(t)
	secrets := write(t, "s.toml", "psk = \"the key\"\npassword = \"correct horse\"\n", 0o600)
	d.expect(0, "“Office” is saved", "", "profiles", "add", "--server", "vpn.example.com", "--user", "alice", "--name", "Office", "--preset", "meraki", "--secrets", secrets)
	p := d.saved()[0]
	if p.Name != "Office" || p.Preset != "meraki" || p.AskPassword || len(d.keys.values) != 2 {
		t.Errorf("saved %+v with %v", p, d.keys.values)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "give --server and --user, or run it at a terminal"},
		{[]string{"--server", "x"}, "give --server and --user"},
		{[]string{"--server", "x y", "--user", "u"}, `"x y" is no gateway`},
		{[]string{"--server", "x", "--user", "u", "--preset", "netgear"}, `"netgear" is not known; allowed: auto`},
		{[]string{"--server", "x", "--user", "u", "--secrets", secrets + "x"}, "nothing was saved: " + secrets + "x: no such file"},
		{[]string{"--server", "x", "--user", "u", "--name", "office"}, `called "office" already`},
	} {
		d.expect(2, "", c.want, append([]string{"profiles", "add"}, c.args...)...)
	}
	if len(d.saved()) != 1 || len(d.keys.values) != 2 {
		t.Error("something is half-made")
	}

	// No keychain: said, and asked for each time.
	d.keys.err = errLocked
	d.expect(0, "“Home” is saved", noKeychain, "profiles", "add", "--server", "x", "--user", "u", "--name", "Home", "--secrets", secrets)
	if e, err := d.around.store.Find("Home"); err != nil || !e.Profile.AskPassword {
		t.Errorf("saved %+v, %v", e.Profile, err)
	}
	d.keys.err = keyring.ErrTooLong
	d.expect(2, "", "nothing was saved: pre-shared key: keyring: more than 2560 octets", "profiles", "add", "--server", "x", "--user", "u", "--name", "Long", "--secrets", secrets)
	d.keys.err = nil
	if len(d.saved()) != 2 {
		t.Errorf("%d profiles, want 2", len(d.saved()))
	}

	// No place for the profile: no secrets stay.
	if err := os.RemoveAll(d.folders.User); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.folders.User, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(d.keys.values)
	if status, stdout, _ := d.run("profiles", "add", "--server", "x", "--user", "u", "--secrets", secrets); status != 1 || stdout != "" || len(d.keys.values) != before {
		t.Errorf("status %d, %q, secrets %v", status, stdout, d.keys.values)
	}
}

func TestProfilesList(t *testing.T) {
	d := newDesk(t)
	d.expect(0, "", "There is no profile yet: culvert profiles add makes one.\n", "profiles", "list")
	p := d.profile("Office", "domain = \"CORP\"\n")
	if err := os.WriteFile(filepath.Join(d.folders.User, "broken.toml"), []byte("user = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(d.folders.Machine, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.folders.Machine, "all.toml"), []byte("id = \"00000000-0000-4000-8000-000000000001\"\nname = \"All\"\nservers = [\"a\", \"b\"]\nuser = \"x\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := d.run("profiles", "list")
	want := "NAME    SERVER            USER        ID\nbroken  (cannot be used)              \nOffice  gw.example        CORP\\alice  " + p.ID[:8] + "\nAll     a, b              x           00000000  (the machine's)\n"
	if stdout != want || !strings.Contains(stderr, "broken.toml:1: user: must be a string, not an integer") {
		t.Errorf("list\n%s%s\nwant\n%s", stdout, stderr, want)
	}
	_, stdout, _ = d.run("profiles", "list", "--json")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); len(lines) != 3 || !strings.Contains(lines[0], `"faults":["`) ||
		!strings.HasPrefix(lines[1], `{"id":"`+p.ID+`","name":"Office","servers":["gw.example"],"user":"CORP\\alice","path":"`) || !strings.HasSuffix(lines[2], `"read_only":true}`) {
		t.Errorf("list --json\n%s", stdout)
	}
	d.expect(0, "name = 'Office'\n", "", "profiles", "show", "off")
	for _, verb := range []string{"edit", "remove"} {
		d.expect(2, "", "all.toml belongs to the machine, and only its administrator changes it\n", "profiles", verb, "All")
		d.expect(2, "", "is none of the saved profiles", "profiles", verb, write(t, "x.toml", "servers = [\"a\"]\nuser = \"u\"\n", 0o644))
		d.expect(2, "", `there is no profile "none"`, "profiles", verb, "none")
	}
}

func TestProfilesRemove(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	someone := &person{answers: []string{""}}
	d.around.terminal = someone
	d.expect(2, "", "It stays.\n", "profiles", "remove", "Office")
	if len(d.saved()) != 1 || someone.asked[0] != "Remove “Office” and its secrets? [y/N] " {
		t.Errorf("asked %q, and there are %d", someone.asked, len(d.saved()))
	}
	someone.answers = []string{"perhaps", "y"}
	d.expect(0, "“Office” is removed.\n", "", "profiles", "remove", "Office")
	if len(d.saved()) != 0 || len(d.keys.values) != 0 {
		t.Errorf("there are %d, with %v", len(d.saved()), d.keys.values)
	}
	d.profile("Home", "")
	d.keys.err = errLocked
	d.expect(0, "“Home” is removed.\n", "No keychain can be reached here: what it may have of the profile stays there.\n", "profiles", "remove", "--yes", "Home")
	if err := os.WriteFile(filepath.Join(d.folders.User, "broken.toml"), []byte("user = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.expect(0, "“broken” is removed.\n", "", "profiles", "remove", "broken", "--yes")
}

func TestProfilesSecrets(t *testing.T) {
	d := newDesk(t)
	p := d.profile("Office", "ask_password = true\n[l2tp]\ntunnel_auth = true\n")
	delete(d.keys.values, p.ID+"/password")
	someone := &person{answers: []string{"", "new password", "new secret"}}
	d.around.terminal = someone
	d.expect(0, "Password: kept in the keychain.\nTunnel secret: kept in the keychain.\nIt is not asked for any more: ask_password is off now.\n", "", "profiles", "secrets", "Office")
	want := []string{"[Pre-shared key (kept; Enter leaves it so): ]", "[Password (not kept; Enter leaves it so): ]", "[Tunnel secret (not kept; Enter leaves it so): ]"}
	if !slices.Equal(someone.asked, want) || d.saved()[0].AskPassword ||
		!maps.Equal(d.keys.values, map[string]string{p.ID + "/psk": "the key", p.ID + "/password": "new password", p.ID + "/tunnel_secret": "new secret"}) {
		t.Errorf("asked %q, keeps %v", someone.asked, d.keys.values)
	}
	someone.answers = []string{"", "", ""}
	d.expect(0, "Nothing was changed.\n", "", "profiles", "secrets", "Office")
	someone.answers = []string{"half-way"}
	d.expect(2, "", "nothing was changed: EOF\n", "profiles", "secrets", "Office")
	if d.keys.values[p.ID+"/psk"] != "the key" {
		t.Errorf("keeps %v", d.keys.values)
	}
	d.expect(0, "Pre-shared key: kept in the keychain.\n", "", "profiles", "secrets", "Office", "--secrets", write(t, "s.toml", "psk = \"another\"\n", 0o600))
	d.expect(2, "", "give --secrets or --remove, not both", "profiles", "secrets", "Office", "--secrets", "-", "--remove")
	d.expect(0, "The keychain has no secrets of “Office” any more.\n", "", "profiles", "secrets", "Office", "--remove")
	if len(d.keys.values) != 0 {
		t.Errorf("keeps %v", d.keys.values)
	}
	d.keys.err = errLocked
	for _, args := range [][]string{{}, {"--remove"}, {"--secrets", write(t, "s.toml", "psk = \"x\"\n", 0o600)}} {
		if status, _, stderr := d.run(append([]string{"profiles", "secrets", "Office"}, args...)...); status == 0 || !strings.Contains(stderr, "keychain") && !strings.Contains(stderr, "secret store") {
			t.Errorf("%q without a keychain: %d %s", args, status, stderr)
		}
	}
	d.around.terminal = nil
	d.expect(2, "", "give --secrets or --remove, or run it at a terminal", "profiles", "secrets", "Office")
}

func TestProfilesEdit(t *testing.T) {
	d := newDesk(t)
	d.profile("Office", "")
	path := filepath.Join(d.folders.User, "office.toml")
	original, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edits := []string{}
	d.around.editor = func(_ context.Context, file string) error {
		if filepath.Base(file) != "office.toml" || file == path {
			t.Errorf("the editor gets %s", file)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the copy: %v, %v", info, err)
		}
		if len(edits) == 0 {
			return errors.New("it crashed")
		}
		text := edits[0]
		edits = edits[1:]
		return os.WriteFile(file, []byte(text), 0o600)
	}
	someone := &person{}
	d.around.terminal = someone
	good := "# mine\n" + string(original) + "[ppp]\nmru = 1280\n"
	bad := string(original) + "[ppp]\nmru = 7\nfast = true\n"

	edits = []string{string(original)}
	d.expect(0, "Nothing was changed.\n", "", "profiles", "edit", "Office")
	edits, someone.answers = []string{bad, good}, []string{""}
	all := d.expect(0, "“Office” is saved.\n", "office.toml:7: ppp.mru: 7 is out of range; allowed: 0, or 576 to 1500\n", "profiles", "edit", "Office")
	if text, _ := os.ReadFile(path); string(text) != good || !strings.Contains(all, "office.toml:8: ppp.fast: unknown key") || len(someone.asked) != 1 {
		t.Errorf("asked %q, said %s, and the file is\n%s", someone.asked, all, text)
	}
	edits, someone.answers = []string{bad}, []string{"n"}
	d.expect(2, "", "The profile stays as it is.\n", "profiles", "edit", "Office")
	d.expect(1, "", "culvert profiles edit: it crashed; the profile stays as it is\n", "profiles", "edit", "Office")
	d.around.terminal, edits = nil, []string{bad}
	d.expect(2, "", "ppp.mru: 7 is out of range", "profiles", "edit", "Office")
	if text, _ := os.ReadFile(path); string(text) != good {
		t.Errorf("the file is\n%s", text)
	}

	// One that is broken already is what editing is for.
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	edits = []string{good}
	d.expect(0, "“Office” is saved.\n", "", "profiles", "edit", "Office")
}
