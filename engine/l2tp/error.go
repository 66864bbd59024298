package l2tp

import "fmt"

// Reason is why a tunnel or a session ended.
type Reason uint8

// The reasons.
const (
	NoAnswer        Reason = iota + 1 // no SCCRP (LAC) or SCCCN (LNS) in time
	Refused                           // StopCCN before the session was up
	AuthFailed                        // tunnel authentication: wrong, missing or unexpected secret
	Version                           // one end wants another version of L2TP
	SessionRefused                    // CDN before the session was up
	SessionNoAnswer                   // no ICRP (LAC) or ICCN (LNS) in time
	PeerClosed                        // StopCCN or CDN of the peer while the session was up
	PeerDead                          // the peer acknowledges nothing any more
	UnknownAVP                        // the peer requires an attribute this end does not know
	ProtocolError                     // a message the state machines do not allow
	Idle                              // LNS: a tunnel without session for too long
	Internal                          // no randomness
)

var reasonNames = [...]string{NoAnswer: "no answer", Refused: "refused", AuthFailed: "tunnel authentication failed",
	Version: "protocol version", SessionRefused: "session refused", SessionNoAnswer: "no answer for the session",
	PeerClosed: "closed by peer", PeerDead: "peer is dead", UnknownAVP: "unknown mandatory attribute",
	ProtocolError: "protocol error", Idle: "tunnel without session", Internal: "no randomness"}

// String is the reason in a few words.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasonNames) {
		return "none"
	}
	return reasonNames[r]
}

// Error is why a tunnel or a session ended other than by our own Close.
type Error struct {
	Reason Reason
	// Message is StopCCN or CDN where one ended it: the peer's, or with Local
	// ours. Zero where silence did.
	Message MessageType
	Local   bool
	// Result and Code are its Result Code and Error Code (RFC 2661, 4.4.2).
	Result, Code uint16
	// Text is its Error Message: a hint in any language, free of control
	// characters.
	Text string
	// PPPCause and PPPProtocol are the PPP Disconnect Cause Code (RFC 3145) of
	// a peer's CDN and the PPP protocol it is about: SoftEther says 15 and
	// c021 when the login was wrong.
	PPPCause, PPPProtocol uint16
}

// Error is for logs.
func (e *Error) Error() string {
	s := "l2tp: " + e.Reason.String()
	if e.Message != 0 {
		by := "peer"
		if e.Local {
			by = "we"
		}
		s += fmt.Sprintf("; %s sent %v, result %d (%s)", by, e.Message, e.Result, resultName(e.Message, e.Result))
		if e.Code != 0 {
			s += fmt.Sprintf(", error %d (%s)", e.Code, nameOf(errorCodes[:], e.Code))
		}
	}
	if e.Text != "" {
		s += fmt.Sprintf(": %q", e.Text)
	}
	if e.PPPCause != 0 {
		s += fmt.Sprintf(", PPP cause %d of protocol %04x", e.PPPCause, e.PPPProtocol)
	}
	return s
}

// peerError is the Error of a peer's StopCCN or CDN.
func peerError(r Reason, m *Message) *Error {
	return &Error{Reason: r, Message: m.Type, Result: m.Result, Code: m.Code, Text: m.Text, PPPCause: m.PPPCause, PPPProtocol: m.PPPProtocol}
}
