package supervisor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// codes reads the failure codes from a source, so that a new one cannot be
// forgotten here.
func codes(t *testing.T, file string) []api.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []api.Code
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
			return true
		}
		for _, val := range v.Values {
			text, err := strconv.Unquote(val.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, api.Code(text))
		}
		return true
	})
	return out
}

func allCodes(t *testing.T) []api.Code {
	t.Helper()
	all := append(codes(t, "../../engine/failure/failure.go"), codes(t, "../api/event.go")...)
	if len(all) < 50 {
		t.Fatalf("found %d codes in the sources, want all of them", len(all))
	}
	return all
}

func TestJudgeKnowsEveryCode(t *testing.T) {
	all := allCodes(t)
	for _, c := range all {
		if _, ok := verdicts[c]; !ok {
			t.Errorf("no verdict for %s", c)
		}
	}
	for c, v := range verdicts {
		if !slices.Contains(all, c) {
			t.Errorf("a verdict for %s, which is no code", c)
		}
		if v.Why == "" || v.Do < Stop || v.Do > Retry || v.Soon && v.Do != Retry || v.Ask != "" && v.Do != Ask {
			t.Errorf("%s: the verdict %+v makes no sense", c, v)
		}
	}
	if v := Judge("x.y"); v.Do != Stop || v.Why == "" {
		t.Errorf("Judge(x.y) = %+v, want to stop", v)
	}
}

// What counts against an account, or bothers a person, is never tried again by
// itself: the list is written out, so that a change of the table is seen.
func TestNeverRetried(t *testing.T) {
	for _, c := range []api.Code{
		failure.IKEPSKMismatch, failure.IKEIdentityRejected, failure.IKECertificateRejected, failure.IKECertificateUntrust, failure.IKECertificateExpired,
		failure.L2TPAuthFailed, failure.PPPBadCredentials, failure.PPPPasswordExpired, failure.PPPAccountDisabled, failure.PPPNoDialIn, failure.PPPLogonHours,
		failure.PPPApprovalTimeout, failure.PPPServerNotGenuine, failure.PPPAuthMethodRefused, api.SecretMissing, api.ProfileInvalid, failure.OSPermission,
	} {
		if v := Judge(c); v.Do == Retry {
			t.Errorf("%s is tried again", c)
		}
	}
}

// Every code, at a person's own try and at one that is repeated, with and without
// a kill switch, and days later: nobody is at the computer.
func TestEveryCode(t *testing.T) {
	for _, code := range allCodes(t) {
		v := Judge(code)
		for _, ks := range []bool{false, true} {
			p, rest := office(), api.Disconnected
			if ks {
				p, rest = office("ks"), api.Blocked
			}
			b := newBench(t).in(Start{}, Connect{p})
			b.down(code).state(rest).failure(code)
			if b.after(48 * time.Hour).state(rest); b.attempt() != 1 {
				t.Errorf("%s: a person's own try was repeated", code)
			}

			b = newBench(t).connected(p).after(time.Hour)
			b.down(failure.PathDead).state(api.Reconnecting)
			b.down(code)
			switch v.Do {
			case Retry:
				b.state(api.Reconnecting).failure(code)
				if n := b.m.Status(b.now).NextAttempt.Sub(b.now); n != time.Second {
					t.Errorf("%s is tried again after %v, want 1 s", code, n)
				}
			default:
				b.state(rest).failure(code)
				if asks := len(b.m.Status(b.now).Ask) > 0; asks != (v.Do == Ask) {
					t.Errorf("%s: asks %v, but the verdict is %v", code, b.m.Status(b.now).Ask, v.Do)
				}
				if b.after(48 * time.Hour).state(rest); b.attempt() != 2 {
					t.Errorf("%s was tried again by itself", code)
				}
			}
		}
	}
}
