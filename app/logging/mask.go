package logging

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// secretParts make the name of an attribute a secret's wherever they are in it,
// secretWords where they are a word of their own: "pin" is in "ping".
var (
	secretParts = []string{"psk", "passw", "passphrase", "passcode", "pwd", "secret", "otp", "sharedkey", "privatekey", "credential", "cookie"}
	secretWords = []string{"pass", "pin", "authorization"}
)

// secretKey says whether an attribute of this name is a secret, as are
// tunnel_secret, userPassword and pre-shared-key.
func secretKey(key string) bool {
	var whole strings.Builder
	words := strings.FieldsFunc(key, func(c rune) bool { return !unicode.IsLetter(c) })
	for _, w := range words {
		w = strings.ToLower(w)
		if slices.Contains(secretWords, w) {
			return true
		}
		whole.WriteString(w)
	}
	return slices.ContainsFunc(secretParts, func(p string) bool { return strings.Contains(whole.String(), p) })
}

// masked is a line that may be shown.
type masked struct {
	message string
	attrs   []slog.Attr // groups and plain values
}

// mask is a line without secrets.
func (s *Secrets) mask(message string, attrs []slog.Attr) masked {
	// Values print themselves, and may log while they do so: not under the lock.
	plain := plainAttrs(attrs, false)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return masked{s.maskText(message), s.maskAttrs(plain)}
}

// maskAttrs masks live secrets in plain attributes, which it takes.
func (s *Secrets) maskAttrs(attrs []slog.Attr) []slog.Attr {
	for i, a := range attrs {
		attrs[i].Key = s.maskText(a.Key)
		if a.Value.Kind() == slog.KindGroup {
			attrs[i].Value = slog.GroupValue(s.maskAttrs(a.Value.Group())...)
			continue
		}
		// A number may be a one-time code.
		text := a.Value.String()
		if clean := s.maskText(text); clean != text {
			attrs[i].Value = slog.StringValue(clean)
		}
	}
	return attrs
}

// plainAttrs is attrs with nothing but groups, numbers, times and strings in
// them, and with what is a secret by its name or type masked. In hidden
// everything is.
func plainAttrs(attrs []slog.Attr, hidden bool) []slog.Attr {
	out := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		a.Value = a.Value.Resolve()
		if a.Equal(slog.Attr{}) {
			continue // as slog.Handler has it
		}
		hide := hidden || secretKey(a.Key)
		switch a.Value.Kind() {
		case slog.KindGroup:
			if inner := plainAttrs(a.Value.Group(), hide); len(inner) > 0 {
				out = append(out, slog.Attr{Key: a.Key, Value: slog.GroupValue(inner...)})
			}
			continue
		case slog.KindDuration: // JSON would have its nanoseconds
			a.Value = slog.StringValue(a.Value.String())
		case slog.KindAny:
			if !hide {
				a.Value = slog.StringValue(plainText(a.Value.Any()))
			}
		}
		if hide {
			a.Value = slog.StringValue(Masked)
		}
		out = append(out, a)
	}
	return out
}

// plainText is a value as text.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return "<nil>"
	case []byte:
		return fmt.Sprintf("%x", v)
	case error, fmt.Stringer, fmt.Formatter:
		return fmt.Sprintf("%v", v) // fmt lives with methods that panic
	}
	// fmt cannot call methods of fields that are not exported, and prints the
	// octets of a Secret there.
	if holdsSecret(reflect.ValueOf(v), 0) {
		return Masked
	}
	return fmt.Sprintf("%+v", v)
}

// maxDepth is ours: deeper values are masked whole rather than looked through.
// It also ends with values that contain themselves.
const maxDepth = 8

var secretType = reflect.TypeFor[secret.Secret]()

// holdsSecret says whether there is a secret.Secret in v, or may be.
func holdsSecret(v reflect.Value, depth int) bool {
	if !v.IsValid() {
		return false
	}
	if v.Type() == secretType || depth > maxDepth {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && holdsSecret(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsSecret(v.Field(i), depth+1) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if plainKind(v.Type().Elem().Kind()) {
			return false
		}
		for i := range v.Len() {
			if holdsSecret(v.Index(i), depth+1) {
				return true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if holdsSecret(it.Key(), depth+1) || holdsSecret(it.Value(), depth+1) {
				return true
			}
		}
	}
	return false
}

// plainKind says that values of a kind hold nothing else.
func plainKind(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128 || k == reflect.String
}
