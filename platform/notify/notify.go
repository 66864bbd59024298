// Package notify shows notifications where Fyne's would pile up or wait for ever:
// there is one at a time, and a desktop that does not answer costs a moment.
package notify

import "context"

// Config is what notifications are shown with.
type Config struct {
	Name  string // of the program, for people
	Entry string // its desktop entry, which is the name of its icon as well
	Open  string // what a click does, in a word; it may be shown
	// Clicked is called on a goroutine of its own when somebody clicks; nil: nothing
	// happens then.
	Clicked func()
	// Bus is the address of the session's bus; empty: the usual one.
	Bus string
}

// Note is a notification: a title and a sentence, both plain text.
type Note struct{ Title, Body string }

// Notifier shows the notifications of a program, one at a time: a new one takes the
// place of the one before. It may be used by one goroutine at a time.
type Notifier struct {
	cfg Config
	system
}

// New is a Notifier. It asks nothing yet.
func New(cfg Config) *Notifier { return &Notifier{cfg: cfg} }

// Show shows a note instead of the one before. The error is errors.ErrUnsupported
// where this package has no way to show any, and else that nobody shows it, or
// that it took longer than ctx.
func (n *Notifier) Show(ctx context.Context, note Note) error { return n.show(ctx, note) }

// Close ends it. What is shown stays.
func (n *Notifier) Close() { n.close() }
