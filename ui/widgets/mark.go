package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// StateMark is the sign of a state in a row: a shape of 12 units, told apart
// without its colour.
type StateMark struct {
	widget.BaseWidget
	kind viewmodel.Kind
	size float32
}

// NewStateMark is the mark of a kind.
func NewStateMark(kind viewmodel.Kind) *StateMark {
	m := &StateMark{kind: kind, size: 12}
	m.ExtendBaseWidget(m)
	return m
}

// SetKind changes what it is the mark of.
func (m *StateMark) SetKind(kind viewmodel.Kind) {
	if m.kind != kind {
		m.kind = kind
		m.Refresh()
	}
}

// CreateRenderer is Fyne's.
func (m *StateMark) CreateRenderer() fyne.WidgetRenderer {
	ring, disc := canvas.NewCircle(color.Transparent), canvas.NewCircle(nil)
	ring.StrokeWidth = 1.5
	threeQuarters := canvas.NewArc(90, 360, 0.7, nil)
	half := canvas.NewPieArc(0, 180, nil)
	triangle := newTriangle()
	square, bar := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	square.CornerRadius = 2
	return render(&parts{of: m, objects: []fyne.CanvasObject{ring, disc, threeQuarters, half, triangle, square, bar},
		layout: func(s fyne.Size) {
			x, y, d := (s.Width-m.size)/2, (s.Height-m.size)/2, m.size
			put(ring, x, y, d, d)
			put(disc, x, y, d, d)
			put(threeQuarters, x, y, d, d)
			put(half, x+3, y+3, d-6, d-6)
			put(triangle, x, y, d, d)
			put(square, x, y, d, d)
			put(bar, x+2, y+d/2-1, d-4, 2)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(m.size) },
		update: func() {
			state := look(m.kind)
			c := paint(m, state.Color())
			ring.StrokeColor, disc.FillColor, threeQuarters.FillColor, half.FillColor = c, c, c, c
			triangle.FillColor, square.FillColor, bar.FillColor = c, c, paint(m, theme.OnP)
			show(ring, state == theme.Disconnected || state == theme.Waiting)
			show(disc, state == theme.Connected)
			show(threeQuarters, state == theme.Connecting)
			show(half, state == theme.Waiting)
			show(triangle, state == theme.Failed)
			show(square, state == theme.Blocked)
			show(bar, state == theme.Blocked)
		},
	})
}

func newTriangle() *canvas.ArbitraryPolygon {
	p := canvas.NewArbitraryPolygon([]fyne.Position{{X: 0.5, Y: 0.04}, {X: 1, Y: 0.94}, {X: 0, Y: 0.94}}, nil)
	p.NormalizedPoints = true
	return p
}

// StateSign is the disc of 56 with the tray's glyph of the state.
type StateSign struct {
	widget.BaseWidget
	kind     viewmodel.Kind
	diameter float32
}

// NewStateSign is the sign of a kind.
func NewStateSign(kind viewmodel.Kind) *StateSign {
	s := &StateSign{kind: kind, diameter: 56}
	s.ExtendBaseWidget(s)
	return s
}

// SetKind changes what it is the sign of.
func (s *StateSign) SetKind(kind viewmodel.Kind) {
	if s.kind != kind {
		s.kind = kind
		s.Refresh()
	}
}

// CreateRenderer is Fyne's.
func (s *StateSign) CreateRenderer() fyne.WidgetRenderer {
	disc := canvas.NewCircle(nil)
	image := canvas.NewImageFromResource(nil)
	return render(&parts{of: s, objects: []fyne.CanvasObject{disc, image},
		layout: func(a fyne.Size) {
			d := min(a.Width, a.Height)
			x, y, g := (a.Width-d)/2, (a.Height-d)/2, d*32/56
			put(disc, x, y, d, d)
			put(image, x+(d-g)/2, y+(d-g)/2, g, g)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(s.diameter) },
		update: func() {
			state := look(s.kind)
			disc.FillColor = paint(s, state.Color())
			image.Resource = glyph(state, paint(s, theme.OnP))
			image.Refresh()
		},
	})
}
