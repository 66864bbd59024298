package keyring

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	store "github.com/zalando/go-keyring"
)

const profile = "6f1c0a52-9f5e-4c57-8a0e-1b0a7f6d2c11"

// fake is a store in memory that does as it is told.
type fake struct {
	secrets map[string]string
	err     error           // of every call
	hang    chan struct{}   // calls wait for it; nil: they do not
	deaf    bool            // Set does nothing, and says nothing
	given   []string        // the strings that Set got, not copied
	panics  bool            // as go-keyring does when its bus ends
	fails   map[string]bool // users whose secret cannot be deleted
}

func (f *fake) call() error {
	if f.hang != nil {
		<-f.hang
	}
	if f.panics {
		var signal *struct{ Name string }
		_ = signal.Name
	}
	return f.err
}

func (f *fake) Set(service, user, secret string) error {
	f.given = append(f.given, secret)
	if err := f.call(); err != nil || f.deaf {
		return err
	}
	f.secrets[service+" "+user] = strings.Clone(secret)
	return nil
}

func (f *fake) Get(service, user string) (string, error) {
	if err := f.call(); err != nil {
		return "", err
	}
	s, ok := f.secrets[service+" "+user]
	if !ok {
		return "", store.ErrNotFound
	}
	return s, nil
}

func (f *fake) Delete(service, user string) error {
	if f.fails[user] {
		return errors.New("read only")
	}
	if _, err := f.Get(service, user); err != nil {
		return err
	}
	delete(f.secrets, service+" "+user)
	return nil
}

func withFake(f *fake) *Keyring {
	if f.secrets == nil {
		f.secrets = map[string]string{}
	}
	return newKeyring(f, func() error { return nil })
}

func TestErrors(t *testing.T) {
	broken := errors.New("out of order")
	for _, c := range []struct {
		name string
		fake fake
		do   func(k *Keyring) error
		want error
	}{
		{"not there", fake{}, func(k *Keyring) error { _, err := k.Get(t.Context(), profile, PSK); return err }, ErrNotFound},
		{"nothing to delete", fake{}, func(k *Keyring) error { return k.Delete(t.Context(), profile, PSK) }, ErrNotFound},
		{"out of order", fake{err: broken}, func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, nil) }, broken},
		{"out of order is unavailable", fake{err: broken}, func(k *Keyring) error { return k.Delete(t.Context(), profile, PSK) }, ErrUnavailable},
		{"another system", fake{err: store.ErrUnsupportedPlatform}, func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, nil) }, ErrUnavailable},
		{"too much for the store", fake{err: store.ErrSetDataTooBig}, func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, nil) }, ErrTooLong},
		{"too much", fake{}, func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, make([]byte, MaxValue+1)) }, ErrTooLong},
		{"forgotten at once", fake{deaf: true}, func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, []byte("x")) }, ErrUnavailable},
		{"kept the old one", fake{deaf: true, secrets: map[string]string{"culvert " + profile + "/psk": "old"}},
			func(k *Keyring) error { return k.Set(t.Context(), profile, PSK, []byte("new")) }, ErrUnavailable},
		{"a panic", fake{panics: true}, func(k *Keyring) error { return k.Delete(t.Context(), profile, PSK) }, ErrUnavailable},
		{"no id", fake{}, func(k *Keyring) error { return k.DeleteProfile(t.Context(), "") }, ErrProfile},
		{"an id with a path", fake{}, func(k *Keyring) error { return k.Set(t.Context(), "a/b", PSK, nil) }, ErrProfile},
		{"an id with a line", fake{}, func(k *Keyring) error { _, err := k.Get(t.Context(), "a\n-w", PSK); return err }, ErrProfile},
		{"a long id", fake{}, func(k *Keyring) error { return k.Set(t.Context(), strings.Repeat("a", 65), PSK, nil) }, ErrProfile},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.do(withFake(&c.fake)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestWiped looks at the memory that the store was given: it is overwritten
// afterwards, and the caller's own is not.
func TestWiped(t *testing.T) {
	f := &fake{}
	k := withFake(f)
	mine := []byte("hunter2")
	if err := k.Set(t.Context(), profile, Password, mine); err != nil {
		t.Fatal(err)
	}
	<-k.turn // the goroutine has ended
	if f.given[0] != strings.Repeat("\x00", 7) {
		t.Errorf("the store's string still reads %q", f.given[0])
	}
	if string(mine) != "hunter2" {
		t.Errorf("the caller's value is now %q", mine)
	}
}

// TestDeadline has a store that asks for its password, and gets it too late. Time
// passes only when all wait for it.
func TestDeadline(t *testing.T) { synctest.Test(t, testDeadline) }

func testDeadline(t *testing.T) {
	f := &fake{hang: make(chan struct{})}
	k := withFake(f)
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	want := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want ErrUnavailable and DeadlineExceeded", what, err)
		}
	}
	want("Set", k.Set(short(), profile, PSK, []byte("late")))
	_, err := k.Get(short(), profile, PSK) // waits for its turn
	want("Get", err)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Delete(cancelled, profile, PSK); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("Delete = %v, want context.Canceled alone", err)
	}
	close(f.hang)
	if got, err := k.Get(t.Context(), profile, PSK); err != nil || string(got) != "late" {
		t.Errorf("once unlocked: %q, %v, want what was to be stored", got, err)
	}
	if len(f.given) != 1 {
		t.Errorf("the store was asked %d times to store, want once", len(f.given))
	}
}

func TestDeleteProfile(t *testing.T) {
	f := &fake{fails: map[string]bool{profile + "/password": true}}
	k := withFake(f)
	other := strings.Replace(profile, "6", "7", 1)
	for _, p := range []string{profile, other} {
		for _, kind := range Kinds {
			if err := k.Set(t.Context(), p, kind, []byte(kind)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := k.DeleteProfile(t.Context(), profile); err == nil || !strings.Contains(err.Error(), "password: ") {
		t.Errorf("DeleteProfile = %v, want what is wrong with the password", err)
	}
	if len(f.secrets) != len(Kinds)+1 {
		t.Errorf("%d secrets are left, want the other profile's and one", len(f.secrets))
	}
	f.fails = nil
	for range 2 {
		if err := k.DeleteProfile(t.Context(), profile); err != nil {
			t.Error(err)
		}
	}
	if len(f.secrets) != len(Kinds) {
		t.Errorf("%d secrets are left, want the other profile's", len(f.secrets))
	}
	if got, err := k.Get(t.Context(), other, TunnelSecret); err != nil || !bytes.Equal(got, []byte("tunnel_secret")) {
		t.Errorf("the other profile's: %q, %v", got, err)
	}
}
