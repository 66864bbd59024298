package ppp

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// eapAnswer is what to do about a Request.
type eapAnswer struct {
	data []byte // of our Response; nil: none
	ask  bool   // a person has to say it
	end  *Error // and that is the end
}

// eapAsked answers a Request, at any time in the life of the link. One that is
// repeated gets the same answer (RFC 3748, 4.1). pppd repeats its own with another
// challenge and the same identifier: that is another question.
func (c *Conn) eapAsked(now time.Time, p packet, out *Output) {
	e := &c.auth.eap
	same := func(q packet) bool { return q.code != 0 && q.id == p.id && bytes.Equal(q.data, p.data) }
	switch {
	case same(e.request) && e.reply.code != 0:
		out.send(protocolEAP, e.reply)
		return
	case same(e.request), slices.ContainsFunc(e.before, same): // a person is thinking; a copy that was overtaken
		out.emit(Drop{protocolEAP, DropIgnored})
		return
	}
	answer, ok := c.eapAnswerTo(p, out)
	if !ok {
		out.emit(Drop{protocolEAP, DropMalformed})
		return
	}
	e.forget()
	e.before = append(e.before[max(0, len(e.before)-maxBefore+1):], e.request)
	e.open, e.request = true, packet{p.code, p.id, bytes.Clone(p.data)}
	if e.requests++; e.requests > maxRequests {
		answer = eapAnswer{end: &Error{Reason: NegotiationFailed, Detail: "the peer asks and asks within EAP"}}
	}
	switch {
	case answer.ask:
		c.question(now, out)
	case answer.data != nil:
		c.eapSend(now, answer.data, out)
	}
	if answer.end != nil {
		c.fail(now, answer.end, out)
	}
}

// eapAnswerTo is what to do about a Request; ok is false for what is malformed.
func (c *Conn) eapAnswerTo(p packet, out *Output) (answer eapAnswer, ok bool) {
	if len(p.data) == 0 {
		return eapAnswer{}, false
	}
	e := &c.auth.eap
	kind, body := p.data[0], p.data[1:]
	switch m := method(kind); {
	case kind == eapNak:
		return eapAnswer{}, false
	case kind == eapIdentity: // another conversation
		e.started, e.done, e.given, e.refused = false, false, false, nil
		return eapAnswer{data: append([]byte{eapIdentity}, c.cfg.User...)}, true
	case kind == eapNotification:
		e.notice = cleanText(body)
		return eapAnswer{data: []byte{eapNotification}}, true
	case m == 0 || !slices.Contains(c.cfg.eapMethods(), m):
		return eapAnswer{data: c.eapNak(kind)}, true
	case m == EAPMD5:
		return c.answerMD5(p.id, body, out)
	case m == EAPMSCHAPv2:
		return c.answerMSCHAPv2(body, out)
	default:
		return c.answerToken(kind, body, out), true
	}
}

// starts notes which method it is.
func (c *Conn) starts(m AuthMethod, out *Output) {
	e := &c.auth.eap
	if !e.started || c.auth.method != m {
		out.emit(Authenticating{m})
	}
	c.auth.method, e.started, e.done = m, true, false
}

// eapNak names what may be used instead of a type (RFC 3748, 5.3.1).
func (c *Conn) eapNak(kind uint8) []byte {
	if e := &c.auth.eap; len(e.refused) < maxRefused {
		e.refused = append(e.refused, typeName(kind))
	}
	data := []byte{eapNak}
	for _, m := range c.cfg.eapMethods() {
		data = append(data, m.kind())
		if m == EAPGTC {
			data = append(data, eapOTP)
		}
	}
	return data
}

// answerMD5 is CHAP by another name (RFC 3748, 5.4).
func (c *Conn) answerMD5(id uint8, body []byte, out *Output) (eapAnswer, bool) {
	value, _, err := parseValue(body)
	if err != nil || len(value) == 0 {
		return eapAnswer{}, false
	}
	c.starts(EAPMD5, out)
	c.auth.eap.done = true
	sum := md5Response(id, c.cfg.Password, value)
	return eapAnswer{data: append([]byte{eapMD5}, appendValue(sum[:], c.cfg.User)...)}, true
}

// answerMSCHAPv2 answers the peer's challenge, then its proof or its refusal
// (draft-kamath, 2.1 to 2.4). The length within is that of the packet, or wrong.
func (c *Conn) answerMSCHAPv2(body []byte, out *Output) (eapAnswer, bool) {
	if len(body) < msHeaderLen {
		return eapAnswer{}, false
	}
	e, a := &c.auth.eap, &c.auth.chap
	op, id, body := body[0], body[1], body[msHeaderLen:]
	answered := e.started && c.auth.method == EAPMSCHAPv2
	switch {
	case op == opChallenge:
		value, _, err := parseValue(body)
		if err != nil || len(value) != mschap.ChallengeLen {
			return eapAnswer{}, false
		}
		c.starts(EAPMSCHAPv2, out)
		a.id, a.challenge = id, bytes.Clone(value)
		return eapAnswer{data: appendMS(opResponse, id, c.ntResponse())}, true
	case op == opSuccess && answered:
		text, genuine := c.proves(body)
		if !genuine { // which is not acknowledged
			return eapAnswer{end: &Error{Reason: ServerNotGenuine, Text: text}}, true
		}
		e.done, e.text = true, text
		return eapAnswer{data: []byte{eapMSCHAPv2, opSuccess}}, true
	case op == opFailure && answered:
		// A retry on the same link (R=1) has other rules with each server; another
		// connection does as well.
		return eapAnswer{data: []byte{eapMSCHAPv2, opFailure}, end: c.refusedWith(body)}, true
	}
	return eapAnswer{}, false
}

// answerToken is what a person has to say (RFC 3748, 5.5 and 5.6), but for the
// password: FreeRADIUS asks for that by GTC, with this prompt.
func (c *Conn) answerToken(kind uint8, prompt []byte, out *Output) eapAnswer {
	e := &c.auth.eap
	c.starts(EAPGTC, out)
	if kind == eapGTC && !e.given && len(c.cfg.Password) > 0 && asksPassword(prompt) {
		e.given, e.done = true, true
		return eapAnswer{data: append([]byte{eapGTC}, c.cfg.Password...)}
	}
	return eapAnswer{ask: true}
}

// asksPassword says that a prompt means the password and nothing else.
func asksPassword(prompt []byte) bool {
	text := strings.TrimFunc(strings.ToLower(string(prompt)), func(r rune) bool { return unicode.IsSpace(r) || r == ':' || r == 0 })
	switch text {
	case "password", "enter password", "enter your password", "please enter password", "please enter your password":
		return true
	}
	return false
}

// eapSend sends our Response, and begins to wait.
func (c *Conn) eapSend(now time.Time, data []byte, out *Output) {
	a := &c.auth
	a.eap.reply = packet{eapResponse, a.eap.request.id, data}
	out.send(protocolEAP, a.eap.reply)
	a.answered, a.answeredAt = a.eap.started, now
	if c.phase != PhaseAuthenticate {
		return // once more, while the link is up
	}
	if !a.waiting {
		a.waiting = true
		a.deadlineAt = now.Add(c.cfg.AuthTimeout)
	}
	a.waitAt = now.Add(silence)
}

// question has a person asked, for as long as for a verdict.
func (c *Conn) question(now time.Time, out *Output) {
	a := &c.auth
	a.eap.asked, a.answered, a.waitAt = true, false, time.Time{}
	if c.phase == PhaseAuthenticate {
		a.deadlineAt = now.Add(c.cfg.AuthTimeout)
	}
	out.emit(Question{Prompt: cleanText(a.eap.request.data[1:]), Left: c.cfg.AuthTimeout})
}

// Answer gives the peer what Question asked for; code is borrowed. It says whether
// there was anything to answer: the peer may have gone on.
func (c *Conn) Answer(now time.Time, code secret.Secret, out *Output) bool {
	a := &c.auth
	if !a.eap.asked || c.phase != PhaseAuthenticate && c.phase != PhaseNetwork {
		return false // or the link is negotiated anew
	}
	a.eap.asked, a.eap.done, a.waiting = false, true, false
	data := make([]byte, 0, 1+len(code)) // never grown
	c.eapSend(now, append(append(data, a.eap.request.data[0]), code...), out)
	c.settle(now, out)
	return true
}

// eapVerdict is the end of a conversation. Some servers count on for it (RFC
// 2284), pppd among them.
func (c *Conn) eapVerdict(now time.Time, p packet, out *Output) {
	e := &c.auth.eap
	switch {
	case !e.open || p.id != e.request.id && p.id != e.request.id+1:
		out.emit(Drop{protocolEAP, DropIdentifier})
	case p.code == eapFailure:
		c.fail(now, c.eapRefused(), out)
	case e.done:
		c.letIn(now, "", e.text, out)
	case e.started && c.auth.method == EAPMSCHAPv2:
		c.fail(now, &Error{Reason: ServerNotGenuine, Text: e.notice}, out)
	default: // let in without a question: no method of ours says so (RFC 3748, 4.2)
		out.emit(Drop{protocolEAP, DropState})
	}
}

// otherThanEAP is how another connection does without EAP, where this one took it
// at once and there is something else.
func (c *Conn) otherThanEAP() EAPUse {
	if c.cfg.Server || c.lcp.shunned || len(withoutEAP(c.cfg.Auth)) == 0 {
		return EAPInTurn
	}
	return EAPNever
}

// eapRefused is what it means that the peer ends EAP now.
func (c *Conn) eapRefused() *Error {
	e := &c.auth.eap
	err := &Error{Reason: BadCredentials, Text: e.notice}
	switch {
	case e.asked:
		err.Reason, err.Detail = ApprovalTimeout, "the peer did not wait for the code that it asks for"
	case e.started:
		err.TryWidened = c.canWiden()
	case len(e.refused) > 0:
		err.Reason = AuthMethodRefused
		err.Detail = "within EAP we allow [" + names(c.cfg.eapMethods()) + "], peer asked for [" + strings.Join(e.refused, " ") + "]"
		err.TryEAP = c.otherThanEAP()
	default:
		err.Detail = "the user name alone was refused"
	}
	return err
}
