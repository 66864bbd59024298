package viewmodel

// Place is what the window shows, for the keyboard.
type Place uint8

// The places.
const (
	AtList   Place = iota // the list of profiles has the focus, or nothing has
	AtSearch              // the search field
	AtDetail              // something in a profile's page
	AtEditor
	AtPage // log, import, administrator, settings, about
	AtDialog
	AtMenu
	AtCode // the field for a code
)

// Key is a key as Fyne names it, with what is held down.
type Key struct {
	Name             string // "Return", "Escape", "F", "Up", "."
	Ctrl, Alt, Shift bool   // Ctrl is the command key on macOS
}

// Shortcut is a row of the list of keys.
type Shortcut struct {
	Keys string // "Ctrl+F", "⌘F"
	Text string
}
