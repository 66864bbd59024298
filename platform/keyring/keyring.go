// Package keyring keeps the secrets of profiles in the user's own secret store:
// the Secret Service on Linux, the Keychain on macOS, the Credential Manager on
// Windows. None of them sees a secret in a program's arguments.
package keyring

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	store "github.com/zalando/go-keyring"
)

// What a caller branches on.
var (
	// ErrUnavailable is a system without a secret store, or one that stays
	// locked.
	ErrUnavailable = errors.New("keyring: no secret store to be had")
	// ErrNotFound is a secret that is not there.
	ErrNotFound = errors.New("keyring: no such secret")
	// ErrTooLong is a value above MaxValue.
	ErrTooLong = fmt.Errorf("keyring: more than %d octets", MaxValue)
	// ErrProfile is a profile id that cannot be one.
	ErrProfile = errors.New("keyring: not a profile id")
)

// Kind is which of a profile's secrets is meant.
type Kind string

// The kinds: the names are those of the keys of a secrets file.
const (
	PSK           Kind = "psk"
	Password      Kind = "password"
	TunnelSecret  Kind = "tunnel_secret"
	KeyPassphrase Kind = "key_passphrase"
)

// Kinds is all of them.
var Kinds = []Kind{PSK, Password, TunnelSecret, KeyPassphrase}

// From the specification (CRED_MAX_CREDENTIAL_BLOB_SIZE of Windows). In Base64,
// with the names around it, it also fits into the 4096 octets that go-keyring
// writes to the input of macOS's security program.
const MaxValue = 5 * 512

// Ours.
const (
	service = "culvert"
	// personTime is how long a locked store may wait for its password when the
	// caller sets no deadline.
	personTime = 2 * time.Minute
	maxProfile = 64 // octets of an id; a UUID has 36
)

// backend is a secret store: a service has users, a user has a secret.
type backend interface {
	Set(service, user, secret string) error
	Get(service, user string) (string, error)
	Delete(service, user string) error
}

// system is the store of this system.
type system struct{}

func (system) Set(service, user, secret string) error   { return store.Set(service, user, secret) }
func (system) Get(service, user string) (string, error) { return store.Get(service, user) }
func (system) Delete(service, user string) error        { return store.Delete(service, user) }

// Keyring is the user's secret store. Its methods may be called at once; they
// take turns, so that a locked store asks once.
//
// A deadline ends the waiting, not the question: a locked store goes on asking
// for its password, and what was to be done is done if it gets one. Until then
// other calls wait for their own deadlines.
type Keyring struct {
	store     backend
	available func() error
	turn      chan struct{} // holds one token: whoever has taken it may use the store
}

// New is the user's secret store. It asks for nothing yet.
func New() *Keyring { return newKeyring(system{}, available) }

func newKeyring(b backend, available func() error) *Keyring {
	k := &Keyring{store: b, available: available, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// Set stores a secret of a profile, in place of an earlier one, and reads it
// back. It borrows value.
func (k *Keyring) Set(ctx context.Context, profile string, kind Kind, value []byte) error {
	user, err := account(profile, kind)
	if err != nil {
		return err
	}
	if len(value) > MaxValue {
		return ErrTooLong
	}
	// The store takes a string. This one is over octets that can be overwritten
	// once the store has returned, which may be after this call.
	own := append(make([]byte, 0, len(value)), value...)
	return k.do(ctx, func() {
		clear(own)
	}, func() error {
		if err := k.store.Set(service, user, unsafe.String(unsafe.SliceData(own), len(own))); err != nil {
			return err
		}
		// macOS's security program says that it has stored what it has not.
		got, err := k.store.Get(service, user)
		if err == nil && subtle.ConstantTimeCompare([]byte(got), own) == 0 {
			err = errors.New("it does not give back what it was given")
		}
		if errors.Is(err, store.ErrNotFound) {
			err = errors.New("it does not keep what it was given")
		}
		return err
	})
}

// Get is a secret of a profile; ErrNotFound if there is none. The caller wipes
// it.
func (k *Keyring) Get(ctx context.Context, profile string, kind Kind) ([]byte, error) {
	user, err := account(profile, kind)
	if err != nil {
		return nil, err
	}
	value := make(chan string, 1)
	err = k.do(ctx, nil, func() error {
		v, err := k.store.Get(service, user)
		value <- v
		return err
	})
	if err != nil {
		return nil, err
	}
	return []byte(<-value), nil
}

// Delete removes a secret of a profile; ErrNotFound if there is none.
func (k *Keyring) Delete(ctx context.Context, profile string, kind Kind) error {
	user, err := account(profile, kind)
	if err != nil {
		return err
	}
	return k.do(ctx, nil, func() error { return k.store.Delete(service, user) })
}

// DeleteProfile removes all secrets of a profile. It is no error if there are
// none; one that cannot be removed does not keep the others.
func (k *Keyring) DeleteProfile(ctx context.Context, profile string) error {
	var errs []error
	for _, kind := range Kinds {
		if err := k.Delete(ctx, profile, kind); err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s: %w", kind, err))
		}
	}
	return errors.Join(errs...)
}

// account is what the store knows a secret by.
func account(profile string, kind Kind) (string, error) {
	ok := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-'
	}
	if profile == "" || len(profile) > maxProfile || strings.ContainsFunc(profile, func(c rune) bool { return !ok(c) }) {
		return "", fmt.Errorf("%w: %q", ErrProfile, profile)
	}
	return profile + "/" + string(kind), nil
}

// do runs f, which may never return, and then last, within ctx.
func (k *Keyring) do(ctx context.Context, last func(), f func() error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, personTime)
		defer cancel()
	}
	if last == nil {
		last = func() {}
	}
	err := ctx.Err()
	if err == nil {
		select {
		case <-k.turn:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		last()
		return asked(err)
	}
	result := make(chan error, 1)
	// This goroutine is the only one while it has the turn. When the store never
	// answers it stays, and so does nobody else.
	go func() {
		defer func() { k.turn <- struct{}{} }()
		defer last()
		result <- k.safely(f)
	}()
	select {
	case err := <-result:
		return typed(err)
	case <-ctx.Done():
		return asked(ctx.Err())
	}
}

// safely calls f, if there is a store at all. go-keyring panics when the bus
// ends while the store asks for its password.
func (k *Keyring) safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it went away: %v", p)
		}
	}()
	if err := k.available(); err != nil {
		return err
	}
	return f()
}

// asked is the error of a call that nobody waits for any more.
func asked(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: it does not answer; locked, perhaps: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("keyring: %w", err)
}

// typed is a store's error as one of ours.
func typed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrSetDataTooBig):
		return ErrTooLong
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
