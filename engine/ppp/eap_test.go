package ppp

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// identified is a client's link that has told its name within EAP.
func identified(t testing.TB, cfg Config) *script {
	t.Helper()
	s := newScript(t, cfg)
	s.link(askEAP)
	s.quiet() // the peer begins
	s.recvHex(protocolEAP, eapRequest, 7, "01")
	s.expectHex(protocolEAP, eapResponse, 7, "01"+fmt.Sprintf("%x", cfg.User))
	return s
}

// ms is the data of a Request or Response of EAP-MSCHAPv2, written by hand.
func ms(op, id uint8, body string) []byte {
	b := []byte{26, op, id, 0, 0}
	binary.BigEndian.PutUint16(b[3:], uint16(4+len(body)))
	return append(b, body...)
}

// msChallenge is the Request of a server called "vm".
func msChallenge(t testing.TB, id uint8) []byte {
	return ms(1, id, string(unhex(t, challenge16)))
}

// msResponse takes a client's answer to that apart.
func (s *script) msResponse(eapID, id uint8) (peer mschap.Challenge, nt [mschap.NTResponseLen]byte) {
	s.t.Helper()
	p := s.expect(protocolEAP, eapResponse)
	want := len("\x1a\x02iLL\x31") + mschap.ResponseLen + len(s.c.cfg.User)
	if p.id != eapID || len(p.data) != want || p.data[0] != 26 || p.data[1] != 2 || p.data[2] != id ||
		int(binary.BigEndian.Uint16(p.data[3:])) != want-1 || p.data[5] != mschap.ResponseLen || string(p.data[6+mschap.ResponseLen:]) != s.c.cfg.User {
		s.t.Fatalf("Response %d %x, want %d octets of EAP-MSCHAPv2 for identifiers %d and %d", p.id, p.data, want, eapID, id)
	}
	value := p.data[6:]
	return mschap.Challenge(value), [mschap.NTResponseLen]byte(value[24:])
}

func TestEAPMSCHAPv2Client(t *testing.T) {
	s := identified(t, clientOf(EAPMSCHAPv2))
	s.recv(protocolEAP, eapRequest, 8, 26, 1, 3, 0, 20, 8, 1, 2) // a value of 8 octets
	s.dropped(DropMalformed)
	s.recv(protocolEAP, eapRequest, 8, ms(3, 3, "S=00")...)
	s.dropped(DropMalformed) // nothing was answered
	s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 0x33)...)
	first := s.frames[0]
	peer, nt := s.msResponse(9, 0x33)
	password := mschap.Unicode([]byte("correct horse"))
	if want := mschap.GenerateNTResponse(theChallenge(t), peer, "alice", password); nt != want {
		t.Errorf("NT-Response %x, want %x", nt, want)
	}
	s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 0x33)...) // repeated: the same answer
	if !bytes.Equal(first, s.frames[0]) {
		t.Errorf("a repeated Request is answered with %x, want %x", s.frames[0], first)
	}
	s.frames = nil
	s.recv(protocolEAP, eapSuccess, 9)
	s.down(ServerNotGenuine) // without a proof

	s = identified(t, clientOf(EAPMSCHAPv2))
	s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 0x33)...)
	peer, nt = s.msResponse(9, 0x33)
	proof := mschap.GenerateAuthenticatorResponse(password, nt, peer, theChallenge(t), "alice")
	s.recv(protocolEAP, eapRequest, 10, ms(3, 0x33, proof+" M=Welcome")...)
	s.expectHex(protocolEAP, eapResponse, 10, "1a03")
	s.recv(protocolEAP, eapSuccess, 8)
	s.dropped(DropIdentifier)
	s.recv(protocolEAP, eapSuccess, 10)
	if e := must[Authenticated](s); e.Method != EAPMSCHAPv2 || e.Message != "Welcome" {
		t.Errorf("%+v", e)
	}
	s.expect(protocolIPCP, configureRequest)

	// Asked again in the middle of the session.
	s.events = nil
	s.recv(protocolEAP, eapRequest, 11, msChallenge(t, 0x34)...)
	peer, nt = s.msResponse(11, 0x34)
	proof = mschap.GenerateAuthenticatorResponse(password, nt, peer, theChallenge(t), "alice")
	s.recv(protocolEAP, eapRequest, 12, ms(3, 0x34, proof)...)
	s.expectHex(protocolEAP, eapResponse, 12, "1a03")
	s.recv(protocolEAP, eapSuccess, 13) // counted on, as RFC 2284 servers do
	must[Authenticated](s)
	if _, ok := has[PhaseChange](s); ok {
		t.Error("re-authentication changed the phase")
	}
}

// A server that does not prove that it knows the password gets nothing else.
func TestEAPServerNotGenuine(t *testing.T) {
	for _, message := range []string{"S=407A5589115FD0D6209F510FE9C04566932CDA56", "S=00", "", "M=Welcome"} {
		s := identified(t, clientOf(EAPMSCHAPv2))
		s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 1)...)
		s.msResponse(9, 1)
		s.recv(protocolEAP, eapRequest, 10, ms(3, 1, message)...)
		s.down(ServerNotGenuine)
		s.expect(protocolLCP, terminateRequest) // and no acknowledgement before it
	}
}

func TestEAPMSCHAPFailures(t *testing.T) {
	for _, tt := range []struct {
		message string
		reason  Reason
		code    int
		text    string
	}{
		{"E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Access denied", BadCredentials, 691, "Access denied"},
		{"E=646 R=0", LogonHours, 646, ""},
		{"E=647 R=0", AccountDisabled, 647, ""},
		{"E=648 R=0 C=00112233445566778899AABBCCDDEEFF V=3", PasswordExpired, 648, ""},
		{"E=649 R=0", NoDialIn, 649, ""},
		{"E=709 R=0", PasswordExpired, 709, ""},
	} {
		s := identified(t, clientOf(EAPMSCHAPv2))
		s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 1)...)
		s.msResponse(9, 1)
		s.recv(protocolEAP, eapRequest, 10, ms(4, 1, tt.message)...)
		s.expectHex(protocolEAP, eapResponse, 10, "1a04")
		if e := s.down(tt.reason); e.Code != tt.code || e.Text != tt.text || e.TryWidened {
			t.Errorf("%q: %+v", tt.message, e)
		}
	}
	cfg := clientOf(EAPMSCHAPv2)
	cfg.User, cfg.Password = "jürgen", secret.Secret("Schlüssel")
	s := identified(t, cfg)
	s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 1)...)
	s.msResponse(9, 1)
	s.recv(protocolEAP, eapRequest, 10, ms(4, 1, "E=691 R=1")...)
	if e := s.down(BadCredentials); !e.TryWidened {
		t.Error("the widened form is not proposed")
	}
}

func TestEAPMD5Client(t *testing.T) {
	s := identified(t, clientOf(EAPMD5))
	answer := func(challenge string) string {
		sum := md5.Sum([]byte("\x09correct horse" + challenge))
		return fmt.Sprintf("0410%x%x", sum, "alice")
	}
	s.recvHex(protocolEAP, eapRequest, 9, "04 00")
	s.dropped(DropMalformed)
	s.recv(protocolEAP, eapRequest, 9, []byte("\x04\x04abcdlns")...)
	s.expectHex(protocolEAP, eapResponse, 9, answer("abcd"))
	// pppd repeats itself with another challenge.
	s.recv(protocolEAP, eapRequest, 9, []byte("\x04\x05efghilns")...)
	s.expectHex(protocolEAP, eapResponse, 9, answer("efghi"))
	s.recv(protocolEAP, eapSuccess, 10)
	if e := must[Authenticated](s); e.Method != EAPMD5 {
		t.Errorf("%+v", e)
	}
	s.recv(protocolEAP, eapFailure, 10) // a copy of something
	s.dropped(DropIdentifier)
	s.expect(protocolIPCP, configureRequest)

	s = identified(t, clientOf(EAPMD5))
	s.recv(protocolEAP, eapRequest, 8, []byte("\x02Password will expire\r\nsoon")...)
	s.expectHex(protocolEAP, eapResponse, 8, "02")
	s.recv(protocolEAP, eapRequest, 9, []byte("\x04\x04abcdlns")...)
	s.recv(protocolEAP, eapFailure, 9)
	if e := s.down(BadCredentials); e.Text != "Password will expire soon" {
		t.Errorf("%+v", e)
	}
}

// A Success is never repeated: what is said of the network tells.
func TestEAPSuccessLost(t *testing.T) {
	s := identified(t, clientOf(EAPMD5))
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	s.dropped(DropPhase) // no method has come to its end
	s.recv(protocolEAP, eapRequest, 9, []byte("\x04\x04abcdlns")...)
	s.expect(protocolEAP, eapResponse)
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	must[Authenticated](s)
	s.expect(protocolIPCP, configureRequest)
	s.expectHex(protocolIPCP, configureAck, 1, "03060a630001")

	s = identified(t, clientOf(EAPMSCHAPv2))
	s.recv(protocolEAP, eapRequest, 9, msChallenge(t, 1)...)
	s.msResponse(9, 1)
	s.recvHex(protocolIPCP, configureRequest, 1, "03060a630001")
	s.dropped(DropPhase) // it has not proved anything
	s.quiet()
}

func TestEAPNak(t *testing.T) {
	s := identified(t, clientConfig(1, EAPMSCHAPv2, EAPGTC, EAPMD5))
	s.recvHex(protocolEAP, eapRequest, 8, "0d20") // TLS
	s.expectHex(protocolEAP, eapResponse, 8, "03 1a 06 05 04")
	s.recvHex(protocolEAP, eapRequest, 8, "0d20")
	s.expectHex(protocolEAP, eapResponse, 8, "03 1a 06 05 04")
	s.recvHex(protocolEAP, eapRequest, 9, "03 04") // a Nak is no question
	s.dropped(DropMalformed)
	s.recv(protocolEAP, eapRequest, 9)
	s.dropped(DropMalformed)
	s.recvHex(protocolEAP, eapRequest, 9, "1920") // PEAP
	s.expect(protocolEAP, eapResponse)
	s.recv(protocolEAP, eapFailure, 9)
	if e := s.down(AuthMethodRefused); e.Detail != "within EAP we allow [EAP-MSCHAPv2 EAP-GTC EAP-MD5], peer asked for [TLS PEAP]" || e.TryEAP != 0 {
		t.Errorf("%+v", e)
	}

	s = identified(t, clientConfig(1, EAPMSCHAPv2, MSCHAPv2))
	s.recvHex(protocolEAP, eapRequest, 8, "0d20")
	s.expect(protocolEAP, eapResponse)
	s.recv(protocolLCP, terminateRequest, 3)
	if e := s.down(AuthMethodRefused); e.TryEAP != EAPNever {
		t.Errorf("%+v: SoftEther would do without EAP", e)
	}

	s = identified(t, clientConfig(1, EAPMSCHAPv2, MSCHAPv2))
	s.recvHex(protocolEAP, eapRequest, 8, "0d20")
	s.expect(protocolEAP, eapResponse)
	s.recvHex(protocolLCP, protocolReject, 3, "c227 0208000603 1a") // as it says that
	if e := s.down(AuthMethodRefused); e.TryEAP != EAPNever {
		t.Errorf("%+v: SoftEther would do without EAP", e)
	}

	s = identified(t, clientOf(EAPMD5)) // nobody by that name
	s.recv(protocolEAP, eapFailure, 7)
	s.down(BadCredentials)

	s = identified(t, clientOf(EAPMD5)) // let in without being asked
	s.recv(protocolEAP, eapSuccess, 7)
	s.dropped(DropState)

	s = identified(t, clientOf(EAPMD5)) // a peer that goes round in circles
	for i := range uint8(255) {
		s.recv(protocolEAP, eapRequest, i, 2, 'x', i)
	}
	s.down(NegotiationFailed)
}

func TestQuestion(t *testing.T) {
	for _, kind := range []string{"06", "05"} {
		cfg := clientOf(EAPGTC)
		cfg.AuthTimeout = time.Minute
		s := identified(t, cfg)
		s.recvHex(protocolEAP, eapRequest, 8, kind+fmt.Sprintf("%x", "Enter the code\x1b[2J\r\n from your token: "))
		if e := must[Question](s); e.Prompt != "Enter the code [2J from your token:" || e.Left != time.Minute {
			t.Errorf("%+v", e)
		}
		s.quiet()
		// The gateway repeats itself and looks whether we live, for 50 s.
		for range 10 {
			s.pass(5 * time.Second)
			s.recvHex(protocolEAP, eapRequest, 8, kind+fmt.Sprintf("%x", "Enter the code\x1b[2J\r\n from your token: "))
			s.recvHex(protocolLCP, echoRequest, 1, "00000000")
			s.expect(protocolLCP, echoReply)
			s.quiet()
		}
		if n := count[Question](s); n != 1 {
			t.Errorf("asked %d times", n)
		}
		s.answer(t, "123 456")
		s.expectHex(protocolEAP, eapResponse, 8, kind+"313233 20 343536")
		if s.c.Answer(s.now, secret.Secret("again"), &s.out) {
			t.Error("a question is answered twice")
		}
		s.pass(50 * time.Second) // the time begins anew
		must[Waiting](s)
		s.recvHex(protocolEAP, eapRequest, 9, kind+fmt.Sprintf("%x", "Next code:"))
		if e := must[Question](s); e.Prompt != "Next code:" {
			t.Errorf("%+v", e)
		}
		reply := s.c.auth.eap.reply.data
		s.answer(t, "654321")
		s.expectHex(protocolEAP, eapResponse, 9, kind+"363534333231")
		held := s.c.auth.eap.reply.data
		if len(reply) != 0 || len(held) != 7 {
			t.Errorf("%d octets of the last answer are kept, and %d of this", len(reply), len(held))
		}
		s.recv(protocolEAP, eapSuccess, 9)
		must[Authenticated](s)
		if !bytes.Equal(held, make([]byte, 7)) {
			t.Errorf("the code is still there: %q", held)
		}
	}
}

func (s *script) answer(t testing.TB, code string) {
	t.Helper()
	if !s.c.Answer(s.now, secret.Secret(code), &s.out) {
		t.Fatal("nothing was asked")
	}
	s.collect()
}

// What becomes of a question that is not answered, or wrongly.
func TestQuestionEnds(t *testing.T) {
	asked := func(t *testing.T) *script {
		s := identified(t, clientOf(EAPGTC))
		s.recv(protocolEAP, eapRequest, 8, []byte("\x06Code:")...)
		return s
	}
	s := asked(t)
	s.pass(89 * time.Second)
	if _, over := has[Down](s); over {
		t.Error("a person has less than the time for it")
	}
	s.pass(2 * time.Second)
	s.down(ApprovalTimeout)
	if s.c.Answer(s.now, secret.Secret("late"), &s.out) {
		t.Error("answered after the end")
	}

	s = asked(t)
	s.recv(protocolEAP, eapFailure, 8)
	s.down(ApprovalTimeout)
	s = asked(t)
	s.recv(protocolLCP, terminateRequest, 8)
	s.down(ApprovalTimeout)

	s = asked(t)
	s.answer(t, "000000")
	s.recv(protocolEAP, eapFailure, 8)
	s.down(BadCredentials)
	s = asked(t)
	s.answer(t, "000000")
	s.recv(protocolLCP, terminateRequest, 8)
	s.down(BadCredentials)

	s = asked(t) // the gateway asks for something else instead
	s.recv(protocolEAP, eapRequest, 9, []byte("\x06Password:")...)
	s.expectHex(protocolEAP, eapResponse, 9, "06"+fmt.Sprintf("%x", "correct horse"))
	s.recv(protocolEAP, eapRequest, 10, []byte("\x06Password:")...) // it was not the one that is meant
	must[Question](s)
	s.quiet()

	s = asked(t) // the link is negotiated anew
	s.recvHex(protocolLCP, configureRequest, 2, askEAP)
	s.frames = nil
	if s.c.Answer(s.now, secret.Secret("000000"), &s.out) {
		t.Error("answered without a link")
	}

	s = asked(t)
	s.frames = nil
	s.c.Close(s.now, &s.out)
	s.collect()
	s.expect(protocolLCP, terminateRequest)
	if s.c.Answer(s.now, secret.Secret("000000"), &s.out) {
		t.Error("answered after Close")
	}
}

func TestAsksPassword(t *testing.T) {
	for prompt, want := range map[string]bool{"Password: ": true, "password\x00": true, "Please enter your password:": true, "": false, "Password and code:": false,
		"One-time password:": false, "Passcode": false} {
		if got := asksPassword([]byte(prompt)); got != want {
			t.Errorf("asksPassword(%q) = %v", prompt, got)
		}
	}
}

// EAP is taken in its turn: SoftEther, which asks for it first, has better.
func TestEAPInTurn(t *testing.T) {
	all := []AuthMethod{MSCHAPv2, CHAPMD5, PAP}
	for _, tt := range []struct {
		name  string
		auth  []AuthMethod
		forms bool
		use   EAPUse
		naks  []string // until it is acknowledged
	}{
		{"not allowed", all, false, EAPInTurn, nil},
		{"by the forms of what is allowed", all, true, EAPInTurn, []string{askMSCHAPv2}},
		{"first", []AuthMethod{EAPGTC, MSCHAPv2}, false, EAPInTurn, []string{}},
		{"last", []AuthMethod{MSCHAPv2, PAP, EAPGTC}, false, EAPInTurn, []string{askMSCHAPv2, askPAP}},
		{"at the second connection", all, true, EAPFirst, []string{}},
		{"never", []AuthMethod{EAPGTC, PAP}, true, EAPNever, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := clientConfig(1, tt.auth...)
			cfg.EAPForms, cfg.EAP = tt.forms, tt.use
			s := newScript(t, cfg)
			s.ack(protocolLCP)
			for i := range uint8(10) {
				s.recvHex(protocolLCP, configureRequest, i, askEAP)
				switch {
				case tt.naks == nil:
					if e, over := has[Down](s); over {
						if err, _ := e.Err.(*Error); err.Reason != AuthMethodRefused || err.TryEAP != 0 {
							t.Errorf("%+v", err)
						}
						return
					}
					s.expect(protocolLCP, configureNak)
				case int(i) < len(tt.naks):
					s.expectHex(protocolLCP, configureNak, i, tt.naks[i])
				default:
					s.expectHex(protocolLCP, configureAck, i, askEAP)
					return
				}
			}
			t.Error("the peer insists for ever")
		})
	}
}

// pppd that has nothing but EAP does not insist: it opens the link without, and
// ends it. Another connection is worth a try.
func TestEAPShunned(t *testing.T) {
	cfg := clientConfig(1, MSCHAPv2, PAP)
	cfg.EAPForms = true
	s := newScript(t, cfg)
	s.ack(protocolLCP)
	s.recvHex(protocolLCP, configureRequest, 1, askEAP)
	s.expectHex(protocolLCP, configureNak, 1, askMSCHAPv2)
	s.recvHex(protocolLCP, configureRequest, 2, "")
	s.expectHex(protocolLCP, configureAck, 2, "")
	s.expect(protocolIPCP, configureRequest)
	s.recv(protocolLCP, terminateRequest, 3, []byte("peer refused to authenticate")...)
	if e := s.down(AuthMethodRefused); e.TryEAP != EAPFirst {
		t.Errorf("%+v", e)
	}
}
