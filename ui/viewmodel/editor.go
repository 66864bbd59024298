package viewmodel

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

// typingTime is how long somebody may type before a fault is told.
const typingTime = 600 * time.Millisecond

// SecretState is what is known of a secret.
type SecretState uint8

// The states of a secret.
const (
	SecretNone   SecretState = iota // there is none yet
	SecretKept                      // in the keychain
	SecretAsked                     // each time, and never kept
	SecretTyped                     // now, not kept yet
	SecretUnkept                    // there is no keychain: it is asked for each time
)

// Editor is a profile being edited. What fits is app/profile's to say: the fields
// are written as a file, and read by it, at every change.
type Editor struct {
	id        string
	name      string // of the profile as it was; "": a new one
	readOnly  bool
	keychain  bool // there is one
	plain     values
	was, is   values
	available map[string]map[string]bool // by field and value
	kept      map[string]bool            // secrets in the keychain, by field
	typed     map[string]api.Secret

	result  *profile.Profile // nil while there is a fault
	bad     map[string]bool
	lacking map[string]bool // secrets without which it cannot connect
	told    map[string]bool // faults that are shown, as long as they are there
	typing  map[string]time.Time
	open    map[string]bool // sections that a person unfolded
}

// EditorConfig is what an Editor begins with.
type EditorConfig struct {
	// Profile is nil for a new one, or what was imported or pasted.
	Profile  *profile.Profile
	New      bool // it is not saved yet, although there is a Profile
	ReadOnly bool
	Keychain bool     // there is one
	Kept     []string // the secrets in it, by their fields
}

// NewEditor opens a profile. The error is a profile that cannot be written as a
// file.
func NewEditor(c EditorConfig) (*Editor, error) {
	plain, err := flatten(profile.Default())
	if err != nil {
		return nil, err
	}
	e := &Editor{readOnly: c.ReadOnly, keychain: c.Keychain, plain: plain, was: maps.Clone(plain), available: map[string]map[string]bool{},
		kept: map[string]bool{}, typed: map[string]api.Secret{}, told: map[string]bool{}, typing: map[string]time.Time{}, open: map[string]bool{}}
	e.is = maps.Clone(plain)
	if c.Profile != nil {
		if e.is, err = flatten(c.Profile); err != nil {
			return nil, err
		}
		e.id = c.Profile.ID
		if !c.New {
			e.name, e.was = c.Profile.Name, maps.Clone(e.is)
		}
	}
	for _, key := range c.Kept {
		e.kept[key] = true
	}
	for i := range fieldSpecs {
		s := &fieldSpecs[i]
		e.available[s.key] = map[string]bool{}
		for _, value := range s.asked() {
			e.available[s.key][value] = s.available(plain, value)
		}
	}
	e.check()
	return e, nil
}

// Paste replaces all that is in the fields by another profile's, but for the name
// of one that is saved. The error is a profile that cannot be written as a file.
func (e *Editor) Paste(p *profile.Profile) error {
	if e.readOnly {
		return nil
	}
	is, err := flatten(p)
	if err != nil {
		return err
	}
	if e.name != "" {
		is["name"] = e.is["name"]
	}
	e.is = is
	clear(e.typing)
	e.check()
	return nil
}

// asked is the values whose availability matters: choices, or any that is right.
func (s *fieldSpec) asked() []string {
	switch {
	case s.kind == SecretField, s.key == FieldServer, s.key == FieldMoreServers:
		return nil
	case s.key == "preset":
		return profile.PresetNames()
	case s.kind == TickField:
		return []string{"true", "false"}
	case len(s.choices) > 0:
		return s.choices
	}
	return []string{s.sample}
}

// check is after every change.
func (e *Editor) check() {
	e.result, e.bad = e.is.check(e.id, e.plain)
	e.lacking = map[string]bool{}
	if e.result != nil && !e.is.ask() {
		for _, name := range (&profile.Secrets{}).Missing(e.result) {
			if field := secretField(name); e.secret(field) == SecretNone {
				e.lacking[field] = true
			}
		}
	}
	for key := range e.told {
		if !e.bad[key] && !e.lacking[key] {
			delete(e.told, key)
		}
	}
}

func (v values) ask() bool { return v["ask_password"] == "true" }

// secretField is the field of a secret.
func secretField(name api.SecretName) string {
	switch name {
	case api.PSK:
		return FieldPSK
	case api.TunnelSecret:
		return FieldTunnelSecret
	}
	return FieldPassword
}

// secret is what is known of a secret.
func (e *Editor) secret(key string) SecretState {
	switch {
	case len(e.typed[key]) > 0:
		return SecretTyped
	case key == FieldPassword && e.is.ask():
		return SecretAsked
	case !e.keychain:
		return SecretUnkept
	case e.kept[key]:
		return SecretKept
	}
	return SecretNone
}

// Set takes what a field holds now: for a Tick "true" or "false".
func (e *Editor) Set(now time.Time, key, value string) {
	if e.readOnly || e.is[key] == value {
		return
	}
	e.is[key] = value
	e.typing[key] = now
	e.check()
}

// SetSecret takes what was typed as a secret, and keeps a copy until Close.
func (e *Editor) SetSecret(now time.Time, key string, value []byte) {
	clear(e.typed[key])
	e.typed[key] = bytes.Clone(value)
	e.typing[key] = now
	e.check()
}

// Leave says that a field has lost the focus.
func (e *Editor) Leave(key string) {
	delete(e.typing, key)
	if e.bad[key] {
		e.told[key] = true
	}
}

// Advance shows the faults of fields in which nobody types any more, and says when
// it is to be called again; zero: after the next Set.
func (e *Editor) Advance(now time.Time) time.Time {
	var next time.Time
	for key, at := range e.typing {
		due := at.Add(typingTime)
		switch {
		case !now.Before(due):
			e.Leave(key)
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	return next
}

// Unfold opens or closes a section.
func (e *Editor) Unfold(section string, open bool) { e.open[section] = open }

// Reset puts a section back to automatic.
func (e *Editor) Reset(section string) {
	if e.readOnly {
		return
	}
	for _, s := range fieldSpecs {
		if s.section == section && s.kind != SecretField {
			e.is[s.key] = e.plain[s.key]
			delete(e.typing, s.key)
		}
	}
	e.check()
}

// Dirty says that there are changes to keep or to discard.
func (e *Editor) Dirty() bool {
	for _, secret := range e.typed {
		if len(secret) > 0 {
			return true
		}
	}
	return !maps.Equal(e.is, e.was)
}

// Save gives the profile to store. Without one every fault is shown, and the first
// field with one is named.
func (e *Editor) Save() (p *profile.Profile, fault string) {
	if e.result == nil {
		for key := range e.bad {
			e.told[key] = true
		}
		return nil, e.firstTold()
	}
	return e.result, ""
}

// Connectable is Save, for a profile that is connected next: it lacks no secret
// either.
func (e *Editor) Connectable() (p *profile.Profile, fault string) {
	if p, fault = e.Save(); p == nil {
		return nil, fault
	}
	for key := range e.lacking {
		e.told[key] = true
	}
	if fault = e.firstTold(); fault != "" {
		return nil, fault
	}
	return p, ""
}

// firstTold is the uppermost field whose fault is shown.
func (e *Editor) firstTold() string {
	for _, s := range fieldSpecs {
		if e.told[s.key] {
			return s.key
		}
	}
	return ""
}

// Secrets are those that were typed, for the keychain and for connecting. They are
// the Editor's own: Close overwrites them.
func (e *Editor) Secrets() api.Secrets {
	return api.Secrets{PSK: e.typed[FieldPSK], Password: e.typed[FieldPassword], TunnelSecret: e.typed[FieldTunnelSecret]}
}

// Close overwrites the secrets.
func (e *Editor) Close() {
	for _, secret := range e.typed {
		clear(secret)
	}
	clear(e.typed)
}

// changed is the fields of a section that are not automatic.
func (e *Editor) changed(section string) []*fieldSpec {
	var out []*fieldSpec
	for i := range fieldSpecs {
		s := &fieldSpecs[i]
		if s.section == section && s.kind != SecretField && s.means(e.is) && e.isChanged(s) {
			out = append(out, s)
		}
	}
	return out
}

func (e *Editor) isChanged(s *fieldSpec) bool {
	is := strings.TrimSpace(e.is[s.key])
	if s.key == "name" && is == strings.TrimSpace(e.is[FieldServer]) {
		return false // what it is called by itself
	}
	if s.kind == ListField {
		return !slices.Equal(items(is), items(e.plain[s.key]))
	}
	return is != "" && is != e.plain[s.key]
}
