package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// rows shows many rows of one height and has objects only for those that are
// seen: a list of thousands costs what a window full of it does.
type rows struct {
	widget.BaseWidget
	height float32
	length func() int
	create func() fyne.CanvasObject
	bind   func(i int, o fyne.CanvasObject)
	moved  func() // scrolled; may be nil

	scroll *flatScroll
	body   *rowsBody
}

func newRows(height float32, length func() int, create func() fyne.CanvasObject, bind func(int, fyne.CanvasObject)) *rows {
	r := &rows{height: height, length: length, create: create, bind: bind}
	r.body = &rowsBody{of: r, live: map[int]fyne.CanvasObject{}}
	r.body.ExtendBaseWidget(r.body)
	r.scroll = newFlatScroll(r.body)
	r.scroll.OnScrolled = func(fyne.Position) {
		r.body.arrange(false)
		call(r.moved)
	}
	r.ExtendBaseWidget(r)
	return r
}

// reload takes the length and every row that is seen anew.
func (r *rows) reload() {
	r.body.stale = true
	r.scroll.Refresh() // lays out the body, and limits the offset
	r.body.arrange(true)
}

// reveal scrolls until a row is seen whole.
func (r *rows) reveal(i int) {
	top, view := float32(i)*r.height, r.scroll.Size().Height
	switch y := r.scroll.Offset.Y; {
	case view <= 0:
		return
	case top < y:
		r.to(top)
	case top+r.height > y+view:
		r.to(top + r.height - view)
	}
}

// to scrolls to an offset.
func (r *rows) to(y float32) {
	y = max(min(y, r.total()-r.scroll.Size().Height), 0)
	if y != r.scroll.Offset.Y {
		r.scroll.ScrollToOffset(fyne.NewPos(0, y))
		r.body.arrange(false)
	}
}

func (r *rows) total() float32 { return float32(r.length()) * r.height }

// atEnd says whether the last row is seen.
func (r *rows) atEnd() bool {
	return r.scroll.Offset.Y >= r.total()-r.scroll.Size().Height-1
}

func (r *rows) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: r, objects: []fyne.CanvasObject{r.scroll},
		layout: func(s fyne.Size) {
			put(r.scroll, 0, 0, s.Width, s.Height)
			r.body.arrange(false)
		},
		min: func() fyne.Size { return fyne.NewSize(100, r.height) },
	})
}

// rowsBody is what is scrolled: as high as all rows, with objects for some.
type rowsBody struct {
	widget.BaseWidget
	of    *rows
	live  map[int]fyne.CanvasObject // by row
	spare []fyne.CanvasObject
	stale bool
	draw  *parts
}

// arrange has an object for each row that is seen, and for no other.
func (b *rowsBody) arrange(rebind bool) {
	r := b.of
	view := r.scroll.Size()
	if b.draw == nil || view.Height <= 0 {
		return
	}
	rebind = rebind || b.stale
	b.stale = false
	n := r.length()
	first := max(int(r.scroll.Offset.Y/r.height), 0)
	last := min(int((r.scroll.Offset.Y+view.Height)/r.height)+1, n)
	for i, o := range b.live {
		if i < first || i >= last {
			delete(b.live, i)
			o.Hide()
			b.spare = append(b.spare, o)
		}
	}
	b.draw.objects = b.draw.objects[:0]
	for i := first; i < last; i++ {
		o, there := b.live[i]
		if !there {
			o = b.take()
			b.live[i] = o
		}
		if !there || rebind {
			r.bind(i, o)
		}
		put(o, 0, float32(i)*r.height, view.Width, r.height)
		show(o, true)
		b.draw.objects = append(b.draw.objects, o)
	}
}

func (b *rowsBody) take() fyne.CanvasObject {
	if n := len(b.spare); n > 0 {
		o := b.spare[n-1]
		b.spare = b.spare[:n-1]
		return o
	}
	return b.of.create()
}

func (b *rowsBody) CreateRenderer() fyne.WidgetRenderer {
	b.draw = &parts{of: b,
		layout: func(fyne.Size) { b.arrange(false) },
		min:    func() fyne.Size { return fyne.NewSize(60, b.of.total()) },
	}
	return b.draw
}
