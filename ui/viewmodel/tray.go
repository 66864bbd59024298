package viewmodel

import (
	"slices"
	"time"
)

// What items of menus and keys do, beside the actions on the connection.
const (
	ToggleProfile Action = "toggle-profile"
	OpenWindow    Action = "open"
	MoreProfiles  Action = "more-profiles" // opens the window with the search
	Why           Action = "why"           // opens the window with the failure
	ConnectAgain  Action = "connect-again"
	Quit          Action = "quit"
	NewProfile    Action = "new"
	EditProfile   Action = "edit"
	ViewProfile   Action = "view" // of the machine: nothing can be changed
	Import        Action = "import"
	Duplicate     Action = "duplicate"
	Share         Action = "share"
	CopyServer    Action = "copy-server"
	Delete        Action = "delete"
	OpenSettings  Action = "settings"
	OpenAdmin     Action = "administrator"
	OpenAbout     Action = "about"
	Search        Action = "search"
	ClearSearch   Action = "clear-search"
	Close         Action = "close" // the window; the tray stays
	GoBack        Action = "back"  // out of a menu, a dialog, an editor, a page
	MoveUp        Action = "move-up"
	MoveDown      Action = "move-down"
	ChooseUp      Action = "choose-up"
	ChooseDown    Action = "choose-down"
	ChooseFirst   Action = "choose-first"
	ChooseLast    Action = "choose-last"
	Press         Action = "press"   // what has the focus
	Default       Action = "default" // the filled button
	UndoDelete    Action = "undo"
	SaveProfile   Action = "save"
	TryDemo       Action = "demo"
)

// trayProfiles is how many profiles the tray shows.
const trayProfiles = 8

// MenuItem is an item of a menu.
type MenuItem struct {
	Text    string
	Does    Action
	Profile string // key of the profile that it is about; "": none
	Ticked  bool
	Enabled bool
	Line    bool // a separator, and nothing else
}

// Tray is the tray's glyph and menu. It changes only when what it says does: a
// menu that is open is closed by every change.
type Tray struct {
	Glyph Glyph
	Title string // of the glyph, where the system shows it
	Items []MenuItem
}

// Equal says that nothing has to be drawn anew.
func (t Tray) Equal(o Tray) bool {
	return t.Glyph == o.Glyph && t.Title == o.Title && slices.Equal(t.Items, o.Items)
}

// Tray is the tray's menu.
func (w *Words) Tray(m *Model, items []Item, now time.Time) Tray {
	k, p := m.Kind(now), m.Profile(now)
	status := w.with("tray.status."+kindKeys[k], "Name", line(p.Name))
	if k == Waiting && len(m.Status.Ask) > 0 {
		status = w.Text("tray.status.code")
	}
	t := Tray{Glyph: k.Glyph(), Title: status, Items: []MenuItem{{Text: status}}}
	add := func(a Action, profile string) {
		i := w.item(a, profile, true)
		t.Items = append(t.Items, i)
	}
	switch k {
	case Failed:
		add(Why, p.ID)
	case Blocked:
		add(ConnectAgain, p.ID)
		add(AllowTraffic, p.ID)
	}
	t.Items = append(t.Items, MenuItem{Line: true})
	usable := slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return i.Entry.Profile == nil })
	slices.SortStableFunc(usable, func(a, b Item) int { return b.LastUsed.Compare(a.LastUsed) })
	for n, i := range usable {
		if n == trayProfiles {
			add(MoreProfiles, "")
			break
		}
		t.Items = append(t.Items, MenuItem{Text: line(i.Entry.Name()), Does: ToggleProfile, Profile: i.Key(), Enabled: k != Unknown,
			Ticked: i.Key() == p.ID && (k.Busy() && k != Disconnecting || k == Blocked)})
	}
	if len(usable) > 0 {
		t.Items = append(t.Items, MenuItem{Line: true})
	}
	add(OpenWindow, "")
	add(Quit, "")
	return t
}

// ToggleOf is what a click on a profile in the tray does: the same as its toggle.
func ToggleOf(m *Model, id string, now time.Time) Action {
	k := m.KindOf(id, now)
	return toggles[k].Does
}

// QuitQuestion is what quitting asks while a connection is up.
type QuitQuestion struct{ Question, Disconnect, Keep, Cancel string }

// QuitQuestion is what quitting asks; nil: nothing has to be asked.
func (w *Words) QuitQuestion(m *Model, now time.Time) *QuitQuestion {
	switch k := m.Kind(now); {
	case !k.Busy(), k == Disconnecting:
		return nil
	}
	return &QuitQuestion{Question: w.with("quit.question", "Name", line(m.Profile(now).Name)),
		Disconnect: w.Text("quit.disconnect"), Keep: w.Text("quit.keep"), Cancel: w.Text("quit.cancel")}
}
