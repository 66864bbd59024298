package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of the panel, wide and narrow.
const (
	panelHeight float32 = 112
	panelPad    float32 = 20
	signSize    float32 = 56
	signNarrow  float32 = 40
	// panelLeast is the room for words below which the sentence goes under them.
	panelLeast float32 = 150
)

// StatePanel says how the connection is, and holds the toggle.
type StatePanel struct {
	widget.BaseWidget
	model    viewmodel.StatePanel
	sign     *StateSign
	title    *Paragraph
	sentence *Paragraph
	toggle   *ConnectToggle
	second   *Button
	settle   func()
	back     *canvas.Rectangle
	shown    theme.State
	drawn    bool
}

// NewStatePanel is a panel; act gets what the toggle or the second button does.
func NewStatePanel(act func(viewmodel.Action)) *StatePanel {
	p := &StatePanel{settle: func() {},
		sign:     NewStateSign(viewmodel.Unknown),
		title:    newParagraph(heading, bold, theme.Text),
		sentence: NewSentence(""),
		toggle:   NewConnectToggle(act),
	}
	p.second = NewButton(Plain, "", func() {
		if p.model.Second != nil {
			tell(act, p.model.Second.Does)
		}
	})
	p.second.Hide()
	p.ExtendBaseWidget(p)
	return p
}

// SetModel changes what it shows.
func (p *StatePanel) SetModel(m viewmodel.StatePanel) {
	p.model = m
	p.sign.SetKind(m.Kind)
	p.title.SetText(m.Title)
	p.title.setColor(look(m.Kind).Color())
	p.sentence.SetText(m.Sentence)
	p.toggle.SetModel(m.Kind, m.Toggle)
	show(p.second, m.Second != nil)
	if m.Second != nil {
		p.second.SetText(m.Second.Text)
	}
	p.Refresh()
}

// Toggle is what is in it: to give it the focus.
func (p *StatePanel) Toggle() *ConnectToggle { return p.toggle }

// words is the room for the words beside sign and toggle.
func (p *StatePanel) words(width float32) float32 {
	return width - 2*panelPad - signSize - 2*theme.Space16 - p.toggle.MinSize().Width
}

// narrow puts the sentence below: where the title, or a readable line, has no room.
func (p *StatePanel) narrow(width float32) bool {
	return p.words(width) < max(panelLeast, p.title.natural())
}

// extra is the height of the second button with its gap.
func (p *StatePanel) extra() float32 {
	if p.model.Second == nil {
		return 0
	}
	return theme.Space12 + theme.Control
}

// HeightFor is the height in a width.
func (p *StatePanel) HeightFor(width float32) float32 {
	toggle := p.toggle.MinSize()
	if p.narrow(width) {
		top := max(toggle.Height, p.title.HeightFor(p.narrowTitle(width)))
		return 2*theme.Space16 + top + theme.Space8 + p.sentence.HeightFor(width-2*theme.Space16) + p.extra()
	}
	w := p.words(width)
	return max(panelHeight, 2*panelPad+p.title.HeightFor(w)+p.sentence.HeightFor(w)+p.extra())
}

func (p *StatePanel) narrowTitle(width float32) float32 {
	return width - 2*theme.Space16 - signNarrow - 2*theme.Space12 - p.toggle.MinSize().Width
}

func (p *StatePanel) layoutNarrow(s fyne.Size) {
	toggle := p.toggle.MinSize()
	w := p.narrowTitle(s.Width)
	h := p.title.HeightFor(w)
	top := max(toggle.Height, h)
	put(p.toggle, s.Width-theme.Space16-toggle.Width, theme.Space16, toggle.Width, toggle.Height)
	put(p.sign, theme.Space16, theme.Space16+(top-signNarrow)/2, signNarrow, signNarrow)
	put(p.title, theme.Space16+signNarrow+theme.Space12, theme.Space16+(top-h)/2, w, h)
	y := theme.Space16 + top + theme.Space8
	w = s.Width - 2*theme.Space16
	h = p.sentence.HeightFor(w)
	put(p.sentence, theme.Space16, y, w, h)
	put(p.second, theme.Space16, y+h+theme.Space12, min(w, p.second.MinSize().Width), theme.Control)
}

func (p *StatePanel) layoutWide(s fyne.Size) {
	toggle := p.toggle.MinSize()
	put(p.sign, panelPad, (s.Height-signSize)/2, signSize, signSize)
	put(p.toggle, s.Width-panelPad-toggle.Width, (s.Height-toggle.Height)/2, toggle.Width, toggle.Height)
	x, w := panelPad+signSize+theme.Space16, p.words(s.Width)
	title, sentence := p.title.HeightFor(w), p.sentence.HeightFor(w)
	y := (s.Height - title - sentence - p.extra()) / 2
	put(p.title, x, y, w, title)
	put(p.sentence, x, y+title, w, sentence)
	put(p.second, x, y+title+sentence+theme.Space12, min(w, p.second.MinSize().Width), theme.Control)
}

// CreateRenderer is Fyne's.
func (p *StatePanel) CreateRenderer() fyne.WidgetRenderer {
	p.back = canvas.NewRectangle(color.Transparent)
	edge := canvas.NewRectangle(color.Transparent)
	edge.StrokeWidth = 1
	return render(&parts{of: p, objects: []fyne.CanvasObject{p.back, edge, p.sign, p.title, p.sentence, p.toggle, p.second},
		layout: func(s fyne.Size) {
			put(p.back, 0, 0, s.Width, s.Height)
			placeCard(edge, s)
			if p.narrow(s.Width) {
				p.layoutNarrow(s)
			} else {
				p.layoutWide(s)
			}
		},
		min: func() fyne.Size {
			return fyne.NewSize(240, p.HeightFor(max(240, p.Size().Width)))
		},
		update: func() {
			state := look(p.model.Kind)
			p.back.CornerRadius = size(p, theme.SizeBoxRadius)
			edge.CornerRadius, edge.StrokeColor = p.back.CornerRadius, paint(p, theme.Border)
			show(edge, state == theme.Disconnected) // its tint is nearly the page's
			p.color(state)
		},
		destroy: func() { p.settle() },
	})
}

// color changes the ground, by way of what lies between when the state changed.
func (p *StatePanel) color(state theme.State) {
	to := paint(p, state.Tint())
	p.settle()
	if !p.drawn || p.shown == state {
		p.drawn, p.shown = true, state
		p.back.FillColor = to
		return
	}
	from := p.back.FillColor
	p.shown = state
	p.settle = glide(func(done float32) {
		p.back.FillColor = between(from, to, done)
		p.back.Refresh()
	})
}

// between is a colour on the way from one to another.
func between(from, to color.Color, done float32) color.Color {
	a, b := color.NRGBAModel.Convert(from).(color.NRGBA), color.NRGBAModel.Convert(to).(color.NRGBA)
	f := func(x, y uint8) uint8 { return uint8(float32(x) + (float32(y)-float32(x))*done) }
	return color.NRGBA{R: f(a.R, b.R), G: f(a.G, b.G), B: f(a.B, b.B), A: f(a.A, b.A)}
}
