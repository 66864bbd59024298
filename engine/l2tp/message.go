package l2tp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// MessageType is the value of the Message Type AVP (RFC 2661, 3.2).
type MessageType uint16

// The control messages (RFC 2661, 3.2).
const (
	SCCRQ   MessageType = 1
	SCCRP   MessageType = 2
	SCCCN   MessageType = 3
	StopCCN MessageType = 4
	HELLO   MessageType = 6
	OCRQ    MessageType = 7
	OCRP    MessageType = 8
	OCCN    MessageType = 9
	ICRQ    MessageType = 10
	ICRP    MessageType = 11
	ICCN    MessageType = 12
	CDN     MessageType = 14
	WEN     MessageType = 15
	SLI     MessageType = 16
)

var messageNames = map[MessageType]string{
	SCCRQ: "SCCRQ", SCCRP: "SCCRP", SCCCN: "SCCCN", StopCCN: "StopCCN", HELLO: "HELLO", OCRQ: "OCRQ", OCRP: "OCRP",
	OCCN: "OCCN", ICRQ: "ICRQ", ICRP: "ICRP", ICCN: "ICCN", CDN: "CDN", WEN: "WEN", SLI: "SLI",
}

// String is the RFC's abbreviation, "none" for zero.
func (t MessageType) String() string {
	if name, ok := messageNames[t]; ok {
		return name
	}
	if t == 0 {
		return "none"
	}
	return fmt.Sprintf("message type %d", uint16(t))
}

func (t MessageType) known() bool { _, ok := messageNames[t]; return ok }

// ofSession: the message belongs to a session, not to the tunnel.
func (t MessageType) ofSession() bool { return t >= OCRQ && t <= SLI }

// lenient: the message is obeyed though some AVP of it is broken. Leaving must
// always work (SoftEther's StopCCN is malformed), and the others say nothing
// that this end needs.
func (t MessageType) lenient() bool {
	return t == StopCCN || t == CDN || t == HELLO || t == WEN || t == SLI
}

// From the specification (RFC 2661, 4.4.3).
const (
	protocolVersion = 0x0100 // version 1, revision 0
	defaultWindow   = 4      // where the peer sends no Receive Window Size

	framingSync  = 1
	framingAsync = 2
)

// What can be wrong with the AVPs of a message.
var (
	ErrNoMessageType = errors.New("l2tp: message does not begin with its type")
	ErrMissingAVP    = errors.New("l2tp: required AVP missing, or an id of zero")
)

// Message is a control message without its header. The fields are those of all
// types together: which ones a type carries is in RFC 2661, 6, and Has tells
// which ones came. The byte slices are views.
type Message struct {
	Type      MessageType
	Mandatory bool // M of the Message Type AVP: an unknown type clears the tunnel

	Version             uint16 // Protocol Version: version and revision, an octet each
	FramingCapabilities uint32
	BearerCapabilities  uint32
	TieBreaker          []byte
	Firmware            uint16
	HostName            string // from the peer: free of control characters
	Vendor              string // likewise
	AssignedTunnel      uint16
	Window              uint16 // Receive Window Size
	Challenge           []byte
	Response            []byte // Challenge Response

	AssignedSession uint16
	CallSerial      uint32
	TxSpeed         uint32 // bit/s
	FramingType     uint32

	Result, Code uint16 // Result Code and Error Code (RFC 2661, 4.4.2)
	Text         string // Error Message; from the peer: free of control characters
	Q931         uint16
	PPPCause     uint16 // RFC 3145
	PPPProtocol  uint16

	// Unknown is the first unrecognized AVP with the M bit: the tunnel or the
	// session has to go (RFC 2661, 4.2). Its value is not kept.
	Unknown *AVP
	// Unreadable: a mandatory AVP is hidden and cannot be read for want of the
	// right secret.
	Unreadable bool

	present uint64 // by AVPType: all that are recognized are below 64
}

// Has reports whether the AVP came with the message.
func (m *Message) Has(t AVPType) bool { return t < 64 && m.present&(1<<t) != 0 }

// ParseMessage reads the AVPs behind a control header (RFC 2661, 4 and 6), the
// hidden ones with s. Type is set whenever the Message Type could be read,
// also with an error.
func ParseMessage(body []byte, s secret.Secret) (m Message, err error) {
	first, rest, err := ParseAVP(body)
	if err != nil {
		return m, err
	}
	if !first.recognized() || first.Type != AVPMessageType || first.Hidden || len(first.Value) != 2 {
		return m, ErrNoMessageType
	}
	m.Type = MessageType(binary.BigEndian.Uint16(first.Value))
	m.Mandatory = first.Mandatory
	var vector []byte
	for len(rest) > 0 && err == nil {
		var a AVP
		if a, rest, err = ParseAVP(rest); err == nil {
			vector, err = m.take(a, s, vector)
		}
	}
	if m.Type.lenient() {
		return m, nil
	}
	if err == nil && m.Unknown == nil && !m.Unreadable {
		err = m.complete()
	}
	return m, err
}

// take reads one AVP behind the first and returns the Random Vector that holds
// for those after it.
func (m *Message) take(a AVP, s secret.Secret, vector []byte) ([]byte, error) {
	switch {
	case !a.recognized():
		if a.Mandatory && m.Unknown == nil {
			a.Value = nil
			m.Unknown = &a
		}
		return vector, nil
	case a.Type == AVPRandomVector:
		if a.Hidden || len(a.Value) == 0 {
			return nil, ErrLength
		}
		return a.Value, nil
	case a.Hidden:
		value, ok := []byte(nil), false
		if len(s) > 0 && vector != nil {
			value, ok = unhide(a, s, vector)
		}
		if !ok {
			m.Unreadable = m.Unreadable || a.Mandatory
			return vector, nil
		}
		a.Value = value
		if !m.set(a) { // mostly a wrong secret whose garbage had a fitting length
			m.Unreadable = m.Unreadable || a.Mandatory
		}
		return vector, nil
	}
	if !m.set(a) {
		return vector, ErrLength
	}
	return vector, nil
}

// set stores the value of a recognized AVP. Only where this end decides
// something by the value is a wrong length an error.
func (m *Message) set(a AVP) bool {
	v, ok := a.Value, true
	switch a.Type {
	case AVPResultCode:
		m.setResult(v)
	case AVPProtocolVersion:
		ok = take16(&m.Version, v)
	case AVPFramingCapabilities:
		take32(&m.FramingCapabilities, v)
	case AVPBearerCapabilities:
		take32(&m.BearerCapabilities, v)
	case AVPTieBreaker:
		m.TieBreaker, ok = v, len(v) == 8
	case AVPFirmwareRevision:
		take16(&m.Firmware, v)
	case AVPHostName:
		m.HostName = clean(v)
	case AVPVendorName:
		m.Vendor = clean(v)
	case AVPAssignedTunnelID:
		ok = take16(&m.AssignedTunnel, v)
	case AVPReceiveWindowSize:
		ok = take16(&m.Window, v)
	case AVPChallenge:
		m.Challenge, ok = v, len(v) > 0
	case AVPChallengeResponse:
		m.Response, ok = v, len(v) == 16
	case AVPAssignedSessionID:
		ok = take16(&m.AssignedSession, v)
	case AVPCallSerialNumber:
		take32(&m.CallSerial, v) // some clients send other lengths
	case AVPTxConnectSpeed:
		take32(&m.TxSpeed, v)
	case AVPFramingType:
		take32(&m.FramingType, v)
	case AVPQ931CauseCode:
		if len(v) >= 3 {
			m.Q931 = binary.BigEndian.Uint16(v)
		}
	case AVPPPPDisconnectCause:
		if len(v) >= 5 {
			m.PPPCause, m.PPPProtocol = binary.BigEndian.Uint16(v), binary.BigEndian.Uint16(v[2:])
		}
	}
	if ok {
		m.present |= 1 << a.Type
	}
	return ok
}

// setResult reads a Result Code (RFC 2661, 4.4.2), of whatever length.
func (m *Message) setResult(v []byte) {
	if len(v) >= 2 {
		m.Result = binary.BigEndian.Uint16(v)
	}
	if len(v) == 8 && m.Result == 0 && v[3] == 0 {
		// SoftEther's StopCCN: 00 00 06 00 00 00 00 00, the result one octet late.
		m.Result = uint16(v[2])
		return
	}
	if len(v) >= 4 {
		m.Code = binary.BigEndian.Uint16(v[2:])
		m.Text = clean(v[4:])
	}
}

func take16(to *uint16, v []byte) bool {
	if len(v) == 2 {
		*to = binary.BigEndian.Uint16(v)
	}
	return len(v) == 2
}

func take32(to *uint32, v []byte) {
	if len(v) == 4 {
		*to = binary.BigEndian.Uint32(v)
	}
}

// complete: the AVPs without which the message cannot be answered are there
// (RFC 2661, 6). Others that the RFC requires are forgiven.
func (m *Message) complete() error {
	switch m.Type {
	case SCCRQ, SCCRP:
		if m.AssignedTunnel == 0 {
			return ErrMissingAVP
		}
	case ICRQ, ICRP, OCRQ, OCRP:
		if m.AssignedSession == 0 {
			return ErrMissingAVP
		}
	}
	return nil
}

// Append appends the AVPs of the message, for use behind a Header.
func (m *Message) Append(dst []byte) []byte { return m.append(dst, nil) }

// append appends the AVPs, with h those hidden that may be.
func (m *Message) append(dst []byte, h *hider) []byte {
	e := encoder{dst: dst, hider: h}
	e.put(AVPMessageType, true, be16(uint16(m.Type)))
	switch m.Type {
	case SCCRQ, SCCRP:
		e.put(AVPProtocolVersion, true, be16(m.Version))
		e.hide(AVPFramingCapabilities, true, be32(m.FramingCapabilities))
		e.hide(AVPBearerCapabilities, true, be32(m.BearerCapabilities))
		e.optional(m.TieBreaker, func() { e.put(AVPTieBreaker, false, m.TieBreaker) })
		if m.Firmware != 0 {
			e.hide(AVPFirmwareRevision, false, be16(m.Firmware))
		}
		e.put(AVPHostName, true, []byte(m.HostName))
		if m.Vendor != "" {
			e.hide(AVPVendorName, false, []byte(m.Vendor))
		}
		e.hide(AVPAssignedTunnelID, true, be16(m.AssignedTunnel))
		if m.Window != 0 {
			e.put(AVPReceiveWindowSize, true, be16(m.Window))
		}
		e.optional(m.Challenge, func() { e.hide(AVPChallenge, true, m.Challenge) })
		e.optional(m.Response, func() { e.hide(AVPChallengeResponse, true, m.Response) })
	case SCCCN:
		e.optional(m.Response, func() { e.hide(AVPChallengeResponse, true, m.Response) })
	case StopCCN: // nothing hidden here and in CDN: the end must be understood with any secret
		e.put(AVPAssignedTunnelID, true, be16(m.AssignedTunnel))
		e.put(AVPResultCode, true, m.resultValue())
	case ICRQ, OCRQ:
		e.hide(AVPAssignedSessionID, true, be16(m.AssignedSession))
		e.hide(AVPCallSerialNumber, true, be32(m.CallSerial))
	case ICRP, OCRP:
		e.hide(AVPAssignedSessionID, true, be16(m.AssignedSession))
	case ICCN, OCCN:
		e.hide(AVPTxConnectSpeed, true, be32(m.TxSpeed))
		e.hide(AVPFramingType, true, be32(m.FramingType))
		if m.Has(AVPSequencingRequired) {
			e.put(AVPSequencingRequired, true, nil)
		}
	case CDN:
		e.put(AVPResultCode, true, m.resultValue())
		e.put(AVPAssignedSessionID, true, be16(m.AssignedSession))
	}
	return e.dst
}

// resultValue always has its Error Code: xl2tpd wants both.
func (m *Message) resultValue() []byte {
	return append(append(be16(m.Result), be16(m.Code)...), m.Text...)
}

// encoder appends AVPs to a message.
type encoder struct {
	dst    []byte
	hider  *hider // nil: nothing is hidden
	vector bool   // the Random Vector is there already
}

func (e *encoder) put(t AVPType, mandatory bool, value []byte) {
	e.dst = AVP{Mandatory: mandatory, Type: t, Value: value}.Append(e.dst)
}

// hide puts an AVP that RFC 2661 allows to be hidden, the Random Vector before
// the first of them.
func (e *encoder) hide(t AVPType, mandatory bool, value []byte) {
	if e.hider == nil {
		e.put(t, mandatory, value)
		return
	}
	if !e.vector {
		e.vector = true
		e.put(AVPRandomVector, true, e.hider.vector[:])
	}
	e.dst = e.hider.hide(AVP{Mandatory: mandatory, Type: t, Value: value}).Append(e.dst)
}

func (e *encoder) optional(value []byte, put func()) {
	if len(value) > 0 {
		put()
	}
}

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
