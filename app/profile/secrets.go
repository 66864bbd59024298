package profile

import (
	"bytes"
	"errors"
	"io"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// ErrReadable is a file with secrets that others than its owner can read.
var ErrReadable = errors.New("others than its owner can open it")

// Secrets is what a secrets file holds; nil where a key is not there.
type Secrets struct {
	PSK          secret.Secret
	Password     secret.Secret
	TunnelSecret secret.Secret
	OTP          secret.Secret // for a gateway that asks for a code that is good once; not kept
}

// SecretName is a secret by its key in a secrets file.
type SecretName string

// The secrets that can be kept, by name.
const (
	NamePSK          SecretName = "psk"
	NamePassword     SecretName = "password"
	NameTunnelSecret SecretName = "tunnel_secret"
)

// NameOTP is a code that is good once, and of no use later.
const NameOTP SecretName = "otp"

// SecretNames are those that can be kept, in the order in which people are asked.
var SecretNames = []SecretName{NamePSK, NamePassword, NameTunnelSecret}

// Slot is where s has the secret of a name; nil: it has none of that name.
func (s *Secrets) Slot(name SecretName) *secret.Secret {
	switch name {
	case NamePSK:
		return &s.PSK
	case NamePassword:
		return &s.Password
	case NameTunnelSecret:
		return &s.TunnelSecret
	case NameOTP:
		return &s.OTP
	}
	return nil
}

// all calls f with each secret.
func (s *Secrets) all(f func(name SecretName, at *secret.Secret)) {
	for _, name := range SecretNames {
		f(name, s.Slot(name))
	}
	f(NameOTP, &s.OTP)
}

// Zero overwrites every secret.
func (s *Secrets) Zero() { s.all(func(_ SecretName, at *secret.Secret) { at.Zero() }) }

// Empty says that there is no secret in s.
func (s *Secrets) Empty() bool {
	empty := true
	s.all(func(_ SecretName, at *secret.Secret) { empty = empty && *at == nil })
	return empty
}

// Clone is a copy, which is overwritten on its own.
func (s *Secrets) Clone() *Secrets {
	c := &Secrets{}
	s.all(func(name SecretName, at *secret.Secret) { *c.Slot(name) = bytes.Clone(*at) })
	return c
}

// Take moves what from has into s, in place of what s has of the same names.
func (s *Secrets) Take(from *Secrets) {
	from.all(func(name SecretName, at *secret.Secret) {
		if *at != nil {
			s.Forget(name)
			*s.Slot(name), *at = *at, nil
		}
	})
}

// Forget overwrites the secrets of these names, which s does not have any more.
func (s *Secrets) Forget(names ...SecretName) {
	for _, name := range names {
		if at := s.Slot(name); at != nil {
			at.Zero()
			*at = nil
		}
	}
}

// LoadSecrets reads the secrets file at path, or stdin for "-". A file that
// others can read is refused with ErrReadable.
func LoadSecrets(path string, stdin io.Reader) (*Secrets, error) {
	if path == "-" {
		data, err := readAll(stdin, "stdin")
		if err != nil {
			return nil, err
		}
		defer clear(data)
		return ParseSecrets("stdin", data)
	}
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return ParseSecrets(path, data)
}

// readPrivate reads a file that only its owner can read.
func readPrivate(path string) ([]byte, error) {
	return readFile(path, checkPrivate)
}

// ParseSecrets reads the text of a secrets file; file is its name in messages.
// No message repeats a value.
func ParseSecrets(file string, data []byte) (*Secrets, error) {
	s := &Secrets{}
	d := decode(file, data, []field{
		{string(NamePSK), secretText(&s.PSK)},
		{string(NamePassword), secretText(&s.Password)},
		{string(NameTunnelSecret), secretText(&s.TunnelSecret)},
		{"key_passphrase", laterSecret()},
		{string(NameOTP), secretText(&s.OTP)},
	}, true)
	if err := newError(d.faults); err != nil {
		s.Zero()
		return nil, err
	}
	return s, nil
}

// Missing names the secrets that the profile needs and s does not have.
func (s *Secrets) Missing(p *Profile) []SecretName {
	var names []SecretName
	for _, need := range []struct {
		name SecretName
		is   bool
	}{{NamePSK, p.IPsec.Enabled}, {NamePassword, true}, {NameTunnelSecret, p.L2TP.TunnelAuth}} {
		if need.is && *s.Slot(need.name) == nil {
			names = append(names, need.name)
		}
	}
	return names
}
