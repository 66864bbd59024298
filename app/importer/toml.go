package importer

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/pelletier/go-toml/v2"
)

// secretsTable is what an export with secrets has below the profile. A profile
// file itself never has it: Parse refuses it.
var secretsTable = regexp.MustCompile(`(?m)^[ \t]*\[secrets\][ \t]*(#.*)?$`)

// readTOML reads Culvert's own format. A key that cannot be taken is left out; so
// a file of a newer Culvert is still of use.
func readTOML(s *source) error {
	own, secrets := s.text, ""
	if at := secretsTable.FindStringIndex(s.text); at != nil {
		own, secrets = s.text[:at[0]], s.text[at[1]:]
	}
	d, err := s.draft()
	if err != nil {
		return err
	}
	if err := d.tomlSecrets(secrets); err != nil {
		return err
	}
	var keys map[string]any
	if err := toml.Unmarshal([]byte(own), &keys); err != nil {
		_, err := profile.Parse(s.name, []byte(own)) // says where, and what
		return err
	}
	if _, named := keys["servers"]; !named && keys["user"] == nil {
		return ErrUnknown
	}
	return d.toml(s.name, keys)
}

// toml takes the keys. Those with faults are taken away until none has any, and
// what is missing is there for the time being.
func (d *draft) toml(file string, keys map[string]any) error {
	given, made := flat("", keys), map[string]any{}
	var p *profile.Profile
	for p == nil {
		text, err := toml.Marshal(keys)
		if err != nil {
			return fmt.Errorf("importer: %w", err)
		}
		p, err = profile.Parse(file, text)
		var faults *profile.Error
		if err != nil && !errors.As(err, &faults) {
			return err
		}
		if err != nil && !d.tomlFaults(faults, keys, made) {
			return err
		}
	}
	if made["servers"] != nil && text(keys["name"]) == "" {
		p.Name = ""
	}
	if made["servers"] != nil {
		p.Servers = nil
	}
	if made["user"] != nil {
		p.User = ""
	}
	*d.p = *p
	for _, key := range given {
		if v, ok := lookup(keys, key); ok && key != "version" && key != "id" && made[key] == nil {
			d.note(key, show(v), key)
		}
	}
	return nil
}

// tomlFaults takes the keys with faults away, and fills in what must be there; it
// says whether it changed anything.
func (d *draft) tomlFaults(faults *profile.Error, keys, made map[string]any) bool {
	changed := false
	for _, f := range faults.Faults {
		if v, ok := take(keys, f.Key); ok {
			if made[f.Key] != nil {
				return false
			}
			before := len(d.leftOut)
			d.leave(f.Key, show(v), f.Key, whyRefused)
			for i := range d.leftOut[before:] { // none, where there were too many
				d.leftOut[before+i].Why += " (" + shown(f.Message) + ")"
			}
			changed = true
		} else if stand := map[string]any{"servers": []any{"vpn.example.com"}, "user": "x"}[f.Key]; stand != nil && made[f.Key] == nil {
			keys[f.Key], made[f.Key] = stand, stand
			changed = true
		}
	}
	return changed
}

// tomlSecrets reads the table of an export; a fault in it names no value.
func (d *draft) tomlSecrets(text string) error {
	if text == "" {
		return nil
	}
	s, err := profile.ParseSecrets("[secrets]", []byte(text))
	if err != nil {
		return err
	}
	defer s.Zero()
	d.psk("secrets.psk", s.PSK)
	d.password("secrets.password", s.Password)
	d.keep(&d.secrets.TunnelSecret, "secrets.tunnel_secret", s.TunnelSecret, "tunnel_secret")
	return nil
}

// flat is the dotted keys of tables in order.
func flat(path string, table map[string]any) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		full := key
		if path != "" {
			full = path + "." + key
		}
		if in, ok := table[key].(map[string]any); ok {
			out = append(out, flat(full, in)...)
			continue
		}
		out = append(out, full)
	}
	return out
}

func lookup(keys map[string]any, dotted string) (any, bool) {
	table, key, nested := strings.Cut(dotted, ".")
	if !nested {
		v, ok := keys[dotted]
		return v, ok
	}
	in, _ := keys[table].(map[string]any)
	if in == nil {
		return nil, false
	}
	return lookup(in, key)
}

// take removes a key.
func take(keys map[string]any, dotted string) (any, bool) {
	v, ok := lookup(keys, dotted)
	if !ok {
		return nil, false
	}
	for {
		table, key, nested := strings.Cut(dotted, ".")
		if !nested {
			delete(keys, dotted)
			return v, true
		}
		keys, dotted = keys[table].(map[string]any), key
	}
}
