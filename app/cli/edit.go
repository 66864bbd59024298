package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

var profilesEdit = &command{
	name: "profiles edit", args: "PROFILE", short: "change a profile in an editor", takes: aProfile,
	long: "The editor is VISUAL, EDITOR, or the usual one, and gets a copy. The profile is replaced once the copy has no\n" +
		"fault; each is named with its line and its key. A connection that is up takes it at the next culvert up.",
	run: func(ctx context.Context, c *call) int {
		e, status := c.toChange()
		if status != exitDone {
			return status
		}
		return edit(ctx, c, e)
	},
}

// edit lets a person change a copy until it can take the profile's place.
func edit(ctx context.Context, c *call, e profile.Entry) int {
	text, err := os.ReadFile(e.Path)
	if err != nil {
		c.say("%v", err)
		return exitInternal
	}
	dir, err := os.MkdirTemp("", "culvert-")
	if err != nil {
		c.say("%v", err)
		return exitInternal
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, filepath.Base(e.Path))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		c.say("%v", err)
		return exitInternal
	}
	for {
		if err := c.editor(ctx, file); err != nil {
			c.say("%v; the profile stays as it is", err)
			return exitInternal
		}
		changed, err := os.ReadFile(file)
		if err != nil {
			c.say("%v; the profile stays as it is", err)
			return exitInternal
		}
		if bytes.Equal(changed, text) {
			fmt.Fprintln(c.Out, "Nothing was changed.")
			return exitDone
		}
		saved, err := c.store.SaveText(e, changed)
		if err == nil {
			fmt.Fprintf(c.Out, "“%s” is saved.\n", clean(saved.Name()))
			return exitDone
		}
		status := c.notStored(err)
		if status != exitUsage || c.terminal == nil {
			return status
		}
		if again, err := confirm(ctx, c.terminal, "Edit it again? Else the profile stays as it is.", true); err != nil || !again {
			fmt.Fprintln(c.Err, "The profile stays as it is.")
			return status
		}
	}
}

var profilesSecrets = &command{
	name: "profiles secrets", args: "PROFILE [--secrets FILE|- | --remove]", short: "set, change or remove the secrets of a profile in the keychain", takes: aProfile,
	long: "At a terminal it asks for each, and Enter leaves one as it is.",
	options: []option{
		{"secrets", "FILE", "read secrets from FILE, which others must not be able to read; - is standard input"},
		{"remove", "", "remove all that the keychain has of the profile"},
	},
	run: func(ctx context.Context, c *call) int {
		var ref string
		if !c.parse(&ref) {
			return exitUsage
		}
		e, err := c.profile(ref)
		if err != nil {
			return c.noProfile(err)
		}
		_, file := c.given["secrets"]
		switch {
		case file && c.on("remove"):
			c.usage("give --secrets or --remove, not both")
			return exitUsage
		case c.on("remove"):
			if err := c.keys.DeleteProfile(ctx, e.Profile.ID); err != nil {
				return c.noKeys(err)
			}
			fmt.Fprintf(c.Out, "The keychain has no secrets of “%s” any more.\n", clean(e.Name()))
			return exitDone
		case !file && c.terminal == nil:
			c.usage("give --secrets or --remove, or run it at a terminal, where it asks")
			return exitUsage
		}
		return setSecrets(ctx, c, e)
	},
}

// noKeys says that the keychain cannot be reached.
func (c *call) noKeys(err error) int {
	c.say("there is no keychain to be reached: %v", err)
	return exitInternal
}

// setSecrets puts secrets into the keychain.
func setSecrets(ctx context.Context, c *call, e profile.Entry) int {
	var s *profile.Secrets
	var err error
	if file, ok := c.given["secrets"]; ok {
		s, err = profile.LoadSecrets(file, c.In)
	} else {
		s, err = c.changedSecrets(ctx, e.Profile)
	}
	switch {
	case errors.Is(err, keyring.ErrUnavailable):
		return c.noKeys(err)
	case err != nil:
		c.say("nothing was changed: %v", err)
		return exitUsage
	}
	defer s.Zero()
	if s.Empty() {
		fmt.Fprintln(c.Out, "Nothing was changed.")
		return exitDone
	}
	for _, name := range profile.SecretNames {
		value := *s.Slot(name)
		if value == nil {
			continue
		}
		if err := c.keys.Set(ctx, e.Profile.ID, keyring.Kind(name), value); err != nil {
			return c.noKeys(err)
		}
		fmt.Fprintf(c.Out, "%s: kept in the keychain.\n", secretWords[name])
	}
	if s.Password != nil && e.Profile.AskPassword && !e.ReadOnly {
		e.Profile.AskPassword = false
		if _, err := c.store.Save(e); err != nil {
			return c.notStored(err)
		}
		fmt.Fprintln(c.Out, "It is not asked for any more: ask_password is off now.")
	}
	return exitDone
}

// changedSecrets asks for each secret that the profile has; empty ones stay.
func (c *call) changedSecrets(ctx context.Context, p *profile.Profile) (*profile.Secrets, error) {
	s := &profile.Secrets{}
	for _, name := range s.Missing(p) {
		have := "not kept"
		value, err := c.keys.Get(ctx, p.ID, keyring.Kind(name))
		switch {
		case err == nil:
			clear(value)
			have = "kept"
		case !errors.Is(err, keyring.ErrNotFound):
			s.Zero()
			return nil, err
		}
		value, err = c.terminal.ask(ctx, fmt.Sprintf("%s (%s; Enter leaves it so): ", secretWords[name], have), true)
		if err != nil {
			s.Zero()
			return nil, err
		}
		if len(value) > 0 {
			*s.Slot(name) = value
		}
	}
	return s, nil
}
