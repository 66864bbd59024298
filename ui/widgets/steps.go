package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of the steps.
const (
	stepHeight  float32 = 32
	stepSign    float32 = 20
	stepsDetail float32 = 560 // the width from which there are details
	stepsHead   float32 = 44
	stepsPad    float32 = 16
)

// StepsBox is the box of the nine steps. Folded, it is one row that opens.
type StepsBox struct {
	widget.BaseWidget
	model viewmodel.Steps
	few   bool
	fold  *foldHeader
	title *line
	total *line
	hint  *Paragraph
	rows  []*stepRow
	names float32 // width of the longest name
}

// NewStepsBox is an empty box.
func NewStepsBox() *StepsBox {
	b := &StepsBox{title: newLine(body, bold, theme.Text), total: newLine(caption, regular, theme.Text2), hint: NewHelp("")}
	b.fold = newFoldHeader(func() { b.Refresh() })
	b.ExtendBaseWidget(b)
	return b
}

// SetModel changes what it shows.
func (b *StepsBox) SetModel(m viewmodel.Steps) {
	if m.Folded != b.model.Folded {
		b.fold.open = false
	}
	b.model = m
	b.fold.set(m.Title, m.Total)
	b.hint.SetText(m.Hint)
	b.Refresh()
}

// SetFew shows only the row that is looked at and its neighbours: where the
// window is low.
func (b *StepsBox) SetFew(few bool) {
	if b.few != few {
		b.few = few
		b.Refresh()
	}
}

// span is which rows are shown.
func (b *StepsBox) span() (from, to int) {
	n := len(b.model.Rows)
	switch {
	case b.model.Folded && !b.fold.open:
		return 0, 0
	case b.few && n > 3:
		from = min(max(b.model.Around-1, 0), n-3)
		return from, from + 3
	}
	return 0, n
}

// HeightFor is the height in a width.
func (b *StepsBox) HeightFor(width float32) float32 {
	h := b.boxHeight()
	if hint := b.hint.HeightFor(width - 2*theme.Space4); hint > 0 {
		h += theme.Space12 + hint
	}
	return h
}

func (b *StepsBox) boxHeight() float32 {
	from, to := b.span()
	if from == to {
		return foldHeight
	}
	return stepsHead + float32(to-from)*stepHeight + stepsPad
}

// sync has a row object for each step.
func (b *StepsBox) sync() []fyne.CanvasObject {
	for len(b.rows) < len(b.model.Rows) {
		b.rows = append(b.rows, newStepRow())
	}
	from, to := b.span()
	b.names = 0
	var objects []fyne.CanvasObject
	for i, r := range b.rows {
		show(r, i >= from && i < to)
		if i >= len(b.model.Rows) {
			continue
		}
		m := b.model.Rows[i]
		r.set(m, i+1 < to)
		b.names = max(b.names, fyne.MeasureText(m.Name, size(b, body), bold).Width)
		objects = append(objects, r)
	}
	return objects
}

// CreateRenderer is Fyne's.
func (b *StepsBox) CreateRenderer() fyne.WidgetRenderer {
	back := newCard()
	r := &parts{of: b}
	fixed := []fyne.CanvasObject{back, b.title.Text, b.total.Text, b.hint, b.fold}
	r.update = func() {
		updateCard(b, back)
		b.title.update(b, b.model.Title)
		b.total.update(b, b.model.Total)
		show(b.fold, b.model.Folded)
		show(b.title.Text, !b.model.Folded)
		show(b.total.Text, !b.model.Folded)
		r.objects = append(append([]fyne.CanvasObject{}, fixed...), b.sync()...)
	}
	r.layout = func(s fyne.Size) {
		h := b.boxHeight()
		placeCard(back, fyne.NewSize(s.Width, h))
		put(b.fold, 0, 0, s.Width, foldHeight)
		middle := stepsHead/2 + 4
		total := b.total.measure().Width
		b.total.place(s.Width-panelPad-total, middle, total)
		b.title.place(panelPad, middle, s.Width-2*panelPad-total-theme.Space8)
		from, to := b.span()
		inner := s.Width - 2*panelPad
		name := min(b.names, (inner-stepSign-theme.Space12)*0.45)
		for i := from; i < to; i++ {
			b.rows[i].name, b.rows[i].details = name, s.Width >= stepsDetail
			put(b.rows[i], panelPad, stepsHead+float32(i-from)*stepHeight, inner, stepHeight)
			b.rows[i].Refresh()
		}
		put(b.hint, theme.Space4, h+theme.Space12, s.Width-2*theme.Space4, b.hint.HeightFor(s.Width-2*theme.Space4))
	}
	r.min = func() fyne.Size { return fyne.NewSize(200, b.HeightFor(max(200, b.Size().Width))) }
	return render(r)
}

// stepRow is one step: its sign with the link to the next one, name, detail, time.
type stepRow struct {
	widget.BaseWidget
	step    viewmodel.Step
	link    bool
	name    float32 // the width of the column of names
	details bool
	spin    spinner
}

func newStepRow() *stepRow {
	r := &stepRow{}
	r.ExtendBaseWidget(r)
	return r
}

func (r *stepRow) set(s viewmodel.Step, link bool) { r.step, r.link = s, link }

func (r *stepRow) CreateRenderer() fyne.WidgetRenderer {
	sign := newStepSign()
	link := canvas.NewRectangle(nil)
	name, detail, took := newLine(body, regular, theme.Text), newLine(caption, regular, theme.Text2), newLine(caption, regular, theme.Text2)
	r.spin = spinner{shown: r.Visible, draw: sign.turn}
	objects := append([]fyne.CanvasObject{link}, sign.objects()...)
	return render(&parts{of: r, objects: append(objects, name.Text, detail.Text, took.Text),
		update: func() {
			sign.update(r, r.step.State)
			link.FillColor = paint(r, theme.Border)
			if r.step.State == viewmodel.StepDone {
				link.FillColor = paint(r, theme.Connected.Color())
			}
			show(link, r.link)
			name.TextStyle, name.color = regular, theme.Text
			switch r.step.State {
			case viewmodel.StepRunning, viewmodel.StepFailed:
				name.TextStyle = bold
			case viewmodel.StepToCome:
				name.color = theme.Text2
			}
			name.update(r, r.step.Name)
			detail.update(r, r.step.Detail)
			took.update(r, r.step.Time)
			show(detail.Text, r.details)
			r.spin.run(r.step.State == viewmodel.StepRunning && r.Visible())
		},
		layout: func(s fyne.Size) {
			middle := s.Height / 2
			sign.place(0, middle-stepSign/2)
			put(link, stepSign/2-1, middle+stepSign/2, 2, s.Height-stepSign)
			x := stepSign + theme.Space12
			t := took.measure().Width
			took.place(s.Width-t, middle, t)
			if !r.details {
				name.place(x, middle, s.Width-x-t-theme.Space8)
				return
			}
			name.place(x, middle, r.name)
			x += r.name + theme.Space24
			detail.place(x, middle, s.Width-x-t-theme.Space8)
		},
		min:     func() fyne.Size { return fyne.NewSize(100, stepHeight) },
		destroy: func() { r.spin.run(false) },
	})
}

// stepSignObjects draws the state of a step: a disc with a tick, a turning ring,
// a triangle, or a small ring.
type stepSignObjects struct {
	disc, ring  *canvas.Circle
	tick1       *canvas.Line
	tick2       *canvas.Line
	around, arc *canvas.Arc
	triangle    *canvas.ArbitraryPolygon
}

func newStepSign() *stepSignObjects {
	s := &stepSignObjects{disc: canvas.NewCircle(nil), ring: canvas.NewCircle(color.Transparent),
		tick1: canvas.NewLine(nil), tick2: canvas.NewLine(nil),
		around: canvas.NewArc(0, 360, 0.8, nil), arc: canvas.NewArc(0, 270, 0.8, nil), triangle: newTriangle()}
	s.ring.StrokeWidth, s.tick1.StrokeWidth, s.tick2.StrokeWidth = 1.5, 2, 2
	return s
}

func (s *stepSignObjects) objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{s.disc, s.ring, s.tick1, s.tick2, s.around, s.arc, s.triangle}
}

func (s *stepSignObjects) turn(angle float32) {
	s.arc.StartAngle, s.arc.EndAngle = angle, angle+270
	s.arc.Refresh()
}

func (s *stepSignObjects) update(w themed, state viewmodel.StepState) {
	s.disc.FillColor = paint(w, theme.Connected.Color())
	s.tick1.StrokeColor, s.tick2.StrokeColor = paint(w, theme.OnP), paint(w, theme.OnP)
	s.ring.StrokeColor = paint(w, theme.Input)
	s.around.FillColor, s.arc.FillColor = paint(w, theme.Border), paint(w, theme.Primary)
	s.triangle.FillColor = paint(w, theme.Failed.Color())
	done := state == viewmodel.StepDone
	show(s.disc, done)
	show(s.tick1, done)
	show(s.tick2, done)
	show(s.ring, state == viewmodel.StepToCome)
	show(s.around, state == viewmodel.StepRunning)
	show(s.arc, state == viewmodel.StepRunning)
	show(s.triangle, state == viewmodel.StepFailed)
}

func (s *stepSignObjects) place(x, y float32) {
	put(s.disc, x, y, stepSign, stepSign)
	put(s.around, x, y, stepSign, stepSign)
	put(s.arc, x, y, stepSign, stepSign)
	put(s.ring, x+4, y+4, stepSign-8, stepSign-8)
	put(s.triangle, x+2, y+1, stepSign-4, stepSign-4)
	s.tick1.Position1, s.tick1.Position2 = fyne.NewPos(x+5.5, y+10), fyne.NewPos(x+8.8, y+13.4)
	s.tick2.Position1, s.tick2.Position2 = fyne.NewPos(x+8.3, y+13.4), fyne.NewPos(x+14.5, y+7)
}
