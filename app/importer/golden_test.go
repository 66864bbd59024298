package importer

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/culvert-vpn/culvert/app/profile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// invented are the secrets of the samples: they may be in Secrets, nowhere else.
var invented = []string{"pit; #h", "Sieb;en#", "key of the warehouse", "pit-hole", "Tr0ub4dor", "as a string", "never-shown-1", "ike-secret-7", "p12-secret-9", "pit$hole", "=secret=",
	"base64ish==", "a key: with", "pass word", "other secret", "the-sites-own-key", "rsa-passphrase", "bob's", "wifi-secret-3", "hunter2", "correct horse", "geheim & gut", "Straße42",
	"tEb7qLGjrTXqxBxKmWDn", "nVqpHVLwA7CMqe2u", "s3cret|with", "café", "0815", `pit "hole"`}

// TestSamples reads every file of testdata and compares with what stands beside it.
// What a newer app/profile honours is in there as if it were understood already.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") || filepath.Base(file) == "fuzz" {
			continue
		}
		read++
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			result, err := Read(file, data)
			got := outcome(result, err)
			left := slices.Clone(result.LeftOut)
			for _, p := range result.Profiles {
				left = append(left, p.LeftOut...)
			}
			for _, i := range left {
				if i.Reason.Text() == "" || i.Why == "" {
					t.Errorf("%s is left out for the reason %q: %q", i.Key, i.Reason, i.Why)
				}
			}
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("Read(%s) =\n%s\nwant\n%s", file, got, want)
			}
		})
	}
	if read < 20 {
		t.Errorf("%d samples, want all of them", read)
	}
}

// outcome is a result as text: secrets by their octets, which are invented.
func outcome(r Result, err error) string {
	var b strings.Builder
	if err != nil {
		fmt.Fprintf(&b, "error: %v\n", err)
		return b.String()
	}
	fmt.Fprintf(&b, "format: %s\n", r.Format)
	later := map[string]bool{}
	for _, a := range abilities {
		later[a.field] = true
	}
	list := func(items []Item, sign string) {
		for _, i := range items {
			value, s := i.Value, sign
			if i.Secret {
				value = "(secret)"
			}
			if later[i.Field] {
				s, i.Why = "*", ""
			}
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %s %s = %s -> %s  %s", s, i.Key, value, i.Field, i.Why), " "))
		}
	}
	for _, p := range r.Profiles {
		fmt.Fprintf(&b, "\nprofile %q servers=%q user=%q login=%q missing=%q\n", p.Profile.Name, p.Profile.Servers, p.Profile.User, p.Profile.Login(), p.Missing)
		fmt.Fprintf(&b, "  psk=%q password=%q tunnel=%q\n", string(p.Secrets.PSK), string(p.Secrets.Password), string(p.Secrets.TunnelSecret))
		fmt.Fprintf(&b, "  phase1=%s phase2=%s pfs=%v\n", names(p.Profile.IPsec.Phase1), names(p.Profile.IPsec.Phase2), p.Profile.IPsec.PFS)
		all := slices.Concat(p.Understood, p.LeftOut)
		slices.SortStableFunc(all, func(a, b Item) int { return strings.Compare(a.Key, b.Key) })
		for _, i := range all {
			list([]Item{i}, map[bool]string{true: "+", false: "-"}[i.Why == ""])
		}
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprintln(&b, "\nleft out of the whole")
		list(r.LeftOut, "-")
	}
	return b.String()
}

// TestNoSecretShows looks for the invented secrets in everything but Secrets.
func TestNoSecretShows(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, ".golden") {
			continue
		}
		r, err := Read(file, data)
		shown := fmt.Sprint(err)
		for _, p := range r.Profiles {
			text, terr := p.Profile.Text()
			if terr != nil {
				t.Fatal(terr)
			}
			shown += string(text) + fmt.Sprintf("%+v %+v %v", p.Understood, p.LeftOut, p.Secrets)
		}
		shown += fmt.Sprintf("%+v", r.LeftOut)
		for _, s := range invented {
			if strings.Contains(shown, s) {
				t.Errorf("Read(%s) shows the secret %q", file, s)
			}
		}
	}
}

// sound checks what holds of every result, whatever was read.
func sound(t *testing.T, r Result, err error) {
	t.Helper()
	if err != nil {
		if len(r.Profiles) > 0 {
			t.Errorf("profiles beside the error %v", err)
		}
		return
	}
	if len(r.Profiles) == 0 || len(r.Profiles) > maxProfiles {
		t.Errorf("%d profiles", len(r.Profiles))
	}
	for _, p := range r.Profiles {
		text, terr := p.Profile.Text()
		if terr != nil {
			t.Fatal(terr)
		}
		_, perr := profile.Parse("p", text)
		if (perr == nil) != (len(p.Missing) == 0) {
			t.Errorf("missing %q, but Parse says %v of\n%s", p.Missing, perr, text)
		}
		if len(p.Missing) > 0 {
			if err := p.Complete("vpn.example.com", "x"); err != nil {
				t.Errorf("Complete: %v", err)
			}
		}
		items := slices.Concat(p.Understood, p.LeftOut, r.LeftOut)
		for _, i := range items {
			if i.Secret && i.Value != "" || len(i.Value) > maxShown+8 || len(i.Key) > maxShown+8 || !utf8.ValidString(i.Key+i.Value) {
				t.Errorf("item %+v", i)
			}
			if (i.Field == "psk" || i.Field == "password" || i.Field == "tunnel_secret") && !i.Secret {
				t.Errorf("item %+v is no secret", i)
			}
		}
		for _, i := range p.LeftOut {
			if i.Why == "" {
				t.Errorf("%q was left out without a word", i.Key)
			}
			for _, s := range []string{string(p.Secrets.PSK), string(p.Secrets.Password)} {
				if len(s) >= 4 && s == strings.TrimSpace(s) && s == shown(s) && strings.Contains(i.Value, s) {
					t.Errorf("%q shows a secret", i.Key)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(filepath.Base(file), data)
		}
	}
	f.Add("", []byte("$a=@{Name='x'\n}\nAdd-VpnConnection @a -ServerAddress $(x) -L2tpPsk:\"`$b$c\" 'n' \u201cx\u201d; rasdial x y z"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		before := string(data)
		r, err := Read(name, data)
		if string(data) != before {
			t.Error("Read changed its data")
		}
		sound(t, r, err)
		if (Detect(name, data) == "") != errors.Is(err, ErrUnknown) && err == nil {
			t.Error("Detect and Read disagree")
		}
		r2, err2 := ReadFiles(File{name, data}, File{"ipsec.secrets", []byte(": PSK \"x\"")})
		if err2 == nil {
			sound(t, r2, nil)
		}
	})
}
