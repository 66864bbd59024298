// Package esp seals and opens ESP packets (RFC 4303) in transport mode, a batch
// at a time, in place and without allocating. It knows UDP inside of ESP only:
// that is all that L2TP/IPsec has (RFC 3193).
//
//	+-----+-----+------+=========+=========+=========+======+-----+
//	| SPI | seq |  IV  | payload | padding | pad len | next | ICV |
//	+-----+-----+------+=========+=========+=========+======+-----+
//	   4     4   0..16             0..255       1       1    12..32
//	|<------ clear --->|<------------ encrypted ----------->|
//	|<------------- authenticated ------------------------->|
//
// With GCM the IV is part of the nonce and not authenticated otherwise (RFC
// 4106, 5). Padding is 1, 2, 3, … and fills the encrypted part up to whole
// blocks, to whole words of 4 octets with GCM.
package esp

import (
	"errors"
	"fmt"

	"github.com/culvert-vpn/culvert/engine/suite"
)

// From the specification.
const (
	headerLen  = 8 // SPI and sequence number (RFC 4303, 2.1 and 2.2)
	trailerLen = 2 // pad length and next header (RFC 4303, 2.5 and 2.6)

	nextHeaderUDP   = 17
	nextHeaderDummy = 59 // "no next header": a dummy packet (RFC 4303, 2.6)

	saltLen    = 4  // RFC 4106, 4 and 8.1
	gcmIVLen   = 8  // RFC 4106, 3.1
	gcmICVLen  = 16 // RFC 4106, 6
	gcmAlign   = 4  // RFC 4303, 2.4: what is encrypted ends at a 4-octet boundary
	desKeyLen  = 8
	tdesKeyLen = 24

	maxSequence = 1<<32 - 1 // RFC 4303, 3.3.3: the number never cycles
)

// Ours: a new SA is asked for when a sixteenth of the sequence numbers is left.
// At a million packets a second that is four minutes, and it is where SoftEther
// asks for one too.
const softSequence = 0xf0000000

// ErrSequenceExhausted is an SA that has no sequence numbers left for a batch
// (RFC 4303, 3.3.3): a new one must have taken its place long before.
var ErrSequenceExhausted = errors.New("esp: sequence numbers are used up")

// format is the form that a suite gives to packets; all lengths in octets.
type format struct {
	keyLen  int // encryption key, without the salt of GCM
	saltLen int // GCM: the constant part of the nonce, behind the key
	macLen  int // authentication key, 0 for GCM
	ivLen   int
	align   int // what is encrypted is a multiple of this
	icvLen  int
}

// formatOf is the format of a suite; an error for one that ESP does not have.
func formatOf(s suite.Phase2) (format, error) {
	if s.Cipher == suite.AESGCM16 {
		if !aesKeyBits(s.KeyBits) || s.Hash != 0 {
			return format{}, fmt.Errorf("esp: no algorithms for %v", s)
		}
		return format{s.KeyBits / 8, saltLen, 0, gcmIVLen, gcmAlign, gcmICVLen}, nil
	}
	macLen, icvLen := hmacLen(s)
	switch {
	case macLen == 0:
		return format{}, fmt.Errorf("esp: no authentication for %v", s)
	case s.Cipher == suite.DES:
		return format{desKeyLen, 0, macLen, 8, 8, icvLen}, nil
	case s.Cipher == suite.TripleDES:
		return format{tdesKeyLen, 0, macLen, 8, 8, icvLen}, nil
	case s.Cipher == suite.AESCBC && aesKeyBits(s.KeyBits):
		return format{s.KeyBits / 8, 0, macLen, 16, 16, icvLen}, nil
	}
	return format{}, fmt.Errorf("esp: no cipher for %v", s)
}

func aesKeyBits(n int) bool { return n == 128 || n == 192 || n == 256 }

// hmacLen is the length of the key and of the ICV (RFC 2403, 2404, 4868); zero
// for no hash function.
func hmacLen(s suite.Phase2) (key, icv int) {
	switch s.Hash {
	case suite.MD5:
		return 16, 12
	case suite.SHA1:
		return 20, 12
	case suite.SHA256:
		if s.Truncate96 {
			return 32, 12
		}
		return 32, 16
	case suite.SHA384:
		return 48, 24
	case suite.SHA512:
		return 64, 32
	}
	return 0, 0
}

// headLen is what stands in front of the encrypted part.
func (f format) headLen() int { return headerLen + f.ivLen }

// padLen is the padding behind a payload of n octets.
func (f format) padLen(n int) int { return (f.align - (n+trailerLen)%f.align) % f.align }

// KeymatLen is the number of octets of keying material for one direction: the
// encryption key, with GCM its salt, then the authentication key. It is 0 for a
// suite that ESP does not have.
func KeymatLen(s suite.Phase2) int {
	f, err := formatOf(s)
	if err != nil {
		return 0
	}
	return f.keyLen + f.saltLen + f.macLen
}

// Overhead is the number of octets that Seal adds to a payload of payloadLen
// octets, padding included. It is 0 for a suite that ESP does not have.
func Overhead(s suite.Phase2, payloadLen int) int {
	f, err := formatOf(s)
	if err != nil {
		return 0
	}
	return f.headLen() + f.padLen(payloadLen) + trailerLen + f.icvLen
}

// MaxPayload is the length of the largest payload whose ESP packet has at most
// room octets; 0 when none has.
func MaxPayload(s suite.Phase2, room int) int {
	f, err := formatOf(s)
	if err != nil {
		return 0
	}
	encrypted := room - f.headLen() - f.icvLen
	return max(0, encrypted-encrypted%f.align-trailerLen)
}
