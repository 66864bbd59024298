// Package mschap has the pure functions of MS-CHAPv2 (RFC 2759) and the texts
// its answers carry. It is the only place where DES and MD4 are used.
package mschap

import (
	"crypto/des"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	//lint:ignore SA1019 MS-CHAPv2 is made of MD4 (RFC 2759, 8.3).
	"golang.org/x/crypto/md4"
)

// From the specification (RFC 2759, 4 and 8).
const (
	ChallengeLen  = 16 // octets of either side's challenge
	NTResponseLen = 24 // octets of the NT-Response
	// ResponseLen is the length of the Value of a CHAP Response: the peer's
	// challenge, eight reserved octets, the NT-Response and the flags.
	ResponseLen = ChallengeLen + 8 + NTResponseLen + 1
)

// The two constants of GenerateAuthenticatorResponse (RFC 2759, 8.7).
const (
	magic1 = "Magic server to client signing constant"
	magic2 = "Pad to make it do more than one iteration"
)

// Challenge is an authenticator's or a peer's challenge.
type Challenge [ChallengeLen]byte

// Password is a password in the form that is hashed: UTF-16, low octet first.
// It is as secret as the password itself.
type Password []byte

// Unicode is the form of RFC 2759: the UTF-8 password as UTF-16. Octets that
// are no UTF-8 are taken for Latin-1.
func Unicode(password []byte) Password {
	if !utf8.Valid(password) {
		return Widened(password)
	}
	out := make(Password, 0, 2*len(password))
	for b := password; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		b = b[n:]
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			out = binary.LittleEndian.AppendUint16(out, uint16(hi))
			out = binary.LittleEndian.AppendUint16(out, uint16(lo))
			continue
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(r))
	}
	return out
}

// Widened gives each octet of the password a zero octet: what pppd and
// SoftEther do. It differs from Unicode only beyond ASCII.
func Widened(password []byte) Password {
	out := make(Password, 0, 2*len(password))
	for _, c := range password {
		out = append(out, c, 0)
	}
	return out
}

// Zero overwrites the password.
func (p Password) Zero() { clear(p) }

// String never shows the password.
func (p Password) String() string { return "redacted" }

// UserName is what of a name goes into the hashes: without the NT domain
// (RFC 2759, 4: "DOMAIN\user").
func UserName(name string) string { return name[strings.LastIndexByte(name, '\\')+1:] }

// ChallengeHash is RFC 2759, 8.2. A domain before the user's name is left out.
func ChallengeHash(peer, authenticator Challenge, name string) [8]byte {
	h := sha1.New()
	h.Write(peer[:])
	h.Write(authenticator[:])
	h.Write([]byte(UserName(name)))
	return [8]byte(h.Sum(nil))
}

// NtPasswordHash is RFC 2759, 8.3.
func NtPasswordHash(password Password) [16]byte {
	h := md4.New()
	h.Write(password)
	return [16]byte(h.Sum(nil))
}

// HashNtPasswordHash is RFC 2759, 8.4.
func HashNtPasswordHash(hash [16]byte) [16]byte {
	h := md4.New()
	h.Write(hash[:])
	return [16]byte(h.Sum(nil))
}

// ChallengeResponse is RFC 2759, 8.5: the challenge under each third of the
// hash, padded with zeros, as a DES key.
func ChallengeResponse(challenge [8]byte, hash [16]byte) [NTResponseLen]byte {
	var padded [21]byte
	copy(padded[:], hash[:])
	var out [NTResponseLen]byte
	for i := range 3 {
		key := desKey([7]byte(padded[7*i:]))
		// A DES key of eight octets is never refused.
		if block, err := des.NewCipher(key[:]); err == nil {
			block.Encrypt(out[8*i:], challenge[:])
		}
	}
	return out
}

// desKey spreads 56 bits over eight octets; DES ignores the low bit of each
// (RFC 2759, 8.6).
func desKey(k [7]byte) [8]byte {
	var wide [8]byte
	copy(wide[1:], k[:])
	bits := binary.BigEndian.Uint64(wide[:])
	var out [8]byte
	for i := range out {
		out[i] = byte(bits>>(49-7*i)) << 1
	}
	return out
}

// GenerateNTResponse is RFC 2759, 8.1.
func GenerateNTResponse(authenticator, peer Challenge, name string, password Password) [NTResponseLen]byte {
	return ChallengeResponse(ChallengeHash(peer, authenticator, name), NtPasswordHash(password))
}

// GenerateAuthenticatorResponse is RFC 2759, 8.7: the proof of the
// authenticator as it is sent, "S=" and 40 hexadecimal digits.
func GenerateAuthenticatorResponse(password Password, nt [NTResponseLen]byte, peer, authenticator Challenge, name string) string {
	proof := proof(password, nt, peer, authenticator, name)
	return "S=" + strings.ToUpper(hex.EncodeToString(proof[:]))
}

// CheckAuthenticatorResponse is RFC 2759, 8.8: it reports in constant time
// whether proof, the digits after "S=" decoded, is the authenticator's.
func CheckAuthenticatorResponse(got [sha1.Size]byte, password Password, nt [NTResponseLen]byte, peer, authenticator Challenge, name string) bool {
	want := proof(password, nt, peer, authenticator, name)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

func proof(password Password, nt [NTResponseLen]byte, peer, authenticator Challenge, name string) [sha1.Size]byte {
	hash := NtPasswordHash(password)
	hashHash := HashNtPasswordHash(hash)
	h := sha1.New()
	h.Write(hashHash[:])
	h.Write(nt[:])
	h.Write([]byte(magic1))
	digest := h.Sum(nil)
	challenge := ChallengeHash(peer, authenticator, name)
	h.Reset()
	h.Write(digest)
	h.Write(challenge[:])
	h.Write([]byte(magic2))
	return [sha1.Size]byte(h.Sum(nil))
}
