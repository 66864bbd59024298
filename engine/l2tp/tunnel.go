package l2tp

import (
	"crypto/subtle"
	"time"
)

// TunnelState is a state of the control connection (RFC 2661, 7.2.1).
type TunnelState uint8

// The states of RFC 2661, 7.2.1, and two for the end, where the RFC cleans up
// but has us operate the reliable channel on (5.7).
const (
	TunnelIdle         TunnelState = iota + 1
	TunnelWaitCtlReply             // LAC: SCCRQ sent
	TunnelWaitCtlConn              // LNS: SCCRP sent
	TunnelEstablished
	TunnelClosing // our StopCCN awaits its acknowledgement
	TunnelClosed  // Down was said; the peer's repeats are acknowledged for 31 s
)

var tunnelStateNames = [...]string{TunnelIdle: "idle", TunnelWaitCtlReply: "wait-ctl-reply",
	TunnelWaitCtlConn: "wait-ctl-conn", TunnelEstablished: "established", TunnelClosing: "closing", TunnelClosed: "closed"}

// String is the RFC's name of the state.
func (s TunnelState) String() string {
	if s == 0 || int(s) >= len(tunnelStateNames) {
		return "none"
	}
	return tunnelStateNames[s]
}

// step handles a message in a state.
type step func(c *Conn, now time.Time, m *Message, out *Output)

// tunnelTable is the table of RFC 2661, 7.2.1, the events that are messages. A
// message without a cell is dropped. Where it differs from the RFC:
//   - idle, receive SCCRP or SCCCN: there is no tunnel, so no id to be right,
//     and admit drops them. The RFC sends StopCCN or cleans up.
//   - wait-ctl-reply, receive SCCRQ: another tunnel, refused by admit.
//   - wait-ctl-conn and established, receive SCCRQ of tunnel id 0: another
//     tunnel, or a duplicate.
//   - closing, closed: not in the RFC; only the peer's own end counts.
var tunnelTable = map[TunnelState]map[MessageType]step{
	TunnelIdle: {
		SCCRQ: (*Conn).acceptSCCRQ, // Send SCCRP -> wait-ctl-conn; not acceptable: Send StopCCN, clean up
	},
	TunnelWaitCtlReply: {
		SCCRP:   (*Conn).acceptSCCRP, // Send SCCCN, tunnel-open -> established; not acceptable: Send StopCCN
		SCCCN:   (*Conn).tunnelFSM,   // Send StopCCN, clean up -> idle
		StopCCN: (*Conn).peerStop,    // Clean up -> idle
	},
	TunnelWaitCtlConn: {
		SCCCN:   (*Conn).acceptSCCCN, // tunnel-open -> established; not acceptable: Send StopCCN
		SCCRP:   (*Conn).tunnelFSM,   // Send StopCCN, clean up -> idle
		SCCRQ:   (*Conn).tunnelFSM,
		StopCCN: (*Conn).peerStop,
	},
	TunnelEstablished: {
		SCCRQ:   (*Conn).tunnelFSM, // Send StopCCN, clean up -> idle
		SCCRP:   (*Conn).tunnelFSM,
		SCCCN:   (*Conn).tunnelFSM,
		StopCCN: (*Conn).peerStop, // Clean up -> idle
		HELLO:   (*Conn).ignore,   // RFC 2661, 5.5: its acknowledgement is the answer
	},
	TunnelClosing: {
		StopCCN: (*Conn).peerStop, // SoftEther answers our StopCCN with its own
		CDN:     (*Conn).ignore,   // and our CDN with its own
		HELLO:   (*Conn).ignore,
	},
	TunnelClosed: {
		StopCCN: (*Conn).ignore,
		CDN:     (*Conn).ignore,
		SCCRP:   (*Conn).sayAgain,
		ICRP:    (*Conn).sayAgain,
		HELLO:   (*Conn).sayAgain,
	},
}

// IsNewTunnel reports whether a packet is an SCCRQ, which opens a tunnel, and
// the id that the peer assigned to it: zero when that is hidden. Where a Conn
// drops a packet as DropNewTunnel, a gateway may give the peer a new Conn and
// that packet.
func IsNewTunnel(pkt []byte) (assigned uint16, ok bool) {
	h, body, err := ParseHeader(pkt)
	if err != nil || h.Tunnel != 0 || h.Ns != 0 {
		return 0, false
	}
	m, err := ParseMessage(body, nil)
	return m.AssignedTunnel, err == nil && m.Type == SCCRQ
}

// setTunnel changes the tunnel's state.
func (c *Conn) setTunnel(to TunnelState, out *Output) {
	if c.tunnel != to {
		out.emit(TunnelTransition{c.tunnel, to, c.on})
		c.tunnel = to
	}
}

// admit decides by the tunnel id whether a packet is of this tunnel. Tunnel id
// 0 is for who does not know ours yet: SCCRQ, and a StopCCN that takes it back
// and names its tunnel by the AVP (RFC 2661, 4.4.3).
func (c *Conn) admit(h Header, body []byte, out *Output) DropReason {
	if h.Tunnel == c.localTunnel && c.tunnel != TunnelIdle {
		return 0
	}
	if h.Tunnel != 0 {
		return DropTunnelID
	}
	m, err := ParseMessage(body, c.cfg.Secret)
	switch {
	case err != nil && m.Type == SCCRQ:
		return DropMalformed
	case m.Type == SCCRQ && c.cfg.Role == LAC:
		c.refuseSCCRQ(&m, out)
		return DropCollision
	case m.Type == SCCRQ && c.tunnel == TunnelIdle:
		if m.AssignedTunnel == 0 || h.Ns != 0 { // hidden from us: there is no id to refuse it to
			return DropMalformed
		}
		return 0
	case m.Type == SCCRQ && m.AssignedTunnel != c.peerTunnel:
		return DropNewTunnel
	case m.Type == SCCRQ && c.ctl.place(h.Ns) != orderDuplicate:
		return DropNs
	case m.Type == SCCRQ:
		return 0
	case m.Type == StopCCN && c.cfg.Role == LNS && c.peerTunnel != 0 && m.AssignedTunnel == c.peerTunnel:
		return 0
	}
	return DropTunnelID
}

// refuseSCCRQ answers a peer that opens a tunnel to a LAC, statelessly. Ours
// goes on: with a Tie Breaker, which ours has not, the peer ignores it (RFC
// 2661, 4.4.3) until our StopCCN ends its own; then a repeat of ours gets through.
func (c *Conn) refuseSCCRQ(m *Message, out *Output) {
	if m.AssignedTunnel == 0 || c.tunnel == TunnelClosed {
		return
	}
	stop := Message{Type: StopCCN, AssignedTunnel: c.localTunnel ^ 0x8000, Result: stopNotAuthorized}
	if stop.AssignedTunnel == 0 {
		stop.AssignedTunnel = 1
	}
	body := stop.Append(nil)
	out.packet(append(Header{Tunnel: m.AssignedTunnel, Nr: 1}.Append(nil, len(body)), body...))
}

// dispatch takes a message in its turn to the machine it is for.
func (c *Conn) dispatch(now time.Time, h Header, m *Message, out *Output) {
	ending := c.tunnel == TunnelClosing || c.tunnel == TunnelClosed
	switch {
	case !m.Type.known() && m.Mandatory && !ending: // RFC 2661, 4.4.1
		c.unknownAVP(now, m.Type.String(), out)
	case !m.Type.known():
		out.drop(DropUnknown)
	case m.Type.ofSession() && !ending:
		c.dispatchSession(now, h, m, out)
	case m.Type != StopCCN && m.Unknown != nil && !ending: // RFC 2661, 4.2
		c.learn(m)
		c.unknownAVP(now, m.Unknown.name(), out)
	case m.Type != StopCCN && m.Unreadable && !ending:
		c.learn(m)
		c.authFailed(now, m.Type.String()+" has hidden attributes that the tunnel secret does not open", out)
	default:
		if do, ok := tunnelTable[c.tunnel][m.Type]; ok {
			do(c, now, m, out)
		} else {
			out.drop(DropUnexpected)
		}
	}
}

func (c *Conn) ignore(time.Time, *Message, *Output) {}

// openTunnel sends SCCRQ.
func (c *Conn) openTunnel(now time.Time, out *Output) {
	c.localSession = c.newID(c.cfg.LocalSession)
	var serial [4]byte
	c.random(serial[:])
	take32(&c.serial, serial[:])
	m := c.hello(SCCRQ)
	c.ctl.first, c.ctl.endless = c.cfg.FirstRepeat, true
	c.send(m, 0)
	c.setTunnel(TunnelWaitCtlReply, out)
	c.setSession(SessionWaitTunnel, out)
	c.tunnelBy = now.Add(tunnelTime)
}

// hello is our SCCRQ or SCCRP, with a Challenge when there is a secret.
func (c *Conn) hello(t MessageType) *Message {
	m := &Message{Type: t, Version: protocolVersion, FramingCapabilities: allFraming, HostName: c.cfg.HostName,
		Vendor: vendorName, AssignedTunnel: c.localTunnel, Window: receiveWindow}
	if len(c.cfg.Secret) > 0 {
		c.challenge = make([]byte, challengeN)
		c.random(c.challenge)
		m.Challenge = c.challenge
	}
	return m
}

// learn takes over what an SCCRQ or SCCRP says of the peer.
func (c *Conn) learn(m *Message) {
	if (m.Type == SCCRQ || m.Type == SCCRP) && c.peerTunnel == 0 {
		c.peerTunnel = m.AssignedTunnel
		if m.Has(AVPReceiveWindowSize) {
			c.ctl.window = min(max(int(m.Window), 1), maxSendWindow) // 0 is invalid
		}
	}
}

// acceptSCCRQ: LNS, idle.
func (c *Conn) acceptSCCRQ(now time.Time, m *Message, out *Output) {
	c.learn(m)
	if !c.versionFits(now, m, out) {
		return
	}
	reply := c.hello(SCCRP)
	if m.Has(AVPChallenge) {
		if !c.canRespond(now, m, out) {
			return
		}
		reply.Response = challengeResponse(SCCRP, c.cfg.Secret, m.Challenge)
	}
	c.peer(m)
	c.ctl.endless = true
	c.send(reply, 0)
	c.setTunnel(TunnelWaitCtlConn, out)
	c.tunnelBy = now.Add(tunnelTime)
}

// acceptSCCRP: LAC, wait-ctl-reply. SCCCN and ICRQ go back to back.
func (c *Conn) acceptSCCRP(now time.Time, m *Message, out *Output) {
	c.learn(m)
	if !c.versionFits(now, m, out) || !c.responseFits(now, m, out) {
		return
	}
	connected := &Message{Type: SCCCN}
	if m.Has(AVPChallenge) {
		if !c.canRespond(now, m, out) {
			return
		}
		connected.Response = challengeResponse(SCCCN, c.cfg.Secret, m.Challenge)
	}
	c.peer(m)
	c.ctl.hurry(now, setupRepeat)
	c.send(connected, 0)
	c.tunnelOpen(out)
	c.call(now, out)
}

// acceptSCCCN: LNS, wait-ctl-conn.
func (c *Conn) acceptSCCCN(now time.Time, m *Message, out *Output) {
	if !c.responseFits(now, m, out) {
		return
	}
	c.tunnelOpen(out)
	c.ctl.endless = false
	c.sessionBy = now.Add(idleTime)
}

// peer keeps what TunnelUp says of the peer.
func (c *Conn) peer(m *Message) {
	c.peerUp = TunnelUp{LocalTunnel: c.localTunnel, PeerTunnel: c.peerTunnel, HostName: m.HostName, Vendor: m.Vendor,
		Firmware: m.Firmware, Window: uint16(c.ctl.window), Authenticated: len(c.cfg.Secret) > 0}
}

func (c *Conn) tunnelOpen(out *Output) {
	c.tunnelBy = time.Time{}
	c.setTunnel(TunnelEstablished, out)
	out.emit(c.peerUp)
}

// versionFits refuses a peer of another version (RFC 2661, 4.4.3). The AVP may
// be missing: SoftEther does not care either.
func (c *Conn) versionFits(now time.Time, m *Message, out *Output) bool {
	if !m.Has(AVPProtocolVersion) || m.Version>>8 == protocolVersion>>8 {
		return true
	}
	c.closing(now, stopVersion, protocolVersion, "", &Error{Reason: Version, Message: StopCCN, Local: true,
		Result: stopVersion, Code: protocolVersion}, out)
	return false
}

// canRespond refuses a Challenge without a secret.
func (c *Conn) canRespond(now time.Time, m *Message, out *Output) bool {
	if len(c.cfg.Secret) == 0 {
		c.authFailed(now, "peer demands tunnel authentication; no tunnel secret is set", out)
		return false
	}
	c.challenged = true
	return true
}

// responseFits checks the response to our Challenge (RFC 2661, 5.1.1).
func (c *Conn) responseFits(now time.Time, m *Message, out *Output) bool {
	if c.challenge == nil {
		return true
	}
	want := challengeResponse(m.Type, c.cfg.Secret, c.challenge)
	c.challenge = nil
	switch {
	case !m.Has(AVPChallengeResponse):
		c.authFailed(now, "peer gave no challenge response", out)
		return false
	case subtle.ConstantTimeCompare(want, m.Response) != 1:
		c.authFailed(now, "peer gave a wrong challenge response", out)
		return false
	}
	return true
}

func (c *Conn) authFailed(now time.Time, text string, out *Output) {
	c.closing(now, stopNotAuthorized, 0, text, &Error{Reason: AuthFailed, Message: StopCCN, Local: true,
		Result: stopNotAuthorized, Text: text}, out)
}

// unknownAVP ends the tunnel for an attribute or a message that must be understood.
func (c *Conn) unknownAVP(now time.Time, name string, out *Output) {
	c.closing(now, stopError, errorUnknownAVP, name, &Error{Reason: UnknownAVP, Message: StopCCN, Local: true,
		Result: stopError, Code: errorUnknownAVP, Text: name}, out)
}

// tunnelFSM: the table has no place for the message.
func (c *Conn) tunnelFSM(now time.Time, m *Message, out *Output) {
	text := m.Type.String() + " in state " + c.tunnel.String()
	c.closing(now, stopFSM, 0, text, &Error{Reason: ProtocolError, Message: StopCCN, Local: true, Result: stopFSM, Text: text}, out)
}

// peerStop: the peer's StopCCN. After ours it is the end we wait for.
func (c *Conn) peerStop(now time.Time, m *Message, out *Output) {
	if c.tunnel == TunnelClosing {
		c.finish(now, c.err, out)
		return
	}
	if c.peerTunnel == 0 { // refused in place of SCCRP: only the acknowledgement needs the id
		c.peerTunnel = m.AssignedTunnel
	}
	c.finish(now, peerError(c.stopReason(m), m), out)
}

// stopReason is what a peer's StopCCN means at this point. Before a session
// stands it is a refusal, and the Result Code says of what.
func (c *Conn) stopReason(m *Message) Reason {
	switch {
	case c.session == SessionEstablished || c.cfg.Role == LNS:
		return PeerClosed
	case m.Result == stopNotAuthorized:
		return AuthFailed
	case m.Result == stopVersion:
		return Version
	case m.Result == stopError && m.Code == errorVendor && c.challenged:
		return AuthFailed // xl2tpd: "Invalid challenge authentication"
	}
	return Refused
}

// sayAgain: the peer goes on though we have left. If it has not acknowledged
// our StopCCN it hears it again; after an SCCRP with its tunnel id at last.
func (c *Conn) sayAgain(now time.Time, m *Message, out *Output) {
	c.learn(m)
	if !c.ctl.empty() {
		c.ctl.repeat(now, c.peerTunnel, out)
	}
}

// closing sends StopCCN; Down comes with its acknowledgement and says err.
func (c *Conn) closing(now time.Time, result, code uint16, text string, err error, out *Output) {
	c.send(&Message{Type: StopCCN, AssignedTunnel: c.localTunnel, Result: result, Code: code, Text: text}, 0)
	c.tunnelBy, c.sessionBy = time.Time{}, time.Time{}
	if c.peerTunnel == 0 { // nothing was heard of the peer: nothing to wait for
		c.finish(now, err, out)
		return
	}
	c.err, c.closeBy = err, now.Add(closeTime)
	c.ctl.endless = false
	c.ctl.hurry(now, closeRepeat)
	c.setTunnel(TunnelClosing, out)
	c.setSession(SessionIdle, out)
}

// finish is the end: what is queued goes out once, and Down is said.
func (c *Conn) finish(now time.Time, err error, out *Output) {
	if c.tunnel != TunnelIdle {
		c.ctl.flush(now, c.peerTunnel, out)
	}
	c.ctl.stop()
	c.tunnelBy, c.sessionBy, c.closeBy, c.closedAt = time.Time{}, time.Time{}, time.Time{}, now
	c.setSession(SessionIdle, out)
	c.setTunnel(TunnelClosed, out)
	out.emit(Down{err})
}

// tunnelTimeout: no SCCRP or SCCCN in time.
func (c *Conn) tunnelTimeout(now time.Time, out *Output) {
	c.closing(now, stopGeneral, 0, "no answer in time", &Error{Reason: NoAnswer}, out)
}

// silent: the peer acknowledges nothing. While setting up, the deadlines say so.
func (c *Conn) silent(now time.Time, out *Output) {
	if c.tunnel == TunnelClosing {
		c.finish(now, c.err, out)
		return
	}
	c.finish(now, &Error{Reason: PeerDead}, out)
}
