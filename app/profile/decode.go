package profile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// field is a key that a file may hold: assign checks the value and keeps it.
type field struct {
	key    string // dotted; "users.*" is any key of [users]
	assign func(v *value)
}

// value is the value of one key while it is read.
type value struct {
	node *unstable.Node
	d    *decoder
	key  string
	name string // the last part of the key, as it was meant
}

// fault reports what is wrong with the value.
func (v *value) fault(format string, args ...any) {
	v.d.fault(v.node, v.key, format, args...)
}

// decoder walks a file against a list of fields and keeps every fault. The
// library's own decoder would stop at the first.
type decoder struct {
	file   string
	data   []byte
	fields []field
	parser unstable.Parser
	lines  map[string]int // of the keys that were there
	bad    map[string]bool
	faults []Fault
	broken bool // no TOML: what it says as a whole is not known
}

// decode reads data into what the fields point at. hide keeps the text of the
// file out of the faults.
func decode(file string, data []byte, fields []field, hide bool) *decoder {
	d := &decoder{file: file, data: data, fields: fields, lines: map[string]int{}, bad: map[string]bool{}}
	// The library knows what the walk below does not look for: a key given
	// twice, a table reopened, a number out of range.
	var whole map[string]any
	if err := toml.Unmarshal(data, &whole); err != nil {
		d.syntax(err, hide)
		return d
	}
	d.parser.Reset(data)
	var table []string
	known := true
	for d.parser.NextExpression() {
		e := d.parser.Expression()
		switch e.Kind {
		case unstable.Table:
			table, known = d.table(e)
		case unstable.ArrayTable:
			d.fault(e.Child(), dotted(keyParts(e)), "is given as a list of tables, [[...]]")
			known = false
		case unstable.KeyValue:
			if known {
				d.keyValue(table, e)
			}
		}
	}
	if err := d.parser.Error(); err != nil {
		d.syntax(err, hide)
	}
	return d
}

func (d *decoder) syntax(err error, hide bool) {
	f := Fault{File: d.file, Message: "is not valid TOML"}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		f.Line, _ = at.Position()
		f.Key = strings.Join(at.Key(), ".")
	}
	if !hide {
		f.Message += ": " + strings.TrimPrefix(err.Error(), "toml: ")
	}
	d.faults = append(d.faults, f)
	d.broken = true
}

// fault reports what is wrong at node; without a node, of the file.
func (d *decoder) fault(node *unstable.Node, key, format string, args ...any) {
	line := d.lines[key]
	if node != nil && node.Raw.Length > 0 {
		line = d.line(node)
	}
	d.bad[key] = true
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) line(node *unstable.Node) int { return d.parser.Shape(node.Raw).Start.Line }

// table opens [a.b] and says whether it may be there.
func (d *decoder) table(e *unstable.Node) (name []string, known bool) {
	name = keyParts(e)
	if d.isTable(dotted(name)) {
		return name, true
	}
	d.unknown(e.Child(), name)
	return name, false
}

// keyValue assigns key = value below table. A dotted key and an inline table
// are other ways to write a table.
func (d *decoder) keyValue(table []string, e *unstable.Node) {
	it := e.Key()
	it.Next()
	keyNode, val := it.Node(), e.Value()
	name := slices.Concat(table, keyParts(e))
	key := dotted(name)
	line := d.line(keyNode)
	if d.isTable(key) {
		if val.Kind != unstable.InlineTable {
			d.fault(keyNode, key, "is a table, not %s: write [%s]", kindName(val), key)
			return
		}
		for in := val.Children(); in.Next(); {
			d.keyValue(name, in.Node())
		}
		return
	}
	wild := dotted(name[:len(name)-1]) + ".*"
	i := slices.IndexFunc(d.fields, func(f field) bool { return f.key == key || f.key == wild })
	if i < 0 {
		d.unknown(keyNode, name)
		return
	}
	d.lines[key] = line
	d.fields[i].assign(&value{node: val, d: d, key: key, name: name[len(name)-1]})
}

// unknown reports a key that is not there, with those beside it that are.
func (d *decoder) unknown(node *unstable.Node, name []string) {
	parent := name[:len(name)-1]
	for len(parent) > 0 && !d.isTable(dotted(parent)) {
		parent = parent[:len(parent)-1]
	}
	var allowed []string
	for _, f := range d.fields {
		rest := f.key
		if len(parent) > 0 {
			var in bool
			if rest, in = strings.CutPrefix(f.key, dotted(parent)+"."); !in {
				continue
			}
		}
		if rest == "*" {
			rest = "any name"
		}
		rest, _, nested := strings.Cut(rest, ".")
		if nested {
			rest = "[" + rest + "]"
		}
		if !slices.Contains(allowed, rest) {
			allowed = append(allowed, rest)
		}
	}
	where := ""
	if len(parent) > 0 {
		where = " in [" + dotted(parent) + "]"
	}
	d.fault(node, dotted(name), "unknown key; allowed%s: %s", where, strings.Join(allowed, ", "))
}

func (d *decoder) isTable(key string) bool {
	return slices.ContainsFunc(d.fields, func(f field) bool { return strings.HasPrefix(f.key, key+".") })
}

// badBelow says that a key of the table has a fault.
func (d *decoder) badBelow(table string) bool {
	for key := range d.bad {
		if strings.HasPrefix(key, table+".") {
			return true
		}
	}
	return false
}

// missing reports a key that has to be there.
func (d *decoder) missing(key, format string, args ...any) {
	if !d.bad[key] {
		d.fault(nil, key, format, args...)
	}
}

func keyParts(e *unstable.Node) []string {
	var parts []string
	for it := e.Key(); it.Next(); {
		parts = append(parts, string(it.Node().Data))
	}
	return parts
}

// dotted joins the parts of a key; a part with a dot or a space of its own
// stays apart from a dotted key by its quotes.
func dotted(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		if p == "" || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r == '.' || r == '"' || r > '~' }) {
			p = strconv.Quote(p)
		}
		out[i] = p
	}
	return strings.Join(out, ".")
}

// kindName is a value's type in words.
func kindName(n *unstable.Node) string {
	switch n.Kind {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "an integer"
	case unstable.Float:
		return "a decimal number"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	}
	return "a date or time"
}
