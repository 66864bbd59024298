package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of the toggle.
const (
	trackWidth  float32 = 84
	trackHeight float32 = 44
	thumbSize   float32 = 36
	ringSize    float32 = 24
	verbGap     float32 = 4
)

// ConnectToggle is the one thing to do: a track, a thumb, and its verb below.
type ConnectToggle struct {
	control
	kind     viewmodel.Kind
	model    viewmodel.Toggle
	spin     spinner
	settle   func() // ends the thumb's way
	at       float32
	laid     bool
	thumb    *canvas.Circle
	arc      *canvas.Arc
	trackPos fyne.Position
}

// NewConnectToggle is a toggle; press gets what the model says that it does.
func NewConnectToggle(press func(viewmodel.Action)) *ConnectToggle {
	t := &ConnectToggle{settle: func() {}}
	t.model.Enabled = true
	t.init(t, func() { tell(press, t.model.Does) })
	return t
}

// SetModel changes what it shows.
func (t *ConnectToggle) SetModel(kind viewmodel.Kind, m viewmodel.Toggle) {
	if t.kind == kind && t.model == m {
		return
	}
	t.kind, t.model, t.disabled = kind, m, !m.Enabled
	t.Refresh()
}

// AccessibilityLabel says the state as well: assistive technology knows no
// toggles here.
func (t *ConnectToggle) AccessibilityLabel() string { return t.model.Label }

// AccessibilityRole is a button's.
func (t *ConnectToggle) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// place is where the thumb belongs, in units from the left edge of the track.
func (t *ConnectToggle) place() float32 {
	const margin = (trackHeight - thumbSize) / 2
	switch t.model.Thumb {
	case viewmodel.Middle:
		return (trackWidth - thumbSize) / 2
	case viewmodel.Right:
		return trackWidth - thumbSize - margin
	}
	return margin
}

// move puts the thumb and the ring on it.
func (t *ConnectToggle) move(at float32) {
	t.at = at
	x, y := t.trackPos.X+at, t.trackPos.Y+(trackHeight-thumbSize)/2
	put(t.thumb, x, y, thumbSize, thumbSize)
	const in = (thumbSize - ringSize) / 2
	put(t.arc, x+in, y+in, ringSize, ringSize)
}

// CreateRenderer is Fyne's.
func (t *ConnectToggle) CreateRenderer() fyne.WidgetRenderer {
	track, over, ring := canvas.NewRectangle(nil), canvas.NewRectangle(nil), NewFocusRing()
	track.CornerRadius, over.CornerRadius = trackHeight/2, trackHeight/2
	t.thumb = canvas.NewCircle(nil)
	t.arc = canvas.NewArc(0, 270, 0.8, nil)
	verb := newLine(caption, regular, theme.Text)
	verb.Alignment = fyne.TextAlignCenter
	t.spin = spinner{shown: t.Visible, draw: func(angle float32) {
		t.arc.StartAngle, t.arc.EndAngle = angle, angle+270
		t.arc.Refresh()
	}}
	t.laid = false
	thumb, arc := t.thumb, t.arc
	return render(&parts{of: t, objects: []fyne.CanvasObject{track, over, thumb, arc, verb.Text, ring},
		update: func() {
			t.colors(track, over)
			verb.update(t, t.model.Verb)
			ring.StrokeColor = paint(t, theme.Primary)
			show(ring, t.focused)
			show(arc, t.model.Turning)
			t.spin.run(t.model.Turning && t.Visible())
		},
		layout: func(s fyne.Size) {
			t.trackPos = fyne.NewPos((s.Width-trackWidth)/2, 0)
			put(track, t.trackPos.X, 0, trackWidth, trackHeight)
			put(over, t.trackPos.X, 0, trackWidth, trackHeight)
			PlaceFocusRing(ring, t.trackPos.X, 0, trackWidth, trackHeight, trackHeight/2)
			verb.place(0, trackHeight+verbGap+verb.height()/2, s.Width)
			t.travel()
		},
		min: func() fyne.Size {
			return fyne.NewSize(max(trackWidth, verb.measure().Width), trackHeight+verbGap+verb.height())
		},
		destroy: func() { t.spin.run(false); t.settle() },
	})
}

// travel takes the thumb to its place; the first time it is there at once.
func (t *ConnectToggle) travel() {
	t.settle()
	from, to := t.at, t.place()
	if !t.laid || from == to {
		t.laid = true
		t.move(to)
		return
	}
	t.settle = glide(func(done float32) { t.move(from + (to-from)*done) })
}

func (t *ConnectToggle) colors(track, over *canvas.Rectangle) {
	input := paint(t, theme.Input)
	if t.disabled {
		input = paint(t, theme.Disabled)
	}
	track.FillColor, track.StrokeColor, track.StrokeWidth = color.Transparent, input, 2
	t.thumb.FillColor, t.arc.FillColor = input, paint(t, look(t.kind).Tint())
	if t.model.On {
		state := paint(t, look(t.kind).Color())
		track.FillColor, track.StrokeColor = state, state
		t.thumb.FillColor, t.arc.FillColor = paint(t, theme.Thumb), state
	}
	over.FillColor = t.shade()
}
