package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// secretWords are the secrets for people.
var secretWords = map[api.SecretName]string{
	api.PSK: "Pre-shared key", api.Password: "Password", api.TunnelSecret: "Tunnel secret", api.KeyPassphrase: "Key passphrase", api.OTP: "One-time code",
}

// missingError says which secrets nobody gave, and why the keychain did not.
type missingError struct {
	names    []api.SecretName
	keychain error // nil: it was asked
}

// Error is for a person.
func (e *missingError) Error() string {
	return "give " + list(e.names) + " with --secrets FILE, or with --secrets - on standard input"
}

func list(names []api.SecretName) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}

// gather is the secrets for p: those of --secrets, then those in the keychain,
// then, with ask, what a person types. The error is a *missingError, an error of
// the file, or ctx's.
func (c *call) gather(ctx context.Context, p *profile.Profile, ask bool) (*profile.Secrets, error) {
	s := &profile.Secrets{}
	if file, ok := c.given["secrets"]; ok {
		var err error
		if s, err = profile.LoadSecrets(file, c.In); err != nil {
			return nil, err
		}
	}
	kerr := client.FromKeychain(ctx, c.keys, p, s)
	if ask && c.terminal != nil {
		if kerr != nil && len(s.Missing(p)) > 0 {
			fmt.Fprintln(c.Err, noKeychain)
		}
		for _, name := range s.Missing(p) {
			value, err := c.askSecret(ctx, name, p)
			if err != nil {
				s.Zero()
				return nil, err
			}
			*s.Slot(name) = value
		}
	}
	if names := s.Missing(p); len(names) > 0 {
		s.Zero()
		return nil, &missingError{names, kerr}
	}
	return s, nil
}

// noKeychain is what a person is told where secrets cannot be kept.
const noKeychain = "No keychain can be reached here, so secrets are not kept: they are asked for each time."

// errEmpty is a question that was answered with nothing.
var errEmpty = errors.New("nothing was entered")

// askSecret asks a person for a secret that is needed.
func (c *call) askSecret(ctx context.Context, name api.SecretName, p *profile.Profile) (secret.Secret, error) {
	question := secretWords[name]
	if name == api.Password {
		question += " of " + clean(p.Login())
	}
	for range 3 {
		value, err := c.terminal.ask(ctx, fmt.Sprintf("%s for “%s”: ", question, clean(p.Name)), true)
		if err != nil || len(value) > 0 {
			return value, err
		}
	}
	return nil, errEmpty
}

// keep stores every secret of s in the keychain, all or none.
func (c *call) keep(ctx context.Context, id string, s *profile.Secrets) error {
	var kept []keyring.Kind
	for _, name := range profile.SecretNames {
		value := *s.Slot(name)
		if value == nil {
			continue
		}
		kind := keyring.Kind(name)
		if err := c.keys.Set(ctx, id, kind, value); err != nil {
			for _, k := range append(slices.Clone(kept), kind) {
				_ = c.keys.Delete(ctx, id, k) // what cannot be reached keeps nothing either
			}
			return fmt.Errorf("%s: %w", strings.ToLower(secretWords[name]), err)
		}
		kept = append(kept, kind)
	}
	return nil
}
