// Package viewmodel is all that the desktop decides and says, without a window:
// what was heard of the helper, the profiles and the time go in, and plain values
// that a widget only draws come out, their text already in the person's language.
// It does no I/O and has no clock.
package viewmodel

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
