package client

import (
	"context"
	"errors"
	"slices"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

// ForTheAsking says that the helper wants secrets which it has had: it was started
// anew, and goes on with what was wanted before once it has them. No person needs
// to be there. One who mistyped a secret is asked otherwise.
func ForTheAsking(s api.Status) bool {
	return len(s.Ask) > 0 && s.State != api.Waiting && s.Failure != nil && s.Failure.Code == api.SecretMissing
}

// Supply gives the helper the secrets that s asks for out of the person's keychain,
// where ForTheAsking says that they are to be had for the asking. It gives all of
// them or none: done says which. It is none of this person's doing when the
// profile is somebody else's, a secret is not kept, or another program was faster;
// the error is a keychain or a helper that cannot be reached, or a folder of
// profiles that cannot be read. It may wait for the keychain to be unlocked.
func (c *Client) Supply(ctx context.Context, store *profile.Store, keys Keys, s api.Status) (done bool, err error) {
	if !ForTheAsking(s) {
		return false, nil
	}
	list, err := store.List()
	i := slices.IndexFunc(list, func(e profile.Entry) bool { return e.Profile != nil && e.Profile.ID == s.Profile.ID })
	if i < 0 {
		return false, err
	}
	found := &profile.Secrets{}
	defer found.Zero()
	if err := FromKeychain(ctx, keys, list[i].Profile, found); err != nil {
		return false, err
	}
	for _, name := range s.Ask {
		if at := found.Slot(name); at == nil || *at == nil {
			return false, nil
		}
	}
	given := api.Send(found)
	defer given.Zero()
	err = c.Answer(ctx, given)
	var no *Error
	if errors.As(err, &no) && no.Code == NotAsked {
		return false, nil
	}
	return err == nil, err
}
