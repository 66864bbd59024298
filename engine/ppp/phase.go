package ppp

import (
	"encoding/binary"
	"time"

	"github.com/culvert-vpn/culvert/engine/ppp/mschap"
)

// Phase is a phase of the link (RFC 1661, 3.2).
type Phase uint8

// The phases.
//
//	Dead -> Establish -> Authenticate -> Network
//	          |  ^            |            |
//	          |  +------------+------------+   the peer negotiates LCP anew
//	          v
//	      Terminate (our Close, from any phase) -> Over
//
// Whatever else ends the link goes to Over at once.
const (
	PhaseDead Phase = iota
	PhaseEstablish
	PhaseAuthenticate
	PhaseNetwork
	PhaseTerminate
	PhaseOver
)

var phaseNames = [...]string{"Dead", "Establish", "Authenticate", "Network", "Terminate", "Over"}

func (p Phase) String() string { return name(phaseNames[:], int(p)) }

// Ours.
const (
	// LCP and IPCP have their own limits for packets that get no answer; these
	// are for peers that answer and never agree.
	linkTime    = 60 * time.Second
	networkTime = 60 * time.Second
	// A server that authenticates asks at once, a client answers at once:
	// ten Restart timers, as for a Configure-Request.
	challengeTime = maxConfigure * restartTimer
	// After this silence a person is told that we wait.
	silence = 3 * time.Second
	// A peer that ends a link which is up so soon after its demand for MPPE was
	// rejected does it for that.
	mppeTime = 10 * time.Second
	// An answer is repeated at once for a peer that has gone on, at most this often.
	verdictGap = time.Second
)

// answerRepeats are the times between repeats of our answer while the verdict
// is out. They grow: each may ask a person's phone once more. The last one stays.
var answerRepeats = [...]time.Duration{3 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second}

// auth is the authentication of the link, of either end.
type auth struct {
	method     AuthMethod // zero: none
	passed     bool
	answered   bool      // client: our answer is out, the verdict is not in
	waiting    bool      // client: since the first of our answers
	answeredAt time.Time // client: when it was sent last
	deadlineAt time.Time
	repeatAt   time.Time
	waitAt     time.Time // client: when Waiting is due
	repeats    int
	widened    bool // client: the password goes out in its second form
	pap        pap
	chap       chap
	eap        eap
}

// protocol is the one of the agreed method.
func (a *auth) protocol() uint16 {
	switch a.method {
	case PAP:
		return protocolPAP
	case CHAPMD5, MSCHAPv2:
		return protocolCHAP
	case EAPMSCHAPv2, EAPMD5, EAPGTC:
		return protocolEAP
	}
	return 0
}

func (c *Conn) setPhase(to Phase, out *Output) {
	if c.phase == to {
		return
	}
	out.emit(PhaseChange{c.phase, to})
	c.phase = to
}

// linkUp is LCP's This-Layer-Up.
func (c *Conn) linkUp(now time.Time, out *Output) {
	c.deadlineAt = time.Time{}
	p := &c.lcp.peer
	out.emit(LinkUp{LocalMRU: c.lcp.localMRU(), PeerMRU: p.mru, ACFC: p.acfc, PFC: p.pfc})
	method := p.auth
	if c.cfg.Server && len(c.cfg.Auth) > 0 {
		method = c.cfg.Auth[c.lcp.demand]
	}
	c.auth.eap.forget()
	c.auth = auth{method: method, widened: c.auth.widened, chap: chap{id: c.auth.chap.id}, pap: pap{id: c.auth.pap.id}, eap: eap{id: c.auth.eap.id}}
	if method == 0 {
		c.startNetwork(now, out)
		return
	}
	c.setPhase(PhaseAuthenticate, out)
	out.emit(Authenticating{method})
	c.auth.deadlineAt = now.Add(challengeTime)
	switch {
	case c.cfg.Server && method.EAP():
		c.identify(now, out)
	case c.cfg.Server && method != PAP:
		c.challenge(now, out)
	case !c.cfg.Server && len(c.cfg.User) > maxName, !c.cfg.Server && method == PAP && len(c.cfg.Password) > maxName:
		c.fail(now, &Error{Reason: BadCredentials, Detail: "user name or password too long for " + method.String()}, out)
	case !c.cfg.Server && method == PAP:
		c.answer(now, out)
	}
}

// linkDown is LCP's This-Layer-Down.
func (c *Conn) linkDown(now time.Time, out *Output) {
	out.emit(LinkDown{})
	for _, a := range []*automaton{&c.ipcp.automaton, &c.ipv6cp.automaton} {
		if a.state > Starting {
			a.fire(now, onDown, out)
		}
	}
	if c.phase != PhaseTerminate {
		c.setPhase(PhaseEstablish, out)
		c.deadlineAt = now.Add(linkTime)
	}
}

// startNetwork lets the network protocols begin. Their requests go out at
// once: SoftEther asks for nothing before it is asked.
func (c *Conn) startNetwork(now time.Time, out *Output) {
	c.setPhase(PhaseNetwork, out)
	c.ipcp.deadlineAt = now.Add(networkTime)
	if c.cfg.EchoInterval > 0 {
		c.echoAt, c.doubtAt, c.unanswered = now.Add(c.cfg.EchoInterval), time.Time{}, 0
	}
	c.ipcp.fire(now, onUp, out)
	if c.cfg.Server {
		c.startIPv6(now, out)
	}
}

// startIPv6 lets IPV6CP begin: at a server's with IPCP, at a client's when IPCP is
// opened or the peer begins, so that it delays nothing.
func (c *Conn) startIPv6(now time.Time, out *Output) {
	if c.cfg.IPv6 && c.ipv6cp.state == Starting && c.phase == PhaseNetwork && !c.ipv6Over {
		c.ipv6cp.fire(now, onUp, out)
	}
}

// answer sends our answer, the same once more or a new one, and begins to wait.
func (c *Conn) answer(now time.Time, out *Output) {
	a := &c.auth
	if a.method == PAP {
		c.sendPAP(out)
	} else {
		out.send(protocolCHAP, a.chap.reply)
	}
	a.answeredAt = now
	if a.answered {
		return
	}
	a.answered, a.repeats = true, 0
	a.repeatAt = now.Add(answerRepeats[0])
	if a.waiting { // some servers repeat their question with another challenge
		return
	}
	a.waiting = true
	a.deadlineAt = now.Add(c.cfg.AuthTimeout)
	a.waitAt = now.Add(silence)
}

// advanceAuth repeats what has had no answer. A client waits for AuthTimeout:
// pppd hears and says nothing while its RADIUS server asks a person.
func (c *Conn) advanceAuth(now time.Time, out *Output) {
	a := &c.auth
	if due(a.deadlineAt, now) {
		switch {
		case a.eap.asked:
			c.fail(now, &Error{Reason: ApprovalTimeout, Detail: "nobody gave the code that the peer asks for"}, out)
		case a.eap.refuses():
			c.conclude(now, false, out)
		case a.answered:
			c.fail(now, &Error{Reason: ApprovalTimeout}, out)
		case c.cfg.Server:
			c.fail(now, &Error{Reason: NoAnswer, Detail: "no answer to " + a.method.String()}, out)
		default:
			c.fail(now, &Error{Reason: NoAnswer, Detail: "no challenge for " + a.method.String()}, out)
		}
		return
	}
	if due(a.waitAt, now) {
		a.waitAt = time.Time{}
		out.emit(Waiting{Left: a.deadlineAt.Sub(now)})
	}
	if !due(a.repeatAt, now) {
		return
	}
	if c.cfg.Server && a.method.EAP() {
		c.repeatEAP(now, out)
		return
	}
	if c.cfg.Server {
		c.sendChallenge(now, out)
		return
	}
	a.repeats++
	a.repeatAt = now.Add(answerRepeats[min(a.repeats, len(answerRepeats)-1)])
	c.answer(now, out)
}

// verdictLost is called when the peer talks of the network while we still
// wait: it let us in, and its verdict did not arrive. RFC 1994, 4.2 makes it
// answer a repeated Response. A Success of EAP is never repeated: what comes in
// its place counts as one, where one would do (RFC 3748, 4.2). in says that.
func (c *Conn) verdictLost(now time.Time, out *Output) (in bool) {
	switch a := &c.auth; {
	case c.phase != PhaseAuthenticate:
	case a.method.EAP():
		if in = !c.cfg.Server && a.eap.done; in {
			c.letIn(now, "", a.eap.text, out)
		}
	case a.answered && now.Sub(a.answeredAt) >= verdictGap:
		c.answer(now, out)
	}
	return in
}

// letIn is called when authentication succeeded, ours or the peer's.
func (c *Conn) letIn(now time.Time, user, message string, out *Output) {
	a := &c.auth
	a.answered, a.waiting, a.passed = false, false, true
	a.eap.passed()
	a.deadlineAt, a.repeatAt, a.waitAt = time.Time{}, time.Time{}, time.Time{}
	out.emit(Authenticated{Method: a.method, User: user, Message: message})
	if c.phase == PhaseAuthenticate {
		c.startNetwork(now, out)
	}
}

// refusal is the reason a Failure's code stands for (RFC 2759, 6).
func refusal(code int) Reason {
	switch code {
	case mschap.ErrorRestrictedLogonHours:
		return LogonHours
	case mschap.ErrorAccountDisabled:
		return AccountDisabled
	case mschap.ErrorPasswordExpired, mschap.ErrorChangingPassword:
		return PasswordExpired
	case mschap.ErrorNoDialInPermission:
		return NoDialIn
	}
	return BadCredentials
}

// canWiden tells whether the password has a second form not tried yet.
func (c *Conn) canWiden() bool {
	if c.cfg.Server || c.auth.method != MSCHAPv2 && c.auth.method != EAPMSCHAPv2 || c.auth.widened {
		return false
	}
	for _, b := range c.cfg.Password {
		if b >= 0x80 {
			return true
		}
	}
	return false
}

// ended is what it means that the peer ends the link now; text is its reason.
func (c *Conn) ended(now time.Time, text []byte) *Error {
	e := &Error{Reason: NegotiationFailed, Text: cleanText(text)}
	switch {
	case c.phase == PhaseTerminate:
		return nil
	case c.phase == PhaseAuthenticate && !c.cfg.Server && c.auth.method.EAP() && c.auth.eap.open:
		e = c.eapRefused()
		if text := cleanText(text); text != "" { // else the last Notification's
			e.Text = text
		}
	case c.phase == PhaseAuthenticate && c.auth.answered:
		// SoftEther says nothing else to a wrong password.
		e.Reason, e.TryWidened = BadCredentials, c.canWiden()
	case c.phase == PhaseNetwork && !c.mppeAt.IsZero() && (!c.ipcp.everUp || now.Sub(c.mppeAt) < mppeTime):
		e.Reason = MPPERequired
	case c.ipcp.everUp || c.cfg.Server && c.phase != PhaseEstablish:
		e.Reason = PeerClosed
	case c.phase == PhaseNetwork && (c.auth.method != 0 || len(c.lcp.demanded) == 0):
		e.Reason = SessionRefused
	case len(c.lcp.demanded) > 0:
		// pppd opens the link without what we refused, and then ends it for that.
		refused := c.lcp.methodRefused()
		e.Reason, e.Detail, e.TryEAP = refused.Reason, refused.Detail, refused.TryEAP
	}
	return e
}

// unknown answers a protocol we do not speak (RFC 1661, 5.7), CCP among them:
// a peer that wants MPPE says so by what it does then. Before the network
// phase nothing is said: SoftEther ends the link for a Protocol-Reject there.
func (c *Conn) unknown(now time.Time, protocol uint16, info []byte, out *Output) {
	out.emit(Drop{protocol, DropProtocol})
	if c.phase != PhaseNetwork || c.lcp.state != Opened {
		return
	}
	if protocol == protocolCCP && asksMPPE(info) {
		c.mppeAt = now
	}
	data := binary.BigEndian.AppendUint16(nil, protocol)
	c.lcp.otherID++
	out.send(protocolLCP, packet{protocolReject, c.lcp.otherID, c.clip(append(data, info...))})
}

// From the specification: MPPE in CCP (RFC 3078, 2.1).
const (
	optionMPPE = 18
	mppeBits   = 0xe0 // 128, 40 and 56 bits
)

func asksMPPE(info []byte) bool {
	p, err := parsePacket(info)
	if err != nil || p.code != configureRequest {
		return false
	}
	opts, err := parseOptions(p.data)
	if err != nil {
		return false
	}
	for _, o := range opts {
		if o.kind == optionMPPE && len(o.data) == 4 && o.data[3]&mppeBits != 0 {
			return true
		}
	}
	return false
}

// protocolRejected handles the peer's Protocol-Reject (RFC 1661, 5.7).
func (c *Conn) protocolRejected(now time.Time, protocol uint16, out *Output) {
	switch {
	case protocol == protocolLCP:
		c.lcp.fire(now, onRXJBad, out)
		c.fail(now, &Error{Reason: NegotiationFailed, Detail: "peer rejects LCP"}, out)
	case protocol == c.auth.protocol() && c.phase == PhaseAuthenticate:
		err := &Error{Reason: AuthMethodRefused, Detail: "peer rejects the protocol of " + c.auth.method.String()}
		if c.auth.method.EAP() { // SoftEther's word for all of it but TLS
			err.TryEAP = c.otherThanEAP()
		}
		c.fail(now, err, out)
	case protocol == protocolIPCP && c.phase == PhaseNetwork:
		c.fail(now, &Error{Reason: IPCPRejected}, out)
	case protocol == protocolIPv6CP && c.ipv6cp.state > Starting:
		c.ipv6cp.fire(now, onDown, out)
		c.ipv6Over = true
	default:
		out.emit(Drop{protocol, DropIgnored})
	}
}

// fail ends the link for a reason of ours. The peer is told once; the layers
// below are closed next anyway.
func (c *Conn) fail(now time.Time, err *Error, out *Output) {
	if c.phase == PhaseOver {
		return
	}
	if c.lcp.state >= ReqSent {
		c.lcp.do(now, str, none, onClose, out)
	}
	c.over(err, out)
}

// over is the end. A nil err is our own Close.
func (c *Conn) over(err *Error, out *Output) {
	if c.phase == PhaseOver {
		return
	}
	c.setPhase(PhaseOver, out)
	c.auth.eap.forget()
	var e error
	if err != nil {
		e = err
	}
	out.emit(Down{e})
}
