package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// The widths of columns.
const (
	ColumnNarrow   float32 = 480 // centered: the first page, dialogs
	ColumnWide     float32 = 720
	ColumnSpacious float32 = 880 // of a profile, in a window from 1200
)

// Page is a header that stays, a body that scrolls, and a footer that stays. The
// body is a column of a largest width, at the left or in the middle.
type Page struct {
	widget.BaseWidget
	Header fyne.CanvasObject // nil: none
	Footer fyne.CanvasObject // nil: none; over the full width, on card
	Body   fyne.CanvasObject
	Most   float32 // the largest width of header and body
	Center bool    // in the middle, not at the left
	Top    float32 // room above; 0: as at the sides
	Whole  bool    // the body does not scroll and fills the page: it has a list in it

	scroll *flatScroll
	inner  *fyne.Container
	column *pageColumn
}

// NewPage is a page whose body is as wide as most.
func NewPage(most float32, header, body, footer fyne.CanvasObject) *Page {
	p := &Page{Header: header, Body: body, Footer: footer, Most: most}
	p.ExtendBaseWidget(p)
	return p
}

// SetBody changes what is shown, from its top on.
func (p *Page) SetBody(body fyne.CanvasObject) {
	p.Body = body
	if p.inner != nil {
		p.inner.Objects = []fyne.CanvasObject{body}
		p.scroll.Offset = fyne.Position{}
	}
	p.Refresh()
}

// pagePad is the room at the sides.
func pagePad(width float32) float32 {
	if width < WindowWidth+60 {
		return theme.Space16
	}
	return theme.Space24
}

// pages are those on the screen.
var pages = map[*Page]bool{}

// reveal scrolls to what has got the focus, wherever it is: Fyne does not.
func reveal(o fyne.CanvasObject) {
	for p := range pages {
		if !p.Whole && Contains(p.Body, o) {
			p.Reveal(o)
		}
	}
}

// ScrollBy scrolls by parts of what is seen: -1 is a page up.
func (p *Page) ScrollBy(views float32) {
	if p.scroll != nil && !p.Whole {
		y := p.scroll.Offset.Y + views*p.scroll.Size().Height
		most := max(p.inner.Size().Height-p.scroll.Size().Height, 0)
		p.scroll.ScrollToOffset(fyne.NewPos(0, min(max(y, 0), most)))
	}
}

// Reveal scrolls until an object of the body is seen.
func (p *Page) Reveal(o fyne.CanvasObject) {
	if p.scroll == nil || p.Whole {
		return
	}
	d := fyne.CurrentApp().Driver()
	y := d.AbsolutePositionForObject(o).Y - d.AbsolutePositionForObject(p.inner).Y
	view := p.scroll.Size().Height
	switch offset := p.scroll.Offset.Y; {
	case y < offset:
		p.scroll.ScrollToOffset(fyne.NewPos(0, max(y-theme.Space24, 0)))
	case y+o.Size().Height > offset+view:
		p.scroll.ScrollToOffset(fyne.NewPos(0, min(y, y+o.Size().Height-view+theme.Space24)))
	}
}

// pageColumn lays out the body in the width that the page has found, so that the
// scroll knows its height at once.
type pageColumn struct{ pad, top, x, width, total float32 }

func (c *pageColumn) Layout(o []fyne.CanvasObject, s fyne.Size) {
	put(o[0], c.x, c.top, c.width, max(heightFor(o[0], c.width), 0))
}

func (c *pageColumn) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(c.total, c.top+heightFor(o[0], c.width)+c.pad)
}

// CreateRenderer is Fyne's.
func (p *Page) CreateRenderer() fyne.WidgetRenderer {
	p.column = &pageColumn{}
	p.inner = container.New(p.column, p.Body)
	p.scroll = newFlatScroll(p.inner)
	foot, line := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	pages[p] = true
	r := &parts{of: p, destroy: func() { delete(pages, p) }}
	r.update = func() {
		r.objects = r.objects[:0]
		if p.Whole {
			r.objects = append(r.objects, p.Body)
		} else {
			r.objects = append(r.objects, p.scroll)
		}
		if p.Header != nil {
			r.objects = append(r.objects, p.Header)
		}
		if p.Footer != nil {
			r.objects = append(r.objects, foot, line, p.Footer)
		}
		foot.FillColor, line.FillColor = paint(p, theme.Card), paint(p, theme.Border)
	}
	r.layout = func(s fyne.Size) { p.lay(s, foot, line) }
	r.min = func() fyne.Size { return fyne.NewSize(200, 120) }
	return render(r)
}

func (p *Page) lay(s fyne.Size, foot, line *canvas.Rectangle) {
	pad := pagePad(s.Width)
	width := min(s.Width-2*pad, p.Most)
	x := pad
	if p.Center {
		x = (s.Width - width) / 2
	}
	top := pad
	if p.Top > 0 {
		top = min(p.Top, s.Height/8) // less where the window is low
	}
	y, bottom := float32(0), s.Height
	if p.Header != nil {
		h := heightFor(p.Header, width)
		put(p.Header, x, top, width, h)
		y, top = top+h+theme.Space8, theme.Space8
	}
	if p.Footer != nil {
		h := heightFor(p.Footer, s.Width-2*pad) + 2*theme.Space12
		bottom -= h
		put(foot, 0, bottom, s.Width, h)
		put(line, 0, bottom, s.Width, 1)
		put(p.Footer, pad, bottom+theme.Space12, s.Width-2*pad, h-2*theme.Space12)
	}
	if p.Whole {
		put(p.Body, x, y+top, width, bottom-y-top-pad)
		return
	}
	if p.Footer != nil {
		pad = theme.Space4 // the footer has an edge of its own
	}
	*p.column = pageColumn{pad: pad, top: top, x: x, width: width, total: min(s.Width, 64)}
	put(p.scroll, 0, y, s.Width, bottom-y)
	p.column.Layout(p.inner.Objects, p.inner.Size())
	p.scroll.Refresh()
}

// beside puts two objects side by side where there is room, and below each other
// where there is not.
type beside struct{ left, from, width float32 }

// The measures of facts and traffic in a wide window.
const (
	factsBeside float32 = 340
	besideFrom  float32 = 800
)

// NewFactsAndTraffic puts the facts at the left of the traffic, both of the same
// height, where the column is that of a window from 1200; else below each other.
func NewFactsAndTraffic(facts, traffic fyne.CanvasObject) *fyne.Container {
	return container.New(&beside{left: factsBeside, from: besideFrom}, facts, traffic)
}

func (b *beside) both(o []fyne.CanvasObject, width float32) bool {
	return width >= b.from && o[0].Visible() && o[1].Visible()
}

func (b *beside) heightFor(o []fyne.CanvasObject, width float32) float32 {
	if b.both(o, width) {
		return max(heightFor(o[0], b.left), heightFor(o[1], width-b.left-theme.Space16))
	}
	return (&column{gap: theme.Space16}).heightFor(o, width)
}

func (b *beside) Layout(o []fyne.CanvasObject, s fyne.Size) {
	b.width = s.Width
	if !b.both(o, s.Width) {
		(&column{gap: theme.Space16}).Layout(o, s)
		return
	}
	put(o[0], 0, 0, b.left, s.Height)
	put(o[1], b.left+theme.Space16, 0, s.Width-b.left-theme.Space16, s.Height)
}

func (b *beside) MinSize(o []fyne.CanvasObject) fyne.Size {
	w := minWidth(o)
	return fyne.NewSize(w, b.heightFor(o, max(w, b.width)))
}

// Header is the line at the top of a page: a name, something quiet beside it,
// and buttons at the right.
type Header struct {
	widget.BaseWidget
	back    *Button // nil: none
	name    *line
	beside  *line
	title   string
	note    string
	buttons []*Button
}

// NewHeader is a header with buttons, quiet ones, at its right end; back is nil
// or leads to where one came from.
func NewHeader(back *Button, buttons ...*Button) *Header {
	h := &Header{back: back, buttons: buttons, name: newLine(sub, bold, theme.Text), beside: newLine(body, regular, theme.Text2)}
	h.ExtendBaseWidget(h)
	return h
}

// Set changes the name and what stands beside it.
func (h *Header) Set(name, beside string) {
	if h.title != name || h.note != beside {
		h.title, h.note = name, beside
		h.Refresh()
	}
}

// NewBackButton is the arrow back, where there is one column.
func NewBackButton(label string, press func()) *Button {
	return NewIconButton(Quiet, fynetheme.NavigateBackIcon(), "", label, press)
}

// CreateRenderer is Fyne's.
func (h *Header) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{h.name.Text, h.beside.Text}
	if h.back != nil {
		objects = append(objects, h.back)
	}
	for _, b := range h.buttons {
		objects = append(objects, b)
	}
	return render(&parts{of: h, objects: objects,
		update: func() {
			h.name.update(h, h.title)
			h.beside.update(h, h.note)
		},
		layout: func(s fyne.Size) {
			end, x := s.Width, float32(0)
			for i := len(h.buttons) - 1; i >= 0; i-- {
				if b := h.buttons[i]; b.Visible() {
					w := b.MinSize().Width
					put(b, end-w, (s.Height-theme.Control)/2, w, theme.Control)
					end -= w
				}
			}
			if h.back != nil && h.back.Visible() {
				put(h.back, -theme.Space8, (s.Height-theme.Control)/2, theme.Control, theme.Control)
				x = theme.Control + theme.Space4
			}
			room := end - x - theme.Space8
			w := min(h.name.measure().Width, room)
			h.name.place(x, s.Height/2, w+1)
			rest := room - w - theme.Space12
			show(h.beside.Text, rest > 40)
			h.beside.place(x+w+theme.Space12, s.Height/2+1.5, rest)
		},
		min: func() fyne.Size { return fyne.NewSize(160, theme.Control) },
	})
}

// NewVerticalLine is a thin line between the list and the detail.
func NewVerticalLine() *VerticalLine {
	l := &VerticalLine{}
	l.ExtendBaseWidget(l)
	return l
}

// VerticalLine is a thin line over the full height.
type VerticalLine struct{ widget.BaseWidget }

// CreateRenderer is Fyne's.
func (l *VerticalLine) CreateRenderer() fyne.WidgetRenderer {
	r := canvas.NewRectangle(nil)
	return render(&parts{of: l, objects: []fyne.CanvasObject{r},
		layout: func(s fyne.Size) { put(r, 0, 0, 1, s.Height) },
		min:    func() fyne.Size { return fyne.NewSize(1, 1) },
		update: func() { r.FillColor = paint(l, theme.Border) },
	})
}
