package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

const (
	startHigh float32 = 70
	startDisc float32 = 40
	startText float32 = 76 // where the words begin
)

// StartCard is one of the ways to begin: an icon, words, and an arrow. The first
// one is the one that most people want.
type StartCard struct {
	control
	icon     fyne.Resource
	heading  *Paragraph
	sentence *Paragraph
	first    bool
}

// NewStartCard is a way to begin.
func NewStartCard(icon fyne.Resource, m viewmodel.StartChoice, first bool, press func(viewmodel.Action)) *StartCard {
	c := &StartCard{icon: icon, heading: NewBold(m.Heading), sentence: NewHelp(m.Sentence), first: first}
	c.init(c, func() { tell(press, m.Does) })
	return c
}

// AccessibilityLabel is both of its texts.
func (c *StartCard) AccessibilityLabel() string { return c.heading.Text() + ". " + c.sentence.Text() }

// AccessibilityRole is a button's.
func (c *StartCard) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (c *StartCard) room(width float32) float32 { return width - startText - 20 - 2*theme.Space16 }

// HeightFor is the height in a width.
func (c *StartCard) HeightFor(width float32) float32 {
	w := c.room(width)
	return max(startHigh, c.heading.HeightFor(w)+c.sentence.HeightFor(w)+2*theme.Space16)
}

// CreateRenderer is Fyne's.
func (c *StartCard) CreateRenderer() fyne.WidgetRenderer {
	back, over, ring := newCard(), canvas.NewRectangle(nil), NewFocusRing()
	disc := canvas.NewCircle(nil)
	icon, arrow := canvas.NewImageFromResource(nil), canvas.NewImageFromResource(nil)
	return render(&parts{of: c, objects: []fyne.CanvasObject{back, over, disc, icon, c.heading, c.sentence, arrow, ring},
		update: func() {
			updateCard(c, back)
			ink := paint(c, theme.Text)
			disc.FillColor = paint(c, theme.Plain)
			if c.first {
				back.FillColor, back.StrokeColor = paint(c, theme.Connecting.Tint()), paint(c, theme.Primary)
				disc.FillColor, ink = paint(c, theme.Primary), paint(c, theme.OnP)
			}
			over.FillColor, over.CornerRadius = c.shade(), back.CornerRadius
			icon.Resource, arrow.Resource = inked(c.icon, ink), inked(fynetheme.NavigateNextIcon(), paint(c, theme.Text2))
			icon.Refresh()
			arrow.Refresh()
			ring.StrokeColor = paint(c, theme.Primary)
			show(ring, c.focused)
		},
		layout: func(s fyne.Size) {
			placeCard(back, s)
			put(over, 0, 0, s.Width, s.Height)
			PlaceFocusRing(ring, 0, 0, s.Width, s.Height, back.CornerRadius)
			put(disc, 19, (s.Height-startDisc)/2, startDisc, startDisc)
			put(icon, 19+(startDisc-20)/2, (s.Height-20)/2, 20, 20)
			w := c.room(s.Width)
			heading, sentence := c.heading.HeightFor(w), c.sentence.HeightFor(w)
			y := (s.Height - heading - sentence) / 2
			put(c.heading, startText, y, w, heading)
			put(c.sentence, startText, y+heading, w, sentence)
			put(arrow, s.Width-20-theme.Space16, (s.Height-20)/2, 20, 20)
		},
		min: func() fyne.Size { return fyne.NewSize(220, c.HeightFor(max(220, c.Size().Width))) },
	})
}

// CheckLine says whether something is there: a disc with a tick, or a ring.
type CheckLine struct {
	widget.BaseWidget
	good bool
	text string
}

// NewCheckLine is a word of the status bar.
func NewCheckLine(good bool, text string) *CheckLine {
	c := &CheckLine{good: good, text: text}
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer is Fyne's.
func (c *CheckLine) CreateRenderer() fyne.WidgetRenderer {
	sign := newStepSign()
	words := newLine(caption, regular, theme.Text2)
	return render(&parts{of: c, objects: append(sign.objects(), words.Text),
		update: func() {
			state := viewmodel.StepToCome
			if c.good {
				state = viewmodel.StepDone
			}
			sign.update(c, state)
			words.update(c, c.text)
		},
		layout: func(s fyne.Size) {
			sign.place(0, (s.Height-stepSign)/2)
			words.place(stepSign+theme.Space8, s.Height/2, s.Width-stepSign-theme.Space8)
		},
		min: func() fyne.Size { return fyne.NewSize(stepSign+theme.Space8+words.measure().Width+1, 24) },
	})
}

// NewAppIcon is the program's icon at a size.
func NewAppIcon(size float32) fyne.CanvasObject {
	i := &AppIcon{size: size}
	i.ExtendBaseWidget(i)
	return i
}

// AppIcon is the program's icon, in the middle of its width.
type AppIcon struct {
	widget.BaseWidget
	size float32
}

// CreateRenderer is Fyne's.
func (i *AppIcon) CreateRenderer() fyne.WidgetRenderer {
	image := canvas.NewImageFromResource(fyne.NewStaticResource("culvert.svg", assets.SVG("culvert")))
	return render(&parts{of: i, objects: []fyne.CanvasObject{image},
		layout: func(s fyne.Size) { put(image, (s.Width-i.size)/2, (s.Height-i.size)/2, i.size, i.size) },
		min:    func() fyne.Size { return fyne.NewSquareSize(i.size) },
	})
}
