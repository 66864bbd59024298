package widgets

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// copiedFor is how long a label says that its value was copied.
const copiedFor = 2 * time.Second

// After runs f on Fyne's goroutine when d has passed.
type After func(d time.Duration, f func())

// afterwards is the After of programs.
func afterwards(d time.Duration, f func()) { time.AfterFunc(d, func() { fyne.Do(f) }) }

// Badge is a round word of warning.
type Badge struct {
	widget.BaseWidget
	kind viewmodel.BadgeKind
	text string
}

// NewBadge is a badge; of viewmodel.NoBadge nothing is seen.
func NewBadge(kind viewmodel.BadgeKind, text string) *Badge {
	b := &Badge{kind: kind, text: text}
	b.ExtendBaseWidget(b)
	return b
}

// Set changes what it says.
func (b *Badge) Set(kind viewmodel.BadgeKind, text string) {
	if b.kind != kind || b.text != text {
		b.kind, b.text = kind, text
		b.Refresh()
	}
}

// CreateRenderer is Fyne's.
func (b *Badge) CreateRenderer() fyne.WidgetRenderer {
	const height, mark = 20, 10
	back, triangle := canvas.NewRectangle(nil), newTriangle()
	back.CornerRadius = height / 2
	words := newLine(caption, bold, theme.Text)
	return render(&parts{of: b, objects: []fyne.CanvasObject{back, triangle, words.Text},
		update: func() {
			state := theme.Waiting
			if b.kind == viewmodel.NotEncrypted {
				state = theme.Failed
			}
			words.color = state.Color()
			words.update(b, b.text)
			back.FillColor, triangle.FillColor = paint(b, state.Tint()), paint(b, state.Color())
			for _, o := range []fyne.CanvasObject{back, triangle, words.Text} {
				show(o, b.kind != viewmodel.NoBadge)
			}
		},
		layout: func(s fyne.Size) {
			y := (s.Height - height) / 2
			put(back, 0, y, s.Width, height)
			put(triangle, theme.Space8, y+(height-mark)/2, mark, mark)
			words.place(theme.Space8+mark+theme.Space4, s.Height/2, s.Width-2*theme.Space8-mark-theme.Space4+1)
		},
		min: func() fyne.Size {
			if b.kind == viewmodel.NoBadge {
				return fyne.NewSize(0, height)
			}
			return fyne.NewSize(2*theme.Space8+mark+theme.Space4+words.measure().Width, height)
		},
	})
}

// factCell is a value with its label above. Pressed, it copies the value, and its
// label says so for a while.
type factCell struct {
	control
	fact   viewmodel.Fact
	copied bool
	times  int // that it was copied: a later one restarts the while
	badge  *Badge
}

func newFactCell(copy func(string), after After) *factCell {
	c := &factCell{badge: NewBadge(viewmodel.NoBadge, "")}
	c.init(c, func() {
		tell(copy, c.fact.Value)
		c.copied = true
		c.times++
		times := c.times
		c.Refresh()
		after(copiedFor, func() {
			if times == c.times {
				c.copied = false
				c.Refresh()
			}
		})
	})
	return c
}

func (c *factCell) set(f viewmodel.Fact) {
	if c.fact != f {
		c.fact = f
		c.Refresh()
	}
}

// AccessibilityLabel is label and value.
func (c *factCell) AccessibilityLabel() string { return c.fact.Label + ": " + c.fact.Value }

// AccessibilityRole is a button's: it copies.
func (c *factCell) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (c *factCell) CreateRenderer() fyne.WidgetRenderer {
	over, ring := canvas.NewRectangle(nil), NewFocusRing()
	label, value := newLine(caption, regular, theme.Text2), newLine(body, regular, theme.Text)
	over.CornerRadius = 4
	return render(&parts{of: c, objects: []fyne.CanvasObject{over, label.Text, value.Text, c.badge, ring},
		update: func() {
			text := c.fact.Label
			label.color = theme.Text2
			if c.copied {
				text, label.color = c.fact.Copied, theme.Connected.Color()
			}
			label.update(c, text)
			value.update(c, c.fact.Value)
			over.FillColor = c.shade()
			ring.StrokeColor = paint(c, theme.Primary)
			show(ring, c.focused)
		},
		layout: func(s fyne.Size) {
			put(over, -theme.Space4, -2, s.Width+2*theme.Space4, s.Height+4)
			PlaceFocusRing(ring, -2, 0, s.Width+4, s.Height, 4)
			label.place(0, label.height()/2, s.Width)
			b := c.badge.MinSize()
			w := s.Width
			if b.Width > 0 {
				w = min(value.measure().Width, s.Width-b.Width-theme.Space12)
			}
			middle := label.height() + value.height()/2
			value.place(0, middle, w)
			put(c.badge, w+theme.Space12, middle-b.Height/2, b.Width, b.Height)
		},
		min: func() fyne.Size { return fyne.NewSize(80, label.height()+value.height()) },
	})
}

// FactsGrid is the box of what was agreed: values in columns, a line, and the
// encryption.
type FactsGrid struct {
	widget.BaseWidget
	copy       func(string)
	after      After
	cells      []*factCell
	grid       *fyne.Container
	encryption *factCell
	why        *Paragraph
	content    *fyne.Container
	box        *Box
}

// NewFactsGrid is an empty box; copy gets the value that was pressed. With a nil
// after, time is that of the clock.
func NewFactsGrid(copy func(value string), after After) *FactsGrid {
	if after == nil {
		after = afterwards
	}
	g := &FactsGrid{copy: copy, after: after, why: NewHelp("")}
	g.grid = NewColumns(theme.Space16, theme.Space16, []float32{0, 528})
	g.encryption = newFactCell(copy, after)
	g.content = NewColumn(theme.Space12, NewInset(0, 0, 0, theme.Space4, g.grid), NewLine(),
		NewColumn(theme.Space4, g.encryption, g.why))
	g.box = NewBox(theme.Space16, g.content)
	g.ExtendBaseWidget(g)
	return g
}

// SetModel changes what it shows.
func (g *FactsGrid) SetModel(m viewmodel.Facts) {
	grown := false
	for len(g.cells) < len(m.Grid) {
		c := newFactCell(g.copy, g.after)
		g.cells = append(g.cells, c)
		g.grid.Objects = append(g.grid.Objects, c)
		grown = true
	}
	for i, c := range g.cells {
		show(c, i < len(m.Grid))
		if i < len(m.Grid) {
			c.set(m.Grid[i])
		}
	}
	e := m.Encryption
	copied := ""
	if len(m.Grid) > 0 {
		copied = m.Grid[0].Copied
	}
	g.encryption.badge.Set(e.Badge, e.BadgeText)
	g.encryption.set(viewmodel.Fact{Label: e.Label, Value: e.Value, Copied: copied})
	changed := g.why.Text() != e.Sentence
	g.why.SetText(e.Sentence)
	if grown || changed {
		g.encryption.Refresh()
		g.Refresh()
	}
}

// HeightFor is the height in a width.
func (g *FactsGrid) HeightFor(width float32) float32 { return g.box.HeightFor(width) }

// CreateRenderer is Fyne's.
func (g *FactsGrid) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: g, objects: []fyne.CanvasObject{g.box},
		layout: func(s fyne.Size) {
			put(g.box, 0, 0, s.Width, s.Height)
			g.box.Refresh()
		},
		min: func() fyne.Size { return fyne.NewSize(200, g.HeightFor(max(200, g.Size().Width))) },
	})
}
