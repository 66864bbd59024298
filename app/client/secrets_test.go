package client

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// keys is a keychain, by profile and kind.
type keys map[string]string

func (k keys) Get(_ context.Context, profile string, kind keyring.Kind) ([]byte, error) {
	if k == nil {
		return nil, keyring.ErrUnavailable
	}
	if v, ok := k[profile+"/"+string(kind)]; ok {
		return []byte(v), nil
	}
	return nil, keyring.ErrNotFound
}

func TestFromKeychain(t *testing.T) {
	p := profile.Default()
	p.ID, p.L2TP.TunnelAuth = "a", true
	full := keys{"a/psk": "k", "a/password": "p", "a/tunnel_secret": "t", "b/psk": "other"}
	for _, c := range []struct {
		name string
		keys keys
		has  profile.Secrets
		ask  bool
		but  []api.SecretName
		want string
		err  error
	}{
		{"all", full, profile.Secrets{}, false, nil, "k p t", nil},
		{"what is there stays", full, profile.Secrets{PSK: []byte("mine")}, false, nil, "mine p t", nil},
		{"a password that is asked for", full, profile.Secrets{}, true, nil, "k  t", nil},
		{"but one", full, profile.Secrets{}, false, []api.SecretName{api.PSK}, " p t", nil},
		{"some", keys{"a/psk": "k", "a/password": ""}, profile.Secrets{}, false, nil, "k  ", nil},
		{"no keychain", nil, profile.Secrets{}, false, nil, "  ", keyring.ErrUnavailable},
	} {
		p.AskPassword = c.ask
		s := c.has
		err := FromKeychain(t.Context(), c.keys, p, &s, c.but...)
		if got := fmt.Sprintf("%s %s %s", []byte(s.PSK), []byte(s.Password), []byte(s.TunnelSecret)); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}
