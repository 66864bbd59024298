package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// Flowing is an object whose height follows from its width, as text's does. Fyne
// asks for one least size; the layouts here ask for the height in a width.
type Flowing interface {
	fyne.CanvasObject
	HeightFor(width float32) float32
}

// flowLayout is a layout whose height follows from its width.
type flowLayout interface {
	fyne.Layout
	heightFor(objects []fyne.CanvasObject, width float32) float32
}

// heightFor is the height that an object needs in a width.
func heightFor(o fyne.CanvasObject, width float32) float32 {
	switch o := o.(type) {
	case Flowing:
		return o.HeightFor(width)
	case *fyne.Container:
		if l, ok := o.Layout.(flowLayout); ok {
			return l.heightFor(o.Objects, width)
		}
	}
	return o.MinSize().Height
}

// minWidth is the largest of the least widths.
func minWidth(objects []fyne.CanvasObject) float32 {
	var w float32
	for _, o := range objects {
		if o.Visible() {
			w = max(w, o.MinSize().Width)
		}
	}
	return w
}

// column stacks objects over the full width.
type column struct {
	gap   float32
	width float32 // of the last layout
}

// NewColumn stacks objects over the full width, with a gap between.
func NewColumn(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap: gap}, objects...)
}

func (c *column) each(objects []fyne.CanvasObject, width float32, f func(o fyne.CanvasObject, y, h float32)) float32 {
	var y float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := heightFor(o, width)
		if h == 0 {
			if f != nil {
				f(o, y, 0)
			}
			continue
		}
		if y > 0 {
			y += c.gap
		}
		if f != nil {
			f(o, y, h)
		}
		y += h
	}
	return y
}

func (c *column) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	return c.each(objects, width, nil)
}

func (c *column) Layout(objects []fyne.CanvasObject, s fyne.Size) {
	c.width = s.Width
	c.each(objects, s.Width, func(o fyne.CanvasObject, y, h float32) { put(o, 0, y, s.Width, h) })
}

func (c *column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := minWidth(objects)
	return fyne.NewSize(w, c.heightFor(objects, max(w, c.width)))
}

// inset leaves room around one object.
type inset struct{ left, top, right, bottom, width float32 }

// NewInset leaves room around an object.
func NewInset(left, top, right, bottom float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(&inset{left: left, top: top, right: right, bottom: bottom}, o)
}

func (i *inset) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	return heightFor(objects[0], width-i.left-i.right) + i.top + i.bottom
}

func (i *inset) Layout(objects []fyne.CanvasObject, s fyne.Size) {
	i.width = s.Width
	put(objects[0], i.left, i.top, s.Width-i.left-i.right, s.Height-i.top-i.bottom)
}

func (i *inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := objects[0].MinSize().Width + i.left + i.right
	return fyne.NewSize(w, i.heightFor(objects, max(w, i.width)))
}

// columns puts objects side by side, as many as there is room for.
type columns struct {
	from       []float32 // the width from which there is one column more
	gapX, gapY float32
	width      float32
}

// NewColumns puts objects side by side: one column, one more from each of the
// widths on.
func NewColumns(gapX, gapY float32, from []float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&columns{from: from, gapX: gapX, gapY: gapY}, objects...)
}

func (c *columns) count(width float32) int {
	n := 1
	for _, f := range c.from {
		if width >= f {
			n++
		}
	}
	return n
}

func (c *columns) each(objects []fyne.CanvasObject, width float32, f func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	var seen []fyne.CanvasObject
	for _, o := range objects {
		if o.Visible() {
			seen = append(seen, o)
		}
	}
	n := c.count(width)
	w := (width - c.gapX*float32(n-1)) / float32(n)
	var y float32
	for i := 0; i < len(seen); i += n {
		row := seen[i:min(i+n, len(seen))]
		var h float32
		for _, o := range row {
			h = max(h, heightFor(o, w))
		}
		if i > 0 {
			y += c.gapY
		}
		for j, o := range row {
			if f != nil {
				f(o, float32(j)*(w+c.gapX), y, w, h)
			}
		}
		y += h
	}
	return y
}

func (c *columns) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	return c.each(objects, width, nil)
}

func (c *columns) Layout(objects []fyne.CanvasObject, s fyne.Size) {
	c.width = s.Width
	c.each(objects, s.Width, func(o fyne.CanvasObject, x, y, w, h float32) { put(o, x, y, w, h) })
}

func (c *columns) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := minWidth(objects)
	return fyne.NewSize(w, c.heightFor(objects, max(w, c.width)))
}

// actions puts buttons into a row, the last ones at the right. Where they have no
// room the two groups are below each other, and where a group has none its buttons
// are stacked, each over the full width.
type actions struct {
	trailing int
	width    float32
}

// NewActions is a row of buttons, so many of them at its right end.
func NewActions(trailing int, buttons ...fyne.CanvasObject) *fyne.Container {
	return container.New(&actions{trailing: trailing}, buttons...)
}

// groups are the buttons that are seen: those at the left and those at the right.
func (a *actions) groups(objects []fyne.CanvasObject) (left, right []fyne.CanvasObject) {
	for i, o := range objects {
		switch {
		case !o.Visible():
		case i >= len(objects)-a.trailing:
			right = append(right, o)
		default:
			left = append(left, o)
		}
	}
	return left, right
}

func rowWidth(objects []fyne.CanvasObject) float32 {
	var sum float32
	for i, o := range objects {
		if i > 0 {
			sum += theme.Space8
		}
		sum += o.MinSize().Width
	}
	return sum
}

// rows are the lines of buttons in a width.
func (a *actions) rows(objects []fyne.CanvasObject, width float32) (rows [][]fyne.CanvasObject, atRight []bool) {
	left, right := a.groups(objects)
	all := append(append([]fyne.CanvasObject{}, left...), right...)
	add := func(group []fyne.CanvasObject, trailing bool) {
		if len(group) > 0 {
			rows, atRight = append(rows, group), append(atRight, trailing)
		}
	}
	switch {
	case rowWidth(all) <= width: // one line of both; Layout tells them apart
		add(all, false)
	case rowWidth(left) <= width && rowWidth(right) <= width && len(left) > 0 && len(right) > 1:
		add(left, false)
		add(right, true)
	default:
		for _, o := range all {
			add([]fyne.CanvasObject{o}, false)
		}
	}
	return rows, atRight
}

func (a *actions) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	rows, _ := a.rows(objects, width)
	return max(float32(len(rows))*(theme.Control+theme.Space8)-theme.Space8, 0)
}

func (a *actions) Layout(objects []fyne.CanvasObject, s fyne.Size) {
	a.width = s.Width
	left, right := a.groups(objects)
	rows, atRight := a.rows(objects, s.Width)
	if len(rows) == 1 && len(rows[0]) == len(left)+len(right) && rowWidth(rows[0]) <= s.Width {
		placeRow(left, 0, 0)
		placeRow(right, s.Width-rowWidth(right), 0)
		return
	}
	for i, row := range rows {
		y := float32(i) * (theme.Control + theme.Space8)
		switch {
		case atRight[i]:
			placeRow(row, s.Width-rowWidth(row), y)
		case len(row) == 1:
			put(row[0], 0, y, s.Width, theme.Control)
		default:
			placeRow(row, 0, y)
		}
	}
}

func placeRow(row []fyne.CanvasObject, x, y float32) {
	for _, o := range row {
		w := o.MinSize().Width
		put(o, x, y, w, theme.Control)
		x += w + theme.Space8
	}
}

func (a *actions) MinSize(objects []fyne.CanvasObject) fyne.Size {
	w := minWidth(objects)
	return fyne.NewSize(w, a.heightFor(objects, max(w, a.width)))
}

// Box is a card with an edge and rounded corners around its content.
type Box struct {
	widget.BaseWidget
	content fyne.CanvasObject
	pad     float32
}

// NewBox is a card around content, with so much room inside.
func NewBox(pad float32, content fyne.CanvasObject) *Box {
	b := &Box{content: content, pad: pad}
	b.ExtendBaseWidget(b)
	return b
}

// HeightFor is the height in a width.
func (b *Box) HeightFor(width float32) float32 { return heightFor(b.content, width-2*b.pad) + 2*b.pad }

// CreateRenderer is Fyne's.
func (b *Box) CreateRenderer() fyne.WidgetRenderer {
	back := newCard()
	return render(&parts{of: b, objects: []fyne.CanvasObject{back, b.content},
		layout: func(s fyne.Size) {
			placeCard(back, s)
			put(b.content, b.pad, b.pad, s.Width-2*b.pad, s.Height-2*b.pad)
		},
		min: func() fyne.Size {
			w := b.content.MinSize().Width + 2*b.pad
			return fyne.NewSize(w, b.HeightFor(max(w, b.Size().Width)))
		},
		update: func() { updateCard(b, back) },
	})
}

// newCard is the ground of a box.
func newCard() *canvas.Rectangle {
	r := canvas.NewRectangle(nil)
	r.StrokeWidth = 1
	return r
}

func updateCard(w themed, r *canvas.Rectangle) {
	r.FillColor, r.StrokeColor = paint(w, theme.Card), paint(w, theme.Border)
	r.CornerRadius = size(w, theme.SizeBoxRadius)
}

// placeCard is on whole units: a line lies inside of its rectangle, and between
// pixels it would be blurred.
func placeCard(r *canvas.Rectangle, s fyne.Size) { put(r, 0, 0, s.Width, s.Height) }

// NewLine is a thin line between parts: decoration, never the only sign.
func NewLine() *Line {
	l := &Line{}
	l.ExtendBaseWidget(l)
	return l
}

// Line is a thin line over the full width.
type Line struct{ widget.BaseWidget }

// CreateRenderer is Fyne's.
func (l *Line) CreateRenderer() fyne.WidgetRenderer {
	r := canvas.NewRectangle(nil)
	return render(&parts{of: l, objects: []fyne.CanvasObject{r},
		layout: func(s fyne.Size) { put(r, 0, 0, s.Width, 1) },
		min:    func() fyne.Size { return fyne.NewSize(1, size(l, fynetheme.SizeNameSeparatorThickness)) },
		update: func() { r.FillColor = paint(l, theme.Border) },
	})
}
