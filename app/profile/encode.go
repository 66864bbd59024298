package profile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// notYet is the defaults that nothing honours yet. They stay what they will be,
// but a file that spells one out is refused, so none is written either.
func (p *Profile) notYet() map[string]bool {
	return map[string]bool{
		"ppp.mppe": p.PPP.MPPE == "auto",
	}
}

// Marshal is the profile as a file that Parse reads back to the same profile.
// A default that nothing honours yet is a comment in it that says so.
func (p *Profile) Marshal() ([]byte, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(p); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	later := p.notYet()
	var out strings.Builder
	table := ""
	// The encoder writes one key a line, and no text of a profile has a line of
	// its own.
	for line := range strings.Lines(b.String()) {
		if name, ok := strings.CutPrefix(line, "["); ok {
			table, _, _ = strings.Cut(name, "]")
		}
		key, _, _ := strings.Cut(line, " = ")
		if later[table+"."+key] {
			line = "# " + strings.TrimSuffix(line, "\n") + "  (not supported yet: without effect)\n"
		}
		out.WriteString(line)
	}
	return []byte(out.String()), nil
}
