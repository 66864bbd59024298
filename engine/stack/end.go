package stack

import (
	"errors"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
)

// Close ends the connection in order: PPP, L2TP, IPsec, each told to the peer.
// Down comes when that is done, after four seconds at most.
func (c *Conn) Close(now time.Time, out *Output) { c.fail(now, nil, out) }

// Abort ends the connection at once: L2TP and IPsec are told to the peer, and
// nothing is waited for.
func (c *Conn) Abort(now time.Time, out *Output) {
	if c.phase == idle || c.phase == ended {
		return
	}
	told := c.phase >= stopping
	c.phase, c.giveUpAt, c.ppp = stopping, time.Time{}, nil
	if c.l2tp != nil && !told {
		c.l2tp.Close(now, "", &c.scratchL2TP)
		c.fromL2TP(now, out)
	}
	c.finish(now, out)
}

// fail ends the connection in order because of f.
func (c *Conn) fail(now time.Time, f *failure.Failure, out *Output) {
	if c.phase != running {
		return
	}
	c.failed = f
	c.phase = parting
	c.unreachableAt = time.Time{}
	if c.ppp == nil {
		c.nextPart(now, out)
		return
	}
	c.giveUpAt = now.Add(terminateWait)
	c.ppp.Close(now, &c.scratchPPP)
	c.fromPPP(now, out)
}

// nextPart goes on from PPP's end to L2TP's, and from there to IKE's.
func (c *Conn) nextPart(now time.Time, out *Output) {
	switch {
	case c.phase == parting && c.l2tp != nil:
		c.phase = stopping
		c.ppp = nil
		c.giveUpAt = now.Add(stopWait)
		c.l2tp.Close(now, "", &c.scratchL2TP)
		c.fromL2TP(now, out)
	case c.phase != ended:
		c.finish(now, out)
	}
}

// finish ends IPsec and with it the connection.
func (c *Conn) finish(now time.Time, out *Output) {
	f := c.failed
	if c.ike != nil && !c.ikeDown {
		c.ikeDown = true
		c.ike.Close(now, &c.scratchIKE)
		c.fromIKE(now, out)
	}
	c.end(f, out)
}

// end is the end without a word to the peer.
func (c *Conn) end(f *failure.Failure, out *Output) {
	if c.phase == ended {
		return
	}
	if c.phase != running {
		f = c.failed // what came first is the reason
	}
	c.phase = ended
	c.giveUpAt, c.unreachableAt = time.Time{}, time.Time{}
	for _, ch := range c.children {
		ch.KeyIn.Zero()
		ch.KeyOut.Zero()
	}
	c.children, c.l2tp, c.ppp, c.path, c.netUp, c.net6Up = nil, nil, nil, nil, false, false
	out.emit(PathChanged{})
	out.emit(Down{f})
}

// fail codes by what IKE says.
var ikeCodes = map[ike.Reason]failure.Code{
	ike.NoAnswer:          failure.IKENoAnswer,
	ike.NotIKE:            failure.IKENotIKE,
	ike.NoProposal:        failure.IKENoProposal,
	ike.PSKMismatch:       failure.IKEPSKMismatch,
	ike.IdentityRejected:  failure.IKEIdentityRejected,
	ike.Port4500Blocked:   failure.IKEPort4500Blocked,
	ike.Phase2NoProposal:  failure.IPsecNoProposal,
	ike.SelectorsRejected: failure.IPsecSelectorsRejected,
	ike.Phase2NoAnswer:    failure.IPsecNoAnswer,
	ike.NATTMissing:       failure.IKENoProposal,
	ike.PeerDead:          failure.PathDead,
	ike.PeerClosed:        failure.GatewayClosed,
	ike.Malformed:         failure.IKENotIKE,
}

// Unreachable tells the connection that an ICMP message or the system said that
// the gateway cannot be reached. Anybody can forge it, so it counts only before
// the gateway has said anything, and the gateway gets a while to say it still.
func (c *Conn) Unreachable(now time.Time, err error, out *Output) {
	if c.phase != running || c.answered || c.unreachable != nil || (c.stage != failure.Phase1 && (c.ike != nil || c.stage != failure.Tunnel)) {
		return
	}
	code := failure.IKEUnreachable
	if c.ike == nil {
		code = failure.L2TPNoAnswer
	}
	c.unreachable = &failure.Failure{Stage: c.stage, Code: code, Evidence: []string{err.Error()}, Err: err}
	c.unreachableAt = now.Add(unreachableGrace)
}

// heard notes that the gateway answers: it can be reached.
func (c *Conn) heard() {
	c.answered, c.unreachable, c.unreachableAt = true, nil, time.Time{}
}

// failedAt makes a failure of code where the connection stands.
func (c *Conn) failedAt(code failure.Code, err error) *failure.Failure {
	return &failure.Failure{Stage: c.stage, Code: code, Evidence: []string{err.Error()}, Err: err}
}

func (c *Conn) fromIKEError(err error) *failure.Failure {
	if err == nil {
		return nil
	}
	var e *ike.Error
	code := failure.IKENoAnswer
	if errors.As(err, &e) {
		code = ikeCodes[e.Reason]
		if c.stage == failure.Connected && (code == failure.IKENoAnswer || code == failure.IPsecNoAnswer) {
			code = failure.PathDead // of a renewal
		}
	}
	return c.failedAt(code, err)
}

var l2tpCodes = map[l2tp.Reason]failure.Code{
	l2tp.NoAnswer:        failure.L2TPNoAnswer,
	l2tp.Refused:         failure.L2TPRefused,
	l2tp.AuthFailed:      failure.L2TPAuthFailed,
	l2tp.Version:         failure.L2TPVersion,
	l2tp.SessionRefused:  failure.L2TPSessionRefused,
	l2tp.SessionNoAnswer: failure.L2TPSessionNoAnswer,
	l2tp.PeerDead:        failure.PathDead,
	l2tp.PeerClosed:      failure.GatewayClosed,
	l2tp.Idle:            failure.GatewayClosed,
	l2tp.UnknownAVP:      failure.L2TPRefused,
	l2tp.ProtocolError:   failure.L2TPRefused,
	l2tp.Internal:        failure.L2TPRefused,
}

func (c *Conn) fromL2TPError(err error) *failure.Failure {
	var e *l2tp.Error
	if !errors.As(err, &e) {
		return nil
	}
	return c.failedAt(l2tpCodes[e.Reason], err)
}

var pppCodes = map[ppp.Reason]failure.Code{
	ppp.NoAnswer:          failure.PPPNoAnswer,
	ppp.Loopback:          failure.PPPLoopback,
	ppp.NegotiationFailed: failure.PPPNegotiationFailed,
	ppp.AuthMethodRefused: failure.PPPAuthMethodRefused,
	ppp.BadCredentials:    failure.PPPBadCredentials,
	ppp.PasswordExpired:   failure.PPPPasswordExpired,
	ppp.AccountDisabled:   failure.PPPAccountDisabled,
	ppp.NoDialIn:          failure.PPPNoDialIn,
	ppp.LogonHours:        failure.PPPLogonHours,
	ppp.ApprovalTimeout:   failure.PPPApprovalTimeout,
	ppp.ServerNotGenuine:  failure.PPPServerNotGenuine,
	ppp.SessionRefused:    failure.PPPSessionRefused,
	ppp.NoAddress:         failure.PPPNoAddress,
	ppp.IPCPRejected:      failure.PPPIPCPRejected,
	ppp.MPPERequired:      failure.PPPMPPERequired,
	ppp.PeerDead:          failure.PathDead,
	ppp.PeerClosed:        failure.GatewayClosed,
}

func (c *Conn) fromPPPError(err error) *failure.Failure {
	var e *ppp.Error
	if !errors.As(err, &e) {
		return nil
	}
	f := c.failedAt(pppCodes[e.Reason], err)
	if e.Reason == ppp.AuthMethodRefused {
		f.Stage = failure.Authenticate // LCP agrees on the method, but to a person it is about the login
	}
	return f
}
