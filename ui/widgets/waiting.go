package widgets

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

const countdownSize float32 = 120

// countdown is the ring that empties clockwise around the seconds.
type countdown struct {
	widget.BaseWidget
	left          float64
	seconds, unit string
}

func (c *countdown) CreateRenderer() fyne.WidgetRenderer {
	around, arc := canvas.NewArc(0, 360, 0.84, nil), canvas.NewArc(0, 360, 0.84, nil)
	arc.CornerRadius = countdownSize * 0.04
	seconds, unit := newLine(theme.SizeCountdown, bold, theme.Text), newLine(caption, regular, theme.Text2)
	seconds.Alignment, unit.Alignment = fyne.TextAlignCenter, fyne.TextAlignCenter
	return render(&parts{of: c, objects: []fyne.CanvasObject{around, arc, seconds.Text, unit.Text},
		update: func() {
			around.FillColor, arc.FillColor = paint(c, theme.Border), paint(c, theme.Waiting.Color())
			left := float32(min(max(c.left, 0), 1))
			arc.StartAngle, arc.EndAngle = 360*(1-left), 360
			show(arc, left > 0)
			seconds.update(c, c.seconds)
			unit.update(c, c.unit)
		},
		layout: func(s fyne.Size) {
			put(around, 0, 0, countdownSize, countdownSize)
			put(arc, 0, 0, countdownSize, countdownSize)
			seconds.place(0, countdownSize/2-7, countdownSize)
			unit.place(12, countdownSize/2+19, countdownSize-24)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(countdownSize) },
	})
}

// WaitingCard is shown while a person is waited for: the time left, what to do,
// and a field where the gateway takes a code.
type WaitingCard struct {
	widget.BaseWidget
	model    viewmodel.Countdown
	ring     *countdown
	title    *Paragraph
	sentence *Paragraph
	code     *Entry
	codeName *Paragraph
	help     *Paragraph
	send     *Button
	codeBox  *Box
	content  *fyne.Container
}

// NewWaitingCard is an empty card; send gets the code, without blanks.
func NewWaitingCard(send func(code string)) *WaitingCard {
	c := &WaitingCard{ring: &countdown{}, title: NewSubHeading(""), sentence: NewSentence(""), codeName: NewBold(""), help: NewHelp("")}
	c.ring.ExtendBaseWidget(c.ring)
	submit := func() {
		code := c.code.Text
		if c.model.Code == nil || !c.model.Code.Hidden {
			code = withoutBlanks(code)
		}
		if code == "" {
			return
		}
		c.code.SetText("")
		tell(send, code)
	}
	c.code = NewEntry()
	c.code.OnEnter = submit
	c.code.OnChanged = func(s string) {
		if hidden := c.model.Code != nil && c.model.Code.Hidden; !hidden && withoutBlanks(s) != s {
			c.code.SetText(withoutBlanks(s))
		}
	}
	c.send = NewButton(Plain, "", submit)
	c.codeBox = NewBox(panelPad, NewColumn(theme.Space8, c.codeName, newEntryRow(c.code, c.send), c.help))
	c.codeBox.Hide()
	c.content = NewColumn(theme.Space16, NewBox(panelPad+theme.Space4, newWaitingText(c)), c.codeBox)
	c.ExtendBaseWidget(c)
	return c
}

// withoutBlanks drops the blanks that a code has when it is copied.
func withoutBlanks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// SetModel changes what it shows. What was typed stays.
func (c *WaitingCard) SetModel(m viewmodel.Countdown) {
	c.model = m
	c.ring.left, c.ring.seconds, c.ring.unit = m.Left, m.Seconds, m.Unit
	c.ring.Refresh()
	c.title.SetText(m.Title)
	c.sentence.SetText(m.Sentence)
	changed := c.codeBox.Visible() != (m.Code != nil)
	show(c.codeBox, m.Code != nil)
	if m.Code != nil {
		c.codeName.SetText(m.Code.Title)
		c.help.SetText(m.Code.Help)
		c.send.SetText(m.Code.Send.Text)
		c.code.SetPlaceHolder(m.Code.Field)
		c.code.SetPassword(m.Code.Hidden)
	}
	if changed {
		c.Refresh()
	}
}

// Code is the field that the focus belongs in, or nil if no code is asked for.
func (c *WaitingCard) Code() fyne.Focusable {
	if c.model.Code == nil {
		return nil
	}
	prepare(c)
	return c.code
}

// HeightFor is the height in a width.
func (c *WaitingCard) HeightFor(width float32) float32 { return heightFor(c.content, width) }

// CreateRenderer is Fyne's.
func (c *WaitingCard) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: c, objects: []fyne.CanvasObject{c.content},
		layout: func(s fyne.Size) {
			put(c.content, 0, 0, s.Width, s.Height)
			c.content.Refresh()
		},
		min: func() fyne.Size { return fyne.NewSize(240, c.HeightFor(max(240, c.Size().Width))) },
	})
}

// waitingText is the ring with the words at its right, or below where there is
// no room.
type waitingText struct {
	widget.BaseWidget
	card *WaitingCard
}

func newWaitingText(c *WaitingCard) *waitingText {
	w := &waitingText{card: c}
	w.ExtendBaseWidget(w)
	return w
}

const waitingBeside float32 = 340 // the width from which words are beside the ring

func (w *waitingText) room(width float32) (x, room float32) {
	if width < waitingBeside {
		return 0, width
	}
	x = countdownSize + theme.Space32
	return x, width - x
}

// HeightFor is the height in a width.
func (w *waitingText) HeightFor(width float32) float32 {
	x, room := w.room(width)
	words := w.card.title.HeightFor(room) + theme.Space4 + w.card.sentence.HeightFor(room)
	if x == 0 {
		return countdownSize + theme.Space16 + words
	}
	return max(countdownSize, words)
}

func (w *waitingText) CreateRenderer() fyne.WidgetRenderer {
	c := w.card
	return render(&parts{of: w, objects: []fyne.CanvasObject{c.ring, c.title, c.sentence},
		layout: func(s fyne.Size) {
			x, room := w.room(s.Width)
			title, sentence := c.title.HeightFor(room), c.sentence.HeightFor(room)
			y := (s.Height - title - theme.Space4 - sentence) / 2
			put(c.ring, 0, (s.Height-countdownSize)/2, countdownSize, countdownSize)
			if x == 0 {
				y = countdownSize + theme.Space16
				put(c.ring, (s.Width-countdownSize)/2, 0, countdownSize, countdownSize)
			}
			put(c.title, x, y, room, title)
			put(c.sentence, x, y+title+theme.Space4, room, sentence)
		},
		min: func() fyne.Size { return fyne.NewSize(countdownSize, w.HeightFor(max(countdownSize, w.Size().Width))) },
	})
}
