// Package secret holds what must never be printed: keys and passwords.
package secret

import (
	"fmt"
	"log/slog"
)

// Secret is a key or a password. However it is printed, logged or marshalled,
// it says "redacted".
type Secret []byte

const redacted = "redacted"

// String says "redacted".
func (s Secret) String() string { return redacted }

// Format says "redacted" for every verb, %x and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue says "redacted".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText says "redacted": also for JSON and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Clone is a copy of its own, nil for nil.
func (s Secret) Clone() Secret { return append(Secret(nil), s...) }

// Zero overwrites the secret.
func (s Secret) Zero() { clear(s) }
