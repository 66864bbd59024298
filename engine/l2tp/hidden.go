package l2tp

import (
	"crypto/md5" // RFC 2661 knows nothing else, neither for hiding nor for challenges
	"crypto/subtle"
	"encoding/binary"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// A hidden value (RFC 2661, 4.3) is its length in two octets, itself and
// padding, under a key stream of MD5 blocks:
//
//	b1 = MD5(Attribute Type | secret | Random Vector)   c1 = p1 xor b1
//	bi = MD5(secret | c(i-1))                           ci = pi xor bi

// Ours: what is hidden is padded to this many octets, so that its length tells
// little.
const hiddenPad = 16

// hider hides the AVPs of one message under its Random Vector.
type hider struct {
	secret secret.Secret
	vector [16]byte
	pad    [hiddenPad]byte // random: zeros would give key stream away
}

// hide returns a with its value hidden.
func (h *hider) hide(a AVP) AVP {
	v := a.Value[:min(len(a.Value), avpMaxValueLen-2)]
	plain := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(v)+hiddenPad), uint16(len(v)))
	plain = append(plain, v...)
	if n := -len(plain) & (hiddenPad - 1); len(plain)+n <= avpMaxValueLen {
		plain = append(plain, h.pad[:n]...)
	}
	key := hiddenKey(a.Type, h.secret, h.vector[:])
	for at := 0; at < len(plain); at += md5.Size {
		block := plain[at:min(at+md5.Size, len(plain))]
		subtle.XORBytes(block, block, key[:])
		key = md5.Sum(concat(h.secret, block))
	}
	a.Hidden, a.Value = true, plain
	return a
}

// unhide returns the value of a hidden AVP. It is not ok when the length
// inside does not fit, which is how a wrong secret mostly shows.
func unhide(a AVP, s secret.Secret, vector []byte) (value []byte, ok bool) {
	if len(a.Value) < 2 {
		return nil, false
	}
	plain := make([]byte, len(a.Value))
	key := hiddenKey(a.Type, s, vector)
	for at := 0; at < len(plain); at += md5.Size {
		end := min(at+md5.Size, len(plain))
		subtle.XORBytes(plain[at:end], a.Value[at:end], key[:])
		key = md5.Sum(concat(s, a.Value[at:end]))
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > len(plain)-2 {
		return nil, false
	}
	return plain[2 : 2+n : 2+n], true
}

func hiddenKey(t AVPType, s secret.Secret, vector []byte) [md5.Size]byte {
	return md5.Sum(concat([]byte{byte(t >> 8), byte(t)}, s, vector))
}

// challengeResponse is the answer to a Challenge in a message of type t: that
// of CHAP with the message type as its identifier (RFC 2661, 4.4.3 and 5.1.1).
func challengeResponse(t MessageType, s secret.Secret, challenge []byte) []byte {
	sum := md5.Sum(concat([]byte{byte(t)}, s, challenge))
	return sum[:]
}

func concat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
