package logging

import "testing"

func TestMaskWord(t *testing.T) {
	for in, want := range map[string]string{
		"al": "[redacted]", "al, also al": "[redacted], also [redacted]", "al_x x_al al1 äal alä": "al_x x_al al1 äal alä", `"al"@al.example`: `"[redacted]"@[redacted].example`, "": "",
	} {
		if got := maskWord(in, "al"); got != want {
			t.Errorf("maskWord(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestAnonymous takes out what tells of a person, the longest first, and leaves
// what every report has.
func TestAnonymous(t *testing.T) {
	t.Setenv("HOME", "/users/erika")
	t.Setenv("USER", "erika")
	t.Setenv("LOGNAME", "root")
	in := "user = 'ACME\\erika.m', home /users/erika/x, erika of culvert, root, peer vpn.acme.example as vpn"
	want := "user = '[redacted]', home [redacted]/x, [redacted] of culvert, root, peer vpn.acme.example as vpn"
	if got := Anonymous(in, "ACME\\erika.m", "erika.m", "ACME", "vpn", ""); got != want {
		t.Errorf("Anonymous = %s, want\n%s", got, want)
	}
}
