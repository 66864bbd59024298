package ppp

import (
	"encoding/binary"
	"errors"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specification: protocol numbers (RFC 1661, 2; IANA).
const (
	ProtocolIPv4 = 0x0021 // RFC 1332
	ProtocolIPv6 = 0x0057 // RFC 5072

	protocolIPCP   = 0x8021 // RFC 1332
	protocolIPv6CP = 0x8057 // RFC 5072
	protocolCCP    = 0x80fd // RFC 1962
	protocolLCP    = 0xc021 // RFC 1661
	protocolPAP    = 0xc023 // RFC 1334
	protocolCHAP   = 0xc223 // RFC 1994
	protocolEAP    = 0xc227 // RFC 3748
)

// From the specification: codes of control packets (RFC 1661, 5; RFC 1570).
const (
	configureRequest = 1
	configureAck     = 2
	configureNak     = 3
	configureReject  = 4
	terminateRequest = 5
	terminateAck     = 6
	codeReject       = 7
	protocolReject   = 8
	echoRequest      = 9
	echoReply        = 10
	discardRequest   = 11
	identification   = 12
	timeRemaining    = 13
)

const (
	headerLen    = 4 // code, identifier, length
	frameHeadLen = 4 // address, control, protocol
	address      = 0xff
	control      = 0x03
)

// SplitFrame takes a frame as L2TP carries it apart, without copying: address
// and control may be there or not (RFC 1661, 6.6), the protocol may have one
// octet or two (6.5). ok is false for what is no PPP frame.
func SplitFrame(frame []byte) (protocol uint16, info []byte, ok bool) {
	b := frame
	if len(b) >= 2 && b[0] == address && b[1] == control {
		b = b[2:]
	}
	// The last octet of a protocol number is odd, the first of two is even.
	if len(b) >= 1 && b[0]&1 != 0 {
		return uint16(b[0]), b[1:], b[0] != address
	}
	if len(b) < 2 || b[1]&1 == 0 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(b), b[2:], true
}

// packet is a control packet: LCP, an NCP, PAP and CHAP share its header.
//
//	 0        1            2        4
//	+------+------------+---------+--------
//	| code | identifier | length  | data …
//	+------+------------+---------+--------
type packet struct {
	code, id uint8
	data     []byte // a view
}

var errLength = errors.New("ppp: length of a control packet does not fit its frame")

// parsePacket reads a control packet. Octets after its length are padding
// (RFC 1661, 5).
func parsePacket(info []byte) (packet, error) {
	r := wire.NewReader(info)
	p := packet{code: r.Uint8(), id: r.Uint8()}
	length := int(r.Uint16())
	if r.Err() != nil || length < headerLen {
		return packet{}, errLength
	}
	p.data = r.Bytes(length - headerLen)
	if r.Err() != nil {
		return packet{}, errLength
	}
	return p, nil
}

// appendPacket appends a control packet, without its frame.
func appendPacket(dst []byte, p packet) []byte {
	dst = append(dst, p.code, p.id)
	dst = binary.BigEndian.AppendUint16(dst, uint16(headerLen+len(p.data)))
	return append(dst, p.data...)
}

// newFrame is the frame of a control packet. It is never compressed: every
// peer takes that, and SoftEther takes nothing else.
func newFrame(protocol uint16, p packet) []byte {
	b := make([]byte, 0, frameHeadLen+headerLen+len(p.data))
	b = append(b, address, control)
	b = binary.BigEndian.AppendUint16(b, protocol)
	return appendPacket(b, p)
}
