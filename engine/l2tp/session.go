package l2tp

import "time"

// SessionState is a state of the incoming call (RFC 2661, 7.4).
type SessionState uint8

// The states of RFC 2661, 7.4.1 (LAC) and 7.4.2 (LNS).
const (
	SessionIdle        SessionState = iota + 1
	SessionWaitTunnel               // LAC
	SessionWaitReply                // LAC: ICRQ sent
	SessionWaitConnect              // LNS: ICRP sent
	SessionEstablished
)

var sessionStateNames = [...]string{SessionIdle: "idle", SessionWaitTunnel: "wait-tunnel", SessionWaitReply: "wait-reply",
	SessionWaitConnect: "wait-connect", SessionEstablished: "established"}

// String is the RFC's name of the state.
func (s SessionState) String() string {
	if s == 0 || int(s) >= len(sessionStateNames) {
		return "none"
	}
	return sessionStateNames[s]
}

// open: the peer knows of the session.
func (s SessionState) open() bool { return s >= SessionWaitReply }

// sessionTable is the tables of RFC 2661, 7.4.1 and 7.4.2, the events that are
// messages of this session; belongs has seen to that. Where it differs:
//   - ICRQ always means another session: LNS in any state but idle, and LAC, refuse
//     that one with CDN and keep their own. The RFC would end it.
//   - idle, receive ICRP, ICCN or CDN: there is no session id to be right, and
//     belongs drops them.
//   - WEN and SLI (RFC 2661, 6.13 and 6.14) say nothing that this end needs.
var sessionTable = map[Role]map[SessionState]map[MessageType]step{
	LAC: {
		SessionWaitReply: {
			ICRP: (*Conn).acceptICRP, // Send ICCN -> established
			ICCN: (*Conn).sessionFSM, // Clean up -> idle
			CDN:  (*Conn).peerCDN,    // Clean up -> idle
			ICRQ: (*Conn).refuseCall,
			OCRQ: (*Conn).refuseCall,
		},
		SessionEstablished: {
			ICRP: (*Conn).sessionFSM, // Send CDN, clean up -> idle
			ICCN: (*Conn).sessionFSM,
			CDN:  (*Conn).peerCDN, // Clean up -> idle
			ICRQ: (*Conn).refuseCall,
			OCRQ: (*Conn).refuseCall,
			WEN:  (*Conn).ignore,
			SLI:  (*Conn).ignore,
		},
	},
	LNS: {
		SessionIdle: {
			ICRQ: (*Conn).acceptICRQ, // Send ICRP -> wait-connect
			OCRQ: (*Conn).refuseCall,
		},
		SessionWaitConnect: {
			ICCN: (*Conn).acceptICCN, // Prepare for data -> established
			ICRP: (*Conn).sessionFSM, // Send CDN, clean up -> idle
			CDN:  (*Conn).peerCDN,    // Clean up -> idle
			ICRQ: (*Conn).refuseCall,
			OCRQ: (*Conn).refuseCall,
		},
		SessionEstablished: {
			ICRP: (*Conn).sessionFSM, // Send CDN, clean up -> idle
			ICCN: (*Conn).sessionFSM,
			CDN:  (*Conn).peerCDN, // Clean up -> idle
			ICRQ: (*Conn).refuseCall,
			OCRQ: (*Conn).refuseCall,
			WEN:  (*Conn).ignore,
			SLI:  (*Conn).ignore,
		},
	},
}

// setSession changes the session's state.
func (c *Conn) setSession(to SessionState, out *Output) {
	if c.session != to {
		out.emit(SessionTransition{c.session, to, c.on})
		c.session = to
	}
}

// belongs: the message is of our session, or asks for one. Session id 0 is for
// who does not know ours yet: a CDN then names the peer's own id (RFC 2661,
// 4.4.4), or none where the peer refuses our call and so never assigned one.
func (c *Conn) belongs(h Header, m *Message) bool {
	switch {
	case m.Type == ICRQ || m.Type == OCRQ:
		return true
	case !c.session.open():
		return false
	case m.Type == CDN && h.Session == 0:
		return m.AssignedSession == c.peerSession || c.session == SessionWaitReply
	}
	return h.Session == c.localSession
}

// dispatchSession takes a message of a session to its table. It is
// acknowledged whatever becomes of it.
func (c *Conn) dispatchSession(now time.Time, h Header, m *Message, out *Output) {
	switch {
	case c.tunnel != TunnelEstablished:
		out.drop(DropUnexpected)
		return
	case !c.belongs(h, m):
		out.drop(DropSessionID)
		return
	case m.Type == CDN: // obeyed, whatever else is in it
	case m.Unknown != nil: // RFC 2661, 4.2: only this session goes
		c.failSession(now, m, cdnError, errorUnknownAVP, m.Unknown.name(), UnknownAVP, out)
		return
	case m.Unreadable:
		c.failSession(now, m, cdnError, errorValue, "hidden attributes that the tunnel secret does not open", AuthFailed, out)
		return
	}
	if do, ok := sessionTable[c.cfg.Role][c.session][m.Type]; ok {
		do(c, now, m, out)
		return
	}
	out.drop(DropUnexpected)
}

// call sends ICRQ: LAC, on tunnel-open.
func (c *Conn) call(now time.Time, out *Output) {
	c.send(&Message{Type: ICRQ, AssignedSession: c.localSession, CallSerial: c.serial}, 0)
	c.setSession(SessionWaitReply, out)
	c.sessionBy = now.Add(sessionTime)
}

// acceptICRP: LAC, wait-reply.
func (c *Conn) acceptICRP(_ time.Time, m *Message, out *Output) {
	c.peerSession = m.AssignedSession
	connected := &Message{Type: ICCN, TxSpeed: txSpeed, FramingType: framingSync}
	if c.cfg.Sequencing {
		connected.present |= 1 << AVPSequencingRequired
	}
	c.send(connected, c.peerSession)
	c.sessionUp(c.cfg.Sequencing, txSpeed, out)
}

// acceptICRQ: LNS, idle.
func (c *Conn) acceptICRQ(now time.Time, m *Message, out *Output) {
	c.localSession, c.peerSession = c.newID(c.cfg.LocalSession), m.AssignedSession
	c.ctl.first, c.ctl.endless = setupRepeat, true
	c.send(&Message{Type: ICRP, AssignedSession: c.localSession}, c.peerSession)
	c.setSession(SessionWaitConnect, out)
	c.sessionBy = now.Add(sessionTime)
}

// acceptICCN: LNS, wait-connect.
func (c *Conn) acceptICCN(_ time.Time, m *Message, out *Output) {
	c.sessionUp(m.Has(AVPSequencingRequired), m.TxSpeed, out)
}

func (c *Conn) sessionUp(sequencing bool, speed uint32, out *Output) {
	c.sessionBy = time.Time{}
	c.ctl.endless = false
	c.setSession(SessionEstablished, out)
	out.emit(SessionUp{LocalTunnel: c.localTunnel, PeerTunnel: c.peerTunnel, LocalSession: c.localSession,
		PeerSession: c.peerSession, SequencingRequired: sequencing, TxSpeed: speed})
}

// refuseCall answers an ICRQ or OCRQ for which there is no place: one session a
// Conn, and no outgoing calls at all. Our session is not touched.
func (c *Conn) refuseCall(_ time.Time, m *Message, out *Output) {
	result := uint16(cdnNoFacility)
	if m.Type == OCRQ || c.cfg.Role == LAC {
		result = cdnNoFacilityP
	}
	c.refuse(m, result, 0, "")
	out.drop(DropUnexpected)
}

// refuse sends CDN to the session that m asks for, which is not ours.
func (c *Conn) refuse(m *Message, result, code uint16, text string) {
	c.send(&Message{Type: CDN, AssignedSession: c.newID(0), Result: result, Code: code, Text: text}, m.AssignedSession)
}

// sessionFSM: the table has no place for the message.
func (c *Conn) sessionFSM(now time.Time, m *Message, out *Output) {
	c.failSession(now, m, cdnError, errorValue, m.Type.String()+" in state "+c.session.String(), ProtocolError, out)
}

// failSession ends the session that m belongs to with CDN.
func (c *Conn) failSession(now time.Time, m *Message, result, code uint16, text string, r Reason, out *Output) {
	if m.Type == ICRQ || m.Type == OCRQ {
		c.refuse(m, result, code, text)
		out.drop(DropUnexpected)
		return
	}
	c.send(&Message{Type: CDN, AssignedSession: c.localSession, Result: result, Code: code, Text: text}, c.peerSession)
	c.sessionEnd(now, &Error{Reason: r, Message: CDN, Local: true, Result: result, Code: code, Text: text}, out)
}

// peerCDN: the peer ended the session.
func (c *Conn) peerCDN(now time.Time, m *Message, out *Output) {
	reason := SessionRefused
	if c.session == SessionEstablished {
		reason = PeerClosed
	}
	c.sessionEnd(now, peerError(reason, m), out)
}

// sessionEnd: without its session a LAC ends the tunnel, too; an LNS waits for
// another call.
func (c *Conn) sessionEnd(now time.Time, err *Error, out *Output) {
	if c.cfg.Role == LAC {
		c.closing(now, stopGeneral, 0, "", err, out)
		return
	}
	c.setSession(SessionIdle, out)
	c.ctl.endless = false
	c.sessionBy = now.Add(idleTime)
	out.emit(SessionDown{err})
}

// sessionTimeout: no ICRP or ICCN in time, or no call at all.
func (c *Conn) sessionTimeout(now time.Time, out *Output) {
	if c.session == SessionIdle {
		const text = "tunnel without session"
		c.closing(now, stopGeneral, 0, text, &Error{Reason: Idle, Message: StopCCN, Local: true, Result: stopGeneral, Text: text}, out)
		return
	}
	c.send(&Message{Type: CDN, AssignedSession: c.localSession, Result: cdnTooSlow}, c.peerSession)
	c.sessionEnd(now, &Error{Reason: SessionNoAnswer, Message: CDN, Local: true, Result: cdnTooSlow}, out)
}
