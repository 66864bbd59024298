package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

var profilesAdd = &command{
	name: "profiles add", args: "[--server SERVER --user USER] [--name NAME] [--preset PRESET] [--secrets FILE|-]", short: "save a new profile",
	long: "At a terminal it asks for what is not given: the server, the user, the password and the pre-shared key. The\n" +
		"secrets go to the keychain; a password that is left empty is asked for at each connection.",
	options: []option{
		{"server", "SERVER", "the gateway's name or address"},
		{"user", "USER", "who logs in"},
		{"name", "NAME", "what to call it; else it is called as the server"},
		{"preset", "PRESET", "the make of the gateway: " + strings.Join(profile.PresetNames(), ", ")},
		{"secrets", "FILE", "read secrets from FILE, which others must not be able to read; - is standard input"},
	},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		return add(ctx, c)
	},
}

// add makes a profile with its secrets, or nothing.
func add(ctx context.Context, c *call) int {
	if c.terminal == nil && (c.given["server"] == "" || c.given["user"] == "") {
		c.usage("give --server and --user, or run it at a terminal, where it asks")
		return exitUsage
	}
	p, err := c.newProfile(ctx)
	if err != nil {
		return c.notAdded(err)
	}
	s, err := c.newSecrets(ctx, p)
	if err != nil {
		return c.notAdded(err)
	}
	defer s.Zero()
	given := s.Password != nil || s.PSK != nil || s.TunnelSecret != nil
	_, file := c.given["secrets"]
	p.AskPassword = s.Password == nil && c.terminal != nil && !file // as was answered
	kept := false
	if given {
		switch err := c.keep(ctx, p.ID, s); {
		case errors.Is(err, keyring.ErrUnavailable):
			fmt.Fprintf(c.Err, "%s\n  %v\n", noKeychain, err)
			p.AskPassword = true
		case err != nil:
			return c.notAdded(err)
		default:
			kept = true
		}
	}
	e, err := c.store.Create(p)
	if err != nil {
		if kept {
			c.forget(ctx, p.ID)
		}
		return c.notStored(err)
	}
	fmt.Fprintf(c.Out, "“%s” is saved: culvert up %s connects.\n", clean(e.Name()), shellWord(e.Name()))
	return exitDone
}

// notAdded says that nothing was made, and why.
func (c *call) notAdded(err error) int {
	var faulty *profile.Error
	var taken *profile.NameTakenError
	if errors.As(err, &faulty) || errors.As(err, &taken) {
		return c.notStored(err)
	}
	c.say("nothing was saved: %v", err)
	return exitUsage
}

// newProfile is what a person says of the gateway.
func (c *call) newProfile(ctx context.Context) (*profile.Profile, error) {
	server, err := c.field(ctx, "server", "Server (name or address): ", func(s string) error {
		_, err := profile.New(s, "user")
		return err
	})
	if err != nil {
		return nil, err
	}
	user, err := c.field(ctx, "user", "User: ", func(s string) error {
		_, err := profile.New(server, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := profile.New(server, user)
	if err != nil {
		return nil, err
	}
	if preset, ok := c.given["preset"]; ok {
		p.Preset = preset
	}
	if name, ok := c.given["name"]; ok {
		p.Name = name
		if free := c.store.FreeName(name); free != name {
			e, _ := c.store.Find(name)
			return nil, &profile.NameTakenError{Name: name, Path: e.Path}
		}
	} else {
		p.Name = c.store.FreeName(p.Name)
	}
	return p, c.check(p)
}

// check is what Parse has against a profile: before anybody types secrets for it.
func (c *call) check(p *profile.Profile) error {
	text, err := p.Text()
	if err == nil {
		_, err = profile.Parse(p.Name, text)
	}
	return err
}

// field is a flag, or what a person types until it can be.
func (c *call) field(ctx context.Context, flag, question string, check func(string) error) (string, error) {
	if v, ok := c.given[flag]; ok {
		return v, check(v)
	}
	for {
		line, err := c.terminal.ask(ctx, question, false)
		if err != nil {
			return "", err
		}
		v := strings.TrimSpace(string(line))
		if err = check(v); err == nil {
			return v, nil
		}
		for _, f := range reasons(err) {
			fmt.Fprintf(c.Err, "  %s\n", f)
		}
	}
}

// reasons is what is wrong, without the name of a file that is not there yet.
func reasons(err error) []string {
	var e *profile.Error
	if !errors.As(err, &e) {
		return []string{err.Error()}
	}
	var out []string
	for _, f := range e.Faults {
		out = append(out, f.Message)
	}
	return out
}

// newSecrets is those of --secrets, or what a person types. Each may be empty.
func (c *call) newSecrets(ctx context.Context, p *profile.Profile) (*profile.Secrets, error) {
	if file, ok := c.given["secrets"]; ok {
		return profile.LoadSecrets(file, c.In)
	}
	s := &profile.Secrets{}
	if c.terminal == nil {
		return s, nil
	}
	for _, q := range []struct {
		name     api.SecretName
		question string
		to       *secret.Secret
	}{
		{api.Password, "Password (empty: ask each time): ", &s.Password},
		{api.PSK, "Pre-shared key (empty: ask each time): ", &s.PSK},
	} {
		if q.name == api.PSK && !p.IPsec.Enabled {
			continue
		}
		value, err := c.terminal.ask(ctx, q.question, true)
		if err != nil {
			s.Zero()
			return nil, err
		}
		if len(value) > 0 {
			*q.to = value
		}
	}
	return s, nil
}

// shellWord is a word as a shell takes it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
