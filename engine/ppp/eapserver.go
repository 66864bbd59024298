package ppp

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
)

// Ours.
const (
	// What a server asks with, by GTC. Clients give the password to the first
	// without asking anybody.
	passwordPrompt    = "Password: "
	defaultCodePrompt = "Code: "

	tokenRepeat = 5 * time.Second
)

// identify begins EAP.
func (c *Conn) identify(now time.Time, out *Output) {
	c.auth.eap.step = forIdentity
	c.askEAP(now, []byte{eapIdentity}, challengeTime, out)
}

// askEAP sends a Request, and has it repeated until the answer comes.
func (c *Conn) askEAP(now time.Time, data []byte, wait time.Duration, out *Output) {
	a := &c.auth
	a.eap.id++
	a.eap.out = packet{eapRequest, a.eap.id, data}
	a.repeats, a.deadlineAt = 0, now.Add(wait)
	c.repeatEAP(now, out)
}

// repeatEAP sends the present Request, for the first time or again; less often where
// a person may be typing (RFC 3748, 4.3).
func (c *Conn) repeatEAP(now time.Time, out *Output) {
	a := &c.auth
	a.repeats++
	wait := min(time.Duration(a.repeats)*time.Second, restartTimer)
	if a.eap.out.data[0] == eapGTC {
		wait = tokenRepeat
	}
	a.repeatAt = now.Add(wait)
	out.send(protocolEAP, a.eap.out)
}

// eapAnswered takes a Response to the Request that is out.
func (c *Conn) eapAnswered(now time.Time, p packet, out *Output) {
	e := &c.auth.eap
	switch {
	case e.out.code == 0 || p.id != e.id:
		out.emit(Drop{protocolEAP, DropIdentifier})
		return
	case len(p.data) == 0:
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	}
	kind, body := p.data[0], p.data[1:]
	switch {
	case e.step == forIdentity && kind == eapIdentity && len(body) <= maxName:
		e.user = string(body)
		e.left = c.eapMethodsOf(e.user)
		c.nextMethod(now, nil, out)
	case e.step == forAnswer && kind == eapNak:
		c.nextMethod(now, body, out)
	case e.step == forIdentity || kind != e.out.data[0]:
		out.emit(Drop{protocolEAP, DropMismatch})
	case kind == eapMD5:
		c.md5Answered(now, body, out)
	case kind == eapMSCHAPv2:
		c.msAnswered(now, body, out)
	default:
		c.tokenAnswered(now, body, out)
	}
}

// eapMethodsOf is how a user may get in.
func (c *Conn) eapMethodsOf(user string) []AuthMethod {
	ours := c.cfg.eapMethods()
	switch {
	case !c.takesCode(user):
		return ours
	case slices.Contains(ours, EAPGTC):
		return []AuthMethod{EAPGTC}
	}
	return nil
}

// nextMethod goes on to the method that the client wants first; nil: to our best.
func (c *Conn) nextMethod(now time.Time, wanted []byte, out *Output) {
	e := &c.auth.eap
	next := -1
	if wanted == nil && len(e.left) > 0 {
		next = 0
	}
	for i := 0; i < len(wanted) && next < 0; i++ {
		next = slices.IndexFunc(e.left, func(m AuthMethod) bool { return m.kind() == wanted[i] })
	}
	if next >= 0 {
		m := e.left[next]
		e.left = slices.Delete(e.left, next, next+1)
		c.begin(now, m, out)
		return
	}
	out.send(protocolEAP, packet{code: eapFailure, id: e.id})
	detail := "user " + cleanText([]byte(e.user)) + " has no method within EAP"
	if wanted != nil {
		detail = "within EAP we allow [" + names(c.eapMethodsOf(e.user)) + "], peer asked for ["
		for i, t := range wanted[:min(len(wanted), maxRefused)] {
			if i > 0 {
				detail += " "
			}
			detail += typeName(t)
		}
		detail += "]"
	}
	c.fail(now, &Error{Reason: AuthMethodRefused, Detail: detail}, out)
}

// begin sends the first Request of a method.
func (c *Conn) begin(now time.Time, m AuthMethod, out *Output) {
	a := &c.auth
	a.method, a.eap.step = m, forAnswer
	out.emit(Authenticating{m})
	if m == EAPGTC {
		c.askEAP(now, append([]byte{eapGTC}, passwordPrompt...), c.cfg.AuthTimeout, out)
		return
	}
	a.chap.id, a.chap.challenge = a.eap.id+1, make([]byte, mschap.ChallengeLen)
	c.random(a.chap.challenge)
	data := appendValue(a.chap.challenge, c.ownName())
	if m == EAPMSCHAPv2 {
		c.askEAP(now, appendMS(opChallenge, a.chap.id, data), challengeTime, out)
		return
	}
	c.askEAP(now, append([]byte{eapMD5}, data...), challengeTime, out)
}

func (c *Conn) md5Answered(now time.Time, body []byte, out *Output) {
	value, _, err := parseValue(body)
	if err != nil {
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	}
	password, known := c.lookup(c.auth.eap.user)
	sum := md5Response(c.auth.eap.id, password, c.auth.chap.challenge)
	c.conclude(now, subtle.ConstantTimeCompare(sum[:], value) == 1 && known, out)
}

// msAnswered takes the Response to our challenge, then what the client says to our
// proof or our refusal.
func (c *Conn) msAnswered(now time.Time, body []byte, out *Output) {
	e, a := &c.auth.eap, &c.auth.chap
	switch {
	case len(body) == 0:
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	case e.step == forEnd:
		c.conclude(now, e.good && body[0] == opSuccess, out)
		return
	case body[0] != opResponse || len(body) < msHeaderLen:
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	}
	value, who, err := parseValue(body[msHeaderLen:])
	if err != nil || len(value) != mschap.ResponseLen {
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	}
	password, known := c.lookup(e.user)
	message, ok := verifyMSCHAPv2(mschap.Challenge(a.challenge), value, string(who), password)
	if e.step, e.good = forEnd, ok && known; e.good {
		c.askEAP(now, appendMS(opSuccess, a.id, []byte(message)), challengeTime, out)
		return
	}
	f := mschap.Failure{Code: mschap.ErrorAuthenticationFailure, Version: 3, Message: denied}
	c.random(f.Challenge[:])
	c.askEAP(now, appendMS(opFailure, a.id, f.Append(nil)), restartTimer, out)
}

// tokenAnswered takes the password, then the code where the user has one. Which of
// them was wrong is not said.
func (c *Conn) tokenAnswered(now time.Time, body []byte, out *Output) {
	e := &c.auth.eap
	if e.step == forCode {
		c.conclude(now, e.good && c.cfg.CheckCode != nil && c.cfg.CheckCode(now, e.user, body), out)
		return
	}
	password, known := c.lookup(e.user)
	e.good = subtle.ConstantTimeCompare(body, password) == 1 && known
	if !c.takesCode(e.user) {
		c.conclude(now, e.good, out)
		return
	}
	prompt := c.cfg.CodePrompt
	if prompt == "" {
		prompt = defaultCodePrompt
	}
	e.step = forCode
	c.askEAP(now, append([]byte{eapGTC}, prompt...), c.cfg.AuthTimeout, out)
}

// conclude tells the verdict. It is not repeated: a client that misses it takes
// what follows for it.
func (c *Conn) conclude(now time.Time, good bool, out *Output) {
	e := &c.auth.eap
	user := e.user
	if good {
		out.send(protocolEAP, packet{code: eapSuccess, id: e.id})
		c.letIn(now, user, "", out)
		return
	}
	out.send(protocolEAP, packet{code: eapFailure, id: e.id})
	c.fail(now, &Error{Reason: BadCredentials, Detail: "user " + cleanText([]byte(user))}, out)
}

// refuses says that a server has refused the client, and waits for no more than
// that it has heard.
func (e *eap) refuses() bool { return e.step == forEnd && !e.good }
