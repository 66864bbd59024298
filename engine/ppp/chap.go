package ppp

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"time"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// From the specification (RFC 1994, 4).
const (
	chapChallenge = 1
	chapResponse  = 2
	chapSuccess   = 3
	chapFailure   = 4
)

// Ours.
const (
	welcome     = "Welcome"
	denied      = "Access denied"
	defaultName = "culvert"
)

// chap is CHAP with MD5 (RFC 1994) and MS-CHAPv2 (RFC 2759).
type chap struct {
	id        uint8  // of the challenge and its answer
	challenge []byte // client: the peer's; server: ours
	reply     packet // client: our Response; server: our Success; code zero: none
	// MS-CHAPv2, client: what the server's proof is about.
	peerChallenge mschap.Challenge
	nt            [mschap.NTResponseLen]byte
}

// parseValue reads a Challenge or a Response: a value, then a name.
func parseValue(data []byte) (value, name []byte, err error) {
	r := wire.NewReader(data)
	value = r.Bytes(int(r.Uint8()))
	name = r.Rest()
	return value, name, r.Err()
}

func appendValue(value []byte, name string) []byte {
	out := make([]byte, 0, 1+len(value)+len(name))
	out = append(append(out, uint8(len(value))), value...)
	return append(out, name...)
}

func (c *Conn) receiveCHAP(now time.Time, p packet, out *Output) {
	switch {
	case c.cfg.Server && p.code == chapResponse:
		c.chapAnswered(now, p, out)
	case !c.cfg.Server && p.code == chapChallenge:
		c.chapAsked(now, p, out)
	case !c.cfg.Server && (p.code == chapSuccess || p.code == chapFailure):
		if !c.auth.answered || p.id != c.auth.chap.id {
			out.emit(Drop{protocolCHAP, DropIdentifier})
		} else if p.code == chapSuccess {
			c.chapSucceeded(now, p, out)
		} else {
			c.chapFailed(now, p, out)
		}
	default:
		out.emit(Drop{protocolCHAP, DropIgnored})
	}
}

// chapAsked answers a challenge, at any time in the life of the link. A
// repeated one gets the same answer.
func (c *Conn) chapAsked(now time.Time, p packet, out *Output) {
	a := &c.auth.chap
	value, _, err := parseValue(p.data)
	if err != nil || len(value) == 0 || c.auth.method == MSCHAPv2 && len(value) != mschap.ChallengeLen {
		out.emit(Drop{protocolCHAP, DropMalformed})
		return
	}
	if a.reply.code != 0 && p.id == a.id && bytes.Equal(value, a.challenge) {
		out.send(protocolCHAP, a.reply)
		return
	}
	a.id, a.challenge = p.id, bytes.Clone(value)
	c.auth.answered = false // this is another question
	c.respond()
	c.answer(now, out)
}

// respond makes our Response to the present challenge.
func (c *Conn) respond() {
	a := &c.auth.chap
	a.reply = packet{code: chapResponse, id: a.id}
	if c.auth.method == CHAPMD5 {
		sum := md5Response(a.id, c.cfg.Password, a.challenge)
		a.reply.data = appendValue(sum[:], c.cfg.User)
		return
	}
	a.reply.data = c.ntResponse()
}

// ntResponse is the data of a Response to the present challenge by MS-CHAPv2.
func (c *Conn) ntResponse() []byte {
	a := &c.auth.chap
	c.random(a.peerChallenge[:])
	password := c.password()
	defer password.Zero()
	a.nt = mschap.GenerateNTResponse(mschap.Challenge(a.challenge), a.peerChallenge, c.cfg.User, password)
	var value [mschap.ResponseLen]byte // reserved octets and flags are zero
	copy(value[:], a.peerChallenge[:])
	copy(value[mschap.ChallengeLen+8:], a.nt[:])
	return appendValue(value[:], c.cfg.User)
}

// proves checks what the server says to our answer by MS-CHAPv2; text is its
// message.
func (c *Conn) proves(data []byte) (text string, ok bool) {
	a := &c.auth.chap
	s := mschap.ParseSuccess(data)
	password := c.password()
	defer password.Zero()
	ok = s.HasProof && mschap.CheckAuthenticatorResponse(s.Proof, password, a.nt, a.peerChallenge, mschap.Challenge(a.challenge), c.cfg.User)
	return cleanText([]byte(s.Message)), ok
}

// password is ours in the form to be used now.
func (c *Conn) password() mschap.Password {
	if c.auth.widened {
		return mschap.Widened(c.cfg.Password)
	}
	return mschap.Unicode(c.cfg.Password)
}

// md5Response is the Value of a Response (RFC 1994, 4.1).
func md5Response(id uint8, password secret.Secret, challenge []byte) [md5.Size]byte {
	h := md5.New()
	h.Write([]byte{id})
	h.Write(password)
	h.Write(challenge)
	return [md5.Size]byte(h.Sum(nil))
}

// chapSucceeded checks the server's proof where there is one.
func (c *Conn) chapSucceeded(now time.Time, p packet, out *Output) {
	if c.auth.method == CHAPMD5 {
		c.letIn(now, "", cleanText(p.data), out)
		return
	}
	text, ok := c.proves(p.data)
	if !ok {
		c.fail(now, &Error{Reason: ServerNotGenuine, Text: text}, out)
		return
	}
	c.letIn(now, "", text, out)
}

// chapFailed gives up, unless the peer allows another try and the password has
// another form.
func (c *Conn) chapFailed(now time.Time, p packet, out *Output) {
	f := mschap.ParseFailure(p.data)
	if f.Retry && refusal(f.Code) == BadCredentials && c.canWiden() {
		a := &c.auth.chap
		if f.HasChallenge {
			a.challenge = bytes.Clone(f.Challenge[:])
		}
		a.id++ // RFC 2759, 10: the next Response counts on
		c.auth.widened, c.auth.answered, c.auth.waiting = true, false, false
		out.emit(AuthRetry{Method: c.auth.method, Code: f.Code, Text: cleanText([]byte(f.Message))})
		c.respond()
		c.answer(now, out)
		return
	}
	c.fail(now, c.refusedWith(p.data), out)
}

// refusedWith is what the message of a Failure means.
func (c *Conn) refusedWith(data []byte) *Error {
	f := mschap.ParseFailure(data)
	reason := refusal(f.Code)
	return &Error{Reason: reason, Code: f.Code, Text: cleanText([]byte(f.Message)), TryWidened: reason == BadCredentials && c.canWiden()}
}

// challenge asks the client to prove itself.
func (c *Conn) challenge(now time.Time, out *Output) {
	a := &c.auth.chap
	a.id++
	a.challenge = make([]byte, mschap.ChallengeLen)
	c.random(a.challenge)
	c.sendChallenge(now, out)
}

// sendChallenge sends the present challenge, for the first time or again.
func (c *Conn) sendChallenge(now time.Time, out *Output) {
	a := &c.auth
	a.repeats++
	a.repeatAt = now.Add(min(time.Duration(a.repeats)*time.Second, restartTimer))
	out.send(protocolCHAP, packet{chapChallenge, a.chap.id, appendValue(a.chap.challenge, c.ownName())})
}

// ownName is the server's.
func (c *Conn) ownName() string {
	if c.cfg.Name == "" {
		return defaultName
	}
	return c.cfg.Name
}

// lookup is the password of a user whom the agreed method may let in.
func (c *Conn) lookup(user string) (secret.Secret, bool) {
	if c.cfg.Lookup == nil || c.takesCode(user) && c.auth.method != EAPGTC {
		return nil, false
	}
	return c.cfg.Lookup(user)
}

func (c *Conn) takesCode(user string) bool { return c.cfg.TakesCode != nil && c.cfg.TakesCode(user) }

// chapAnswered is the server's part. A repeated Response is told again what
// the first was told (RFC 1994, 4.2).
func (c *Conn) chapAnswered(now time.Time, p packet, out *Output) {
	a := &c.auth.chap
	value, who, err := parseValue(p.data)
	switch {
	case err != nil:
		out.emit(Drop{protocolCHAP, DropMalformed})
		return
	case p.id != a.id:
		out.emit(Drop{protocolCHAP, DropIdentifier})
		return
	case c.auth.passed:
		out.send(protocolCHAP, a.reply)
		return
	}
	user := string(who)
	password, known := c.lookup(user)
	var message string
	var ok bool
	if c.auth.method == CHAPMD5 {
		sum := md5Response(a.id, password, a.challenge)
		ok, message = subtle.ConstantTimeCompare(sum[:], value) == 1, welcome
	} else {
		message, ok = verifyMSCHAPv2(mschap.Challenge(a.challenge), value, user, password)
	}
	if !ok || !known {
		f := mschap.Failure{Code: mschap.ErrorAuthenticationFailure, Version: 3, Message: denied}
		c.random(f.Challenge[:])
		data := []byte(denied)
		if c.auth.method == MSCHAPv2 {
			data = f.Append(nil)
		}
		out.send(protocolCHAP, packet{chapFailure, p.id, data})
		c.fail(now, &Error{Reason: BadCredentials, Detail: "user " + cleanText(who)}, out)
		return
	}
	a.reply = packet{chapSuccess, p.id, []byte(message)}
	out.send(protocolCHAP, a.reply)
	c.letIn(now, user, "", out)
}

// verifyMSCHAPv2 checks a Response against both forms of the password: clients
// disagree about them, too. The message proves that we know it.
func verifyMSCHAPv2(challenge mschap.Challenge, value []byte, user string, password secret.Secret) (message string, ok bool) {
	if len(value) != mschap.ResponseLen {
		return "", false
	}
	peer := mschap.Challenge(value)
	got := [mschap.NTResponseLen]byte(value[mschap.ChallengeLen+8:])
	for _, form := range []func([]byte) mschap.Password{mschap.Unicode, mschap.Widened} {
		p := form(password)
		want := mschap.GenerateNTResponse(challenge, peer, user, p)
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			message = mschap.GenerateAuthenticatorResponse(p, got, peer, challenge, user) + " M=" + welcome
			ok = true
		}
		p.Zero()
	}
	return message, ok
}
