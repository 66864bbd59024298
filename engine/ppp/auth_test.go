package ppp

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
	"github.com/culvert-vpn/culvert/engine/secret"
)

func clientOf(method AuthMethod) Config { return clientConfig(1, method) }

func demandOf(m AuthMethod) string { return fmt.Sprintf("03%02x%x", 2+len(m.option()), m.option()) }

// authenticating is a client's link that has been asked to authenticate.
func authenticating(t testing.TB, cfg Config) *script {
	t.Helper()
	s := newScript(t, cfg)
	s.link(demandOf(cfg.Auth[0]))
	return s
}

const challenge16 = "10 5B5D7C7D7B3F2F3E3C2C602132262628 766d" // from "vm"

// response takes a client's MS-CHAPv2 Response apart.
func (s *script) response(id uint8) (peer mschap.Challenge, nt [mschap.NTResponseLen]byte) {
	s.t.Helper()
	p := s.expect(protocolCHAP, chapResponse)
	value, name, err := parseValue(p.data)
	if err != nil || p.id != id || len(value) != mschap.ResponseLen || string(name) != s.c.cfg.User {
		s.t.Fatalf("Response id %d %x, want id %d of %q", p.id, p.data, id, s.c.cfg.User)
	}
	if !bytes.Equal(value[16:24], make([]byte, 8)) || value[48] != 0 {
		s.t.Fatalf("reserved octets or flags of %x are not zero", value)
	}
	return mschap.Challenge(value), [mschap.NTResponseLen]byte(value[24:])
}

func theChallenge(t testing.TB) mschap.Challenge {
	return mschap.Challenge(unhex(t, "5B5D7C7D7B3F2F3E3C2C602132262628"))
}

func TestMSCHAPv2Client(t *testing.T) {
	s := authenticating(t, clientOf(MSCHAPv2))
	s.quiet()                                                // the peer begins
	s.recvHex(protocolCHAP, chapChallenge, 0, "08 00112233") // too short
	s.dropped(DropMalformed)
	s.recvHex(protocolCHAP, chapSuccess, 0, "")
	s.dropped(DropIdentifier) // nothing was answered
	s.recvHex(protocolCHAP, chapChallenge, 0, challenge16)
	first := s.frames[0]
	peer, nt := s.response(0)
	password := mschap.Unicode([]byte("correct horse"))
	if want := mschap.GenerateNTResponse(theChallenge(t), peer, "alice", password); nt != want {
		t.Errorf("NT-Response %x, want %x", nt, want)
	}
	s.recvHex(protocolCHAP, chapChallenge, 0, challenge16) // repeated: the same answer
	if !bytes.Equal(first, s.frames[0]) {
		t.Errorf("a repeated challenge is answered with %x, want %x", s.frames[0], first)
	}
	s.frames = nil
	proof := mschap.GenerateAuthenticatorResponse(password, nt, peer, theChallenge(t), "alice")
	s.recv(protocolCHAP, chapSuccess, 1, []byte(proof)...)
	s.dropped(DropIdentifier)
	s.recv(protocolCHAP, chapSuccess, 0, []byte(proof)...) // bare, as SoftEther sends it
	if e := must[Authenticated](s); e.Method != MSCHAPv2 || e.Message != "" {
		t.Errorf("%+v", e)
	}
	s.expect(protocolIPCP, configureRequest) // at once

	// Asked again in the middle of the session.
	s.events = nil
	s.recvHex(protocolCHAP, chapChallenge, 7, challenge16)
	peer, nt = s.response(7)
	proof = mschap.GenerateAuthenticatorResponse(password, nt, peer, theChallenge(t), "alice")
	s.recv(protocolCHAP, chapSuccess, 7, []byte(proof+" M=again\n")...)
	if e := must[Authenticated](s); e.Message != "again" {
		t.Errorf("%+v", e)
	}
	if _, ok := has[PhaseChange](s); ok {
		t.Error("re-authentication changed the phase")
	}
}

func TestServerNotGenuine(t *testing.T) {
	for _, message := range []string{"S=407A5589115FD0D6209F510FE9C04566932CDA56", "S=00", "", "M=Welcome"} {
		s := authenticating(t, clientOf(MSCHAPv2))
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		s.response(3)
		s.recv(protocolCHAP, chapSuccess, 3, []byte(message)...)
		s.down(ServerNotGenuine)
		if _, ok := has[Authenticated](s); ok {
			t.Errorf("%q lets the server in", message)
		}
	}
}

func TestDomainUser(t *testing.T) {
	cfg := clientOf(MSCHAPv2)
	cfg.User = `CORP\alice`
	s := authenticating(t, cfg)
	s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
	peer, nt := s.response(3)
	if want := mschap.GenerateNTResponse(theChallenge(t), peer, "alice", mschap.Unicode([]byte("correct horse"))); nt != want {
		t.Error("the domain goes into the hash")
	}
}

func TestMSCHAPFailures(t *testing.T) {
	for _, tt := range []struct {
		name, message string
		reason        Reason
		code          int
		text          string
	}{
		{"softether", "E=691 R=0 C=00112233445566778899AABBCCDDEEFF V=3", BadCredentials, 691, ""},
		{"retry allowed, with nothing else to try", "E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=0", BadCredentials, 691, ""},
		{"logon hours", "E=646 R=0 M=Not now", LogonHours, 646, "Not now"},
		{"disabled", "E=647 R=0 V=3 M=Konto deaktiviert\n", AccountDisabled, 647, "Konto deaktiviert"},
		{"expired", "E=648 R=0 V=3", PasswordExpired, 648, ""},
		{"no dial-in", "M=Нет прав E=649 R=0", NoDialIn, 649, "Нет прав"},
		{"change refused", "E=709 R=0", PasswordExpired, 709, ""},
		{"unknown code", "E=12345", BadCredentials, 12345, ""},
		{"no code", "Go away", BadCredentials, 0, "Go away"},
		{"empty", "", BadCredentials, 0, ""},
	} {
		s := authenticating(t, clientOf(MSCHAPv2))
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		s.response(3)
		s.recv(protocolCHAP, chapFailure, 3, []byte(tt.message)...)
		if e := s.down(tt.reason); e.Code != tt.code || e.Text != tt.text || e.TryWidened {
			t.Errorf("%s: %+v, want code %d and text %q", tt.name, e, tt.code, tt.text)
		}
		s.expect(protocolLCP, terminateRequest)
		s.quiet()
	}
}

func TestWidenedRetry(t *testing.T) {
	cfg := clientOf(MSCHAPv2)
	cfg.User, cfg.Password = "jürgen", secret.Secret("Schlüssel")
	const c2 = "00112233445566778899AABBCCDDEEFF"
	refuse := func(s *script, retry int) {
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		peer, nt := s.response(3)
		if want := mschap.GenerateNTResponse(theChallenge(t), peer, cfg.User, mschap.Unicode(cfg.Password)); nt != want {
			t.Error("the first try is not UTF-16")
		}
		s.recv(protocolCHAP, chapFailure, 3, fmt.Appendf(nil, "E=691 R=%d C=%s V=3 M=no", retry, c2)...)
	}
	t.Run("allowed", func(t *testing.T) {
		s := authenticating(t, cfg)
		refuse(s, 1)
		if e := must[AuthRetry](s); e.Code != 691 || e.Text != "no" {
			t.Errorf("%+v", e)
		}
		peer, nt := s.response(4)
		challenge := mschap.Challenge(unhex(t, c2))
		widened := mschap.Widened(cfg.Password)
		if want := mschap.GenerateNTResponse(challenge, peer, cfg.User, widened); nt != want {
			t.Error("the second try is not the widened form with the new challenge")
		}
		proof := mschap.GenerateAuthenticatorResponse(widened, nt, peer, challenge, cfg.User)
		s.recv(protocolCHAP, chapSuccess, 4, []byte(proof)...)
		must[Authenticated](s)
		s.frames = nil
		s.recvHex(protocolCHAP, chapChallenge, 9, challenge16) // what worked is kept
		peer, nt = s.response(9)
		if want := mschap.GenerateNTResponse(theChallenge(t), peer, cfg.User, widened); nt != want {
			t.Error("re-authentication forgets the widened form")
		}
	})
	t.Run("allowed and refused again", func(t *testing.T) {
		s := authenticating(t, cfg)
		refuse(s, 1)
		s.response(4)
		s.recv(protocolCHAP, chapFailure, 4, []byte("E=691 R=1 C="+c2)...)
		if e := s.down(BadCredentials); e.TryWidened {
			t.Error("a third try is proposed")
		}
	})
	t.Run("not allowed", func(t *testing.T) {
		s := authenticating(t, cfg)
		refuse(s, 0)
		if e := s.down(BadCredentials); !e.TryWidened {
			t.Error("the widened form is not proposed")
		}
		again := cfg
		again.Widened = true
		s = authenticating(t, again)
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		peer, nt := s.response(3)
		if want := mschap.GenerateNTResponse(theChallenge(t), peer, cfg.User, mschap.Widened(cfg.Password)); nt != want {
			t.Error("Config.Widened does not begin with the widened form")
		}
	})
	t.Run("not for an expired password", func(t *testing.T) {
		s := authenticating(t, cfg)
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		s.response(3)
		s.recv(protocolCHAP, chapFailure, 3, []byte("E=648 R=1 C="+c2)...)
		if e := s.down(PasswordExpired); e.TryWidened {
			t.Error("the widened form is proposed for an expired password")
		}
	})
}

func TestCHAPMD5Client(t *testing.T) {
	s := authenticating(t, clientOf(CHAPMD5))
	s.recvHex(protocolCHAP, chapChallenge, 5, "04 01020304 6c6e73")
	// MD5(05 | "correct horse" | 01020304), computed with md5sum.
	p := s.expect(protocolCHAP, chapResponse)
	if want := unhex(t, "10 73d84741b9656a4b405ee812ed70f7a4 616c696365"); !bytes.Equal(p.data, want) {
		t.Errorf("Response %x, want %x", p.data, want)
	}
	s.recv(protocolCHAP, chapSuccess, 5, []byte("Access granted\n")...)
	if e := must[Authenticated](s); e.Message != "Access granted" {
		t.Errorf("%+v", e)
	}

	s = authenticating(t, clientOf(CHAPMD5))
	s.recvHex(protocolCHAP, chapChallenge, 5, "04 01020304 6c6e73")
	s.recv(protocolCHAP, chapFailure, 5, []byte("Access denied")...)
	if e := s.down(BadCredentials); e.Text != "Access denied" {
		t.Errorf("%+v", e)
	}
}

func TestPAPClient(t *testing.T) {
	const request = "05 616c696365 0d 636f727265637420686f727365"
	t.Run("the first identifier is acknowledged", func(t *testing.T) {
		s := authenticating(t, clientOf(PAP))
		s.expectHex(protocolPAP, papRequest, 1, request)
		s.pass(9 * time.Second)
		s.expectHex(protocolPAP, papRequest, 2, request)
		s.expectHex(protocolPAP, papRequest, 3, request)
		s.recvHex(protocolPAP, papAck, 4, "")
		s.dropped(DropIdentifier)
		s.recvHex(protocolPAP, papAck, 0, "")
		s.dropped(DropIdentifier)
		s.recvHex(protocolPAP, papAck, 1, "")
		must[Authenticated](s)
		s.recvHex(protocolPAP, papAck, 2, "")
		s.dropped(DropIdentifier)
		s.expect(protocolIPCP, configureRequest)
	})
	for _, tt := range []struct{ name, body, text string }{
		{"no body", "", ""},
		{"length zero", "00", ""},
		{"message", "0548656c6c6f", "Hello"},
		{"a length too long", "ff48656c6c6f", "Hello"},
	} {
		s := authenticating(t, clientOf(PAP))
		s.recvHex(protocolPAP, papAck, 1, tt.body)
		if e := must[Authenticated](s); e.Message != tt.text {
			t.Errorf("%s: message %q, want %q", tt.name, e.Message, tt.text)
		}
		s = authenticating(t, clientOf(PAP))
		s.recvHex(protocolPAP, papNak, 1, tt.body)
		if e := s.down(BadCredentials); e.Text != tt.text {
			t.Errorf("%s: text %q, want %q", tt.name, e.Text, tt.text)
		}
	}
	cfg := clientOf(PAP)
	cfg.Password = bytes.Repeat([]byte("x"), 256)
	authenticating(t, cfg).down(BadCredentials)
}

// A peer that is silent while a person is asked is waited for; a person here
// is told after three seconds, once; echoes do not end it.
func TestWaiting(t *testing.T) {
	for _, m := range []AuthMethod{PAP, CHAPMD5, MSCHAPv2} {
		cfg := clientOf(m)
		cfg.EchoInterval, cfg.EchoFailures = time.Second, 1
		s := authenticating(t, cfg)
		if m != PAP {
			s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		}
		s.pass(2900 * time.Millisecond)
		if _, ok := has[Waiting](s); ok {
			t.Errorf("%v: told too early", m)
		}
		s.pass(200 * time.Millisecond)
		if e := must[Waiting](s); e.Left != 87*time.Second {
			t.Errorf("%v: %v left, want 87 s", m, e.Left)
		}
		s.events = nil
		s.pass(86800 * time.Millisecond)
		if len(s.events) > 0 {
			t.Errorf("%v: %+v while waiting", m, s.events)
		}
		if n := len(s.frames); n < 4 || n > 10 {
			t.Errorf("%v: the answer went out %d times in 90 s", m, n)
		}
		s.pass(200 * time.Millisecond)
		s.down(ApprovalTimeout)
	}
}

// Some servers make a new challenge of each repeat: that is no new wait.
func TestWaitingWithNewChallenges(t *testing.T) {
	s := authenticating(t, clientOf(CHAPMD5))
	for i := range uint8(200) {
		s.recv(protocolCHAP, chapChallenge, i, 2, i, i)
		s.pass(time.Second)
	}
	must[Waiting](s)
	s.down(ApprovalTimeout)
}

func TestNoChallenge(t *testing.T) {
	s := authenticating(t, clientOf(MSCHAPv2))
	s.pass(31 * time.Second)
	s.down(NoAnswer)
}

// The peer goes on to the network: its verdict was lost, so it is asked again.
func TestLostVerdict(t *testing.T) {
	s := authenticating(t, clientOf(PAP))
	s.frames = nil
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	s.quiet() // the verdict may be right behind
	s.pass(1100 * time.Millisecond)
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	s.dropped(DropPhase)
	s.expect(protocolPAP, papRequest)
	s.quiet()
}

// What it means that the peer ends the link, by the time it does.
func TestEndedByThePeer(t *testing.T) {
	answered := func() *script {
		s := authenticating(t, clientOf(MSCHAPv2))
		s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
		return s
	}
	mppe := func() *script {
		s := network(t, clientConfig(1))
		s.recvHex(protocolCCP, configureRequest, 1, "120601000040")
		s.frames = nil
		return s
	}
	upMPPE := func(d time.Duration) func() *script {
		return func() *script {
			s := up(t, clientConfig(1))
			s.recvHex(protocolCCP, configureRequest, 1, "120601000040")
			s.pass(d)
			return s
		}
	}
	for _, tt := range []struct {
		name  string
		state func() *script
		want  Reason
	}{
		{"establishing", func() *script { return newScript(t, clientConfig(1)) }, NegotiationFailed},
		{"before the challenge", func() *script { return authenticating(t, clientOf(MSCHAPv2)) }, NegotiationFailed},
		{"softether, wrong password by PAP", func() *script { return authenticating(t, clientOf(PAP)) }, BadCredentials},
		{"after the response", answered, BadCredentials},
		{"after authentication", func() *script { return network(t, clientConfig(1)) }, SessionRefused},
		{"after MPPE was asked for", mppe, MPPERequired},
		{"connected, right after MPPE was asked for", upMPPE(time.Second), MPPERequired},
		{"connected, long after MPPE was asked for", upMPPE(time.Minute), PeerClosed},
		{"connected", func() *script { return up(t, clientConfig(1)) }, PeerClosed},
	} {
		s := tt.state()
		s.recv(protocolLCP, terminateRequest, 9, []byte("Sorry\n")...)
		if e := s.down(tt.want); e.Text != "Sorry" {
			t.Errorf("%s: text %q", tt.name, e.Text)
		}
		if f := s.frames[len(s.frames)-1]; f[4] != terminateAck || f[5] != 9 {
			t.Errorf("%s: the Terminate-Request is answered with %x", tt.name, f)
		}
		s = tt.state()
		s.c.LowerDown(s.now, &s.out)
		s.collect()
		s.down(tt.want)
		s.c.LowerDown(s.now, &s.out)
		s.c.Advance(s.now.Add(time.Hour), &s.out)
		if len(s.out.Events)+len(s.out.Frames) > 0 {
			t.Errorf("%s: %+v after the end", tt.name, s.out)
		}
	}
}

// CCP is rejected; that alone is no failure.
func TestCCPRejected(t *testing.T) {
	s := network(t, clientConfig(1))
	s.frames = nil
	s.recvHex(protocolCCP, configureRequest, 1, "120601000040")
	s.expectHex(protocolLCP, protocolReject, s.c.lcp.otherID, "80fd0101000a120601000040")
	if s.c.mppeAt.IsZero() || s.c.Phase() != PhaseNetwork {
		t.Errorf("MPPE asked for at %v, in phase %v", s.c.mppeAt, s.c.Phase())
	}
	s = network(t, clientConfig(1))
	s.recvHex(protocolCCP, configureRequest, 1, "1a0478001804780015032f")
	if !s.c.mppeAt.IsZero() {
		t.Error("BSD and Deflate are taken for MPPE")
	}
	s = authenticating(t, clientOf(PAP)) // not before the network phase
	s.frames = nil
	s.recvHex(protocolCCP, configureRequest, 1, "120601000040")
	s.quiet()
}

// Wrong passwords against our own server, and the words both ends have for it.
func TestWrongPassword(t *testing.T) {
	for _, m := range []AuthMethod{PAP, CHAPMD5, MSCHAPv2} {
		for _, user := range []string{"alice", "mallory"} {
			cfg := clientConfig(1, m)
			cfg.User, cfg.Password = user, secret.Secret("wrong")
			n := newNet(t, 1, cfg, serverConfig(2, m))
			n.run(10 * time.Second)
			e, ok := n.ends[0].err.(*Error)
			if !ok || e.Reason != BadCredentials {
				t.Errorf("%v of %s: client ends with %v", m, user, n.ends[0].err)
				continue
			}
			if m == MSCHAPv2 && e.Code != 691 {
				t.Errorf("code %d, want 691", e.Code)
			}
			if e, ok := n.ends[1].err.(*Error); !ok || e.Reason != BadCredentials {
				t.Errorf("%v of %s: server ends with %v", m, user, n.ends[1].err)
			}
		}
	}
}

// A server takes both forms of a password beyond ASCII.
func TestServerTakesBothForms(t *testing.T) {
	for _, widened := range []bool{false, true} {
		cfg := clientConfig(1, MSCHAPv2)
		cfg.User, cfg.Password, cfg.Widened = "jürgen", secret.Secret("Schlüssel"), widened
		n := newNet(t, 1, cfg, serverConfig(2, MSCHAPv2))
		n.run(time.Second)
		n.checkUp(t)
		if n.ends[1].user != "jürgen" {
			t.Errorf("server let in %q", n.ends[1].user)
		}
	}
}

// Repeated requests after success are told again; others are not let in by it.
func TestServerRepeats(t *testing.T) {
	s := newScript(t, serverConfig(1, PAP))
	s.link("")
	s.recvHex(protocolPAP, papRequest, 1, "05616c696365 0d")
	s.dropped(DropMalformed)
	s.recvHex(protocolPAP, papRequest, 1, "05616c6963650d636f727265637420686f727365")
	s.expectHex(protocolPAP, papAck, 1, "00")
	s.expect(protocolIPCP, configureRequest)
	s.recvHex(protocolPAP, papRequest, 2, "05616c6963650d636f727265637420686f727365")
	s.expectHex(protocolPAP, papAck, 2, "00")
	s.recvHex(protocolPAP, papRequest, 3, "05616c6963650d636f727265637420686f727366")
	s.dropped(DropState)
	s.recvHex(protocolPAP, papAck, 3, "")
	s.dropped(DropIgnored)
	s.quiet()

	s = newScript(t, serverConfig(1, CHAPMD5))
	s.link("")
	p := s.expect(protocolCHAP, chapChallenge)
	s.pass(time.Second)
	if q := s.expect(protocolCHAP, chapChallenge); q.id != p.id || !bytes.Equal(p.data, q.data) {
		t.Error("a repeated challenge is another one")
	}
	value, name, _ := parseValue(p.data)
	if string(name) != "gateway" {
		t.Errorf("challenge of %q", name)
	}
	sum := md5Response(p.id, secret.Secret("correct horse"), value)
	s.recv(protocolCHAP, chapResponse, p.id+1, appendValue(sum[:], "alice")...)
	s.dropped(DropIdentifier)
	s.recv(protocolCHAP, chapResponse, p.id, 99)
	s.dropped(DropMalformed)
	s.recv(protocolCHAP, chapResponse, p.id, appendValue(sum[:], "alice")...)
	s.expect(protocolCHAP, chapSuccess)
	s.expect(protocolIPCP, configureRequest)
	s.recv(protocolCHAP, chapResponse, p.id, appendValue(sum[:], "alice")...)
	s.expect(protocolCHAP, chapSuccess)
	s.quiet()

	s = newScript(t, serverConfig(1, MSCHAPv2))
	s.link("")
	s.pass(31 * time.Second)
	s.down(NoAnswer)
}

func TestAuthOfTheWrongProtocol(t *testing.T) {
	s := authenticating(t, clientOf(PAP))
	s.frames = nil
	s.recvHex(protocolCHAP, chapChallenge, 3, challenge16)
	s.dropped(DropPhase)
	s.quiet()
	s.frame(unhex(t, "ff030021 4500"))
	s.dropped(DropPhase)
}
