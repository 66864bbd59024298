// Package viewmodel is all that the desktop decides and says, without a window:
// what was heard of the helper, the profiles and the time go in, and plain values
// that a widget only draws come out, their text already in the person's language.
// It does no I/O and has no clock.
package viewmodel

import (
	"strings"
	"unicode"
)

// Translator has the words of one language. The windows make it of Fyne's lang:
// Text is lang.X(key, key, args), Plural is lang.XN(key, key, n, args).
type Translator interface {
	// Text is the text of a key with the args filled in.
	Text(key string, args Args) string
	// Plural is the text of a key in the form that the language has for n.
	Plural(key string, n int, args Args) string
}

// Args are the names and numbers in a text, by the name of their place: a text
// "Connected to {{.Name}}" has one, Name.
type Args map[string]string

// Words is a language: its texts, and how it writes numbers, units and dates,
// which are texts of it as well.
type Words struct {
	t              Translator
	decimal, group string
	date, clock    string // layouts of package time
}

// NewWords is the language of a translator.
func NewWords(t Translator) *Words {
	return &Words{t: t,
		decimal: t.Text("number.decimal", nil), group: t.Text("number.group", nil),
		date: t.Text("date.layout", nil), clock: t.Text("time.layout", nil)}
}

// Text is a text without places.
func (w *Words) Text(key string) string { return w.t.Text(key, nil) }

// with is a text with one place.
func (w *Words) with(key, name, value string) string { return w.t.Text(key, Args{name: value}) }

// args is a text with several places.
func (w *Words) args(key string, a Args) string { return w.t.Text(key, a) }

// count is a text with the number n in the place N.
func (w *Words) count(key string, n int) string {
	return w.t.Plural(key, n, Args{"N": w.whole(int64(n))})
}

// button is a button with the text that an action has.
func (w *Words) button(a Action) Button { return Button{Text: w.Text("button." + string(a)), Does: a} }

// line makes one line of what a person or a gateway wrote: what does not print
// would break it, or worse.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
