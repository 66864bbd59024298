package logging

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// invented is a secret with everything in it that somebody quotes.
const invented = "hun\"ter2 \\ %s<ä>\t☃&+/'"

func TestForms(t *testing.T) {
	s := &Secrets{}
	t.Cleanup(s.Add(secret.Secret(invented), secret.Secret("4711x")))
	v := []byte(invented)
	js := func(x any) string {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	inner := fmt.Errorf("option %q", invented)
	var plainJSON bytes.Buffer
	e := json.NewEncoder(&plainJSON)
	e.SetEscapeHTML(false)
	if err := e.Encode(invented); err != nil {
		t.Fatal(err)
	}
	wide := utf16LE(v)
	for name, text := range map[string]string{
		"as it is":                  invented,
		"quoted":                    fmt.Sprintf("%q", invented),
		"quoted in ASCII":           fmt.Sprintf("%+q", invented),
		"an error in an error":      fmt.Sprintf("%q", inner.Error()),
		"JSON":                      js(invented),
		"JSON without HTML":         plainJSON.String(),
		"JSON in JSON":              js(js(invented)),
		"a query":                   url.Values{"password": {invented}}.Encode(),
		"a path":                    (&url.URL{Path: "/x", RawQuery: ""}).String() + url.PathEscape(invented),
		"a URL's user":              (&url.URL{Scheme: "http", Host: "h", User: url.UserPassword("alice", invented)}).String(),
		"hex":                       fmt.Sprintf("%x", v),
		"large hex":                 fmt.Sprintf("%X", v),
		"spaced hex":                fmt.Sprintf("% x", v),
		"spaced large hex":          fmt.Sprintf("% X", v),
		"hex with colons":           strings.ReplaceAll(fmt.Sprintf("% x", v), " ", ":"),
		"hex with dashes":           strings.ReplaceAll(fmt.Sprintf("% X", v), " ", "-"),
		"hex inside of a packet":    fmt.Sprintf("%x%x%x", "\x01\x02", v, "\x03"),
		"a slice":                   fmt.Sprint(v),
		"a slice in a struct":       fmt.Sprintf("%+v", struct{ key []byte }{v}),
		"a slice in Go":             fmt.Sprintf("%#v", v),
		"numbers in JSON":           strings.ReplaceAll(fmt.Sprint(v), " ", ", "),
		"escaped octets":            hexEscaped(v),
		"Base64":                    base64.StdEncoding.EncodeToString(v),
		"Base64 for URLs":           base64.URLEncoding.EncodeToString(v),
		"Base64 behind one octet":   base64.StdEncoding.EncodeToString([]byte("a" + invented + "xyz")),
		"Base64 behind two octets":  base64.StdEncoding.EncodeToString([]byte("ab" + invented)),
		"Base64 of a JSON document": base64.StdEncoding.EncodeToString([]byte("{psk: " + invented + "}")),
		"a slice in JSON":           js(map[string][]byte{"k": v}),
		"UTF-16":                    string(wide),
		"UTF-16 in hex":             fmt.Sprintf("%x", wide),
		"UTF-16 quoted":             fmt.Sprintf("%q", wide),
	} {
		got := s.Mask("before " + text + " after")
		if !strings.Contains(got, Masked) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%s: %q became %q", name, text, got)
		}
		for _, f := range s.live[0].forms.list {
			if strings.Contains(got, string(f)) {
				t.Errorf("%s: %q became %q, with %q in it", name, text, got, f)
			}
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		secrets          []string
	}{
		{"nothing to hide", "a password here", "a password here", nil},
		{"once", "user hunter2.", "user [redacted].", []string{"hunter2"}},
		{"twice", "hunter2 hunter2", "[redacted] [redacted]", []string{"hunter2"}},
		{"alone", "hunter2", "[redacted]", []string{"hunter2"}},
		{"side by side", "hunter2hunter2", "[redacted]", []string{"hunter2"}},
		{"overlapping itself", "xababababx", "x[redacted]x", []string{"abab"}},
		{"overlapping itself by half", "xabababx", "x[redacted]x", []string{"abab"}},
		{"overlapping another", "xabcdefx", "x[redacted]x", []string{"abcd", "cdef"}},
		{"inside of another", "xabcdefx", "x[redacted]x", []string{"bcde", "abcdef"}},
		{"too short to look for", "abc", "abc", []string{"abc"}},
		{"short, and in hex", "70696e31", "[redacted]", []string{"pin1"}},
		{"no text", "a \xff\xfe\x00\x01 b", "a [redacted] b", []string{"\xff\xfe\x00\x01"}},
		{"a part of it", "hunter", "hunter", []string{"hunter2"}},
		{"the mask itself", "[redacted]", "[[redacted]]", []string{"redacted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Secrets{}
			for _, v := range c.secrets {
				t.Cleanup(s.Add(secret.Secret(v)))
			}
			if got := s.Mask(c.text); got != c.want {
				t.Errorf("Mask(%q) = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

// TestRemove has two connections with one secret: it is masked until the second
// one is gone, and then it is gone from memory.
func TestRemove(t *testing.T) {
	s := &Secrets{}
	v := secret.Secret("hunter2")
	first, second := s.Add(v, secret.Secret("another")), s.Add(v)
	mine := s.live[0]
	v.Zero() // the caller's own
	first()
	first()
	if got := s.Mask("hunter2 another"); got != "[redacted] another" {
		t.Errorf("after the first was removed, twice: %q", got)
	}
	second()
	if got := s.Mask("hunter2 another"); got != "hunter2 another" || len(s.live) != 0 {
		t.Errorf("after both were removed: %q, and %d live", got, len(s.live))
	}
	for _, f := range append(mine.forms.list, mine.value) {
		if !bytes.Equal(f, make([]byte, len(f))) {
			t.Errorf("%q is still in memory", f)
		}
	}
}

func TestSecretKey(t *testing.T) {
	for key, want := range map[string]bool{
		"psk": true, "PSK": true, "password": true, "Password": true, "user_password": true, "userPassword": true, "otp": true, "otpCode": true,
		"OTPCode": true, "tunnel_secret": true, "tunnelSecret": true, "key_passphrase": true, "pre-shared-key": true, "preSharedKey": true,
		"private.key": true, "pin": true, "card_pin": true, "pass": true, "Authorization": true, "set-cookie": true, "credentials": true,
		"": false, "user": false, "ping": false, "bypass": false, "mapping": false, "protocol": false, "auth": false, "key": false,
		"public_key": false, "server": false, "suite": false, "authenticate": false, "passed": false,
	} {
		if got := secretKey(key); got != want {
			t.Errorf("secretKey(%q) = %v, want %v", key, got, want)
		}
	}
}

// holder has a secret where fmt cannot call its methods.
type holder struct {
	name string
	key  secret.Secret
}

type link struct {
	next *link
	any  any
}

func TestPlainText(t *testing.T) {
	round := &link{}
	round.next = round
	var none *link
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"nothing", nil, "<nil>"},
		{"an error", errors.New("broken"), "broken"},
		{"an address", netip.MustParseAddr("192.0.2.1"), "192.0.2.1"},
		{"octets", []byte{1, 0xff}, "01ff"},
		{"a secret", secret.Secret("hunter2"), "redacted"},
		{"an empty holder", holder{name: "x"}, Masked},
		{"a holder", holder{"x", secret.Secret("hunter2")}, Masked},
		{"a pointer to one", &holder{"x", secret.Secret("hunter2")}, Masked},
		{"many", []holder{{"x", secret.Secret("hunter2")}}, Masked},
		{"in an array", [1]holder{}, Masked},
		{"in a map", map[string]holder{"x": {}}, Masked},
		{"a map's keys", map[[1]any]int{{"x"}: 1}, "map[[x]:1]"},
		{"behind an interface", link{any: holder{}}, Masked},
		{"in a ring", round, Masked},
		{"nil", none, "<nil>"},
		{"no secrets", struct {
			A int
			B []string
			C *int
			D time.Duration
		}{1, []string{"x"}, nil, time.Second}, "{A:1 B:[x] C:<nil> D:1s}"},
	} {
		if got := plainText(c.value); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzMask has any text and any secrets: outside of the masks, no form of any
// of them is left, and nothing else is lost.
func FuzzMask(f *testing.F) {
	f.Add("user hunter2 logs in", []byte("hunter2"), []byte("ter2 logs"))
	f.Add("68756e74657232 \"hun\\\"ter\"", []byte("hunter2"), []byte("hun\"ter"))
	f.Add("aaaaaaaaaa", []byte("aaaa"), []byte("aaaaaa"))
	f.Add("[redacted]", []byte("redacted"), []byte("[red"))
	f.Add("\xff\x00\xff\x00\xff", []byte("\xff\x00\xff\x00"), []byte{})
	f.Fuzz(func(t *testing.T, text string, a, b []byte) {
		if len(a) > 100 || len(b) > 100 {
			return
		}
		s := &Secrets{}
		defer s.Add(secret.Secret(a), secret.Secret(b))()
		for _, text := range []string{text, text + string(a) + string(b), fmt.Sprintf("%q%x", a, b), fmt.Sprintf("%q", fmt.Sprintf("%+q", a)) + fmt.Sprint(b)} {
			got := s.Mask(text)
			rest := text
			for _, kept := range strings.Split(got, Masked) {
				i := strings.Index(rest, kept)
				if i < 0 {
					t.Fatalf("Mask(%q) = %q: %q was not there", text, got, kept)
				}
				rest = rest[i+len(kept):]
				for _, l := range s.live {
					for _, form := range l.forms.list {
						if strings.Contains(kept, string(form)) {
							t.Fatalf("Mask(%q) = %q: %q is left", text, got, form)
						}
					}
				}
			}
		}
	})
}

// BenchmarkMask is a line of ordinary length with the secrets of a connection
// alive.
func BenchmarkMask(b *testing.B) {
	s := &Secrets{}
	defer s.Add(secret.Secret("a pre-shared key of a gateway"), secret.Secret("hunter2!"), secret.Secret("tunnel secret"))()
	text := "phase 1 up with aes256-sha256-modp2048, peer 198.51.100.1:4500, nat both"
	b.ReportAllocs()
	for b.Loop() {
		s.Mask(text)
	}
}
