package viewmodel

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2"

	"github.com/culvert-vpn/culvert/app/profile"
)

// flatten is every key of a profile as a field holds it.
func flatten(p *profile.Profile) (values, error) {
	data, err := toml.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("viewmodel: %w", err)
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("viewmodel: %w", err)
	}
	v := values{}
	flattenInto(v, "", tree)
	first, more, _ := strings.Cut(v["servers"], "\n")
	delete(v, "servers")
	v[FieldServer], v[FieldMoreServers] = first, more
	return v, nil
}

func flattenInto(v values, prefix string, tree map[string]any) {
	for key, x := range tree {
		switch x := x.(type) {
		case map[string]any:
			flattenInto(v, prefix+key+".", x)
		case []any:
			lines := make([]string, len(x))
			for i := range x {
				lines[i] = fmt.Sprint(x[i])
			}
			v[prefix+key] = strings.Join(lines, "\n")
		default:
			v[prefix+key] = fmt.Sprint(x)
		}
	}
}

// items is the entries of a list as people write and paste one.
func items(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' })
}

// file is a profile file that says what the fields hold: what is shown and not
// automatic. What cannot be right is written as it is, for app/profile to refuse.
func (v values) file(id string, plain values, servers []string) ([]byte, error) {
	tree := map[string]any{"version": profile.Version, "servers": servers}
	if id != "" {
		tree["id"] = id
	}
	for _, s := range fieldSpecs {
		text := strings.TrimSpace(v[s.key])
		switch {
		case s.kind == SecretField, s.key == FieldServer, s.key == FieldMoreServers:
			continue
		case !s.means(v), text == "", text == plain[s.key]:
			continue
		}
		at, key := tree, s.key
		if table, rest, ok := strings.Cut(s.key, "."); ok {
			if at[table] == nil {
				at[table] = map[string]any{}
			}
			at, key = at[table].(map[string]any), rest
		}
		at[key] = typed(s.kind, text)
	}
	data, err := toml.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("viewmodel: %w", err)
	}
	return data, nil
}

// typed is a field's text as TOML has it.
func typed(kind FieldKind, text string) any {
	switch kind {
	case TickField:
		return text == "true"
	case NumberField:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case ListField:
		return items(text)
	}
	return text
}

// servers is the list that the two fields are.
func (v values) servers() (first, more []string) {
	if s := strings.TrimSpace(v[FieldServer]); s != "" {
		first = []string{s}
	}
	return first, items(v[FieldMoreServers])
}

// check has app/profile look at what the fields hold: the profile, or the keys of
// the fields with a fault.
func (v values) check(id string, plain values) (*profile.Profile, map[string]bool) {
	first, more := v.servers()
	bad := map[string]bool{}
	if len(first) > 0 && len(more) > 0 {
		// One key there and two fields here: which of them is it?
		if _, faults := v.parse(id, plain, more); faults["servers"] {
			bad[FieldMoreServers] = true
			more = nil
		}
	}
	p, faults := v.parse(id, plain, append(first, more...))
	if faults["servers"] && len(first) > 0 && len(more) > 0 {
		if _, alone := v.parse(id, plain, first); !alone["servers"] {
			bad[FieldMoreServers] = true // each is right, and there are too many
			delete(faults, "servers")
		}
	}
	for key := range faults {
		if key == "servers" {
			key = FieldServer
		}
		bad[key] = true
	}
	if len(bad) > 0 {
		p = nil
	}
	return p, bad
}

// parse is what app/profile says.
func (v values) parse(id string, plain values, servers []string) (*profile.Profile, map[string]bool) {
	faults := map[string]bool{}
	if servers == nil {
		servers = []string{}
	}
	data, err := v.file(id, plain, servers)
	if err == nil {
		var p *profile.Profile
		if p, err = profile.Parse("profile", data); err == nil {
			return p, faults
		}
	}
	var e *profile.Error
	if errors.As(err, &e) {
		for _, f := range e.Faults {
			faults[f.Key] = true
		}
	} else {
		faults[FieldServer] = true
	}
	return nil, faults
}

// available says whether this version of app/profile takes a value: it is asked,
// so that there is no second list of it. What is automatic always is.
func (s *fieldSpec) available(plain values, value string) bool {
	if value == plain[s.key] {
		return true
	}
	v := maps.Clone(plain)
	v[FieldServer], v["user"] = "vpn.example.com", "alice"
	maps.Copy(v, s.needs)
	v[s.key] = value
	_, faults := v.parse("", plain, []string{v[FieldServer]})
	return !faults[s.key]
}

// isNumber and isSpan only choose the words for what app/profile refused.
func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

func isSpan(text string) bool {
	_, err := time.ParseDuration(text)
	return err == nil
}
