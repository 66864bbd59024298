package l2tp

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// From the specification: Result Codes of StopCCN, Result Codes of CDN, and
// the Error Codes of both (RFC 2661, 4.4.2).
const (
	stopGeneral       = 1 // general request to clear the control connection
	stopError         = 2 // the Error Code says what
	stopNotAuthorized = 4
	stopVersion       = 5 // the Error Code is the highest version supported
	stopFSM           = 7

	cdnError       = 2 // the Error Code says what
	cdnAdmin       = 3
	cdnNoFacility  = 4 // for now
	cdnNoFacilityP = 5 // ever
	cdnTooSlow     = 10

	errorValue      = 3 // a value out of range
	errorVendor     = 6 // what xl2tpd says to a wrong Challenge Response
	errorUnknownAVP = 8 // an unknown AVP with the M bit; the text names it
)

var stopResults = [...]string{"reserved", "general request", "general error", "control channel already exists",
	"not authorized", "protocol version not supported", "shutting down", "state machine error"}

var cdnResults = [...]string{"reserved", "lost carrier", "general error", "administrative", "no facilities, temporarily",
	"no facilities, permanently", "invalid destination", "no carrier", "busy", "no dial tone", "not established in time",
	"no appropriate framing"}

var errorCodes = [...]string{"no general error", "no control connection yet", "wrong length", "value out of range",
	"insufficient resources", "invalid session id", "vendor-specific error", "try another", "unknown mandatory AVP"}

// resultName is the RFC's meaning of a Result Code in a message of type t.
func resultName(t MessageType, result uint16) string {
	names := cdnResults[:]
	if t == StopCCN {
		names = stopResults[:]
	}
	return nameOf(names, result)
}

func nameOf(names []string, code uint16) string {
	if int(code) < len(names) {
		return names[code]
	}
	return "unknown"
}

// Ours: what is kept of a peer's text, and what is sent of ours.
const maxText = 200

// clean makes a peer's text fit for a log: what is not UTF-8 or not printable
// (control characters, overrides of direction) goes, and so does all beyond
// maxText octets.
func clean(b []byte) string {
	var s strings.Builder
	for len(b) > 0 && s.Len() < maxText {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		if unicode.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			s.WriteRune(r)
		} else if unicode.IsSpace(r) {
			s.WriteByte(' ')
		}
	}
	return strings.TrimSpace(s.String())
}
