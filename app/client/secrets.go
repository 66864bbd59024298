package client

import (
	"context"
	"errors"
	"slices"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// Keys is where a person's secrets are kept; *keyring.Keyring is one.
type Keys interface {
	Get(ctx context.Context, profile string, kind keyring.Kind) ([]byte, error)
}

// FromKeychain fills in what s lacks for p, but for some. A password that is to
// be asked for each time is not looked for. The error is a keychain that cannot be
// reached (keyring.ErrUnavailable), or ctx's; what was found stays in s.
func FromKeychain(ctx context.Context, keys Keys, p *profile.Profile, s *profile.Secrets, but ...api.SecretName) error {
	for _, name := range s.Missing(p) {
		if name == api.Password && p.AskPassword || slices.Contains(but, name) {
			continue
		}
		value, err := keys.Get(ctx, p.ID, keyring.Kind(name))
		switch {
		case errors.Is(err, keyring.ErrNotFound):
		case err != nil:
			return err
		case len(value) > 0:
			*s.Slot(name) = value
		}
	}
	return nil
}

// NotAsked is what the helper says to an answer that nobody waits for any more.
const NotAsked api.Code = "helper.not-asked"
