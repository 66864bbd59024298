package l2tp

import (
	"encoding/binary"
	"errors"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// The L2TP header (RFC 2661, 3.1). Fields in brackets are there when their bit is set.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|T|L|x|x|S|x|O|P|x|x|x|x|  Ver  |          [Length]             |
//	|           Tunnel ID           |           Session ID          |
//	|             [Ns]              |             [Nr]              |
//	|         [Offset Size]         |    [Offset pad ... ]          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

// From the specification (RFC 2661, 3.1).
const (
	flagType     = 0x8000 // T: a control message
	flagLength   = 0x4000 // L
	flagSequence = 0x0800 // S: Ns and Nr are there
	flagOffset   = 0x0200 // O
	flagPriority = 0x0100 // P
	versionMask  = 0x000f
	version      = 2

	controlHeaderLen = 12
	dataHeaderLen    = 6 // the shortest: none of L, S, O
)

// What can be wrong with a header or an AVP.
var (
	ErrShort      = errors.New("l2tp: message too short")
	ErrVersion    = errors.New("l2tp: not version 2")
	ErrNotControl = errors.New("l2tp: not a control message")
	ErrControl    = errors.New("l2tp: not a data message")
	ErrFlags      = errors.New("l2tp: control message without length or sequence, or with an offset")
	ErrLength     = errors.New("l2tp: length field does not fit the message")
)

// Header is the header of a control message: T, L and S set, O and P clear
// (RFC 2661, 3.1). Tunnel and Session are the receiver's ids, zero as long as
// it has assigned none.
type Header struct {
	Tunnel, Session uint16
	Ns, Nr          uint16
}

// ParseHeader reads the header of a control message and returns what follows
// it, as a view into b: nothing for a ZLB. Octets beyond the Length field are
// padding of a lower layer and ignored. Reserved bits and P are ignored.
func ParseHeader(b []byte) (h Header, body []byte, err error) {
	if len(b) < 2 {
		return h, nil, ErrShort
	}
	flags := binary.BigEndian.Uint16(b)
	switch {
	case flags&flagType == 0:
		return h, nil, ErrNotControl
	case flags&versionMask != version:
		return h, nil, ErrVersion
	case flags&(flagLength|flagSequence|flagOffset) != flagLength|flagSequence:
		return h, nil, ErrFlags
	case len(b) < controlHeaderLen:
		return h, nil, ErrShort
	}
	r := wire.NewReader(b[2:])
	length := int(r.Uint16())
	h.Tunnel, h.Session = r.Uint16(), r.Uint16()
	h.Ns, h.Nr = r.Uint16(), r.Uint16()
	if length < controlHeaderLen || length > len(b) {
		return Header{}, nil, ErrLength
	}
	return h, b[controlHeaderLen:length:length], nil
}

// Append appends the header of a control message with bodyLen octets behind it.
func (h Header) Append(dst []byte, bodyLen int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, flagType|flagLength|flagSequence|version)
	dst = binary.BigEndian.AppendUint16(dst, uint16(controlHeaderLen+bodyLen))
	dst = binary.BigEndian.AppendUint16(dst, h.Tunnel)
	dst = binary.BigEndian.AppendUint16(dst, h.Session)
	dst = binary.BigEndian.AppendUint16(dst, h.Ns)
	return binary.BigEndian.AppendUint16(dst, h.Nr)
}

// IsControl reports whether a packet has the T bit: Handle takes it, ParseData
// does not. Nothing else is checked.
func IsControl(b []byte) bool { return len(b) > 0 && b[0]&(flagType>>8) != 0 }

// DataHeader is the header of a data message (RFC 2661, 3.1). Ns means
// something only when Sequenced; Nr is reserved in data messages and not kept.
type DataHeader struct {
	Tunnel, Session uint16
	Ns              uint16
	Sequenced       bool // S
	Priority        bool // P
}

// ParseData reads the header of a data message in any of its shapes (SoftEther
// sends L, Linux nothing, Windows L) and returns the PPP frame behind it as a
// view into b. It does not allocate.
func ParseData(b []byte) (h DataHeader, payload []byte, err error) {
	if len(b) < dataHeaderLen {
		return h, nil, ErrShort
	}
	flags := binary.BigEndian.Uint16(b)
	if flags&flagType != 0 {
		return h, nil, ErrControl
	}
	if flags&versionMask != version {
		return h, nil, ErrVersion
	}
	at, end := 2, len(b)
	if flags&flagLength != 0 {
		end, at = int(binary.BigEndian.Uint16(b[2:])), 4
		if end > len(b) {
			return h, nil, ErrLength
		}
	}
	if end < at+4 {
		return h, nil, ErrShort
	}
	h.Tunnel, h.Session = binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[at+2:])
	at += 4
	if flags&flagSequence != 0 {
		if end < at+4 {
			return DataHeader{}, nil, ErrShort
		}
		h.Sequenced, h.Ns = true, binary.BigEndian.Uint16(b[at:])
		at += 4
	}
	if flags&flagOffset != 0 {
		if end < at+2 {
			return DataHeader{}, nil, ErrShort
		}
		at += 2 + int(binary.BigEndian.Uint16(b[at:]))
	}
	if at > end {
		return DataHeader{}, nil, ErrShort
	}
	h.Priority = flags&flagPriority != 0
	return h, b[at:end], nil
}

// AppendData appends the shortest data header, six octets without L, S and O,
// with the receiver's ids. It allocates only when dst has no room.
func AppendData(dst []byte, tunnel, session uint16) []byte {
	return append(dst, 0, version, byte(tunnel>>8), byte(tunnel), byte(session>>8), byte(session))
}

// AppendSequencedData appends a data header of ten octets with S and Ns, for a
// session with data sequencing (RFC 2661, 5.4). Nr is reserved and sent as 0.
func AppendSequencedData(dst []byte, tunnel, session, ns uint16) []byte {
	return append(dst, flagSequence>>8, version, byte(tunnel>>8), byte(tunnel),
		byte(session>>8), byte(session), byte(ns>>8), byte(ns), 0, 0)
}
