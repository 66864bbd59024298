package api

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/culvert-vpn/culvert/app/profile"
)

// ConnectRequest is the body of POST /v1/connect.
type ConnectRequest struct {
	Profile string  `json:"profile"` // the text of a profile file
	Secrets Secrets `json:"secrets"`
}

// Secrets is the body of POST /v1/answer, and part of ConnectRequest. They are
// read without a copy that could not be overwritten.
type Secrets struct {
	PSK          Secret `json:"psk,omitempty"`
	Password     Secret `json:"password,omitempty"`
	TunnelSecret Secret `json:"tunnel_secret,omitempty"`
	OTP          Secret `json:"otp,omitempty"` // for the question that is open, or the next
}

// Send moves secrets into a request.
func Send(s *profile.Secrets) Secrets {
	out := Secrets{PSK: Secret(s.PSK), Password: Secret(s.Password), TunnelSecret: Secret(s.TunnelSecret), OTP: Secret(s.OTP)}
	*s = profile.Secrets{}
	return out
}

// Receive moves secrets out of a request.
func (s *Secrets) Receive() *profile.Secrets {
	out := &profile.Secrets{PSK: []byte(s.PSK), Password: []byte(s.Password), TunnelSecret: []byte(s.TunnelSecret), OTP: []byte(s.OTP)}
	*s = Secrets{}
	return out
}

// Zero overwrites every secret.
func (s *Secrets) Zero() {
	clear(s.PSK)
	clear(s.Password)
	clear(s.TunnelSecret)
	clear(s.OTP)
}

// Secret is a secret as a JSON string.
type Secret []byte

// Error is the body of every answer that is not a success.
type Error struct {
	Code    Code         `json:"code"`
	Message string       `json:"message"`
	Missing []SecretName `json:"missing,omitempty"` // with SecretMissing
}

// Error is the message.
func (e Error) Error() string { return e.Message }

// Version is the answer to GET /v1/version.
type Version struct {
	Version string `json:"version"` // of the helper
}

var errNotString = errors.New("api: a secret is a JSON string")

// MarshalJSON writes a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"'), nil
}

// UnmarshalJSON reads a JSON string.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '"' {
		return errNotString
	}
	b = b[1 : len(b)-1] // what calls this has checked the syntax
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		if b[i] != 'u' {
			out = append(out, escaped[b[i]])
			continue
		}
		r := hexRune(b[i+1:])
		i += 4
		if utf16.IsSurrogate(r) && len(b) > i+6 && b[i+1] == '\\' && b[i+2] == 'u' {
			if pair := utf16.DecodeRune(r, hexRune(b[i+3:])); pair != utf8.RuneError {
				r = pair
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	*s = out
	return nil
}

// escaped is what stands behind a backslash (RFC 8259, 7).
var escaped = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hexRune reads four hexadecimal digits.
func hexRune(b []byte) (r rune) {
	for _, c := range b[:4] {
		r <<= 4
		switch {
		case c <= '9':
			r |= rune(c - '0')
		case c <= 'F':
			r |= rune(c - 'A' + 10)
		default:
			r |= rune(c - 'a' + 10)
		}
	}
	return r
}
