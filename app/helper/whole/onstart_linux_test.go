package whole

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/keyring"

	profiles "github.com/culvert-vpn/culvert/app/profile"
)

// chain is a keychain with the account's secrets.
type chain struct{}

func (chain) Get(_ context.Context, _ string, kind keyring.Kind) ([]byte, error) {
	switch kind {
	case keyring.PSK:
		return []byte(psk), nil
	case keyring.Password:
		return []byte(password), nil
	}
	return nil, keyring.ErrNotFound
}

// TestOnStart: what is to be connected at the start is, once a program of the
// person's session has given the secrets, whether the helper ended in order or by
// a power cut.
func TestOnStart(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	before := r.state()
	r.gateway()
	text := profile(`reconnect.on_start = true`)
	folders := profiles.Folders{User: t.TempDir()}
	if err := os.WriteFile(filepath.Join(folders.User, "office.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	store := profiles.NewStore(folders)
	d := r.begin()
	d.connected(text)
	for _, end := range []func(){func() { d.Term() }, func() { d.Kill() }} {
		end()
		d = r.begin()
		s := d.log.state(t, 0, api.Disconnected)
		if len(s.Ask) != 2 || s.SecondsLeft != 0 || s.Failure == nil || s.Failure.Code != api.SecretMissing {
			t.Fatalf("after a start: %+v, want to be asked, without an end", s)
		}
		same(t, "asked", r.state(), before)
		if done, err := d.Supply(t.Context(), store, chain{}, s); !done || err != nil {
			t.Fatalf("Supply = %t, %v", done, err)
		}
		d.log.state(t, 0, api.Connected)
		if done, err := d.Supply(t.Context(), store, chain{}, s); done || err != nil {
			t.Errorf("Supply once more = %t, %v, want that nobody asks", done, err)
		}
	}
	d.disconnected()
	same(t, "disconnected", r.state(), before)
	d.Term()
	d = r.begin()
	if s := d.log.state(t, 0, api.Disconnected); len(s.Ask) != 0 {
		t.Errorf("disconnected by a person, and asked at the start: %+v", s)
	}
}
