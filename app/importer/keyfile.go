package importer

import "strings"

// Ours. gopkg.in/ini.v1 was tried first: a value that begins with a backtick or
// three quotes, as a key may, is a syntax error to it, and so is a line that is
// no entry.

// section is a part of a file of the INI family, with its entries in order.
type section struct {
	name    string
	entries []entry
}

type entry struct{ key, value string }

// get is the first value of a key, whose case counts.
func (s section) get(key string) (string, bool) {
	for _, e := range s.entries {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// fold is the first value of a key, whose case does not count.
func (s section) fold(key string) (string, bool) {
	for _, e := range s.entries {
		if strings.EqualFold(e.key, key) {
			return e.value, true
		}
	}
	return "", false
}

// sections reads "[name]" and "key=value". Space around a key is no part of it,
// nor is space in front of a value; a line of any other form is passed over, and
// so is what stands before the first section.
func sections(text string, comments string) []section {
	var out []section
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		bare := strings.TrimSpace(line)
		switch {
		case bare == "" || strings.ContainsRune(comments, rune(bare[0])):
		case bare[0] == '[' && bare[len(bare)-1] == ']':
			out = append(out, section{name: bare[1 : len(bare)-1]})
		case len(out) > 0:
			if key, value, ok := strings.Cut(line, "="); ok {
				s := &out[len(out)-1]
				s.entries = append(s.entries, entry{strings.TrimSpace(key), strings.TrimLeft(value, " \t")})
			}
		}
	}
	return out
}

// unescape reads the escapes of GLib's key files: \s \n \t \r \\.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\s`, " ", `\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(s)
}

// escape is the opposite of unescape.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
	if rest := strings.TrimLeft(s, " "); len(rest) < len(s) {
		s = strings.Repeat(`\s`, len(s)-len(rest)) + rest
	}
	return s
}

// yes reads the spellings of true of all these formats.
func yes(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "1", "on", "$true":
		return true
	}
	return false
}
