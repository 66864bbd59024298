package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// foldHeight is that of a folded row in a box of its own.
const foldHeight float32 = 48

// foldHeader is the row that opens what is folded: arrow, name, summary. In a box
// the summary is at the right; in the editor it follows the name.
type foldHeader struct {
	control
	name, summary string
	open, beside  bool
	changed       func()
}

func newFoldHeader(changed func()) *foldHeader {
	h := &foldHeader{changed: changed}
	h.init(h, func() {
		h.open = !h.open
		h.Refresh()
		call(h.changed)
	})
	return h
}

func (h *foldHeader) set(name, summary string) {
	if h.name != name || h.summary != summary {
		h.name, h.summary = name, summary
		h.Refresh()
	}
}

func (h *foldHeader) setOpen(open bool) {
	if h.open != open {
		h.open = open
		h.Refresh()
	}
}

// TypedKey opens with the arrow to the right and folds with the one to the left.
func (h *foldHeader) TypedKey(e *fyne.KeyEvent) {
	switch {
	case e.Name == fyne.KeyRight && !h.open, e.Name == fyne.KeyLeft && h.open:
		h.Tapped(nil)
	case e.Name == fyne.KeyRight, e.Name == fyne.KeyLeft:
	default:
		h.control.TypedKey(e)
	}
}

// AccessibilityLabel is the name and the summary.
func (h *foldHeader) AccessibilityLabel() string { return h.name + ", " + h.summary }

// AccessibilityRole is a button's.
func (h *foldHeader) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (h *foldHeader) CreateRenderer() fyne.WidgetRenderer {
	over, ring := canvas.NewRectangle(nil), NewFocusRing()
	arrow := canvas.NewImageFromResource(nil)
	name, summary := newLine(body, bold, theme.Text), newLine(caption, regular, theme.Text2)
	return render(&parts{of: h, objects: []fyne.CanvasObject{over, arrow, name.Text, summary.Text, ring},
		update: func() {
			over.FillColor, over.CornerRadius = h.shade(), size(h, fynetheme.SizeNameSelectionRadius)
			ring.StrokeColor = paint(h, theme.Primary)
			show(ring, h.focused)
			icon := fynetheme.MenuExpandIcon()
			if h.open {
				icon = fynetheme.MenuDropDownIcon()
			}
			arrow.Resource = inked(icon, paint(h, theme.Text2))
			arrow.Refresh()
			name.update(h, h.name)
			summary.update(h, h.summary)
		},
		layout: func(s fyne.Size) {
			x, in := panelPad, float32(6)
			if h.beside {
				x, in = 0, 0
			}
			put(over, in, in, s.Width-2*in, s.Height-2*in)
			PlaceFocusRing(ring, in+4, in+4, s.Width-2*in-8, s.Height-2*in-8, over.CornerRadius-4)
			i := size(h, fynetheme.SizeNameInlineIcon)
			middle := s.Height / 2
			put(arrow, x, middle-i/2, i, i)
			start := x + i + theme.Space12 - 2
			end := s.Width - x
			n, m := name.measure().Width, summary.measure().Width
			n = min(n, end-start)
			name.place(start, middle, n)
			room := end - start - n - theme.Space12
			show(summary.Text, room > 24)
			if h.beside {
				summary.place(start+n+theme.Space12, middle, room)
			} else {
				summary.place(end-min(m, room), middle, min(m, room))
			}
		},
		min: func() fyne.Size { return fyne.NewSize(120, theme.Control) },
	})
}

// FoldBox is a box of which only a row is seen until it is opened.
type FoldBox struct {
	widget.BaseWidget
	header  *foldHeader
	content fyne.CanvasObject
}

// NewFoldBox folds content away under a name.
func NewFoldBox(name, summary string, content fyne.CanvasObject) *FoldBox {
	b := &FoldBox{content: content}
	b.header = newFoldHeader(func() { b.Refresh() })
	b.header.set(name, summary)
	b.ExtendBaseWidget(b)
	return b
}

// SetTexts changes the name and the summary.
func (b *FoldBox) SetTexts(name, summary string) { b.header.set(name, summary) }

// SetOpen opens or folds it.
func (b *FoldBox) SetOpen(open bool) {
	b.header.setOpen(open)
	b.Refresh()
}

// HeightFor is the height in a width.
func (b *FoldBox) HeightFor(width float32) float32 {
	if !b.header.open {
		return foldHeight
	}
	return foldHeight + heightFor(b.content, width-2*panelPad) + panelPad
}

// CreateRenderer is Fyne's.
func (b *FoldBox) CreateRenderer() fyne.WidgetRenderer {
	back := newCard()
	return render(&parts{of: b, objects: []fyne.CanvasObject{back, b.header, b.content},
		update: func() {
			updateCard(b, back)
			show(b.content, b.header.open)
		},
		layout: func(s fyne.Size) {
			placeCard(back, s)
			put(b.header, 0, 0, s.Width, foldHeight)
			put(b.content, panelPad, foldHeight, s.Width-2*panelPad, max(s.Height-foldHeight-panelPad, 0))
		},
		min: func() fyne.Size { return fyne.NewSize(200, b.HeightFor(max(200, b.Size().Width))) },
	})
}
