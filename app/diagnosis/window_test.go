package diagnosis

import (
	"regexp"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/engine/failure"
)

var places = regexp.MustCompile(`\{\{\.(Server|User)\}\}`)

// Whoever looks at a window has no file, no terminal and no list of evidence.
var terminal = regexp.MustCompile(`\b(ipsec|l2tp|ppp|dns|routing)\.[a-z_0-9]+\b|tunnel_secret|\bsudo\b|modprobe|\bevidence\b|/dev/`)

func TestWindow(t *testing.T) {
	for code := range windows {
		if _, ok := table[code]; !ok {
			t.Errorf("words for %s, which is no code", code)
		}
	}
	for code, plain := range table {
		e := Window(code)
		if e.Windows != plain.Windows {
			t.Errorf("%s: Window has the number %d, want %d", code, e.Windows, plain.Windows)
		}
		for _, s := range []string{e.Title, e.Cause, e.Advice} {
			if word := terminal.FindString(s); word != "" {
				t.Errorf("%s: %q says %q to who looks at a window", code, s, word)
			}
			s = places.ReplaceAllString(s, "x")
			if word := jargon.FindString(strings.ReplaceAll(s, "MPPE", "")); word != "" {
				t.Errorf("%s: %q says %q", code, s, word)
			}
			if strings.Contains(s, "{{") || strings.Contains(s, "  ") || strings.Contains(s, "!") {
				t.Errorf("%s: %q is badly set", code, s)
			}
		}
		if strings.HasSuffix(e.Title, ".") || len(e.Title) > 75 {
			t.Errorf("%s: the title %q is no short line without a full stop", code, e.Title)
		}
		for _, s := range []string{e.Cause, e.Advice} {
			if s = places.ReplaceAllString(s, "X"); !sentence.MatchString(s) || len(s) > 200 {
				t.Errorf("%s: %q is not one to three short sentences", code, s)
			}
		}
	}
}

// What a window says is the table's where it has nothing else to say.
func TestWindowFallsBack(t *testing.T) {
	if got, want := Window(failure.GatewayRestarted), table[failure.GatewayRestarted]; got != want {
		t.Errorf("Window = %+v, want %+v", got, want)
	}
	if got, want := Window("x.y"), Lookup("x.y"); got != want {
		t.Errorf("Window(x.y) = %+v, want %+v", got, want)
	}
}
