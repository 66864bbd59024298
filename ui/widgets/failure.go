package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// segments is the bar of the nine steps on top of a failure.
type segments struct {
	widget.BaseWidget
	states []viewmodel.StepState
	bars   []*canvas.Rectangle
}

const segmentHeight, segmentStopped, segmentGap float32 = 6, 12, 4

func (b *segments) CreateRenderer() fyne.WidgetRenderer {
	r := &parts{of: b}
	r.update = func() {
		r.objects = nil
		b.bars = nil
		for _, s := range b.states {
			bar := canvas.NewRectangle(paint(b, theme.Border))
			bar.CornerRadius = segmentHeight / 2
			switch s {
			case viewmodel.StepDone:
				bar.FillColor = paint(b, theme.Connected.Color())
			case viewmodel.StepFailed, viewmodel.StepRunning:
				bar.FillColor = paint(b, theme.Failed.Color())
			}
			b.bars = append(b.bars, bar)
			r.objects = append(r.objects, bar)
		}
	}
	r.layout = func(s fyne.Size) {
		n := float32(len(b.bars))
		w := (s.Width - segmentGap*(n-1)) / n
		for i, bar := range b.bars {
			h := segmentHeight
			if s := b.states[i]; s == viewmodel.StepFailed || s == viewmodel.StepRunning {
				h = segmentStopped
			}
			put(bar, float32(i)*(w+segmentGap), (segmentStopped-h)/2, w, h)
		}
	}
	r.min = func() fyne.Size { return fyne.NewSize(9*12, segmentStopped) }
	return render(r)
}

// captions are two texts at the ends of a line, below each other where the line
// is too short for both.
type captions struct {
	widget.BaseWidget
	left, right *Paragraph
}

func newCaptions() *captions {
	c := &captions{left: NewHelp(""), right: NewHelp("")}
	c.ExtendBaseWidget(c)
	return c
}

func (c *captions) beside(width float32) bool {
	return c.left.natural()+theme.Space16+c.right.natural() <= width
}

// HeightFor is the height in a width.
func (c *captions) HeightFor(width float32) float32 {
	left, right := c.left.HeightFor(width), c.right.HeightFor(width)
	if c.beside(width) {
		return max(left, right)
	}
	return left + right
}

func (c *captions) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: c, objects: []fyne.CanvasObject{c.left, c.right},
		layout: func(s fyne.Size) {
			if !c.beside(s.Width) {
				left := c.left.HeightFor(s.Width)
				put(c.left, 0, 0, s.Width, left)
				put(c.right, 0, left, s.Width, s.Height-left)
				return
			}
			right := c.right.natural() + 1
			put(c.left, 0, 0, s.Width-right, s.Height)
			put(c.right, s.Width-right, 0, right, s.Height)
		},
		min: func() fyne.Size { return fyne.NewSize(80, c.HeightFor(max(80, c.Size().Width))) },
	})
}

// FailureActions are what a failure card tells.
type FailureActions struct {
	Remedy func(viewmodel.Action)
	Copy   func(report string)
	Log    func()
}

// FailureCard explains a failure: how far it came, what went wrong, why, what to
// do, and the one button.
type FailureCard struct {
	widget.BaseWidget
	act           FailureActions
	model         viewmodel.Card
	bar           *segments
	ends          *captions
	title         *Paragraph
	whyLabel, why *Paragraph
	doLabel, do   *Paragraph
	remedy, copy  *Button
	log           *Button
	copied        *Paragraph
	details       *FoldBox
	selectable    *widget.Label
	barPart       *fyne.Container
	content       *fyne.Container
}

// NewFailureCard is an empty card.
func NewFailureCard(act FailureActions) *FailureCard {
	c := &FailureCard{act: act, bar: &segments{}, ends: newCaptions(), title: NewSubHeading(""),
		whyLabel: NewHelp(""), why: NewText(""), doLabel: NewHelp(""), do: NewText(""), copied: NewHelp("")}
	c.bar.ExtendBaseWidget(c.bar)
	c.remedy = NewButton(Filled, "", func() { tell(act.Remedy, c.model.Remedy.Does) })
	c.copy = NewIconButton(Plain, fynetheme.ContentCopyIcon(), "", "", func() {
		tell(act.Copy, c.model.Report)
		c.copied.SetText(c.model.Copied)
		c.Refresh()
	})
	c.log = NewButton(Link, "", func() { call(act.Log) })
	c.selectable = widget.NewLabel("")
	c.selectable.Selectable = true
	c.selectable.Wrapping = fyne.TextWrapBreak
	c.selectable.TextStyle = mono
	c.selectable.SizeName = theme.SizeMono
	c.details = NewFoldBox("", "", newLabelFlow(c.selectable))
	c.barPart = NewColumn(theme.Space8, c.bar, c.ends)
	inner := NewColumn(theme.Space24-4,
		c.barPart,
		NewColumn(theme.Space12, c.title, NewColumn(0, c.whyLabel, c.why), NewColumn(0, c.doLabel, c.do)),
		NewColumn(theme.Space8, NewActions(1, c.remedy, c.copy, c.log), c.copied))
	c.content = NewColumn(theme.Space16, NewBox(panelPad, inner), c.details)
	c.ExtendBaseWidget(c)
	return c
}

// SetModel changes what it shows.
func (c *FailureCard) SetModel(m viewmodel.Card) {
	if m.Title != c.model.Title || m.Details != c.model.Details { // a report has the time in it
		c.copied.SetText("")
	}
	c.model = m
	c.bar.states = m.Segments
	c.ends.left.SetText(m.Reached)
	c.ends.right.SetText(m.Stopped)
	show(c.barPart, len(m.Segments) > 0)
	c.title.SetText(m.Title)
	c.whyLabel.SetText(labelOf(m.WhyLabel, m.Why))
	c.why.SetText(m.Why)
	c.doLabel.SetText(labelOf(m.DoLabel, m.Do))
	c.do.SetText(m.Do)
	for _, b := range []struct {
		button *Button
		model  viewmodel.Button
	}{{c.remedy, m.Remedy}, {c.copy, m.Copy}, {c.log, m.Log}} {
		show(b.button, b.model.Text != "")
		b.button.SetText(b.model.Text)
	}
	c.details.SetTexts(m.DetailsTitle, m.DetailsSummary)
	c.selectable.SetText(m.Details)
	show(c.details, m.Details != "")
	c.Refresh()
}

// labelOf is a label, if there is something to label.
func labelOf(label, of string) string {
	if of == "" {
		return ""
	}
	return label
}

// Default is what the focus belongs on: the filled button.
func (c *FailureCard) Default() fyne.Focusable {
	prepare(c)
	return c.remedy
}

// HeightFor is the height in a width.
func (c *FailureCard) HeightFor(width float32) float32 { return heightFor(c.content, width) }

// CreateRenderer is Fyne's.
func (c *FailureCard) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: c, objects: []fyne.CanvasObject{c.content},
		update: func() {
			c.bar.Refresh()
			c.ends.Refresh()
		},
		layout: func(s fyne.Size) {
			put(c.content, 0, 0, s.Width, s.Height)
			c.content.Refresh()
		},
		min: func() fyne.Size { return fyne.NewSize(240, c.HeightFor(max(240, c.Size().Width))) },
	})
}

// labelFlow is a Fyne label, which text can be selected in, among our layouts.
type labelFlow struct {
	widget.BaseWidget
	label *widget.Label
}

func newLabelFlow(l *widget.Label) *labelFlow {
	f := &labelFlow{label: l}
	f.ExtendBaseWidget(f)
	return f
}

// HeightFor lays the label out in the width: it knows its height only then.
func (f *labelFlow) HeightFor(width float32) float32 {
	f.label.Resize(fyne.NewSize(width+2*theme.Space8, f.label.Size().Height))
	return f.label.MinSize().Height - 2*theme.Space8
}

func (f *labelFlow) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: f, objects: []fyne.CanvasObject{f.label},
		// A label has padding that its neighbours do not have.
		layout: func(s fyne.Size) {
			put(f.label, -theme.Space8, -theme.Space8, s.Width+2*theme.Space8, s.Height+2*theme.Space8)
		},
		min: func() fyne.Size { return fyne.NewSize(100, f.HeightFor(max(100, f.Size().Width))) },
	})
}
