package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// Code is where a user's one-time code comes from.
type Code struct {
	// TOTP is the key that the user's app or token has, at least ten octets.
	TOTP secret.Secret
	// Fixed is the same code each time, for tests; where TOTP is nil.
	Fixed secret.Secret
}

// From the specification (RFC 6238, 4 and 5.2; RFC 4226, 5.3), as apps have it.
const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSkew   = 1 // steps that a clock may be wrong by, each way

	minTOTPKey = 10 // octets: 80 bits
)

var errTOTPKey = errors.New("a key for TOTP is Base32 of 16 digits at least")

// ParseTOTP reads a key as apps have it: Base32, in groups or not.
func ParseTOTP(text []byte) (secret.Secret, error) {
	clean := bytes.ToUpper(bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" -=", r) {
			return -1
		}
		return r
	}, text))
	defer clear(clean)
	key := make(secret.Secret, base32.StdEncoding.WithPadding(base32.NoPadding).DecodedLen(len(clean)))
	n, err := base32.StdEncoding.WithPadding(base32.NoPadding).Decode(key, clean)
	if err != nil || n < minTOTPKey {
		key.Zero()
		return nil, errTOTPKey
	}
	return key[:n], nil
}

// TOTP is the code of a moment (RFC 6238).
func TOTP(key secret.Secret, at time.Time) string { return hotp(key, step(at)) }

func step(at time.Time) uint64 { return uint64(max(at.Unix(), 0)) / uint64(totpStep/time.Second) }

// hotp is the code of a counter (RFC 4226, 5.3).
func hotp(key secret.Secret, counter uint64) string {
	h := hmac.New(sha1.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, counter))
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 15
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// checkCode says whether a code is the user's. One of TOTP is good once (RFC 6238,
// 5.2). What people type between the digits does not count.
func (r *registry) checkCode(now time.Time, user string, code []byte) bool {
	c, ok := r.cfg.Codes[user]
	if !ok {
		return false
	}
	code = bytes.ReplaceAll(bytes.TrimSpace(code), []byte(" "), nil)
	if c.TOTP == nil {
		return len(c.Fixed) > 0 && subtle.ConstantTimeCompare(code, c.Fixed) == 1
	}
	at, last := step(now), r.spent[user]
	good := false
	for s := at - min(at, totpSkew); s <= at+totpSkew; s++ {
		if subtle.ConstantTimeCompare(code, []byte(hotp(c.TOTP, s))) == 1 && s > last {
			good, r.spent[user] = true, s
		}
	}
	return good
}
