package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// Entry is a field to type into. Enter, Escape and shortcuts that it has no use
// for go on to OnEnter and OnEscape, and where those are nil to the window.
type Entry struct {
	widget.Entry
	OnEnter  func()
	OnEscape func()
	OnDown   func() // the arrow, in a field of one line; may be nil
	OnFocus  func(gained bool)

	focused, fault bool
	edge           *canvas.Rectangle
}

// NewEntry is a field of one line.
func NewEntry() *Entry {
	e := &Entry{}
	e.Wrapping = scrolls
	e.ExtendBaseWidget(e)
	return e
}

// NewMultiLineEntry is a field of several lines, in which Enter begins a new one.
func NewMultiLineEntry(rows int) *Entry {
	e := &Entry{}
	e.MultiLine = true
	e.Wrapping = scrolls
	e.SetMinRowsVisible(rows)
	e.ExtendBaseWidget(e)
	return e
}

// NewPasswordEntry is a field whose content is hidden until the button in it is
// pressed; show and hide are its labels.
func NewPasswordEntry(show, hide string) *Entry {
	e := &Entry{}
	e.Password, e.Wrapping = true, scrolls
	var eye *Button
	eye = NewIconButton(Quiet, fynetheme.VisibilityIcon(), "", show, func() {
		e.Password = !e.Password
		eye.label = hide
		icon := fynetheme.VisibilityOffIcon()
		if e.Password {
			eye.label, icon = show, fynetheme.VisibilityIcon()
		}
		eye.SetIcon(icon)
		e.Refresh()
	})
	e.ActionItem = eye
	e.ExtendBaseWidget(e)
	return e
}

// scrolls is how Fyne says that long text moves inside of the field.
const scrolls = fyne.TextWrap(fyne.TextTruncateClip)

// AcceptsTab never does: Tab leads to the next field.
func (e *Entry) AcceptsTab() bool { return false }

// SetPassword hides or shows what is typed.
func (e *Entry) SetPassword(hidden bool) {
	if e.Password != hidden {
		e.Password = hidden
		e.Refresh()
	}
}

// SetFault gives the field the edge of what is wrong.
func (e *Entry) SetFault(fault bool) {
	if e.fault != fault {
		e.fault = fault
		e.Refresh()
	}
}

// TypedKey passes Enter and Escape on.
func (e *Entry) TypedKey(key *fyne.KeyEvent) {
	switch key.Name {
	case fyne.KeyEscape:
		e.pass(e.OnEscape, key)
	case fyne.KeyReturn, fyne.KeyEnter:
		if e.MultiLine {
			e.Entry.TypedKey(key)
			return
		}
		e.pass(e.OnEnter, key)
	case fyne.KeyDown:
		if e.OnDown != nil {
			e.OnDown()
			return
		}
		e.Entry.TypedKey(key)
	default:
		e.Entry.TypedKey(key)
	}
}

func (e *Entry) pass(f func(), key *fyne.KeyEvent) {
	if f != nil {
		f()
		return
	}
	passKey(e, key)
}

// TypedShortcut passes on what is not for text: Ctrl+F is the window's. The
// field's own custom shortcuts have an arrow or a deleting key.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if c, ok := s.(*desktop.CustomShortcut); ok {
		switch c.KeyName {
		case fyne.KeyLeft, fyne.KeyRight, fyne.KeyUp, fyne.KeyDown, fyne.KeyHome, fyne.KeyEnd, fyne.KeyBackspace, fyne.KeyDelete:
		default:
			passShortcut(e, s)
			return
		}
	}
	e.Entry.TypedShortcut(s)
}

// FocusGained shows the ring.
func (e *Entry) FocusGained() {
	e.focused = true
	e.Entry.FocusGained()
	reveal(e)
	tell(e.OnFocus, true)
}

// FocusLost hides it.
func (e *Entry) FocusLost() {
	e.focused = false
	e.Entry.FocusLost()
	tell(e.OnFocus, false)
}

// MinSize is a control's height, where there is one line.
func (e *Entry) MinSize() fyne.Size {
	m := e.Entry.MinSize()
	if !e.MultiLine {
		m.Height = theme.Control
	}
	return m
}

// CreateRenderer lays a thicker edge over Fyne's field.
func (e *Entry) CreateRenderer() fyne.WidgetRenderer {
	e.ExtendBaseWidget(e)
	e.edge = NewFocusRing()
	r := &edged{WidgetRenderer: e.Entry.CreateRenderer(), e: e}
	r.update()
	return r
}

// edged is the renderer of Fyne's field with an edge of 2 over its own: of
// primary with the focus, of the colour of failure with a fault.
type edged struct {
	fyne.WidgetRenderer
	e *Entry
}

func (r *edged) Objects() []fyne.CanvasObject {
	return append(append([]fyne.CanvasObject{}, r.WidgetRenderer.Objects()...), r.e.edge)
}

func (r *edged) Layout(s fyne.Size) {
	r.WidgetRenderer.Layout(s)
	put(r.e.edge, 0, 0, s.Width, s.Height)
}

func (r *edged) Refresh() {
	r.update()
	r.WidgetRenderer.Refresh()
}

func (r *edged) update() {
	e := r.e
	e.edge.CornerRadius = size(e, fynetheme.SizeNameInputRadius)
	e.edge.StrokeColor = paint(e, theme.Primary)
	if e.fault {
		e.edge.StrokeColor = paint(e, theme.Failed.Color())
	}
	show(e.edge, e.focused || e.fault)
	e.edge.Refresh()
}

// newEntryRow is a field with a button beside it, which is below where there is
// no room.
func newEntryRow(e fyne.CanvasObject, b *Button) *fyne.Container {
	return container.New(&entryRow{}, e, b)
}

type entryRow struct{}

const entryMost float32 = 200 // a code is short

func (entryRow) fits(o []fyne.CanvasObject, width float32) bool {
	return 120+theme.Space8+o[1].MinSize().Width <= width
}

func (r entryRow) heightFor(o []fyne.CanvasObject, width float32) float32 {
	if r.fits(o, width) {
		return theme.Control
	}
	return 2*theme.Control + theme.Space8
}

func (r entryRow) Layout(o []fyne.CanvasObject, s fyne.Size) {
	if !r.fits(o, s.Width) {
		put(o[0], 0, 0, s.Width, theme.Control)
		put(o[1], 0, theme.Control+theme.Space8, s.Width, theme.Control)
		return
	}
	b := o[1].MinSize().Width
	w := min(entryMost, s.Width-theme.Space8-b)
	put(o[0], 0, 0, w, theme.Control)
	put(o[1], w+theme.Space8, 0, b, theme.Control)
}

func (r entryRow) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minWidth(o), theme.Control)
}
