package ppp

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// eapServer is a server's link that demands EAP and has been told the name.
func eapServer(t testing.TB, user string, methods ...AuthMethod) *script {
	t.Helper()
	cfg := serverConfig(1, methods...)
	cfg.TakesCode = func(user string) bool { return user == "jürgen" }
	cfg.CheckCode = func(_ time.Time, _ string, code []byte) bool { return string(code) == "424242" }
	cfg.CodePrompt = "Token code: "
	s := newScript(t, cfg)
	s.link("")
	p := s.expect(protocolEAP, eapRequest)
	if !bytes.Equal(p.data, []byte{1}) {
		t.Fatalf("begins with %x", p.data)
	}
	s.recv(protocolEAP, eapResponse, p.id+1, append([]byte{1}, user...)...)
	s.dropped(DropIdentifier)
	s.recv(protocolEAP, eapResponse, p.id, 4, 1)
	s.dropped(DropMismatch)
	s.recv(protocolEAP, eapResponse, p.id)
	s.dropped(DropMalformed)
	s.recv(protocolEAP, eapResponse, p.id, append([]byte{1}, user...)...)
	return s
}

func TestEAPServer(t *testing.T) {
	t.Run("repeats", func(t *testing.T) {
		s := eapServer(t, "alice", EAPMD5)
		p := s.expect(protocolEAP, eapRequest)
		s.pass(time.Second)
		if q := s.expect(protocolEAP, eapRequest); q.id != p.id || !bytes.Equal(q.data, p.data) {
			t.Errorf("repeated as %d %x, want %d %x", q.id, q.data, p.id, p.data)
		}
		s.pass(30 * time.Second)
		s.down(NoAnswer)
	})
	t.Run("nak", func(t *testing.T) {
		s := eapServer(t, "alice", EAPMD5, EAPGTC, EAPMSCHAPv2)
		p := s.expect(protocolEAP, eapRequest)
		s.recv(protocolEAP, eapResponse, p.id, 3, 13, 26)
		p = s.expect(protocolEAP, eapRequest)
		if p.data[0] != 26 {
			t.Fatalf("goes on with %x, want type 26", p.data)
		}
		s.recv(protocolEAP, eapResponse, p.id, 3, 13, 4) // what it has refused itself
		s.expectHex(protocolEAP, eapFailure, p.id, "")
		if e := s.down(AuthMethodRefused); !strings.HasSuffix(e.Detail, "peer asked for [TLS MD5]") {
			t.Errorf("%+v", e)
		}
	})
	t.Run("token", func(t *testing.T) {
		s := eapServer(t, "jürgen", EAPMD5, EAPGTC)
		p := s.expect(protocolEAP, eapRequest)
		if string(p.data) != "\x06Password: " {
			t.Fatalf("asks %q", p.data)
		}
		s.recv(protocolEAP, eapResponse, p.id, []byte("\x06Schlüssel")...)
		q := s.expect(protocolEAP, eapRequest)
		if string(q.data) != "\x06Token code: " {
			t.Fatalf("asks %q", q.data)
		}
		s.recv(protocolEAP, eapResponse, p.id, []byte("\x06Schlüssel")...)
		s.dropped(DropIdentifier)
		s.pass(60 * time.Second) // a person looks for the token
		if n := len(s.frames); n < 8 || n > 16 {
			t.Errorf("asked %d more times in a minute", n)
		}
		s.frames = nil
		s.recv(protocolEAP, eapResponse, q.id, []byte("\x06424242")...)
		s.expectHex(protocolEAP, eapSuccess, q.id, "")
		if e := must[Authenticated](s); e.User != "jürgen" || e.Method != EAPGTC {
			t.Errorf("%+v", e)
		}
		s.recv(protocolEAP, eapResponse, q.id, []byte("\x06424242")...)
		s.dropped(DropIdentifier)
	})
	t.Run("a code cannot be gone round", func(t *testing.T) {
		s := eapServer(t, "jürgen", EAPMD5)
		s.expect(protocolEAP, eapFailure)
		s.down(AuthMethodRefused)
		cfg := serverConfig(2, PAP)
		cfg.TakesCode = func(string) bool { return true }
		n := newNet(t, 1, clientConfig(1, PAP), cfg)
		n.run(time.Second)
		if e, ok := n.ends[1].err.(*Error); !ok || e.Reason != BadCredentials {
			t.Errorf("server ends with %v", n.ends[1].err)
		}
	})
}

// tokens has a client's end answer all questions, and counts them.
func (n *net) tokens(code string) *int {
	asked := new(int)
	n.onQuestion = func(i int, _ Question) {
		*asked++
		var out Output
		n.ends[i].c.Answer(n.now, secret.Secret(code), &out)
		n.take(i, &out)
	}
	return asked
}

func TestEAPClientAgainstServer(t *testing.T) {
	withCode := func(cfg Config) Config {
		cfg.TakesCode = func(string) bool { return true }
		cfg.CheckCode = func(_ time.Time, _ string, code []byte) bool { return string(code) == "424242" }
		return cfg
	}
	for _, tt := range []struct {
		name       string
		client     []AuthMethod // with their forms
		password   string
		code       string
		server     Config
		want       AuthMethod
		err        Reason
		asked      int
		clientCode int
	}{
		{"md5", []AuthMethod{EAPMD5}, "correct horse", "", serverConfig(2, EAPMD5), EAPMD5, 0, 0, 0},
		{"mschapv2", []AuthMethod{EAPMSCHAPv2}, "correct horse", "", serverConfig(2, EAPMSCHAPv2), EAPMSCHAPv2, 0, 0, 0},
		{"gtc with the password", []AuthMethod{EAPGTC}, "correct horse", "", serverConfig(2, EAPGTC), EAPGTC, 0, 0, 0},
		{"gtc with a code", []AuthMethod{EAPGTC}, "correct horse", "424242", withCode(serverConfig(2, EAPMSCHAPv2, EAPGTC)), EAPGTC, 0, 1, 0},
		{"the forms, insisted on", []AuthMethod{MSCHAPv2, CHAPMD5, PAP}, "correct horse", "", serverConfig(2, EAPMD5), EAPMD5, 0, 0, 0},
		{"the forms, with a code", []AuthMethod{MSCHAPv2, CHAPMD5, PAP}, "correct horse", "424242", withCode(serverConfig(2, EAPGTC)), EAPGTC, 0, 1, 0},
		{"better than EAP", []AuthMethod{MSCHAPv2, PAP}, "correct horse", "", serverConfig(2, EAPMD5, MSCHAPv2), MSCHAPv2, 0, 0, 0},
		{"the best that both allow", []AuthMethod{EAPMSCHAPv2, EAPMD5}, "correct horse", "", serverConfig(2, EAPGTC, EAPMD5, EAPMSCHAPv2), EAPMSCHAPv2, 0, 0, 0},
		{"EAP after PAP", []AuthMethod{MSCHAPv2}, "correct horse", "", serverConfig(2, PAP, EAPMSCHAPv2), EAPMSCHAPv2, 0, 0, 0},
		{"wrong password, md5", []AuthMethod{EAPMD5}, "wrong", "", serverConfig(2, EAPMD5), 0, BadCredentials, 0, 0},
		{"wrong password, mschapv2", []AuthMethod{EAPMSCHAPv2}, "wrong", "", serverConfig(2, EAPMSCHAPv2), 0, BadCredentials, 0, 691},
		{"wrong code", []AuthMethod{EAPGTC}, "correct horse", "000000", withCode(serverConfig(2, EAPGTC)), 0, BadCredentials, 1, 0},
		{"wrong password before a code", []AuthMethod{EAPGTC}, "wrong", "424242", withCode(serverConfig(2, EAPGTC)), 0, BadCredentials, 1, 0},
		{"nothing in common", []AuthMethod{EAPMD5}, "correct horse", "", serverConfig(2, EAPGTC), 0, AuthMethodRefused, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := clientConfig(1, tt.client...)
			cfg.EAPForms, cfg.Password = true, secret.Secret(tt.password)
			n := newNet(t, 1, cfg, tt.server)
			asked := n.tokens(tt.code)
			n.run(10 * time.Second)
			if *asked != tt.asked {
				t.Errorf("a person was asked %d times, want %d", *asked, tt.asked)
			}
			if tt.err == 0 {
				n.checkUp(t)
				if got := n.ends[0].method; got != tt.want || n.ends[1].user != "alice" {
					t.Errorf("%v of %q, want %v", got, n.ends[1].user, tt.want)
				}
				return
			}
			for i, e := range n.ends {
				if err, ok := e.err.(*Error); !ok || err.Reason != tt.err || i == 0 && err.Code != tt.clientCode {
					t.Errorf("end %d: %v, want %v", i, e.err, tt.err)
				}
			}
		})
	}
}

// FuzzEAP gives either end whatever the other may say within EAP.
func FuzzEAP(f *testing.F) {
	f.Add(false, []byte("\x01\x07\x00\x05\x01"), []byte("\x01\x08\x00\x0a\x06Code:"))
	f.Add(false, append([]byte("\x01\x09\x00\x1c"), msChallenge(f, 9)...), []byte("\x01\x0a\x00\x0d\x1a\x03\x09\x00\x08S=00"))
	f.Add(true, []byte("\x02\x01\x00\x0a\x01alice"), []byte("\x02\x02\x00\x06\x03\x04"))
	f.Add(true, []byte("\x02\x01\x00\x0b\x01jurgen"), []byte("\x02\x02\x00\x06\x06x"))
	f.Fuzz(func(t *testing.T, server bool, first, second []byte) {
		cfg := clientConfig(1, EAPMSCHAPv2, EAPGTC, EAPMD5)
		if server {
			cfg = serverConfig(1, EAPMSCHAPv2, EAPGTC, EAPMD5)
			cfg.TakesCode = func(user string) bool { return user != "alice" }
			cfg.CheckCode = func(time.Time, string, []byte) bool { return false }
		}
		s := newScript(t, cfg)
		if options := askEAP; server {
			s.link("")
		} else {
			s.link(options)
		}
		for _, b := range [][]byte{first, second, first, second} {
			before := len(s.frames)
			s.frame(append([]byte{0xff, 3, protocolEAP >> 8, protocolEAP & 0xff}, b...))
			if n := len(s.frames) - before; n > 2 {
				t.Fatalf("%d frames for one", n)
			}
			s.c.Answer(s.now, secret.Secret("123456"), &s.out)
			s.collect()
			s.pass(5 * time.Second)
			if _, in := has[Authenticated](s); in && server {
				t.Fatal("let in without a password")
			}
			if n := count[Down](s); n > 1 {
				t.Fatalf("%d ends", n)
			}
		}
	})
}
