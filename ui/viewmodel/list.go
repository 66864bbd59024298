package viewmodel

import (
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
)

// undoTime is how long a deletion can be undone.
const undoTime = 10 * time.Second

// Item is a profile as the list has it.
type Item struct {
	Entry    profile.Entry
	LastUsed time.Time // connected, or tried; zero: never
}

// Key tells items apart: the profile's id, or the path of a file with faults.
func (i Item) Key() string {
	if i.Entry.Profile == nil {
		return i.Entry.Path
	}
	return i.Entry.Profile.ID
}

// server is what stands below the name: the first server.
func (i Item) server() string {
	if i.Entry.Profile == nil || len(i.Entry.Profile.Servers) == 0 {
		return ""
	}
	return i.Entry.Profile.Servers[0]
}

// Row is a profile in the list.
type Row struct {
	Key    string // tells rows apart: see Item.Key
	Mark   Kind
	Name   string
	Server string
	Right  string // "1 h 24 min", "7 of 9", "72 s", "Managed", or ""
	Chosen bool
}

// UndoBar is the bar that a deleted profile leaves for ten seconds.
type UndoBar struct {
	Text, Undo string
	Left       time.Duration
}

// Switch asks before something that takes another thing's place, or cannot be taken
// back. More is a sentence below the question; "": none.
type Switch struct{ Question, More, Yes, No string }

// List is the list of profiles: which are shown, in what order, and which one is
// chosen. Its zero value is an empty list. A row is made when it is asked for, so
// that a list of thousands costs what is in view.
type List struct {
	items  []Item
	folded []string // what the search looks in, an item each
	shown  []int    // of items, in order
	search string
	chosen string // key

	// The deletion that can still be undone.
	deleted   *Item
	deletedAt int // where it was in items
	until     time.Time
}

// Set replaces the profiles, as the store lists them. The chosen one stays chosen
// as long as it is there; the search stays.
func (l *List) Set(items []Item) {
	l.items = slices.Clone(items)
	if l.deleted != nil { // the store may not know yet
		key := l.deleted.Key()
		l.items = slices.DeleteFunc(l.items, func(i Item) bool { return i.Key() == key })
	}
	l.changed()
}

// changed is after every change of items.
func (l *List) changed() {
	l.folded = make([]string, len(l.items))
	for n, i := range l.items {
		text := i.Entry.Name() + "\n" + i.server()
		if p := i.Entry.Profile; p != nil {
			text += "\n" + strings.Join(p.Servers, "\n") + "\n" + p.User
		}
		l.folded[n] = strings.ToLower(text)
	}
	l.filter()
}

// filter finds what is shown. Every word of the search has to be there.
func (l *List) filter() {
	words := strings.Fields(strings.ToLower(l.search))
	l.shown = l.shown[:0]
	for n, text := range l.folded {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			l.shown = append(l.shown, n)
		}
	}
	if l.index(l.chosen) < 0 {
		l.chosen = ""
		if len(l.items) > 0 {
			l.chosen = l.items[0].Key()
		}
	}
}

// Search shows only what has all the words in its name, servers or user name.
// The first one found is chosen if the chosen one is not among them.
func (l *List) Search(text string) {
	l.search = text
	l.filter()
	if len(l.shown) > 0 && l.position() < 0 {
		l.chosen = l.items[l.shown[0]].Key()
	}
}

// Searching says that a search hides rows, or may.
func (l *List) Searching() bool { return strings.TrimSpace(l.search) != "" }

// Items is all profiles in their order, shown or not.
func (l *List) Items() []Item { return slices.Clone(l.items) }

// Total is how many profiles there are, shown or not.
func (l *List) Total() int { return len(l.items) }

// Len is how many rows there are.
func (l *List) Len() int { return len(l.shown) }

// Item is what row n is of.
func (l *List) Item(n int) Item { return l.items[l.shown[n]] }

// index is where a key is in items, or -1.
func (l *List) index(key string) int {
	return slices.IndexFunc(l.items, func(i Item) bool { return i.Key() == key })
}

// position is the chosen row, or -1 when the search hides it.
func (l *List) position() int {
	return slices.IndexFunc(l.shown, func(n int) bool { return l.items[n].Key() == l.chosen })
}

// Position is the number of the chosen row; -1: there is none in view.
func (l *List) Position() int { return l.position() }

// Chosen is the profile whose page is shown; false: there is no profile.
func (l *List) Chosen() (Item, bool) {
	if n := l.index(l.chosen); n >= 0 {
		return l.items[n], true
	}
	return Item{}, false
}

// Choose makes the profile with that key the chosen one, if it is there.
func (l *List) Choose(key string) {
	if l.index(key) >= 0 {
		l.chosen = key
	}
}

// Step chooses with the keys: ChooseUp, ChooseDown, ChooseFirst, ChooseLast.
func (l *List) Step(a Action) {
	if len(l.shown) == 0 {
		return
	}
	n, last := l.position(), len(l.shown)-1
	switch a {
	case ChooseUp:
		n = max(n-1, 0)
	case ChooseDown:
		n = min(n+1, last)
	case ChooseFirst:
		n = 0
	case ChooseLast:
		n = last
	default:
		return
	}
	l.chosen = l.Item(n).Key()
}

// CanMove says that rows can be put in another order: not while a search hides
// what is between them.
func (l *List) CanMove() bool { return !l.Searching() && len(l.items) > 1 }

// Move puts row from in the place of row to, as dragging does, and gives the ids in
// their new order, for the store. ok is false where nothing moves.
func (l *List) Move(from, to int) (order []string, ok bool) {
	if !l.CanMove() || from == to || from < 0 || to < 0 || from >= len(l.items) || to >= len(l.items) {
		return nil, false
	}
	i := l.items[from]
	l.items = slices.Insert(slices.Delete(l.items, from, from+1), to, i)
	l.changed()
	return l.Order(), true
}

// MoveChosen is Move of the chosen row by one: MoveUp, MoveDown.
func (l *List) MoveChosen(a Action) (order []string, ok bool) {
	n := l.position()
	switch a {
	case MoveUp:
		return l.Move(n, n-1)
	case MoveDown:
		return l.Move(n, n+1)
	}
	return nil, false
}

// Order is the ids of the profiles, for the store.
func (l *List) Order() []string {
	var ids []string
	for _, i := range l.items {
		if i.Entry.Profile != nil {
			ids = append(ids, i.Entry.Profile.ID)
		}
	}
	return ids
}

// Delete takes a profile out of the list, and keeps it for Undo. What was deleted
// before can no longer be undone. It is false for what belongs to the machine,
// and for what is not there. The next row is chosen.
func (l *List) Delete(key string, now time.Time) (Item, bool) {
	n := l.index(key)
	if n < 0 || l.items[n].Entry.ReadOnly {
		return Item{}, false
	}
	i := l.items[n]
	if l.chosen == key {
		at := l.position()
		switch {
		case at >= 0 && at+1 < len(l.shown):
			l.chosen = l.Item(at + 1).Key()
		case at > 0:
			l.chosen = l.Item(at - 1).Key()
		}
	}
	l.deleted, l.deletedAt, l.until = &i, n, now.Add(undoTime)
	l.items = slices.Delete(l.items, n, n+1)
	l.changed()
	return i, true
}

// Undo puts the deleted profile back where it was, and chooses it. It is false
// when the time is over.
func (l *List) Undo(now time.Time) (Item, bool) {
	if l.deleted == nil || !now.Before(l.until) {
		return Item{}, false
	}
	i := *l.deleted
	l.deleted = nil
	l.items = slices.Insert(l.items, min(l.deletedAt, len(l.items)), i)
	l.chosen = i.Key()
	l.changed()
	if l.position() < 0 { // the search hides it
		l.Search("")
	}
	return i, true
}

// Forget ends the time in which a deletion can be undone, once it is over, and
// gives what is deleted for good: its secrets may go now.
func (l *List) Forget(now time.Time) (Item, bool) {
	if l.deleted == nil || now.Before(l.until) {
		return Item{}, false
	}
	i := *l.deleted
	l.deleted = nil
	return i, true
}

// UndoBar is the bar at the bottom; nil: there is none.
func (w *Words) UndoBar(l *List, now time.Time) *UndoBar {
	if l.deleted == nil || !now.Before(l.until) {
		return nil
	}
	return &UndoBar{Text: w.with("undo.text", "Name", line(l.deleted.Entry.Name())), Undo: w.Text("undo.button"), Left: l.until.Sub(now)}
}

// Row is row n of the list.
func (w *Words) Row(l *List, m *Model, n int, now time.Time) Row {
	i := l.Item(n)
	r := Row{Key: i.Key(), Name: line(i.Entry.Name()), Server: i.server(), Chosen: i.Key() == l.chosen, Mark: Disconnected}
	if i.Entry.Profile == nil {
		r.Mark, r.Server = Failed, w.Text("row.faulty")
		return r
	}
	if m.Profile(now).ID == i.Entry.Profile.ID {
		if k := m.Kind(now); k != Unknown {
			r.Mark = k
		}
		r.Right = w.right(m, now)
	}
	if r.Right == "" && i.Entry.ReadOnly {
		r.Right = w.Text("row.managed")
	}
	return r
}

// right is what stands at the right of the row that the connection is of.
func (w *Words) right(m *Model, now time.Time) string {
	switch m.Kind(now) {
	case Connected:
		return w.Lasted(now.Sub(m.Status.Since))
	case Waiting:
		return w.Seconds(m.SecondsLeft(now))
	case Reconnecting:
		if m.Status.Offline || m.Status.NextAttempt.After(now) {
			return ""
		}
		fallthrough
	case Connecting:
		return w.progress(int(m.current(now)))
	}
	return ""
}

// progress is "7 of 9".
func (w *Words) progress(n int) string {
	return w.args("row.progress", Args{"N": w.whole(int64(min(n, stages))), "All": w.whole(int64(stages))})
}

// Empty is what stands in place of rows: no profile at all, or none that is found.
func (w *Words) Empty(l *List) *Page {
	switch {
	case len(l.shown) > 0:
		return nil
	case len(l.items) > 0:
		b := w.button(ClearSearch)
		return &Page{Sentence: w.with("list.none", "Text", line(strings.TrimSpace(l.search))), Button: &b}
	}
	b, c := w.button(NewProfile), w.button(Import)
	return &Page{Heading: w.Text("list.empty"), Button: &b, Second: &c}
}

// Listed is the words around the list.
type Listed struct{ Search, SearchKey, New, More string }

// Listed is the words around the list; mac has other keys.
func (w *Words) Listed(mac bool) Listed {
	return Listed{Search: w.Text("list.search"), SearchKey: keyText(Key{Name: "F", Ctrl: true}, mac), New: w.Text("button.new"), More: w.Text("list.more")}
}

// Menu is the menu of a row, and of the page of its profile.
func (w *Words) Menu(m *Model, i Item, now time.Time) []MenuItem {
	key := i.Key()
	if i.Entry.Profile == nil {
		return []MenuItem{w.item(Delete, key, !i.Entry.ReadOnly)}
	}
	k := m.KindOf(key, now)
	first := w.item(Connect, key, k != Unknown && k != Disconnecting)
	switch k {
	case Connected:
		first = w.item(Disconnect, key, true)
	case Connecting, Waiting, Reconnecting:
		first = w.item(Cancel, key, true)
	}
	edit := EditProfile
	if i.Entry.ReadOnly {
		edit = ViewProfile
	}
	return []MenuItem{
		first, w.item(edit, key, true), w.item(Duplicate, key, true), w.item(Share, key, true),
		w.item(CopyServer, key, true), {Line: true}, w.item(Delete, key, !i.Entry.ReadOnly),
	}
}

// MainMenu is the menu at the bottom of the list.
func (w *Words) MainMenu() []MenuItem {
	var items []MenuItem
	for _, a := range []Action{Import, OpenLog, OpenAdmin, OpenSettings, OpenAbout} {
		items = append(items, w.item(a, "", true))
	}
	return items
}

// item is an item of a menu about a profile.
func (w *Words) item(a Action, key string, enabled bool) MenuItem {
	return MenuItem{Text: w.Text("menu." + string(a)), Does: a, Profile: key, Enabled: enabled}
}

// Name is the profile as the helper tells of it.
func (i Item) Name() api.ProfileName {
	if i.Entry.Profile == nil {
		return api.ProfileName{}
	}
	return api.ProfileName{ID: i.Entry.Profile.ID, Name: i.Entry.Profile.Name}
}
