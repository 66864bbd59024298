package widgets

import (
	"sort"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of the log: the height of a row, and for how many letters of a text
// there is room at least.
const (
	logHigh    float32 = 20
	logLetters         = 12
	logNarrow  float32 = 480 // the word of the level has no room: its mark has
)

// LogList is the log: monospace rows of time, level by mark and word, and text. A
// text that is too long goes on in rows below.
type LogList struct {
	widget.BaseWidget
	wrap      wrapping
	length    func() int
	row       func(i int) viewmodel.LogLine
	unfollow  func()
	following bool
	self      bool // it scrolls by itself
	list      *rows
	empty     *Paragraph
	level     float32 // the widest word of a level; 0: there is no room for any
	focused   bool
}

// NewLogList is a log of so many rows, each asked for when it is seen; unfollow is
// called when a person scrolls away from its end.
func NewLogList(length func() int, row func(i int) viewmodel.LogLine, unfollow func()) *LogList {
	l := &LogList{length: length, row: row, unfollow: unfollow, empty: NewSentence("")}
	l.list = newRows(logHigh, l.wrap.rows, func() fyne.CanvasObject { return newLogRow(l) },
		func(i int, o fyne.CanvasObject) {
			n, part := l.wrap.line(i)
			m := row(n)
			parts := wrapped(m.Text, l.wrap.letters)
			m.Text = parts[min(part, len(parts)-1)]
			o.(*logRow).set(m, part > 0)
		})
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
	l.measure()
	l.list.reload()
	l.self = false
	l.toEnd()
	show(l.empty, l.length() == 0)
}

// measure finds out how many rows each line takes, and gives the letters of a row.
func (l *LogList) measure() int {
	n := l.length()
	l.level = 0
	for i := range min(n, 100) { // so that texts begin where they will
		l.level = max(l.level, l.measureText(l.row(i).Level))
	}
	if l.Size().Width < logNarrow {
		l.level = 0
	}
	letter := l.measureText("0123456789") / 10
	room := l.Size().Width - 2 - logText(l.measureText("00:00:00.000"), l.level) - theme.Space12
	l.wrap.take(n, max(int(room/letter), logLetters), func(i int) string { return l.row(i).Text })
	return l.wrap.letters
}

func (l *LogList) measureText(text string) float32 {
	return fyne.MeasureText(text, size(l, theme.SizeMono), mono).Width
}

// logText is where texts begin, after a time and a level of these widths.
func logText(at, level float32) float32 {
	if level > 0 {
		level += theme.Space8
	}
	return theme.Space12 + at + theme.Space12 + 12 + level + theme.Space12
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
			if was := l.wrap.letters; l.measure() != was { // other rows
				l.self = true
				l.list.reload()
				l.self = false
			}
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
	more bool // it goes on here
	mark *StateMark
}

func newLogRow(of *LogList) *logRow {
	r := &logRow{of: of, mark: NewStateMark(viewmodel.Disconnected)}
	r.ExtendBaseWidget(r)
	return r
}

func (r *logRow) set(l viewmodel.LogLine, more bool) {
	if r.line != l || r.more != more {
		r.line, r.more = l, more
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
			show(at.Text, !r.more)
			show(r.mark, !r.more)
			show(level.Text, !r.more && r.of.level > 0)
		},
		layout: func(s fyne.Size) {
			w := at.measure().Width
			at.place(theme.Space12, s.Height/2, w+1)
			put(r.mark, theme.Space12+w+theme.Space12, (s.Height-12)/2, 12, 12)
			x := logText(w, r.of.level)
			level.place(x-theme.Space12-r.of.level, s.Height/2, r.of.level+1)
			text.place(x, s.Height/2, s.Width-x)
		},
		min: func() fyne.Size { return fyne.NewSize(200, logHigh) },
	})
}

// wrapping is which rows a line takes, of so many letters each.
type wrapping struct {
	letters int
	first   []int // each line's first row, and one more: the number of rows
}

// take measures n lines.
func (w *wrapping) take(n, letters int, text func(i int) string) {
	w.letters = letters
	w.first = append(w.first[:0], 0)
	for i := range n {
		w.first = append(w.first, w.first[i]+len(wrapped(text(i), letters)))
	}
}

func (w *wrapping) rows() int {
	if len(w.first) == 0 {
		return 0
	}
	return w.first[len(w.first)-1]
}

// line is the line that a row is of, and which of its rows.
func (w *wrapping) line(row int) (line, part int) {
	line = sort.SearchInts(w.first, row+1) - 1
	return line, row - w.first[line]
}

// wrapped cuts a text after words, and what has more letters than a row anywhere.
// Letters of China and Japan take the room of two.
func wrapped(text string, letters int) []string {
	if len(text) <= letters {
		return []string{text}
	}
	var out []string
	begin, space, room := 0, -1, 0
	for i, r := range text {
		wide := lettersOf(r)
		if room += wide; room > letters {
			end, next := i, i
			if space > begin {
				end, next = space, space+1
			}
			out = append(out, text[begin:end])
			begin, space, room = next, -1, wide
			for _, r := range text[next:i] {
				room += lettersOf(r)
			}
		}
		if r == ' ' {
			space = i
		}
	}
	return append(out, strings.TrimSpace(text[begin:]))
}

func lettersOf(r rune) int {
	if r >= 0x1100 {
		return 2
	}
	return 1
}
