package viewmodel

// What items of menus and keys do, beside the actions on the connection.
const (
	ToggleProfile Action = "toggle-profile"
	OpenWindow    Action = "open"
	MoreProfiles  Action = "more-profiles" // opens the window with the search
	Why           Action = "why"           // opens the window with the failure
	Quit          Action = "quit"
	NewProfile    Action = "new"
	EditProfile   Action = "edit"
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
	SavePage      Action = "save"
)

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

// Note is a notification. Both are free of what Windows' notifications would run.
type Note struct{ Title, Body string }

// QuitQuestion is what quitting asks while a connection is up.
type QuitQuestion struct{ Question, Disconnect, Keep, Cancel string }
