package client

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

const officeID = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"

// A helper that was started anew is given all that it asks for, or nothing.
func TestSupply(t *testing.T) {
	folders := profile.Folders{User: t.TempDir()}
	text := "id = \"" + officeID + "\"\nname = \"Office\"\nservers = [\"gw.example\"]\nuser = \"alice\"\n"
	if err := os.WriteFile(filepath.Join(folders.User, "office.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	store := profile.NewStore(folders)
	full := keys{officeID + "/psk": "k", officeID + "/password": "p"}
	asking := func(change func(s *api.Status)) api.Status {
		s := api.Status{State: api.Disconnected, Profile: api.ProfileName{ID: officeID, Name: "Office"}, Ask: []api.SecretName{api.PSK, api.Password},
			Failure: &api.FailureEvent{Code: api.SecretMissing}}
		change(&s)
		return s
	}
	same := func(*api.Status) {}
	for _, c := range []struct {
		name  string
		s     api.Status
		keys  keys
		taken bool   // by another program, before
		sent  string // "": nothing was
		done  bool
		fails bool
	}{
		{"all that is asked for", asking(same), full, false, `{"psk":"k","password":"p"}`, true, false},
		{"behind a kill switch", asking(func(s *api.Status) { s.State = api.Blocked }), full, false, `{"psk":"k","password":"p"}`, true, false},
		{"another was faster", asking(same), full, true, `{"psk":"k","password":"p"}`, false, false},
		{"one is not kept", asking(same), keys{officeID + "/psk": "k"}, false, "", false, false},
		{"no keychain", asking(same), nil, false, "", false, true},
		{"somebody else's profile", asking(func(s *api.Status) { s.Profile.ID = "another" }), full, false, "", false, false},
		{"a wrong password", asking(func(s *api.Status) { s.Failure.Code = "ppp.bad-credentials" }), full, false, "", false, false},
		{"a code for the gateway", asking(func(s *api.Status) { s.State, s.Ask = api.Waiting, []api.SecretName{api.OTP} }), full, false, "", false, false},
		{"nothing is asked for", asking(func(s *api.Status) { s.Ask = nil }), full, false, "", false, false},
		{"no failure", asking(func(s *api.Status) { s.Failure = nil }), full, false, "", false, false},
		{"what no keychain keeps", asking(func(s *api.Status) { s.Ask = append(s.Ask, api.OTP) }), full, false, "", false, false},
	} {
		sent := ""
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.URL.Path != "/v1/answer" {
				t.Errorf("%s: %s, %v", c.name, r.URL, err)
			}
			if sent = string(body); c.taken {
				w.WriteHeader(http.StatusConflict)
				_, _ = w.Write([]byte(`{"code":"helper.not-asked","message":"nothing is asked for"}`))
			}
		})
		done, err := h.Supply(t.Context(), store, c.keys, c.s)
		if done != c.done || sent != c.sent || (err != nil) != c.fails {
			t.Errorf("%s: %t, %v, sent %q, want %t, %q", c.name, done, err, sent, c.done, c.sent)
		}
	}
}
