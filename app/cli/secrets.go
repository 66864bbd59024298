package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// secretWords are the secrets for people.
var secretWords = map[api.SecretName]string{
	api.PSK: "Pre-shared key", api.Password: "Password", api.TunnelSecret: "Tunnel secret", api.KeyPassphrase: "Key passphrase", api.OTP: "One-time code",
}

// slot is where a set of secrets has one; nil: it has none of that name.
func slot(s *profile.Secrets, name api.SecretName) *secret.Secret {
	switch name {
	case api.PSK:
		return &s.PSK
	case api.Password:
		return &s.Password
	case api.TunnelSecret:
		return &s.TunnelSecret
	}
	return nil
}

// missing is what s lacks for p.
func missing(s *profile.Secrets, p *profile.Profile) []api.SecretName {
	var names []api.SecretName
	for _, key := range s.Missing(p) {
		names = append(names, api.SecretName(key))
	}
	return names
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
	kerr := c.fromKeychain(ctx, p, s)
	if ask && c.terminal != nil {
		if kerr != nil && len(missing(s, p)) > 0 {
			fmt.Fprintln(c.Err, noKeychain)
		}
		for _, name := range missing(s, p) {
			value, err := c.askSecret(ctx, name, p)
			if err != nil {
				s.Zero()
				return nil, err
			}
			*slot(s, name) = value
		}
	}
	if names := missing(s, p); len(names) > 0 {
		s.Zero()
		return nil, &missingError{names, kerr}
	}
	return s, nil
}

// noKeychain is what a person is told where secrets cannot be kept.
const noKeychain = "No keychain can be reached here, so secrets are not kept: they are asked for each time."

// fromKeychain fills in what s lacks. A password that is to be asked for each time
// is not looked for. The error is an unreachable keychain.
func (c *call) fromKeychain(ctx context.Context, p *profile.Profile, s *profile.Secrets) error {
	for _, name := range missing(s, p) {
		if name == api.Password && p.AskPassword {
			continue
		}
		value, err := c.keys.Get(ctx, p.ID, keyring.Kind(name))
		switch {
		case errors.Is(err, keyring.ErrNotFound):
		case err != nil:
			return err
		case len(value) > 0:
			*slot(s, name) = value
		}
	}
	return nil
}

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

// sent moves secrets into a request.
func sent(s *profile.Secrets) api.Secrets {
	out := api.Secrets{PSK: api.Secret(s.PSK), Password: api.Secret(s.Password), TunnelSecret: api.Secret(s.TunnelSecret)}
	*s = profile.Secrets{}
	return out
}

// keep stores every secret of s in the keychain, all or none.
func (c *call) keep(ctx context.Context, id string, s *profile.Secrets) error {
	var kept []keyring.Kind
	for _, name := range []api.SecretName{api.PSK, api.Password, api.TunnelSecret} {
		value := *slot(s, name)
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
