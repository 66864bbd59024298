package profile

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/suite"
)

func TestNew(t *testing.T) {
	p, err := New("  vpn.example.com \n", " alice ")
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "vpn.example.com" || p.User != "alice" || !uuid.MatchString(p.ID) || p.Preset != "auto" {
		t.Errorf("New = %+v", p)
	}
	for _, c := range []struct {
		server, user string
		keys         string
	}{
		{"", "", "servers user"}, {"vpn.example.com", " ", "user"}, {"https://vpn.example.com/", "alice", "servers"}, {"a", "a\x00b", "user"},
	} {
		_, err := New(c.server, c.user)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("New(%q, %q) = %v, want its faults", c.server, c.user, err)
			continue
		}
		var keys []string
		for _, f := range e.Faults {
			if !slices.Contains(keys, f.Key) {
				keys = append(keys, f.Key)
			}
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != c.keys {
			t.Errorf("New(%q, %q) has faults in %s, want %s", c.server, c.user, got, c.keys)
		}
	}
}

func TestText(t *testing.T) {
	p, err := New("vpn.example.com", "alice")
	if err != nil {
		t.Fatal(err)
	}
	p.ID, p.Name = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b", `O'Brien "x"`
	p.PPP.MRU = 1280
	p.IPsec.PFS = PFS{Group: suite.MODP2048}
	p.IPsec.DPDInterval = 0
	got, err := p.Text()
	if err != nil {
		t.Fatal(err)
	}
	want := `version = 1
id = '6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b'
name = "O'Brien \"x\""
servers = ['vpn.example.com']
user = 'alice'

[ipsec]
pfs = 'modp2048'
dpd_interval = '0'

[ppp]
mru = 1280
`
	if string(got) != want {
		t.Errorf("Text = %s\nwant %s", got, want)
	}
}

func TestTextReadsBack(t *testing.T) {
	for _, text := range []string{minimal, full} {
		want, err := Parse("a", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out, err := want.Text()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse("b", out)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Parse(Text) = %+v, %v, want %+v from\n%s", got, err, want, out)
		}
	}
}

// Every key is in lines, once, and in the order of the schema: a new one cannot
// be forgotten.
func TestLinesAreTheSchema(t *testing.T) {
	lines, err := Default().lines()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, l := range lines {
		got = append(got, l.dotted())
	}
	for _, f := range Default().fields() {
		want = append(want, f.key)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("lines has\n%v\nwant\n%v", got, want)
	}
}

const withID = "id = \"6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b\"\n"

// What a person wrote by hand stays as it is, but for what changed.
func TestEdit(t *testing.T) {
	for _, c := range []struct {
		name   string
		text   string
		change func(p *Profile)
		want   string
	}{
		{"nothing", "# mine\n" + withID + minimal, func(*Profile) {}, "# mine\n" + withID + minimal},
		{"a value, its comments stay", "# mine\n" + withID + "servers = [ # both\n  \"a.example.com\",\n]\n\nuser   =   \"alice\"   # me\n", func(p *Profile) { p.User = "bob" },
			"# mine\n" + withID + "servers = [ # both\n  \"a.example.com\",\n]\n\nuser   =   'bob'   # me\n"},
		{"a list over several lines", withID + "servers = [ # both\n  \"a.example.com\",\n] # end\nuser = 'u'\n", func(p *Profile) { p.Servers = []string{"b.example.com"} },
			withID + "servers = ['b.example.com'] # end\nuser = 'u'\nname = 'a.example.com'\n"},
		{"an id that was made up", minimal + "[ppp] # link\n", func(p *Profile) { p.ID = "00000000-0000-4000-8000-000000000001" },
			minimal + "id = '00000000-0000-4000-8000-000000000001'\n[ppp] # link\n"},
		{"a key of a table", withID + minimal + "[ppp]\n# largest\nmru = 1400 # small\n\n[l2tp]\n", func(p *Profile) { p.PPP.EchoFailures = 9 },
			withID + minimal + "[ppp]\n# largest\nmru = 1400 # small\necho_failures = 9\n\n[l2tp]\n"},
		{"a key of an empty table", withID + minimal + "[ppp] # link\n[l2tp]\n", func(p *Profile) { p.PPP.MRU = 1280 },
			withID + minimal + "[ppp] # link\nmru = 1280\n[l2tp]\n"},
		{"two keys of a table that is not there", withID + minimal, func(p *Profile) { p.PPP.MRU, p.PPP.EchoFailures = 1280, 9 },
			withID + minimal + "\n[ppp]\nmru = 1280\necho_failures = 9\n"},
		{"a key of an inline table", withID + minimal + "ppp = { mru = 1400 } # link\n", func(p *Profile) { p.PPP.MRU, p.PPP.EchoFailures = 1280, 9 },
			withID + minimal + "ppp = { mru = 1280, echo_failures = 9 } # link\n"},
		{"two keys of an inline table without any", withID + minimal + "ppp = {}\n", func(p *Profile) { p.PPP.MRU, p.PPP.EchoFailures = 1280, 9 },
			withID + minimal + "ppp = { mru = 1280 , echo_failures = 9}\n"},
		{"a dotted key", withID + minimal + "ppp.mru = 1400\n[l2tp]\n", func(p *Profile) { p.PPP.MRU, p.PPP.EchoFailures = 1280, 9 },
			withID + minimal + "ppp.mru = 1280\nppp.echo_failures = 9\n[l2tp]\n"},
		{"back to the default", withID + minimal + "[ppp]\nmru = 1400\n", func(p *Profile) { p.PPP.MRU = 0 }, withID + minimal + "[ppp]\nmru = 0\n"},
		{"back to a default that does nothing yet", withID + minimal + "[ppp] # link\nmppe = \"off\" # for now\n# end\n", func(p *Profile) { p.PPP.MPPE = Default().PPP.MPPE },
			withID + minimal + "[ppp] # link\n# end\n"},
		{"no end of line", withID + strings.TrimSuffix(minimal, "\n"), func(p *Profile) { p.Domain = "CORP" }, withID + minimal + "domain = 'CORP'\n"},
		{"Windows ends of lines", strings.ReplaceAll(withID+minimal+"[ppp]\n", "\n", "\r\n"), func(p *Profile) { p.Domain, p.PPP.MRU, p.IPsec.RemoteID = "CORP", 1280, "x" },
			strings.ReplaceAll(withID+minimal+"domain = 'CORP'\n[ppp]\nmru = 1280\n\n[ipsec]\nremote_id = 'x'\n", "\n", "\r\n")},
		{"quoted keys", withID + minimal + "[\"ppp\"]\n\"mru\"=1400\n", func(p *Profile) { p.PPP.MRU = 1280 }, withID + minimal + "[\"ppp\"]\n\"mru\"=1280\n"},
		{"a string with a sign in it", withID + minimal + "name = \"a # = b\" # c\n", func(p *Profile) { p.Name = "x = # 'y'" }, withID + minimal + "name = \"x = # 'y'\" # c\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Parse("f", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			c.change(p)
			got, ok := edit([]byte(c.text), p)
			if !ok || string(got) != c.want {
				t.Errorf("edit = %t\n%s\nwant\n%s", ok, got, c.want)
			}
		})
	}
}

// Where an edit cannot be made by the key it says so, rather than something else.
func TestEditGivesUp(t *testing.T) {
	text := withID + minimal + "ppp = { mppe = \"off\" }\n"
	p, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.PPP.MPPE = Default().PPP.MPPE
	if got, ok := edit([]byte(text), p); ok && p.notYet()["ppp.mppe"] {
		t.Errorf("edit = %s", got)
	}
	p.Name = "a\nb" // no name
	if got, ok := edit([]byte(text), p); ok {
		t.Errorf("edit of what no file can say = %s", got)
	}
	if got, ok := edit([]byte("user = "), p); ok {
		t.Errorf("edit of no TOML = %s", got)
	}
}

// Any two profiles: the text of the one is edited into the other, or rewritten,
// and reads as that in any case.
func FuzzEdit(f *testing.F) {
	for _, a := range []string{minimal, full, minimal + "ppp = { mru = 1400 }\n", minimal + "ppp.mru = 1400\n# end"} {
		for _, b := range []string{minimal, full, minimal + "[ppp]\nmru = 1280\n"} {
			f.Add([]byte(a), []byte(b))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if _, err := Parse("a", a); err != nil {
			return
		}
		want, err := Parse("b", b)
		if err != nil {
			return
		}
		text, ok := edit(a, want)
		if !ok {
			if text, err = want.Text(); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := Parse("c", text); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("edit(%q, %q) = %q, which reads as %+v, %v", a, b, text, got, err)
		}
	})
}

// Every key of the schema, alone: to a file without it, and back.
func TestEditEveryKey(t *testing.T) {
	base, err := Parse("a", []byte("# mine\n"+withID+minimal+"# end\n"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Parse("b", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	whole.Routing, whole.Reconnect = base.Routing, base.Reconnect // they hang together
	text := []byte("# mine\n" + withID + minimal + "# end\n")
	there, ok := edit(text, whole)
	if !ok {
		t.Fatalf("edit to all of it failed")
	}
	back, ok := edit(there, base)
	if !ok {
		t.Fatalf("edit back failed")
	}
	for _, out := range [][]byte{there, back} {
		if !strings.HasPrefix(string(out), "# mine\n") || strings.Count(string(out), "# end\n") != 1 {
			t.Errorf("comments were lost:\n%s", out)
		}
	}
	if n := strings.Count(string(there), "\n["); n != 4 {
		t.Errorf("%d tables, want 4:\n%s", n, there)
	}
}
