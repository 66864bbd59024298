package gateway

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// The vectors of RFC 6238, appendix B, for SHA-1: its codes of eight digits, the
// last six of them.
func TestTOTP(t *testing.T) {
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := TOTP(secret.Secret("12345678901234567890"), time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
	for text, want := range map[string]string{"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ": "12345678901234567890", "gezd gnbv-gy3t qojq ge======": "12345678901",
		"GEZDGNBVGY3TQ": "", "GEZDGNBVGY3TQOJ1GEZDGNBVGY3TQOJQ": "", "": ""} {
		if got, err := ParseTOTP([]byte(text)); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("ParseTOTP(%q) = %q, %v, want %q", text, []byte(got), err, want)
		}
	}
}

func TestCheckCode(t *testing.T) {
	key := secret.Secret("12345678901234567890")
	g := &Gateway{cfg: Config{Codes: map[string]Code{"alice": {TOTP: key}, "bob": {Fixed: secret.Secret("424242")}, "carol": {}}}}
	r := newRegistry(g)
	now := time.Unix(1234567890, 0)
	for _, tt := range []struct {
		user, code string
		after      time.Duration
		want       bool
	}{
		{"alice", "000000", 0, false},
		{"alice", " 005 924\r\n", 0, true},
		{"alice", "005924", 0, false}, // once
		{"alice", TOTP(key, now.Add(-totpStep)), 0, false},
		{"alice", TOTP(key, now.Add(totpStep)), 0, true}, // a clock that is fast
		{"alice", TOTP(key, now.Add(3*totpStep)), 0, false},
		{"alice", TOTP(key, now.Add(3*totpStep)), 4 * totpStep, true}, // or slow
		{"alice", "", 0, false},
		{"bob", "424242", 0, true}, {"bob", "424242", 0, true}, {"bob", "4242", 0, false}, {"bob", "", 0, false},
		{"carol", "", 0, false}, {"mallory", "424242", 0, false},
	} {
		if got := r.checkCode(now.Add(tt.after), tt.user, []byte(tt.code)); got != tt.want {
			t.Errorf("checkCode(%s, %q) after %v = %v", tt.user, tt.code, tt.after, got)
		}
	}
}

// asks has a client answer each question with the next of codes, and counts.
func asks(cfg *engine.Config, codes ...string) *atomic.Int32 {
	n := new(atomic.Int32)
	cfg.Ask = func(_ time.Time, q *engine.Question) {
		if i := int(n.Add(1)) - 1; i < len(codes) {
			go q.Answer(secret.Secret(codes[i]))
		}
	}
	return n
}

func TestCodes(t *testing.T) {
	key := secret.Secret("12345678901234567890")
	g := start(t, func(cfg *Config) {
		cfg.Codes = map[string]Code{"alice": {TOTP: key}}
	})
	var asked *atomic.Int32
	try := func(user, password string, auth []ppp.AuthMethod, codes ...string) error {
		v, err := connect(t, g, func(cfg *engine.Config) {
			asked = asks(cfg, codes...)
			cfg.Stack.PPP.User, cfg.Stack.PPP.Password, cfg.Stack.PPP.Auth = user, secret.Secret(password), auth
			cfg.Stack.PPP.EAPForms = true
		})
		if err != nil {
			return err
		}
		defer v.Close()
		return v.transfer(10_000)
	}
	last := ""
	usual := []ppp.AuthMethod{ppp.MSCHAPv2, ppp.CHAPMD5, ppp.PAP}
	for _, tt := range []struct {
		name, user, password string
		auth                 []ppp.AuthMethod
		code                 string
		failed               failure.Code
		asked                int32
	}{
		{"a wrong code", "alice", "correct horse", usual, "000000", failure.PPPBadCredentials, 1},
		{"the right one", "alice", "correct horse", usual, "now", "", 1},
		{"the same once more", "alice", "correct horse", usual, "last", failure.PPPBadCredentials, 1},
		{"nobody else is asked", "bob", "battery staple", usual, "", "", 0},
		{"only where a code can be asked for", "alice", "correct horse", []ppp.AuthMethod{ppp.MSCHAPv2}, "", failure.PPPAuthMethodRefused, 0},
	} {
		code := tt.code
		switch code {
		case "now":
			last = TOTP(key, time.Now())
			code = last
		case "last":
			code = last
		}
		err := try(tt.user, tt.password, tt.auth, code)
		var f *failure.Failure
		switch {
		case tt.failed == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.failed != "" && (!errors.As(err, &f) || f.Code != tt.failed):
			t.Errorf("%s: %v, want %v", tt.name, err, tt.failed)
		}
		if n := asked.Load(); n != tt.asked {
			t.Errorf("%s: asked %d times, want %d", tt.name, n, tt.asked)
		}
	}
}

func TestImpossibleCodes(t *testing.T) {
	for _, change := range []func(*Config){
		func(cfg *Config) { cfg.Codes = map[string]Code{"mallory": {Fixed: secret.Secret("1")}} },
		func(cfg *Config) {
			cfg.Codes, cfg.Auth = map[string]Code{"alice": {Fixed: secret.Secret("1")}}, []ppp.AuthMethod{ppp.EAPMD5}
		},
	} {
		cfg := Config{Listen: loopback, AnyPort: true, PSK: secret.Secret("x"), Network: sockets{}, Users: map[string]secret.Secret{"alice": nil},
			Address: netip.MustParseAddr("10.99.0.1"), Pool: netip.MustParsePrefix("10.99.0.0/24")}
		change(&cfg)
		if g, err := Start(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("Start = %v", err)
			if err == nil {
				g.Close()
			}
		}
	}
}
