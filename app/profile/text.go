package profile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// New is a profile from what a person was given: the gateway and the user name.
// The secrets are no part of it. Its name is the gateway's; the error is a *Error
// with a Fault for each answer that cannot be.
func New(server, user string) (*Profile, error) {
	p := Default()
	p.ID = newID()
	p.User = strings.TrimSpace(user)
	if server = strings.TrimSpace(server); server != "" {
		p.Servers, p.Name = []string{server}, server
	}
	if _, err := p.checked(); err != nil {
		return nil, err
	}
	return p, nil
}

// Text is the profile as a file: what differs from the defaults, in the order of
// the documentation. Parse reads it back to the same profile.
func (p *Profile) Text() ([]byte, error) {
	lines, err := p.lines()
	if err != nil {
		return nil, err
	}
	plain, err := Default().lines()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	table := ""
	for i, l := range lines {
		if l.value == plain[i].value && l.key != "version" {
			continue
		}
		if l.table != table {
			table = l.table
			fmt.Fprintf(&b, "\n[%s]\n", table)
		}
		b.WriteString(l.String())
	}
	return b.Bytes(), nil
}

// checked is Text, unless Parse would not take it.
func (p *Profile) checked() ([]byte, error) {
	text, err := p.Text()
	if err != nil {
		return nil, err
	}
	if _, err := Parse(p.Name, text); err != nil {
		return nil, err
	}
	return text, nil
}

// line is a key with its value as TOML.
type line struct{ table, key, value string }

// String is the line as it is in a file, below its table.
func (l line) String() string { return l.key + " = " + l.value + "\n" }

// dotted is the whole key.
func (l line) dotted() string {
	if l.table == "" {
		return l.key
	}
	return l.table + "." + l.key
}

// lines is every key of the profile, in order: the same keys for every profile.
func (p *Profile) lines() ([]line, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	var out []line
	table := ""
	// The encoder writes one key a line, and no text of a profile has a line of
	// its own.
	for text := range strings.Lines(b.String()) {
		if name, ok := strings.CutPrefix(text, "["); ok {
			table, _, _ = strings.Cut(name, "]")
		} else if key, value, ok := strings.Cut(strings.TrimSuffix(text, "\n"), " = "); ok {
			out = append(out, line{table, key, value})
		}
	}
	return out, nil
}
