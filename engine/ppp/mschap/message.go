package mschap

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The error codes of a Failure (RFC 2759, 6).
const (
	ErrorRestrictedLogonHours  = 646
	ErrorAccountDisabled       = 647
	ErrorPasswordExpired       = 648
	ErrorNoDialInPermission    = 649
	ErrorAuthenticationFailure = 691
	ErrorChangingPassword      = 709
)

// Failure is the message of a CHAP Failure (RFC 2759, 6). What was not in it
// is zero.
type Failure struct {
	Code         int // E=
	Retry        bool
	Challenge    Challenge // C=, with HasChallenge
	HasChallenge bool
	Version      int
	Message      string // M=, or all of the text when it has none of the fields; not cleaned
}

// Append is the message as it is sent.
func (f Failure) Append(dst []byte) []byte {
	retry := 0
	if f.Retry {
		retry = 1
	}
	dst = fmt.Appendf(dst, "E=%d R=%d C=%X V=%d", f.Code, retry, f.Challenge[:], f.Version)
	if f.Message != "" {
		dst = append(append(dst, " M="...), f.Message...)
	}
	return dst
}

// ParseFailure reads the fields of a Failure in whatever order they come. It
// takes every text: what is no field is the message.
func ParseFailure(b []byte) Failure {
	text := strings.TrimRight(string(b), " \t\r\n\x00")
	fields := split(text, "ERCVM")
	var f Failure
	f.Code, _ = strconv.Atoi(fields['E'])
	f.Retry = fields['R'] == "1"
	f.Version, _ = strconv.Atoi(fields['V'])
	if c, err := hex.DecodeString(fields['C']); err == nil && len(c) == ChallengeLen {
		f.Challenge, f.HasChallenge = Challenge(c), true
	}
	f.Message = fields['M']
	if len(fields) == 0 {
		f.Message = text
	}
	return f
}

// Success is the message of a CHAP Success (RFC 2759, 5).
type Success struct {
	Proof    [sha1.Size]byte // the digits of S=, with HasProof
	HasProof bool
	Message  string // M=; SoftEther and pppd send none
}

// ParseSuccess reads the fields of a Success, with or without M=.
func ParseSuccess(b []byte) Success {
	text := strings.TrimRight(string(b), " \t\r\n\x00")
	fields := split(text, "SM")
	var s Success
	if p, err := hex.DecodeString(fields['S']); err == nil && len(p) == sha1.Size {
		s.Proof, s.HasProof = [sha1.Size]byte(p), true
	}
	s.Message = fields['M']
	if len(fields) == 0 {
		s.Message = text
	}
	return s
}

// split finds the fields of keys, each once, at the beginning of text or after
// a space. M= runs until the next field that is well formed, or to the end:
// its text may hold anything else.
func split(text, keys string) map[byte]string {
	fields := make(map[byte]string, len(keys))
	message := -1 // where M= begins
	end := len(text)
	for i := 0; i+1 < len(text); i++ {
		key := text[i]
		if text[i+1] != '=' || i > 0 && !space(text[i-1]) || strings.IndexByte(keys, key) < 0 {
			continue
		}
		if _, twice := fields[key]; twice {
			continue
		}
		if key == 'M' {
			fields['M'], message = "", i+2
			continue
		}
		value := text[i+2:]
		if n := strings.IndexAny(value, " \t\r\n"); n >= 0 {
			value = value[:n]
		}
		if !wellFormed(key, value) {
			continue
		}
		fields[key] = value
		if message >= 0 && end == len(text) {
			end = i
		}
	}
	if message >= 0 {
		fields['M'] = strings.TrimSpace(text[message:max(end, message)])
	}
	return fields
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// wellFormed keeps a text such as "R=you sure?" inside a message from being
// taken for a field.
func wellFormed(key byte, value string) bool {
	switch key {
	case 'C':
		return hexDigits(value, 2*ChallengeLen)
	case 'S':
		return hexDigits(value, 2*sha1.Size)
	}
	n, err := strconv.Atoi(value)
	return err == nil && n >= 0 && len(value) <= 10
}

func hexDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
