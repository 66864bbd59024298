package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// NewSheet is the content of a dialog: as wide as it is told, and as high as that
// takes; where the window is too low for it, it scrolls.
func NewSheet(width, most float32, content fyne.CanvasObject) fyne.CanvasObject {
	inner := NewInset(theme.Space16, theme.Space16, theme.Space16, theme.Space16, content)
	scroll := container.NewVScroll(inner)
	return container.New(&sheet{width: width, most: most, inner: inner}, scroll)
}

type sheet struct {
	width, most float32
	inner       fyne.CanvasObject
}

// Layout is fyne.Layout's.
func (l *sheet) Layout(o []fyne.CanvasObject, s fyne.Size) { put(o[0], 0, 0, s.Width, s.Height) }

// MinSize is fyne.Layout's.
func (l *sheet) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(l.width, min(heightFor(l.inner, l.width), l.most))
}

// NewMiddle is a line of objects in the middle, or several where one has no room.
func NewMiddle(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&middle{gap: gap}, objects...)
}

type middle struct{ gap, width float32 }

// lines tells which objects share a line, and how wide that is.
func (m *middle) lines(o []fyne.CanvasObject, width float32, f func(line []fyne.CanvasObject, w, h float32)) {
	var line []fyne.CanvasObject
	var used, high float32
	for _, x := range o {
		s := x.MinSize()
		if len(line) > 0 && used+m.gap+s.Width > width {
			f(line, used, high)
			line, used, high = nil, 0, 0
		}
		if len(line) > 0 {
			used += m.gap
		}
		line, used, high = append(line, x), used+s.Width, max(high, s.Height)
	}
	if len(line) > 0 {
		f(line, used, high)
	}
}

func (m *middle) heightFor(o []fyne.CanvasObject, width float32) float32 {
	var sum float32
	m.lines(o, width, func(_ []fyne.CanvasObject, _, h float32) { sum += h })
	return sum
}

// Layout is fyne.Layout's.
func (m *middle) Layout(o []fyne.CanvasObject, s fyne.Size) {
	m.width = s.Width
	var y float32
	m.lines(o, s.Width, func(line []fyne.CanvasObject, w, h float32) {
		x := max((s.Width-w)/2, 0)
		for _, object := range line {
			own := min(object.MinSize().Width, s.Width)
			put(object, x, y, own, h)
			x += own + m.gap
		}
		y += h
	})
}

// MinSize is fyne.Layout's.
func (m *middle) MinSize(o []fyne.CanvasObject) fyne.Size {
	w := minWidth(o)
	return fyne.NewSize(w, m.heightFor(o, max(w, m.width)))
}

// NewTopped gives all the height to the second object, but for what the first one
// needs.
func NewTopped(gap float32, top, rest fyne.CanvasObject) *fyne.Container {
	return container.New(&topped{gap}, top, rest)
}

type topped struct{ gap float32 }

// Layout is fyne.Layout's.
func (t *topped) Layout(o []fyne.CanvasObject, s fyne.Size) {
	h := heightFor(o[0], s.Width)
	put(o[0], 0, 0, s.Width, h)
	put(o[1], 0, h+t.gap, s.Width, s.Height-h-t.gap)
}

// MinSize is fyne.Layout's.
func (t *topped) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(minWidth(o), o[0].MinSize().Height+t.gap+o[1].MinSize().Height)
}

// NewLogTools is the line above the log: a field that takes what room there is, a
// choice, a box to tick. Where there is little room, the field has its own line.
func NewLogTools(filter *Entry, level *Choice, follow *Check) *fyne.Container {
	return container.New(&logTools{}, filter, level, follow)
}

type logTools struct{}

const (
	logLevelWide  float32 = 132
	logFilterMost float32 = 360
)

func (logTools) rest(o []fyne.CanvasObject) float32 {
	return logLevelWide + theme.Space12 + o[2].MinSize().Width + theme.Space12
}

func (l logTools) heightFor(o []fyne.CanvasObject, width float32) float32 {
	if width-l.rest(o) < 140 {
		return 2*theme.Control + theme.Space8
	}
	return theme.Control
}

// Layout is fyne.Layout's.
func (l logTools) Layout(o []fyne.CanvasObject, s fyne.Size) {
	room, x, y := s.Width-l.rest(o), float32(0), float32(0)
	if room < 140 {
		put(o[0], 0, 0, s.Width, theme.Control)
		y = theme.Control + theme.Space8
	} else {
		room = min(room, logFilterMost)
		put(o[0], 0, 0, room, theme.Control)
		x = room + theme.Space12
	}
	put(o[1], x, y, logLevelWide, theme.Control)
	put(o[2], x+logLevelWide+theme.Space12, y, o[2].MinSize().Width, theme.Control)
}

// MinSize is fyne.Layout's.
func (l logTools) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(l.rest(o), theme.Control)
}

// NewImportRows is what was understood of something: a tick or a triangle, a
// field, its value.
func NewImportRows(rows []viewmodel.ImportRow) *fyne.Container {
	var objects []fyne.CanvasObject
	for _, r := range rows {
		mark := fyne.CanvasObject(NewStateMark(viewmodel.Failed))
		if r.Good {
			mark = NewCheckLine(true, "")
		}
		objects = append(objects, container.New(&importRow{}, mark, NewBold(r.Field), NewText(r.Value)))
	}
	return NewColumn(theme.Space4, objects...)
}

// importRow is a mark, a name and a value beside it, or below where there is
// little room.
type importRow struct{ width float32 }

func (importRow) name(width float32) float32 { return min(200, width*0.4) }

func (r *importRow) heightFor(o []fyne.CanvasObject, width float32) float32 {
	room := width - stepSign - theme.Space8
	if width < 400 {
		return heightFor(o[1], room) + heightFor(o[2], room)
	}
	n := r.name(room)
	return max(heightFor(o[1], n-theme.Space8), heightFor(o[2], room-n))
}

// Layout is fyne.Layout's.
func (r *importRow) Layout(o []fyne.CanvasObject, s fyne.Size) {
	r.width = s.Width
	x := stepSign + theme.Space8
	room := s.Width - x
	m := o[0].MinSize()
	put(o[0], (stepSign-min(m.Width, stepSign))/2, (stepSign-min(m.Height, stepSign))/2, max(m.Width, 12), min(max(m.Height, 12), stepSign))
	if s.Width < 400 {
		h := heightFor(o[1], room)
		put(o[1], x, 0, room, h)
		put(o[2], x, h, room, heightFor(o[2], room))
		return
	}
	n := r.name(room)
	put(o[1], x, 0, n-theme.Space8, heightFor(o[1], n-theme.Space8))
	put(o[2], x+n, 0, room-n, heightFor(o[2], room-n))
}

// MinSize is fyne.Layout's.
func (r *importRow) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(200, r.heightFor(o, max(200, r.width)))
}

// NewKeyTable is the list of keys.
func NewKeyTable(keys []viewmodel.Shortcut) *fyne.Container {
	var objects []fyne.CanvasObject
	for _, k := range keys {
		objects = append(objects, container.New(&importRow{}, NewBold(""), NewBold(k.Keys), NewSentence(k.Text)))
	}
	return NewColumn(theme.Space4, objects...)
}

// RowsFocused says whether the rows have the focus.
func (l *ProfileList) RowsFocused() bool { return l.rows.focused }
