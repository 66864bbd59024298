package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of a row.
const (
	rowHeight  float32 = 56
	rowInset   float32 = 8
	rowMark    float32 = 16
	rowName    float32 = 40
	rowBar     float32 = 3
	rowBarHigh float32 = 28
)

// RowActions are what a row tells.
type RowActions struct {
	Choose  func(key string)
	Connect func(key string) // double click
	Menu    func(key string, at fyne.Position)
	Drag    func(key string, y float32) // the pointer in the row; it may be outside of it
	Drop    func(key string)
}

// ProfileRow is a profile in the list. It is chosen as the button goes down:
// Fyne would wait for a second click before it tells of the first.
type ProfileRow struct {
	widget.BaseWidget
	model            viewmodel.Row
	act              RowActions
	mark             *StateMark
	hovered, focused bool
	lifted           bool
	// A row that is dragged out of sight is another one's by then: key is what
	// the pointer holds, grip is where.
	key  string
	grip float32
	held bool
}

// NewProfileRow is an empty row.
func NewProfileRow(act RowActions) *ProfileRow {
	r := &ProfileRow{act: act, mark: NewStateMark(viewmodel.Unknown)}
	r.ExtendBaseWidget(r)
	return r
}

// SetModel changes what it shows; focused draws the ring of its list around it.
func (r *ProfileRow) SetModel(m viewmodel.Row, focused bool) {
	if r.model == m && r.focused == focused {
		return
	}
	r.model, r.focused = m, focused
	r.mark.SetKind(m.Mark)
	r.Refresh()
}

// MouseDown chooses it.
func (r *ProfileRow) MouseDown(e *desktop.MouseEvent) {
	r.key, r.grip, r.held = r.model.Key, e.Position.Y, true
	tell(r.act.Choose, r.model.Key)
}

// MouseUp is Fyne's.
func (r *ProfileRow) MouseUp(*desktop.MouseEvent) { r.held = false }

// DoubleTapped connects it.
func (r *ProfileRow) DoubleTapped(*fyne.PointEvent) { tell(r.act.Connect, r.model.Key) }

// TappedSecondary opens its menu.
func (r *ProfileRow) TappedSecondary(e *fyne.PointEvent) {
	if r.act.Menu != nil {
		r.act.Menu(r.model.Key, e.AbsolutePosition)
	}
}

// Dragged moves it along with the pointer.
func (r *ProfileRow) Dragged(e *fyne.DragEvent) {
	if !r.held {
		r.key, r.grip, r.held = r.model.Key, e.Position.Y-e.Dragged.DY, true
	}
	r.grip += e.Dragged.DY
	if r.act.Drag != nil {
		r.act.Drag(r.key, r.grip)
	}
}

// DragEnd leaves it where it is.
func (r *ProfileRow) DragEnd() {
	r.held = false
	tell(r.act.Drop, r.key)
}

// MouseIn is Fyne's.
func (r *ProfileRow) MouseIn(*desktop.MouseEvent) { r.hover(true) }

// MouseMoved is Fyne's.
func (r *ProfileRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is Fyne's.
func (r *ProfileRow) MouseOut() { r.hover(false) }

func (r *ProfileRow) hover(on bool) {
	if r.hovered != on {
		r.hovered = on
		r.Refresh()
	}
}

// AccessibilityLabel is all of its texts.
func (r *ProfileRow) AccessibilityLabel() string {
	return r.model.Name + ", " + r.model.Server + ", " + r.model.Right
}

// AccessibilityRole is a button's.
func (r *ProfileRow) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer is Fyne's.
func (r *ProfileRow) CreateRenderer() fyne.WidgetRenderer {
	back, bar, ring := canvas.NewRectangle(nil), canvas.NewRectangle(nil), NewFocusRing()
	bar.CornerRadius = rowBar / 2
	name, server, right := newLine(body, bold, theme.Text), newLine(caption, regular, theme.Text2), newLine(caption, regular, theme.Text2)
	return render(&parts{of: r, objects: []fyne.CanvasObject{back, bar, r.mark, name.Text, server.Text, right.Text, ring},
		update: func() {
			r.ground(back)
			bar.FillColor = paint(r, theme.Primary)
			show(bar, r.model.Chosen)
			ring.StrokeColor = paint(r, theme.Primary)
			show(ring, r.focused)
			name.update(r, r.model.Name)
			server.update(r, r.model.Server)
			right.update(r, r.model.Right)
		},
		layout: func(s fyne.Size) {
			put(back, rowInset, 0, s.Width-2*rowInset, s.Height)
			put(bar, rowInset, (s.Height-rowBarHigh)/2, rowBar, rowBarHigh)
			PlaceFocusRing(ring, rowInset+4, 4, s.Width-2*rowInset-8, s.Height-8, back.CornerRadius-4)
			put(r.mark, rowMark, (s.Height-12)/2, 12, 12)
			w := min(right.measure().Width, s.Width/2)
			end := s.Width - rowInset - theme.Space12
			right.place(end-w, s.Height/2, w)
			room := end - rowName
			if w > 0 {
				room -= w + theme.Space8
			}
			name.place(rowName, s.Height/2-9, room)
			server.place(rowName, s.Height/2+9.5, room)
		},
		min: func() fyne.Size { return fyne.NewSize(120, rowHeight) },
	})
}

func (r *ProfileRow) ground(back *canvas.Rectangle) {
	back.CornerRadius = size(r, fynetheme.SizeNameSelectionRadius)
	back.Shadow = canvas.Shadow{}
	switch {
	case r.lifted:
		back.FillColor = paint(r, theme.Selected)
		back.Shadow = canvas.Shadow{Color: paint(r, theme.Shadow), BlurRadius: 8, Offset: fyne.NewPos(0, 2)}
	case r.model.Chosen:
		back.FillColor = paint(r, theme.Selected)
	case r.hovered:
		back.FillColor = paint(r, theme.Hover)
	default:
		back.FillColor = color.Transparent
	}
}
