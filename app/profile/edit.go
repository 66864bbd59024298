package profile

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// edit is the text of a file that says p, with as little changed as can be: only
// the values that differ are written anew, and all else stays as a person wrote
// it, comments and order and all. ok is false where that is not possible: then
// Text is.
func edit(text []byte, p *Profile) (out []byte, ok bool) {
	was, err := Parse("", text)
	if err != nil {
		return nil, false
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(slices.Clone(text), '\n')
	}
	e := &editor{text: text, eol: "\n", keys: map[string]place{}, ends: map[string]int{}, inline: map[string]place{}, dotted: map[string]int{}}
	if bytes.Contains(text, []byte("\r\n")) {
		e.eol = "\r\n"
	}
	e.scan()
	if !e.change(was, p) {
		return nil, false
	}
	out = e.apply()
	// Whatever the library or we misread shows here.
	if got, err := Parse("", out); err != nil || !reflect.DeepEqual(got, p) {
		return nil, false
	}
	return out, true
}

// place is where a key is, in octets of the text.
type place struct {
	start, end int  // all of "key = value"
	value      int  // where the value begins
	inline     bool // inside { }
	empty      bool // of an inline table: it has no keys
}

// cut replaces a part of the text.
type cut struct {
	start, end int
	with       string
	late       bool // behind others at the same place: a new table
}

// editor changes a file key by key.
type editor struct {
	text   []byte
	eol    string
	keys   map[string]place
	ends   map[string]int   // of a [table] or, for "", of the keys above all: where one more key goes
	inline map[string]place // table = { }
	dotted map[string]int   // table.key = above all: where one more goes
	cuts   []cut
}

// scan finds the keys.
func (e *editor) scan() {
	var parser unstable.Parser
	parser.Reset(e.text)
	var table []string
	for parser.NextExpression() {
		x := parser.Expression()
		switch x.Kind {
		case unstable.Table:
			table = keyParts(x)
			e.ends[dotted(table)] = e.lineEnd(keyEnd(x))
		case unstable.KeyValue:
			e.keyValue(table, x, false)
			end := e.lineEnd(int(x.Raw.Offset + x.Raw.Length))
			e.ends[dotted(table)] = end
			if parts := keyParts(x); len(table) == 0 && len(parts) > 1 {
				e.dotted[dotted(parts[:len(parts)-1])] = end
			}
		}
	}
}

func (e *editor) keyValue(table []string, x *unstable.Node, inline bool) {
	name := slices.Concat(table, keyParts(x))
	at := place{start: int(x.Raw.Offset), end: int(x.Raw.Offset + x.Raw.Length), inline: inline}
	at.value = keyEnd(x)
	for at.value < at.end && bytes.IndexByte([]byte(" \t="), e.text[at.value]) >= 0 {
		at.value++
	}
	if x.Value().Kind != unstable.InlineTable {
		e.keys[dotted(name)] = at
		return
	}
	// One more key goes behind the last one, or behind the brace.
	more := place{end: at.value + 1, empty: true}
	for in := x.Value().Children(); in.Next(); {
		n := in.Node()
		e.keyValue(name, n, true)
		more = place{end: int(n.Raw.Offset + n.Raw.Length)}
	}
	e.inline[dotted(name)] = more
}

// keyEnd is where the key of an expression ends.
func keyEnd(x *unstable.Node) int {
	end := 0
	for it := x.Key(); it.Next(); {
		end = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	return end
}

// lineEnd is where the next line begins.
func (e *editor) lineEnd(at int) int { return at + bytes.IndexByte(e.text[at:], '\n') + 1 }

// change notes what has to be cut for the text to say p instead of was.
func (e *editor) change(was, p *Profile) bool {
	before, err := was.lines()
	if err != nil {
		return false
	}
	after, err := p.lines()
	if err != nil {
		return false
	}
	plain, err := Default().lines()
	if err != nil {
		return false
	}
	silent := p.notYet()
	added := map[string]bool{} // tables that the text does not have
	for i, l := range after {
		at, there := e.keys[l.dotted()]
		// They were made up, the name from the first server.
		missing := !there && (l.key == "id" || l.key == "name" && p.Name != p.Servers[0])
		switch {
		case l == before[i] && !missing:
		case there && silent[l.dotted()]:
			// A default that must not be spelled out yet.
			if at.inline {
				return false
			}
			e.cuts = append(e.cuts, cut{start: e.lineStart(at.start), end: e.lineEnd(at.end)})
		case there:
			e.cuts = append(e.cuts, cut{start: at.value, end: at.end, with: l.value})
		case l.value != plain[i].value:
			e.add(l, added)
		}
	}
	return true
}

func (e *editor) lineStart(at int) int { return bytes.LastIndexByte(e.text[:at], '\n') + 1 }

// add notes a key that the text does not have.
func (e *editor) add(l line, added map[string]bool) {
	own := strings.TrimSuffix(l.String(), "\n") + e.eol
	if at, ok := e.inline[l.table]; ok && l.table != "" {
		with := fmt.Sprintf(", %s = %s", l.key, l.value)
		if at.empty {
			with = fmt.Sprintf(" %s = %s ", l.key, l.value)
			e.inline[l.table] = place{end: at.end}
		}
		e.cuts = append(e.cuts, cut{start: at.end, end: at.end, with: with})
		return
	}
	at, ok := e.ends[l.table]
	late := false
	switch {
	case l.table == "":
		// Above the first table, be there any key or not.
	case ok:
	case e.dotted[l.table] > 0:
		at, own = e.dotted[l.table], l.table+"."+own
	default:
		at, late = len(e.text), true
		if !added[l.table] {
			own = fmt.Sprintf("%s[%s]%s%s", e.eol, l.table, e.eol, own)
		}
		added[l.table] = true
	}
	e.cuts = append(e.cuts, cut{at, at, own, late})
}

// apply makes the cuts.
func (e *editor) apply() []byte {
	slices.SortStableFunc(e.cuts, func(a, b cut) int {
		switch {
		case a.start != b.start || a.late == b.late:
			return cmp.Compare(a.start, b.start)
		case b.late:
			return -1
		}
		return 1
	})
	var out []byte
	at := 0
	for _, c := range e.cuts {
		out = append(append(out, e.text[at:max(at, c.start)]...), c.with...)
		at = max(at, c.end)
	}
	return append(out, e.text[at:]...)
}
