package ppp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"time"
)

// EAP (RFC 3748). Its packets have the header of all control packets; the first
// octet of a Request's and of a Response's data is their type.
//
//	server                                client
//	  | ---- Request, Identity ----------> |
//	  | <--- Response, Identity ---------- |
//	  | ---- Request, a method ----------> |   or Response, Nak, with
//	  | <--- Response, the method -------- |   the methods that it allows
//	  |        as often as it takes        |
//	  | ---- Success or Failure ---------> |
//
// The server repeats its Requests; whatever else is lost is asked for again.

// From the specification (RFC 3748, 4).
const (
	eapRequest  = 1
	eapResponse = 2
	eapSuccess  = 3
	eapFailure  = 4
)

// From the specification: types (RFC 3748, 5; IANA).
const (
	eapIdentity     = 1
	eapNotification = 2
	eapNak          = 3
	eapMD5          = 4
	eapOTP          = 5 // RFC 3748, 5.5, of RFC 2289
	eapGTC          = 6
	eapExpanded     = 254
	eapMSCHAPv2     = 26 // draft-kamath-pppext-eap-mschapv2-02
)

// From the specification: operations of EAP-MSCHAPv2 (draft-kamath, 2).
const (
	opChallenge = 1
	opResponse  = 2
	opSuccess   = 3
	opFailure   = 4

	msHeaderLen = 4 // operation, identifier, length
)

// Ours.
const (
	// A server that asks for more than this in one go is not worth an answer.
	maxRequests = 100
	// How many types that we refused are kept for the log.
	maxRefused = 8
	// How many Requests are known again that were overtaken by later ones.
	maxBefore = 4
)

var typeNames = map[uint8]string{eapIdentity: "Identity", eapNotification: "Notification", eapNak: "Nak", eapMD5: "MD5", eapOTP: "OTP", eapGTC: "GTC",
	13: "TLS", 15: "RSA", 18: "SIM", 21: "TTLS", 23: "AKA", 25: "PEAP", eapMSCHAPv2: "MSCHAPv2", 32: "POTP", 43: "FAST", eapExpanded: "expanded"}

func typeName(t uint8) string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "type " + strconv.Itoa(int(t))
}

// EAPUse is where EAP comes among a client's methods.
type EAPUse uint8

// The uses.
const (
	EAPInTurn EAPUse = iota // taken at its place of Config.Auth: what is before it is suggested first
	EAPFirst                // taken as soon as the peer asks for it
	EAPNever
)

var useNames = [...]string{"in turn", "first", "never"}

func (u EAPUse) String() string { return name(useNames[:], int(u)) }

// form is a method's form within EAP; zero: it has none.
func (m AuthMethod) form() AuthMethod {
	switch m {
	case MSCHAPv2:
		return EAPMSCHAPv2
	case CHAPMD5:
		return EAPMD5
	case PAP:
		return EAPGTC
	}
	return 0
}

// method is the one that a type belongs to; zero: none of ours.
func method(kind uint8) AuthMethod {
	switch kind {
	case eapMSCHAPv2:
		return EAPMSCHAPv2
	case eapMD5:
		return EAPMD5
	case eapGTC, eapOTP:
		return EAPGTC
	}
	return 0
}

// kind is the type that m is asked for by.
func (m AuthMethod) kind() uint8 {
	switch m {
	case EAPMSCHAPv2:
		return eapMSCHAPv2
	case EAPMD5:
		return eapMD5
	}
	return eapGTC
}

// eapMethods are the methods of EAP that may be used, best first.
func (cfg *Config) eapMethods() []AuthMethod {
	var out []AuthMethod
	for _, m := range cfg.Auth {
		if !m.EAP() {
			if m = m.form(); !cfg.EAPForms || m == 0 {
				continue
			}
		}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// takes is the method that a client takes when the peer demands option, after its
// first offer methods were suggested in vain; zero: none.
func (cfg *Config) takes(option []byte, offer int) AuthMethod {
	demandsEAP := bytes.Equal(EAPMD5.option(), option)
	for i, m := range cfg.Auth {
		if !demandsEAP {
			if bytes.Equal(m.option(), option) {
				return m
			}
			continue
		}
		place := i
		if !m.EAP() {
			place++ // its form comes right behind it
		}
		if ours := cfg.eapMethods(); len(ours) > 0 && (m.EAP() || cfg.EAPForms) && (place <= offer || cfg.EAP == EAPFirst) {
			return ours[0]
		}
	}
	return 0
}

// withoutEAP leaves the methods of EAP out.
func withoutEAP(methods []AuthMethod) []AuthMethod {
	var out []AuthMethod
	for _, m := range methods {
		if !m.EAP() {
			out = append(out, m)
		}
	}
	return out
}

// eap is EAP at either end.
type eap struct {
	id uint8 // server: of the Request that is out

	// Client.
	open     bool     // a conversation is at work
	request  packet   // the latest
	reply    packet   // our Response to it; code zero: a person is asked, or it is all over
	before   []packet // the last Requests before it
	requests int      // so far
	asked    bool     // a person is
	started  bool     // we answered a method
	done     bool     // the method is through: only the verdict is missing
	given    bool     // the password was, as a token
	refused  []string // types
	notice   string   // the latest Notification
	text     string   // what the verdict says

	// Server.
	out  packet // the Request that is out; code zero: none
	step step
	user string
	left []AuthMethod // to be tried, beside the present one
	good bool         // the user has passed so far
}

// step is what a server waits for.
type step uint8

const (
	forIdentity step = iota + 1
	forAnswer        // to the first Request of a method, which may be a Nak
	forCode
	forEnd // of EAP-MSCHAPv2: its Success or Failure
)

// forget overwrites what may be a password or a code.
func (e *eap) forget() {
	clear(e.reply.data)
	e.reply, e.asked = packet{}, false
}

// passed ends a conversation: the next one is another.
func (e *eap) passed() {
	e.forget()
	*e = eap{id: e.id, user: e.user, request: e.request, before: e.before}
}

func (c *Conn) receiveEAP(now time.Time, p packet, out *Output) {
	switch {
	case c.cfg.Server && p.code == eapResponse:
		c.eapAnswered(now, p, out)
	case !c.cfg.Server && p.code == eapRequest:
		c.eapAsked(now, p, out)
	case !c.cfg.Server && (p.code == eapSuccess || p.code == eapFailure):
		c.eapVerdict(now, p, out)
	default:
		out.emit(Drop{protocolEAP, DropIgnored})
	}
}

// appendMS appends a packet of EAP-MSCHAPv2 (draft-kamath, 2).
func appendMS(op, id uint8, body []byte) []byte {
	b := []byte{eapMSCHAPv2, op, id}
	b = binary.BigEndian.AppendUint16(b, uint16(msHeaderLen+len(body)))
	return append(b, body...)
}
