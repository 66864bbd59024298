package ppp

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reason is why a link ended.
type Reason uint8

// The reasons, by the stage of the connection they belong to.
const (
	NoAnswer          Reason = iota + 1 // nobody answers our Configure-Requests, or no answer to the demand to authenticate
	Loopback                            // we talk to ourselves
	NegotiationFailed                   // LCP did not agree

	AuthMethodRefused // the two ends allow no common method
	BadCredentials    // name or password, E=691
	PasswordExpired   // E=648, and E=709 for a change
	AccountDisabled   // E=647
	NoDialIn          // E=649
	LogonHours        // E=646
	ApprovalTimeout   // no verdict within AuthTimeout
	ServerNotGenuine  // the server does not know the password

	SessionRefused // the peer let us in and then ended the link
	NoAddress      // IPCP did not agree on an address
	IPCPRejected   // the peer has no IPCP
	MPPERequired   // the peer ended the link for want of MPPE

	PeerDead   // no answer to LCP echoes
	PeerClosed // the peer ended a link that was up
)

var reasonNames = [...]string{NoAnswer: "no answer", Loopback: "link is looped back", NegotiationFailed: "link negotiation did not converge",
	AuthMethodRefused: "no common authentication method", BadCredentials: "bad credentials", PasswordExpired: "password expired",
	AccountDisabled: "account disabled", NoDialIn: "no dial-in permission", LogonHours: "restricted logon hours",
	ApprovalTimeout: "no verdict on the credentials in time", ServerNotGenuine: "server did not prove that it knows the password",
	SessionRefused: "session refused after authentication", NoAddress: "no address agreed", IPCPRejected: "peer rejects IPCP",
	MPPERequired: "peer requires MPPE", PeerDead: "peer does not answer echoes", PeerClosed: "peer closed the link"}

func (r Reason) String() string { return name(reasonNames[:], int(r)) }

// Error is how a link ended badly.
type Error struct {
	Reason Reason
	Code   int    // E= of a CHAP Failure, or zero
	Text   string // the peer's message, cleaned: one line of printable text
	Detail string // what was offered and what was answered, for the log
	// TryWidened: the peer may have hashed the octets of a password beyond
	// ASCII; another connection with Config.Widened set may be let in.
	TryWidened bool
	// TryEAP: another connection with Config.EAP set to this may come further.
	// Nothing secret was sent on this one.
	TryEAP EAPUse
}

func (e *Error) Error() string {
	s := "ppp: " + e.Reason.String()
	if e.Code != 0 {
		s += " (E=" + strconv.Itoa(e.Code) + ")"
	}
	if e.Detail != "" {
		s += "; " + e.Detail
	}
	if e.Text != "" {
		s += `; peer says "` + e.Text + `"`
	}
	return s
}

// Ours: what of a peer's message is kept.
const maxText = 256 // octets: more is no message for a person

// cleanText makes a peer's message fit to be shown: UTF-8 (what is not is
// taken for Latin-1), one line, nothing unprintable, of bounded length.
func cleanText(b []byte) string {
	if len(b) > 4*maxText {
		b = b[:4*maxText]
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
		b = b[:max(len(b)-1, 0)]
	}
	var s strings.Builder
	latin := !utf8.Valid(b)
	add := func(r rune) {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		if s.Len()+utf8.RuneLen(r) <= maxText {
			s.WriteRune(r)
		}
	}
	if latin {
		for _, c := range b {
			add(rune(c))
		}
	} else {
		for _, r := range string(b) {
			add(r)
		}
	}
	return strings.Join(strings.Fields(s.String()), " ")
}
