package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// ListModel is what the list of profiles shows.
type ListModel struct {
	Rows    []viewmodel.Row
	Movable bool               // not while only some are shown
	None    string             // in place of rows: "No profile matches “nordw”."
	Undo    *viewmodel.UndoBar // nil: nothing was deleted
}

// ListTexts are the words of the list that do not change.
type ListTexts struct {
	Search, Hint, Clear string // "Search", "Ctrl+F", "Clear search"
	New, More           string // "New profile"; More is the label of the menu's button
}

// ListActions are what the list tells. A nil one is left out.
type ListActions struct {
	Choose  func(key string)
	Connect func(key string)
	Delete  func(key string)
	Menu    func(key string, at fyne.Position)
	Move    func(key string, to int) // to is its place among the rows afterwards
	Search  func(text string)
	New     func()
	More    func(at fyne.Position)
	Undo    func()
}

// The measures of the list.
const (
	listTop    float32 = 60
	listBottom float32 = 52
	listPad    float32 = 12
)

// ProfileList is the list of profiles with its search field and bottom line.
type ProfileList struct {
	widget.BaseWidget
	act    ListActions
	model  ListModel
	search *Entry
	hint   *searchHint
	rows   *profileRows
	none   *Paragraph
	clear  *Button
	add    *Button
	more   *Button
	undo   *UndoBar
}

// NewProfileList is an empty list.
func NewProfileList(texts ListTexts, act ListActions) *ProfileList {
	l := &ProfileList{act: act, none: NewSentence("").Centered()}
	l.search = NewEntry()
	l.search.SetPlaceHolder(texts.Search)
	l.search.Icon = fynetheme.SearchIcon()
	l.hint = newSearchHint(texts.Hint)
	l.search.ActionItem = l.hint
	l.search.OnChanged = func(s string) {
		l.hint.set(s == "")
		tell(act.Search, s)
	}
	l.search.OnDown = func() {
		l.FocusRows()
		l.rows.byKey()
	}
	l.search.OnEnter = func() { l.rows.connect() }
	l.search.OnEscape = func() {
		if l.search.Text == "" {
			passKey(l.search, &fyne.KeyEvent{Name: fyne.KeyEscape})
			return
		}
		l.search.SetText("")
	}
	l.rows = newProfileRows(l)
	l.clear = NewButton(Link, texts.Clear, func() { l.search.SetText("") })
	l.add = NewIconButton(Quiet, fynetheme.ContentAddIcon(), texts.New, "", func() { call(act.New) })
	l.more = NewIconButton(Quiet, fynetheme.MoreVerticalIcon(), "", texts.More, func() {
		tell(act.More, fyne.CurrentApp().Driver().AbsolutePositionForObject(l.more))
	})
	l.undo = NewUndoBar(func() { call(act.Undo) })
	l.undo.Hide()
	l.none.Hide()
	l.clear.Hide()
	l.ExtendBaseWidget(l)
	return l
}

// SetModel changes what it shows. What is chosen is scrolled into sight when it
// changes, and when other rows are shown.
func (l *ProfileList) SetModel(m ListModel) {
	before, after := chosen(l.model.Rows), chosen(m.Rows)
	was, is := "", ""
	if before >= 0 {
		was = l.model.Rows[before].Key
	}
	if after >= 0 {
		is = m.Rows[after].Key
	}
	other := len(m.Rows) != len(l.model.Rows) // of a search, or without one
	l.model = m
	l.rows.list.reload()
	if (is != was || other) && after >= 0 {
		l.rows.list.reveal(after)
	}
	l.none.SetText(m.None)
	show(l.none, m.None != "")
	show(l.clear, m.None != "" && l.search.Text != "")
	show(l.undo, m.Undo != nil)
	if m.Undo != nil {
		l.undo.SetModel(*m.Undo)
	}
	l.Refresh()
}

// chosen is the place of the chosen row, or -1.
func chosen(rows []viewmodel.Row) int {
	for i, r := range rows {
		if r.Chosen {
			return i
		}
	}
	return -1
}

// FocusSearch gives the search field the focus.
func (l *ProfileList) FocusSearch() { focus(l.search) }

// FocusRows gives the rows the focus. Its ring shows when a key is typed: the
// chosen row is marked already.
func (l *ProfileList) FocusRows() { l.rows.quietly() }

// SetSearch changes the text that is searched for.
func (l *ProfileList) SetSearch(text string) { l.search.SetText(text) }

// CreateRenderer is Fyne's.
func (l *ProfileList) CreateRenderer() fyne.WidgetRenderer {
	back, line := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	return render(&parts{of: l, objects: []fyne.CanvasObject{back, l.search, l.rows, l.none, l.clear, line, l.add, l.more, l.undo},
		update: func() { back.FillColor, line.FillColor = paint(l, theme.Side), paint(l, theme.Border) },
		layout: func(s fyne.Size) {
			put(back, 0, 0, s.Width, s.Height)
			put(l.search, listPad, listPad, s.Width-2*listPad, theme.Control)
			bottom := s.Height - listBottom
			put(l.rows, 0, listTop, s.Width, bottom-listTop)
			h := l.none.HeightFor(s.Width - 2*theme.Space24)
			put(l.none, theme.Space24, listTop+theme.Space16, s.Width-2*theme.Space24, h)
			c := l.clear.MinSize()
			put(l.clear, (s.Width-c.Width)/2, listTop+theme.Space16+h+theme.Space4, c.Width, c.Height)
			put(line, listPad, bottom, s.Width-2*listPad, 1)
			y := bottom + (listBottom-theme.Control)/2
			put(l.add, listPad, y, min(l.add.MinSize().Width, s.Width-2*listPad-theme.Control), theme.Control)
			put(l.more, s.Width-listPad-theme.Control, y, theme.Control, theme.Control)
			u := l.undo.HeightFor(s.Width - 2*rowInset)
			put(l.undo, rowInset, bottom-u-rowInset, s.Width-2*rowInset, u)
		},
		min: func() fyne.Size { return fyne.NewSize(200, listTop+rowHeight+listBottom) },
	})
}

// profileRows are the rows of the list: they have the focus together, and know
// the keys.
type profileRows struct {
	widget.BaseWidget
	of      *ProfileList
	list    *rows
	focused bool
	keyed   bool // the focus is seen: it came by the keyboard

	lifted *ProfileRow // what is dragged, over the others
	line   *canvas.Rectangle
	key    string  // of what is dragged; "": nothing
	start  float32 // how far it was scrolled when that began
	to     int     // its place, if it were let go
}

func newProfileRows(of *ProfileList) *profileRows {
	p := &profileRows{of: of, line: canvas.NewRectangle(nil), lifted: NewProfileRow(RowActions{})}
	p.lifted.lifted = true
	p.lifted.Hide()
	p.line.Hide()
	act := RowActions{Connect: of.act.Connect, Menu: of.act.Menu, Drag: p.drag, Drop: p.drop,
		Choose: func(key string) {
			p.quietly()
			tell(of.act.Choose, key)
		}}
	p.list = newRows(rowHeight, func() int { return len(of.model.Rows) },
		func() fyne.CanvasObject { return NewProfileRow(act) },
		func(i int, o fyne.CanvasObject) {
			m := of.model.Rows[i]
			o.(*ProfileRow).SetModel(m, p.focused && p.keyed && m.Chosen)
		})
	p.ExtendBaseWidget(p)
	return p
}

func (p *profileRows) index(key string) int {
	for i, r := range p.of.model.Rows {
		if r.Key == key {
			return i
		}
	}
	return -1
}

// drag lifts a row to where the pointer is, and shows where it would land.
func (p *profileRows) drag(key string, y float32) {
	i := p.index(key)
	if !p.of.model.Movable || i < 0 {
		return
	}
	if p.key != key {
		p.key, p.start = key, p.list.scroll.Offset.Y
	}
	top := float32(i)*rowHeight + y - rowHeight/2 - p.start // in what is seen
	switch {
	case top < 0:
		p.list.to(p.list.scroll.Offset.Y - rowHeight/4)
	case top+rowHeight > p.Size().Height:
		p.list.to(p.list.scroll.Offset.Y + rowHeight/4)
	}
	offset := p.list.scroll.Offset.Y
	p.to = min(max(int((top+offset)/rowHeight+0.5), 0), len(p.of.model.Rows)-1)
	before := p.to
	if p.to > i { // it leaves a gap above
		before++
	}
	p.lifted.SetModel(p.of.model.Rows[i], false)
	show(p.lifted, true)
	show(p.line, true)
	put(p.lifted, 0, top, p.Size().Width, rowHeight)
	put(p.line, rowInset, float32(before)*rowHeight-offset-1, p.Size().Width-2*rowInset, 2)
	canvas.Refresh(p)
}

// drop moves the row to where it would land.
func (p *profileRows) drop(string) {
	key, i, to := p.key, p.index(p.key), p.to
	p.key = ""
	show(p.lifted, false)
	show(p.line, false)
	if key != "" && i >= 0 {
		p.move(key, i, to)
	}
}

func (p *profileRows) move(key string, from, to int) {
	if from != to && to >= 0 && to < len(p.of.model.Rows) && p.of.act.Move != nil {
		p.of.act.Move(key, to)
	}
}

func (p *profileRows) connect() {
	if i := chosen(p.of.model.Rows); i >= 0 {
		tell(p.of.act.Connect, p.of.model.Rows[i].Key)
	}
}

func (p *profileRows) choose(i int) {
	n := len(p.of.model.Rows)
	if n == 0 {
		return
	}
	i = min(max(i, 0), n-1)
	tell(p.of.act.Choose, p.of.model.Rows[i].Key)
	p.list.reveal(i)
}

// TypedKey moves in the list, connects and deletes; the rest is the window's.
func (p *profileRows) TypedKey(e *fyne.KeyEvent) {
	p.byKey()
	i, page := chosen(p.of.model.Rows), max(int(p.Size().Height/rowHeight)-1, 1)
	switch e.Name {
	case fyne.KeyUp:
		p.choose(i - 1)
	case fyne.KeyDown:
		p.choose(i + 1)
	case fyne.KeyHome:
		p.choose(0)
	case fyne.KeyEnd:
		p.choose(len(p.of.model.Rows) - 1)
	case fyne.KeyPageUp:
		p.choose(i - page)
	case fyne.KeyPageDown:
		p.choose(i + page)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		p.connect()
	case fyne.KeyDelete:
		if i >= 0 {
			tell(p.of.act.Delete, p.of.model.Rows[i].Key)
		}
	case desktop.KeyMenu:
		if i >= 0 && p.of.act.Menu != nil {
			at := fyne.CurrentApp().Driver().AbsolutePositionForObject(p)
			p.of.act.Menu(p.of.model.Rows[i].Key, at.AddXY(rowName, float32(i+1)*rowHeight-p.list.scroll.Offset.Y))
		}
	default:
		passKey(p, e)
	}
}

// TypedRune is for fields.
func (p *profileRows) TypedRune(rune) {}

// TypedShortcut moves the chosen profile with Alt and an arrow.
func (p *profileRows) TypedShortcut(s fyne.Shortcut) {
	c, ok := s.(*desktop.CustomShortcut)
	i := chosen(p.of.model.Rows)
	if !ok || c.Modifier != fyne.KeyModifierAlt || i < 0 || !p.of.model.Movable {
		passShortcut(p, s)
		return
	}
	switch c.KeyName {
	case fyne.KeyUp:
		p.move(p.of.model.Rows[i].Key, i, i-1)
	case fyne.KeyDown:
		p.move(p.of.model.Rows[i].Key, i, i+1)
	default:
		passShortcut(p, s)
	}
}

// quietly takes the focus without a ring.
func (p *profileRows) quietly() {
	focus(p)
	p.keyed = false
	p.list.body.arrange(true)
}

// byKey shows the ring.
func (p *profileRows) byKey() {
	if !p.keyed {
		p.keyed = true
		p.list.body.arrange(true)
	}
}

// KeyDown is Fyne's.
func (p *profileRows) KeyDown(*fyne.KeyEvent) {}

// KeyUp shows the ring if Tab led here: it is let go here.
func (p *profileRows) KeyUp(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyTab {
		p.byKey()
	}
}

// FocusGained may be that of the window.
func (p *profileRows) FocusGained() { p.setFocus(true) }

// FocusLost hides it.
func (p *profileRows) FocusLost() { p.setFocus(false) }

func (p *profileRows) setFocus(on bool) {
	p.focused = on
	p.list.body.arrange(true)
}

func (p *profileRows) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: p, objects: []fyne.CanvasObject{p.list, p.lifted, p.line},
		update: func() { p.line.FillColor = paint(p, theme.Primary) },
		layout: func(s fyne.Size) { put(p.list, 0, 0, s.Width, s.Height) },
		min:    func() fyne.Size { return fyne.NewSize(120, rowHeight) },
	})
}

// searchHint is the shortcut at the right of the empty search field.
type searchHint struct {
	widget.BaseWidget
	text  string
	shown bool
}

func newSearchHint(text string) *searchHint {
	h := &searchHint{text: text, shown: true}
	h.ExtendBaseWidget(h)
	return h
}

func (h *searchHint) set(shown bool) {
	if h.shown != shown {
		h.shown = shown
		h.Refresh()
	}
}

func (h *searchHint) CreateRenderer() fyne.WidgetRenderer {
	text := newLine(caption, regular, theme.Text2)
	return render(&parts{of: h, objects: []fyne.CanvasObject{text.Text},
		update: func() {
			text.update(h, h.text)
			show(text.Text, h.shown)
		},
		layout: func(s fyne.Size) { text.place(0, s.Height/2, s.Width-theme.Space8) },
		min: func() fyne.Size {
			return fyne.NewSize(text.measure().Width+theme.Space8+theme.Space4, text.height())
		},
	})
}

// UndoBar says what was deleted, and takes it back.
type UndoBar struct {
	widget.BaseWidget
	text *Paragraph
	undo *Button
}

// NewUndoBar is an empty bar.
func NewUndoBar(undo func()) *UndoBar {
	b := &UndoBar{text: NewText(""), undo: NewButton(Link, "", undo)}
	b.ExtendBaseWidget(b)
	return b
}

// SetModel changes what it says.
func (b *UndoBar) SetModel(m viewmodel.UndoBar) {
	b.text.SetText(m.Text)
	b.undo.SetText(m.Undo)
	b.Refresh()
}

func (b *UndoBar) room(width float32) float32 {
	return width - theme.Space12 - theme.Space8 - theme.Space4 - b.undo.MinSize().Width
}

// HeightFor is the height in a width.
func (b *UndoBar) HeightFor(width float32) float32 {
	return max(b.text.HeightFor(b.room(width)), theme.Control) + theme.Space8
}

// CreateRenderer is Fyne's.
func (b *UndoBar) CreateRenderer() fyne.WidgetRenderer {
	back := newCard()
	return render(&parts{of: b, objects: []fyne.CanvasObject{back, b.text, b.undo},
		update: func() {
			updateCard(b, back)
			back.CornerRadius = size(b, fynetheme.SizeNameSelectionRadius)
			back.Shadow = canvas.Shadow{Color: paint(b, theme.Shadow), BlurRadius: 8, Offset: fyne.NewPos(0, 2)}
		},
		layout: func(s fyne.Size) {
			placeCard(back, s)
			room := b.room(s.Width)
			h := b.text.HeightFor(room)
			put(b.text, theme.Space12, (s.Height-h)/2, room, h)
			w := b.undo.MinSize().Width
			put(b.undo, s.Width-w-theme.Space4, (s.Height-theme.Control)/2, w, theme.Control)
		},
		min: func() fyne.Size { return fyne.NewSize(160, b.HeightFor(max(160, b.Size().Width))) },
	})
}
