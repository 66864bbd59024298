package diagnosis

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// codes reads the constants of type Code from the source of a package, so that
// a new one cannot be forgotten here.
func codes(t *testing.T, file string) []api.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []api.Code
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
				continue
			}
			for _, val := range v.Values {
				text, err := strconv.Unquote(val.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, api.Code(text))
			}
		}
	}
	return out
}

func TestEveryCodeHasAnEntry(t *testing.T) {
	all := append(codes(t, "../../engine/failure/failure.go"), codes(t, "../api/event.go")...)
	if len(all) < 50 {
		t.Fatalf("found %d codes in the sources, want all of them", len(all))
	}
	known := map[api.Code]bool{}
	for _, c := range all {
		known[c] = true
		if _, ok := table[c]; !ok {
			t.Errorf("no words for %s", c)
		}
	}
	for c := range table {
		if !known[c] {
			t.Errorf("words for %s, which is no code", c)
		}
	}
}

// What only engineers know. A key of the profile is written as the profile
// writes it, and is taken out first.
var (
	jargon     = regexp.MustCompile(`\b(IKE|IKEv1|ISAKMP|SAs?|ESP|LCP|IPCP|CCP|PPP|CHAP|DPD|NAT|NAT-T|NAT-D|MTU|MRU|PSK|LNS|LAC|AVP|SCCRQ|SCCRP|StopCCN|CDN|ICRQ|RADIUS|Diffie|payload|notify|proposals?|selectors?|responder|initiator|handshake|daemon|peer)\b`)
	profileKey = regexp.MustCompile(`\b(ipsec|l2tp|ppp|dns|routing)\.[a-z_0-9]+\b`)
	sentence   = regexp.MustCompile(`^[A-Z][^\n]*\.$`)
)

func TestWordsArePlain(t *testing.T) {
	for code, e := range table {
		for _, s := range []string{e.Title, e.Cause, e.Advice} {
			if word := jargon.FindString(profileKey.ReplaceAllString(s, "")); word != "" {
				t.Errorf("%s: %q says %q", code, s, word)
			}
			if strings.Contains(s, "  ") || strings.Contains(s, "!") {
				t.Errorf("%s: %q is badly set", code, s)
			}
		}
		if e.Title == "" || strings.HasSuffix(e.Title, ".") || len(e.Title) > 75 {
			t.Errorf("%s: the title %q is no short line without a full stop", code, e.Title)
		}
		for _, s := range []string{e.Cause, e.Advice} {
			if !sentence.MatchString(s) || len(s) > 200 || strings.Count(s, ". ") > 2 {
				t.Errorf("%s: %q is not one to three short sentences", code, s)
			}
		}
	}
}

// What a check found is told in plain words as well.
func TestFindingsArePlain(t *testing.T) {
	for f, e := range findings {
		for _, s := range []string{e.found, e.advice} {
			if word := jargon.FindString(profileKey.ReplaceAllString(s, "")); word != "" || strings.Contains(s, "  ") {
				t.Errorf("%s: %q says %q", f, s, word)
			}
		}
		if e.found == "" || strings.HasSuffix(e.found, ".") || e.advice != "" && !sentence.MatchString(e.advice) {
			t.Errorf("%s: %q and %q are no line and a sentence", f, e.found, e.advice)
		}
	}
	if found, advice := Explain(PortsHeld, "500", "charon"); found != "UDP port 500 is another program's: charon" || advice == "" {
		t.Errorf("Explain = %q, %q", found, advice)
	}
}

// The numbers people bring from Windows.
func TestWindowsNumbers(t *testing.T) {
	for code, want := range map[api.Code]int{
		failure.IKENoAnswer: 809, failure.IKEPSKMismatch: 789, failure.PPPBadCredentials: 691, failure.PPPLogonHours: 646, failure.PPPAccountDisabled: 647,
		failure.PPPPasswordExpired: 648, failure.PPPNoDialIn: 649, failure.PPPSessionRefused: 628, failure.PPPNoAddress: 738, failure.PPPLoopback: 737,
	} {
		if got := Lookup(code).Windows; got != want {
			t.Errorf("Lookup(%s).Windows = %d, want %d", code, got, want)
		}
	}
}

func TestUnknownCode(t *testing.T) {
	if e := Lookup("x.y"); e.Title == "" || e.Cause == "" || e.Advice == "" || e.Windows != 0 {
		t.Errorf("Lookup(x.y) = %+v", e)
	}
}

func TestEvent(t *testing.T) {
	got := Event(&failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691"}})
	want := api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Title: "Wrong user name or password",
		Advice: table[failure.PPPBadCredentials].Advice, Evidence: []string{"E=691"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Event = %+v, want %+v", got, want)
	}
}

func TestStageNames(t *testing.T) {
	seen := map[string]bool{}
	for s := failure.Resolve; s <= failure.Connected; s++ {
		n := StageName(s)
		if n == "" || seen[n] {
			t.Errorf("StageName(%v) = %q, which another stage has", s, n)
		}
		seen[n] = true
	}
}
