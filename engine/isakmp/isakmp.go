// Package isakmp reads and writes the messages of IKEv1: the ISAKMP header and
// payloads of RFC 2408 with the contents that RFC 2407 (the IPsec domain of
// interpretation), RFC 2409, RFC 3706 and RFC 3947 give them. It holds no
// state and does no cryptography.
//
//	 0                   1                   2                   3
//	+---------------------------------------------------------------+
//	|                       Initiator Cookie (8)                    |
//	+---------------------------------------------------------------+
//	|                       Responder Cookie (8)                    |
//	+---------------+-------+-------+---------------+---------------+
//	|  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
//	+---------------+-------+-------+---------------+---------------+
//	|                          Message ID                           |
//	+---------------------------------------------------------------+
//	|                            Length                             |
//	+---------------------------------------------------------------+
//
// What Parse returns are views into the message: copy what is kept.
package isakmp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specification.
const (
	// HeaderLen is the length of the ISAKMP header in octets (RFC 2408, 3.1).
	HeaderLen = 28
	// Version1 is major version 1, minor version 0 (RFC 2408, 3.1).
	Version1 = 0x10

	genericLen = 4 // generic payload header (RFC 2408, 3.2)
)

// Ours: bounds on what one message may hold. The largest offers seen in the
// field have two dozen transforms of seven attributes.
const (
	maxPayloads   = 64
	maxProposals  = 32
	maxTransforms = 256 // of all the proposals of one SA payload together
	maxAttributes = 32  // of one transform
	maxSPIs       = 256
	// MaxMessage is the largest message that Parse reads, in octets.
	MaxMessage = 65535
)

// The ways in which a message is bad. Errors of this package wrap one of them.
var (
	// ErrShort is a message that ends before its fields do.
	ErrShort = errors.New("isakmp: message too short")
	// ErrLength is a length field that does not fit what surrounds it.
	ErrLength = errors.New("isakmp: bad length field")
	// ErrVersion is a message of another major version, such as IKEv2.
	ErrVersion = errors.New("isakmp: not version 1")
	// ErrLimit is a message with more parts than any sane peer sends.
	ErrLimit = errors.New("isakmp: too many parts")
	// ErrSyntax is a field with a value that cannot be there.
	ErrSyntax = errors.New("isakmp: bad syntax")
)

// Cookie is one half of the name of an ISAKMP SA (RFC 2408, 2.5.3).
type Cookie [8]byte

// IsZero says that the cookie has not been chosen yet.
func (c Cookie) IsZero() bool { return c == Cookie{} }

// String is the cookie in hexadecimal.
func (c Cookie) String() string { return hex.EncodeToString(c[:]) }

// Header is the fixed header of a message (RFC 2408, 3.1).
type Header struct {
	Initiator, Responder Cookie
	NextPayload          PayloadType
	Version              uint8
	Exchange             ExchangeType
	Flags                Flags
	MessageID            uint32
	Length               uint32 // of the whole message in octets
}

// ParseHeader reads the header at the front of b and no more: enough to find
// whom a message belongs to. It returns ErrShort or ErrVersion.
func ParseHeader(b []byte) (Header, error) {
	r := wire.NewReader(b)
	var h Header
	copy(h.Initiator[:], r.Bytes(8))
	copy(h.Responder[:], r.Bytes(8))
	h.NextPayload = PayloadType(r.Uint8())
	h.Version = r.Uint8()
	h.Exchange = ExchangeType(r.Uint8())
	h.Flags = Flags(r.Uint8())
	h.MessageID = r.Uint32()
	h.Length = r.Uint32()
	switch {
	case r.Err() != nil:
		return Header{}, fmt.Errorf("%w: header of %d octets", ErrShort, len(b))
	case h.Version>>4 != Version1>>4:
		return Header{}, fmt.Errorf("%w: version %d.%d", ErrVersion, h.Version>>4, h.Version&15)
	}
	return h, nil
}

// Append writes the header as it is.
func (h Header) Append(dst []byte) []byte {
	dst = append(dst, h.Initiator[:]...)
	dst = append(dst, h.Responder[:]...)
	dst = append(dst, byte(h.NextPayload), h.Version, byte(h.Exchange), byte(h.Flags))
	dst = binary.BigEndian.AppendUint32(dst, h.MessageID)
	return binary.BigEndian.AppendUint32(dst, h.Length)
}

// Message is a header with what follows it: payloads, or ciphertext when
// FlagEncryption is set.
type Message struct {
	Header
	Payloads  []Payload
	Encrypted []byte
}

// Parse reads a whole message. Its length field must be exactly the length of
// b, and the payloads of a message in clear must fill it.
func Parse(b []byte) (Message, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return Message{}, err
	}
	if len(b) > MaxMessage || uint64(h.Length) != uint64(len(b)) {
		return Message{}, fmt.Errorf("%w: header says %d octets, there are %d", ErrLength, h.Length, len(b))
	}
	m := Message{Header: h}
	if h.Flags&FlagEncryption != 0 {
		m.Encrypted = b[HeaderLen:len(b):len(b)]
		return m, nil
	}
	payloads, n, err := ParsePayloads(h.NextPayload, b[HeaderLen:])
	switch {
	case err != nil:
		return Message{}, err
	case HeaderLen+n != len(b):
		return Message{}, fmt.Errorf("%w: %d octets after the last payload", ErrLength, len(b)-HeaderLen-n)
	}
	m.Payloads = payloads
	return m, nil
}

// Append writes the message. Length, and NextPayload of a message in clear,
// follow from the contents; NextPayload of an encrypted one is as given.
func (m Message) Append(dst []byte) []byte {
	start := len(dst)
	if m.Flags&FlagEncryption == 0 {
		m.NextPayload = FirstType(m.Payloads)
	}
	dst = m.Header.Append(dst)
	if m.Flags&FlagEncryption != 0 {
		dst = append(dst, m.Encrypted...)
	} else {
		dst = AppendPayloads(dst, m.Payloads)
	}
	binary.BigEndian.PutUint32(dst[start+HeaderLen-4:], uint32(len(dst)-start))
	return dst
}

// Find is the first payload of a type, and whether there is one.
func Find(payloads []Payload, t PayloadType) (Payload, bool) {
	for _, p := range payloads {
		if p.Type == t {
			return p, true
		}
	}
	return Payload{}, false
}
