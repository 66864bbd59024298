package viewmodel

import (
	"strings"
)

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

// binding is what a key does, and where.
type binding struct {
	key  Key
	at   []Place // nil: anywhere but in a menu and a dialog
	does Action
}

var (
	inForm  = []Place{AtEditor, AtPage, AtDialog}
	outside = []Place{AtList, AtSearch, AtDetail, AtPage, AtCode}
	rows    = []Place{AtList}
	rowsToo = []Place{AtList, AtSearch}
	leave   = []Place{AtMenu, AtDialog, AtEditor, AtPage}
	all     = []Place{AtList, AtSearch, AtDetail, AtEditor, AtPage, AtDialog, AtMenu, AtCode}
)

// bindings is the table of SPEC, 8, in its order. Where a key has two rows for one
// place the first one wins.
var bindings = []binding{
	{Key{Name: "Return"}, rowsToo, Connect},
	{Key{Name: "Return"}, inForm, Default},
	{Key{Name: "Return"}, []Place{AtCode}, SendCode},
	{Key{Name: "Return"}, []Place{AtDetail, AtMenu}, Press},
	{Key{Name: "Space"}, []Place{AtDetail, AtMenu}, Press},
	{Key{Name: "Escape"}, leave, GoBack},
	{Key{Name: "Escape"}, []Place{AtList, AtSearch, AtDetail, AtCode}, ClearSearch}, // without a search: Close
	{Key{Name: "Up"}, rowsToo, ChooseUp},
	{Key{Name: "Down"}, rowsToo, ChooseDown},
	{Key{Name: "Home"}, rows, ChooseFirst},
	{Key{Name: "End"}, rows, ChooseLast},
	{Key{Name: "Delete"}, rows, Delete},
	{Key{Name: "Up", Alt: true}, rowsToo, MoveUp},
	{Key{Name: "Down", Alt: true}, rowsToo, MoveDown},
	{Key{Name: "C", Ctrl: true, Shift: true}, outside, CopyReport},
	{Key{Name: "F", Ctrl: true}, outside, Search},
	{Key{Name: "N", Ctrl: true}, outside, NewProfile},
	{Key{Name: "E", Ctrl: true}, outside, EditProfile},
	{Key{Name: "I", Ctrl: true}, outside, Import},
	{Key{Name: "L", Ctrl: true}, outside, OpenLog},
	{Key{Name: "D", Ctrl: true}, outside, Duplicate},
	{Key{Name: "S", Ctrl: true}, []Place{AtEditor}, SaveProfile},
	{Key{Name: "Z", Ctrl: true}, rows, UndoDelete},
	{Key{Name: "W", Ctrl: true}, all, Close},
	{Key{Name: "Q", Ctrl: true}, all, Quit},
	{Key{Name: "F1"}, outside, OpenAdmin},
	{Key{Name: ".", Ctrl: true}, all, Disconnect},
}

// KeyState is what a key's meaning depends on.
type KeyState struct {
	At        Place
	Kind      Kind // of the connection, whatever profile it is of
	Own       Kind // of the chosen profile: Model.KindOf
	Chosen    Item // its Key is "" without one
	Searching bool
	Undoable  bool // a deletion can be undone
	Card      bool // a failure is shown
}

// KeyAction is what a key does; NoAction: whatever has the focus may have it.
// The second Enter key is the same as the first.
func KeyAction(k Key, s KeyState) Action {
	if k.Name == "KP_Enter" {
		k.Name = "Return"
	}
	for _, b := range bindings {
		if b.key != k || !contains(b.at, s.At) {
			continue
		}
		return s.allow(b.does)
	}
	return NoAction
}

func contains(places []Place, p Place) bool {
	for _, at := range places {
		if at == p {
			return true
		}
	}
	return false
}

// allow is what becomes of an action in a state.
func (s KeyState) allow(a Action) Action {
	there := s.Chosen.Entry.Path != "" || s.Chosen.Entry.Profile != nil
	usable := s.Chosen.Entry.Profile != nil
	switch a {
	case ClearSearch:
		if !s.Searching {
			return Close
		}
	case Connect:
		if !usable || s.Kind == Unknown || s.Own.Busy() {
			return NoAction
		}
	case EditProfile, Duplicate:
		if !usable {
			return NoAction
		}
	case Delete, MoveUp, MoveDown:
		if !there || a == Delete && s.Chosen.Entry.ReadOnly {
			return NoAction
		}
	case Disconnect:
		switch s.Kind {
		case Connecting, Waiting, Reconnecting:
			return Cancel
		case Connected:
			return Disconnect
		}
		return NoAction
	case UndoDelete:
		if !s.Undoable {
			return NoAction
		}
	case CopyReport:
		if !s.Card {
			return NoAction
		}
	}
	return a
}

// keyText is how a key is written.
func keyText(k Key, mac bool) string {
	names := map[string]string{"Return": "Enter", "Escape": "Esc", "Up": "↑", "Down": "↓", "Delete": "Del"}
	name := k.Name
	if n, ok := names[name]; ok {
		name = n
	}
	var parts []string
	add := func(held bool, pc, apple string) {
		switch {
		case held && mac:
			parts = append(parts, apple)
		case held:
			parts = append(parts, pc+"+")
		}
	}
	add(k.Alt, "Alt", "⌥")
	add(k.Ctrl && !mac, "Ctrl", "")
	add(k.Shift, "Shift", "⇧")
	add(k.Ctrl && mac, "", "⌘")
	return strings.Join(parts, "") + name
}

// Shortcuts is the list of keys for people.
func (w *Words) Shortcuts(mac bool) []Shortcut {
	var out []Shortcut
	seen := map[Key]bool{}
	for _, b := range bindings {
		if seen[b.key] {
			continue
		}
		seen[b.key] = true
		out = append(out, Shortcut{keyText(b.key, mac), w.Text("key." + string(b.does))})
	}
	return out
}
