package profile

import (
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
}

// Zero overwrites every secret.
func (s *Secrets) Zero() {
	s.PSK.Zero()
	s.Password.Zero()
	s.TunnelSecret.Zero()
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
		{"psk", secretText(&s.PSK)},
		{"password", secretText(&s.Password)},
		{"tunnel_secret", secretText(&s.TunnelSecret)},
		{"key_passphrase", laterSecret()},
		{"otp", laterSecret()},
	}, true)
	if err := newError(d.faults); err != nil {
		s.Zero()
		return nil, err
	}
	return s, nil
}

// Missing names the keys that the profile needs and s does not have.
func (s *Secrets) Missing(p *Profile) []string {
	var keys []string
	if p.IPsec.Enabled && s.PSK == nil {
		keys = append(keys, "psk")
	}
	if s.Password == nil {
		keys = append(keys, "password")
	}
	if p.L2TP.TunnelAuth && s.TunnelSecret == nil {
		keys = append(keys, "tunnel_secret")
	}
	return keys
}
