package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

const logHigh float32 = 24

// LogList is the log: monospace rows of time, level by mark and word, and text.
type LogList struct {
	widget.BaseWidget
	length    func() int
	row       func(i int) viewmodel.LogLine
	unfollow  func()
	following bool
	self      bool // it scrolls by itself
	list      *rows
	empty     *Paragraph
	level     float32 // the widest word of a level yet
	focused   bool
}

// NewLogList is a log of so many rows, each asked for when it is seen; unfollow is
// called when a person scrolls away from its end.
func NewLogList(length func() int, row func(i int) viewmodel.LogLine, unfollow func()) *LogList {
	l := &LogList{length: length, row: row, unfollow: unfollow, empty: NewSentence("")}
	l.list = newRows(logHigh, length, func() fyne.CanvasObject { return newLogRow(l) },
		func(i int, o fyne.CanvasObject) { o.(*logRow).set(row(i)) })
	l.list.moved = func() {
		if l.following && !l.self && !l.list.atEnd() {
			l.following = false
			call(l.unfollow)
		}
	}
	l.ExtendBaseWidget(l)
	return l
}

// Reload takes the rows anew: some came, or others are shown.
func (l *LogList) Reload() {
	l.self = true
	l.list.reload()
	l.self = false
	l.toEnd()
	show(l.empty, l.length() == 0)
}

// SetEmpty is what stands in place of rows.
func (l *LogList) SetEmpty(text string) {
	l.empty.SetText(text)
	show(l.empty, l.length() == 0)
}

// SetFollow stays at the end, or not.
func (l *LogList) SetFollow(on bool) {
	l.following = on
	l.toEnd()
}

func (l *LogList) toEnd() {
	if l.following {
		l.self = true
		l.list.to(l.list.total())
		l.self = false
	}
}

// TypedKey scrolls; the rest is the window's.
func (l *LogList) TypedKey(e *fyne.KeyEvent) {
	view, y := l.list.scroll.Size().Height, l.list.scroll.Offset.Y
	switch e.Name {
	case fyne.KeyUp:
		y -= logHigh
	case fyne.KeyDown:
		y += logHigh
	case fyne.KeyPageUp:
		y -= view - logHigh
	case fyne.KeyPageDown:
		y += view - logHigh
	case fyne.KeyHome:
		y = 0
	case fyne.KeyEnd:
		y = l.list.total()
	default:
		passKey(l, e)
		return
	}
	l.list.to(y)
	call(l.list.moved)
}

// TypedRune is for fields.
func (l *LogList) TypedRune(rune) {}

// TypedShortcut passes shortcuts on.
func (l *LogList) TypedShortcut(s fyne.Shortcut) { passShortcut(l, s) }

// FocusGained shows the ring.
func (l *LogList) FocusGained() { l.setFocus(true) }

// FocusLost hides it.
func (l *LogList) FocusLost() { l.setFocus(false) }

func (l *LogList) setFocus(on bool) {
	l.focused = on
	l.Refresh()
}

// CreateRenderer is Fyne's.
func (l *LogList) CreateRenderer() fyne.WidgetRenderer {
	back, ring := newCard(), NewFocusRing()
	return render(&parts{of: l, objects: []fyne.CanvasObject{back, l.list, l.empty, ring},
		update: func() {
			updateCard(l, back)
			ring.StrokeColor = paint(l, theme.Primary)
			show(ring, l.focused)
		},
		layout: func(s fyne.Size) {
			placeCard(back, s)
			PlaceFocusRing(ring, 0, 0, s.Width, s.Height, back.CornerRadius)
			put(l.list, 1, theme.Space4, s.Width-2, s.Height-2*theme.Space4)
			put(l.empty, theme.Space16, theme.Space16, s.Width-2*theme.Space16, s.Height-2*theme.Space16)
			l.toEnd()
		},
		min: func() fyne.Size { return fyne.NewSize(200, 3*logHigh) },
	})
}

type logRow struct {
	widget.BaseWidget
	of   *LogList
	line viewmodel.LogLine
	mark *StateMark
}

func newLogRow(of *LogList) *logRow {
	r := &logRow{of: of, mark: NewStateMark(viewmodel.Disconnected)}
	r.ExtendBaseWidget(r)
	return r
}

func (r *logRow) set(l viewmodel.LogLine) {
	if r.line != l {
		r.line = l
		r.mark.SetKind(l.Mark)
		r.Refresh()
	}
}

func (r *logRow) CreateRenderer() fyne.WidgetRenderer {
	at, level, text := newLine(theme.SizeMono, mono, theme.Text2), newLine(theme.SizeMono, mono, theme.Text2), newLine(theme.SizeMono, mono, theme.Text)
	return render(&parts{of: r, objects: []fyne.CanvasObject{at.Text, r.mark, level.Text, text.Text},
		update: func() {
			at.update(r, r.line.Time)
			level.update(r, r.line.Level)
			text.update(r, r.line.Text)
			r.of.level = max(r.of.level, level.measure().Width)
		},
		layout: func(s fyne.Size) {
			x, w := theme.Space12, at.measure().Width
			at.place(x, s.Height/2, w+1)
			x += w + theme.Space12
			put(r.mark, x, (s.Height-12)/2, 12, 12)
			x += 12 + theme.Space8
			level.place(x, s.Height/2, r.of.level+1)
			x += r.of.level + theme.Space12
			text.place(x, s.Height/2, s.Width-x-theme.Space12)
		},
		min: func() fyne.Size { return fyne.NewSize(200, logHigh) },
	})
}
