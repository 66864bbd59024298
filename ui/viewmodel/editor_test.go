package viewmodel

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

func edit(t *testing.T, c EditorConfig) *Editor {
	t.Helper()
	e, err := NewEditor(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fieldOf(t *testing.T, f Form, key string) Field {
	t.Helper()
	for _, s := range f.Sections {
		for _, x := range s.Fields {
			if x.Key == key {
				return x
			}
		}
	}
	t.Fatalf("the form has no field %s", key)
	return Field{}
}

func sectionOf(f Form, key string) Section {
	for _, s := range f.Sections {
		if s.Key == key {
			return s
		}
	}
	return Section{}
}

// Every key that a profile file may hold is a field, and each of its sections is a
// part of the editor.
func TestEveryKeyIsAField(t *testing.T) {
	all, err := flatten(profile.Default())
	if err != nil {
		t.Fatal(err)
	}
	for key := range all {
		s := specOf(key)
		switch {
		case key == "version" || key == "id":
		case s == nil:
			t.Errorf("the editor lacks %s", key)
		case !slices.Contains(sections, s.section):
			t.Errorf("%s is in the section %q, which is none", key, s.section)
		}
	}
	for _, s := range fieldSpecs {
		if _, ok := all[s.key]; !ok && s.kind != SecretField {
			t.Errorf("%s is no key of a profile", s.key)
		}
		if s.kind == ChoiceField && s.key != "preset" && !slices.Contains(s.choices, all[s.key]) {
			t.Errorf("%s: what is automatic, %q, is no choice", s.key, all[s.key])
		}
		if (s.kind == ListField || s.kind == TextField) && s.sample == "" {
			t.Errorf("%s has nothing to show how it looks", s.key)
		}
	}
}

// What the editor writes is the profile that it read, whatever that holds.
func TestRoundTrip(t *testing.T) {
	rich := `version = 1
id = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"
name = "Büro \"Nord\""
preset = "mikrotik"
servers = ["vpn.example.com", "192.0.2.7"]
user = "ali ce"
domain = "COMPANY"
[ipsec]
remote_id = "gw.example.com"
phase1 = ["aes256-sha256-modp2048", "3des-sha1-modp1024"]
pfs = "modp2048"
dpd_interval = "0"
source_ports = "standard"
phase1_lifetime = "4h30m"
[l2tp]
source_port = 1701
data_sequencing = true
[ppp]
auth = ["mschapv2", "pap"]
mru = 1280
address = "10.99.0.10"
[routing]
mode = "split"
include = ["10.0.0.0/8", "192.168.7.0/24"]
ipv6 = "block"
`
	p, err := profile.Parse("rich", []byte(rich))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*profile.Profile{p, office()} {
		e := edit(t, EditorConfig{Profile: want, Keychain: true})
		got, fault := e.Save()
		if got == nil || !reflect.DeepEqual(got, want) || e.Dirty() {
			t.Errorf("saved %+v, fault %q, dirty %t\nwant %+v", got, fault, e.Dirty(), want)
		}
	}
}

// A new profile takes four fields.
func TestFourFields(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Keychain: true})
	f := w.Form(e)
	first := f.Sections[0]
	var keys []string
	for _, x := range first.Fields {
		keys = append(keys, x.Key)
		if x.Fault != "" {
			t.Errorf("%s has a fault before anybody typed: %s", x.Key, x.Fault)
		}
	}
	if want := []string{FieldServer, "user", FieldPassword, "ask_password", FieldPSK, "preset"}; !slices.Equal(keys, want) || !first.Always || f.Title != "New profile" {
		t.Errorf("first are %q, want %q", keys, want)
	}
	for _, s := range f.Sections[1:] {
		want := "Automatic"
		if s.Key == "name" {
			want = "Named after the server"
		}
		if s.Open || s.Summary != want || s.Back != "" {
			t.Errorf("section %s: open %t, %q, %q", s.Key, s.Open, s.Summary, s.Back)
		}
	}
	if p, fault := e.Save(); p != nil || fault != FieldServer {
		t.Errorf("an empty profile is saved: %v, %q", p, fault)
	}
	f = w.Form(e)
	if f.Problems != "2 fields need a look: Server first" || f.ProblemKey != FieldServer || f.CanSave || f.CanConnect {
		t.Errorf("after trying: %q, %q", f.Problems, f.ProblemKey)
	}
	e.Set(noon, FieldServer, " vpn.example.com ")
	e.Set(noon, "user", "alice")
	if p, _ := e.Save(); p == nil || p.Name != "vpn.example.com" || p.Servers[0] != "vpn.example.com" {
		t.Errorf("saved %+v", p)
	}
	if p, fault := e.Connectable(); p != nil || fault != FieldPassword {
		t.Errorf("connects without a password: %v, %q", p, fault)
	}
	if f = w.Form(e); f.Problems != "2 fields need a look: Password first" || fieldOf(t, f, FieldPSK).Fault != "Culvert needs this to connect." {
		t.Errorf("secrets: %q", f.Problems)
	}
	e.SetSecret(noon, FieldPassword, []byte("invented"))
	e.SetSecret(noon, FieldPSK, []byte("also invented"))
	if p, fault := e.Connectable(); p == nil || fault != "" || !e.Dirty() {
		t.Errorf("does not connect: %q", fault)
	}
	s := e.Secrets()
	if string(s.Password) != "invented" || string(s.PSK) != "also invented" {
		t.Error("the secrets are other ones")
	}
	if e.Close(); string(s.Password) == "invented" || strings.Trim(string(s.PSK), "\x00") != "" {
		t.Error("the secrets are still there")
	}
}

// A fault is told when typing stops or the field is left, and is gone at the key
// that mends it.
func TestFaultTiming(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Profile: office(), Keychain: true, Kept: []string{FieldPSK, FieldPassword}})
	fault := func() string { return fieldOf(t, w.Form(e), FieldServer).Fault }
	e.Set(noon, FieldServer, "vpn.example,com")
	if next := e.Advance(noon.Add(599 * time.Millisecond)); fault() != "" || !next.Equal(noon.Add(typingTime)) {
		t.Errorf("while typing: %q, next %v", fault(), next)
	}
	if next := e.Advance(noon.Add(600 * time.Millisecond)); fault() != "A server name has no comma. Use a dot." || !next.IsZero() {
		t.Errorf("after typing: %q", fault())
	}
	if f := w.Form(e); f.Problems != "1 field needs a look: Server" || f.CanConnect {
		t.Errorf("footer %q", f.Problems)
	}
	e.Set(noon.Add(time.Second), FieldServer, "vpn.example,c")
	if fault() == "" {
		t.Error("gone although it is still wrong")
	}
	e.Set(noon.Add(time.Second), FieldServer, "vpn.example.c")
	if fault() != "" {
		t.Errorf("still there: %q", fault())
	}
	e.Set(noon.Add(2*time.Second), FieldServer, "a b")
	if e.Leave(FieldServer); fault() != "A server name has no blanks." {
		t.Errorf("on leaving: %q", fault())
	}
}

// The words for what app/profile refuses.
func TestFaultWords(t *testing.T) {
	w := english(t)
	for _, c := range []struct {
		set  []string
		key  string
		want string
	}{
		{[]string{FieldServer, ""}, FieldServer, "Culvert needs the name or address of the server."},
		{[]string{FieldServer, "https://vpn.example.com"}, FieldServer, "A server name has no slash. Use only the part like vpn.example.com."},
		{[]string{FieldServer, "vpn.example.com:500"}, FieldServer, "A server name has no port. Leave out the colon and the number."},
		{[]string{FieldServer, "-x-"}, FieldServer, "This is no server name. One looks like vpn.example.com or 203.0.113.7."},
		{[]string{FieldMoreServers, "b.example.com, -x-"}, FieldMoreServers, "This does not fit. It looks like vpn2.example.com."},
		{[]string{"user", ""}, "user", "Culvert needs the user name."},
		{[]string{"user", strings.Repeat("x", 300)}, "user", "This is too long, or has a character that cannot be used here."},
		{[]string{"ppp.mru", "big"}, "ppp.mru", "A whole number belongs here, such as 1280."},
		{[]string{"ppp.mru", "100"}, "ppp.mru", "This is too small or too large. 1280 fits."},
		{[]string{"ppp.auth_timeout", "soon"}, "ppp.auth_timeout", "A time belongs here, such as 90s."},
		{[]string{"ppp.auth_timeout", "99h"}, "ppp.auth_timeout", "This is too small or too large. 90s fits."},
		{[]string{"dns.mode", "manual"}, "dns.servers", "At least one is needed here, such as 10.99.0.1."},
		{[]string{"routing.mode", "split", "routing.include", "10.0.0.1/8"}, "routing.include", "This does not fit. It looks like 10.0.0.0/8."},
		{[]string{"ipsec.phase1", "aes"}, "ipsec.phase1", "This does not fit. It looks like aes256-sha256-modp2048."},
		{[]string{"ipsec.remote_id", "@"}, "ipsec.remote_id", "This does not fit. It looks like gw.example.com."},
	} {
		e := edit(t, EditorConfig{Profile: office(), Keychain: true})
		for i := 0; i < len(c.set); i += 2 {
			e.Set(noon, c.set[i], c.set[i+1])
		}
		p, _ := e.Save()
		f := w.Form(e)
		if got := fieldOf(t, f, c.key); p != nil || got.Fault != c.want {
			t.Errorf("%q: %q, want %q", c.set, got.Fault, c.want)
		}
		s := sectionOf(f, specOf(c.key).section)
		if !s.Open {
			t.Errorf("%q: the section stays folded", c.set)
		}
		told := 0
		for _, s := range f.Sections {
			for _, x := range s.Fields {
				if x.Fault != "" {
					told++
				}
			}
		}
		if told != 1 {
			t.Errorf("%q: %d faults, want one", c.set, told)
		}
	}
}

// A sample and every choice that is offered is right for app/profile.
func TestWhatIsOfferedIsRight(t *testing.T) {
	e := edit(t, EditorConfig{Profile: office(), Keychain: true})
	for i := range fieldSpecs {
		s := &fieldSpecs[i]
		for value, can := range e.available[s.key] {
			if !can {
				continue
			}
			v := maps.Clone(e.was)
			maps.Copy(v, s.needs)
			v[s.key] = value
			if _, bad := v.check(e.id, e.plain); bad[s.key] {
				t.Errorf("%s = %q is offered, and a fault", s.key, value)
			}
		}
	}
}

// What this version cannot do is shown, and not to be had.
func TestLater(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Profile: office(), Keychain: true})
	f := w.Form(e)
	for _, s := range f.Sections {
		for _, x := range s.Fields {
			for _, c := range x.Choices {
				if c.Text == "" || c.Later == e.available[x.Key][c.Value] {
					t.Errorf("%s: choice %+v", x.Key, c)
				}
			}
			if x.Label == "" || !x.Enabled && x.Help == "" {
				t.Errorf("field %+v", x)
			}
		}
	}
	if pfs := fieldOf(t, f, "ipsec.pfs"); pfs.Choices[0] != (Choice{"auto", "Automatic", false}) || pfs.Choices[4].Text != "2048-bit key" || pfs.Choices[7].Text != "256-bit curve" {
		t.Errorf("forward secrecy: %+v", pfs.Choices)
	}
	if makes := fieldOf(t, f, "preset").Choices; makes[0].Text != "Find out by itself" || len(makes) != len(profile.PresetNames()) {
		t.Errorf("makes: %+v", makes)
	}
}

func TestSummaries(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Profile: office(), Keychain: true})
	e.Set(noon, "l2tp.data_sequencing", "true")
	if s := sectionOf(w.Form(e), "l2tp"); s.Summary != "1 changed: Number the packets: on" || s.Back != "Back to automatic" {
		t.Errorf("one: %+v", s)
	}
	e.Set(noon, "l2tp.source_port", "1701")
	if s := sectionOf(w.Form(e), "l2tp"); s.Summary != "2 changed: Source port and more" {
		t.Errorf("two: %q", s.Summary)
	}
	e.Set(noon, "l2tp.source_port", "x")
	e.Save()
	e.Reset("l2tp")
	if s := sectionOf(w.Form(e), "l2tp"); s.Summary != "Automatic" || e.Dirty() || s.Open {
		t.Errorf("back: %+v, dirty %t", s, e.Dirty())
	}
	e.Unfold("l2tp", true)
	if s := sectionOf(w.Form(e), "l2tp"); !s.Open {
		t.Error("it does not unfold")
	}
}

// What means nothing beside the others is neither shown nor saved, and comes back.
func TestNeeds(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Profile: office(), Keychain: true})
	e.Set(noon, "routing.exclude", "192.0.2.0/24")
	e.Set(noon, "routing.mode", "split")
	e.Set(noon, "routing.include", "10.0.0.0/8, 192.168.0.0/16\n172.16.0.0/12")
	p, fault := e.Save()
	if p == nil || len(p.Routing.Exclude) != 0 || len(p.Routing.Include) != 3 {
		t.Fatalf("split: %+v, %q", p, fault)
	}
	e.Set(noon, "routing.mode", "full")
	if p, _ = e.Save(); p == nil || !slices.Equal(p.Routing.Exclude, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}) || len(p.Routing.Include) != 0 {
		t.Errorf("full again: %+v", p)
	}
	for _, x := range sectionOf(w.Form(e), "routing").Fields {
		if x.Key == "routing.include" {
			t.Error("networks are shown although all goes through the VPN")
		}
	}
	e.Set(noon, "ipsec.enabled", "false")
	if n := len(sectionOf(w.Form(e), "ipsec").Fields); n != 1 {
		t.Errorf("without encryption there are %d fields", n)
	}
	for _, x := range w.Form(e).Sections[0].Fields {
		if x.Key == FieldPSK {
			t.Error("a pre-shared key without encryption")
		}
	}
}

func TestSecretStates(t *testing.T) {
	w := english(t)
	state := func(c EditorConfig, set ...string) Field {
		c.Profile = office()
		e := edit(t, c)
		for i := 0; i < len(set); i += 2 {
			e.Set(noon, set[i], set[i+1])
		}
		return fieldOf(t, w.Form(e), FieldPassword)
	}
	for _, c := range []struct {
		got  Field
		want SecretState
		help string
		hint string
	}{
		{state(EditorConfig{Keychain: true}), SecretNone, "Kept in this computer's keychain.", ""},
		{state(EditorConfig{Keychain: true, Kept: []string{FieldPassword}}), SecretKept, "Kept in this computer's keychain.", "Unchanged"},
		{state(EditorConfig{}), SecretUnkept, "There is no keychain here. Culvert asks each time.", ""},
		{state(EditorConfig{Keychain: true}, "ask_password", "true"), SecretAsked, "Culvert asks each time.", ""},
	} {
		if c.got.Secret != c.want || c.got.Help != c.help || c.got.Hint != c.hint || c.got.Value != "" {
			t.Errorf("%+v, want state %d", c.got, c.want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	w := english(t)
	e := edit(t, EditorConfig{Profile: office(), ReadOnly: true, Keychain: true})
	e.Set(noon, FieldServer, "x")
	e.Reset("always")
	f := w.Form(e)
	if e.Dirty() || f.CanSave || f.ReadOnly == "" || f.Title != "Office" {
		t.Errorf("dirty %t, form %+v", e.Dirty(), f)
	}
	for _, s := range f.Sections {
		for _, x := range s.Fields {
			if x.Enabled && x.Kind != SecretField {
				t.Errorf("%s can be changed", x.Key)
			}
		}
	}
}

func TestSharing(t *testing.T) {
	w := english(t)
	p := office()
	s, err := w.Sharing(p)
	if err != nil || !s.Code || s.Heading != "Share Office" || s.Note != "Passwords and keys are not in it." || s.FileName != "Office.culvert.toml" {
		t.Fatalf("Sharing = %+v, %v", s, err)
	}
	got, err := profile.Parse("shared", []byte(s.Text))
	if err != nil || got.ID == p.ID || got.User != "alice" {
		t.Errorf("shared %+v, %v", got, err)
	}
	if p.ID == "" {
		t.Error("the profile lost its id")
	}
	for name, want := range map[string]string{"a/b: c?": "a-b- c-.culvert.toml", " .. ": "profile.culvert.toml", "Büro": "Büro.culvert.toml"} {
		if got := fileName(name); got != want {
			t.Errorf("fileName(%q) = %q, want %q", name, got, want)
		}
	}
	for range 300 {
		p.Routing.Include = append(p.Routing.Include, netip.MustParsePrefix("192.168.100.0/24"))
	}
	if s, _ = w.Sharing(p); s.Code || s.TooLong == "" {
		t.Errorf("too long: %+v", s.Code)
	}
}

// Two editors know nothing of each other, nor does the profile they came from.
func TestEditorsAreApart(t *testing.T) {
	p := office()
	a, b := edit(t, EditorConfig{Profile: p, Keychain: true}), edit(t, EditorConfig{Profile: p, Keychain: true})
	a.Set(noon, "name", "Other")
	if b.Dirty() || p.Name != "Office" || maps.Equal(a.is, b.is) {
		t.Error("a change of one is a change of the other")
	}
}

// Pasted settings replace what is there, but for the name of a profile that is
// saved; what was imported is worth keeping before anybody types.
func TestPaste(t *testing.T) {
	p := office()
	p.Name, p.Servers = "Pasted", []string{"other.example.com"}
	e := edit(t, EditorConfig{Profile: office(), Keychain: true})
	if err := e.Paste(p); err != nil || !e.Dirty() {
		t.Fatalf("Paste: %v, dirty %t", err, e.Dirty())
	}
	if got, _ := e.Save(); got == nil || got.Name != "Office" || got.Servers[0] != "other.example.com" || got.ID != office().ID {
		t.Errorf("saved %+v", got)
	}
	if e = edit(t, EditorConfig{Profile: p, New: true, Keychain: true}); !e.Dirty() {
		t.Error("an imported profile is nothing to keep")
	}
	if e = edit(t, EditorConfig{Profile: office(), ReadOnly: true}); e.Paste(p) != nil || e.Dirty() {
		t.Error("pasted into what belongs to the machine")
	}
}
