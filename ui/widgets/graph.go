package widgets

import (
	"image"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// The measures of the graph, in units.
const (
	graphStroke float32 = 2
	graphEdge   float32 = 2 // around the plot: half a line lies outside of it
	dashOn      float32 = 5
	dashOff     float32 = 3
	fillAlpha   uint8   = 0x24 // 14 %
	sampleWide  float32 = 22
	legendGap   float32 = 6 // between a name and its rate
)

// TrafficGraph is the box of the traffic of two minutes: received as a line over
// a filled area, sent as a dashed line, so that form tells them apart.
type TrafficGraph struct {
	widget.BaseWidget
	model  viewmodel.Graph
	height float32
	rate   float32 // the widest rate yet: the legend does not jiggle
}

// NewTrafficGraph is an empty graph.
func NewTrafficGraph() *TrafficGraph {
	g := &TrafficGraph{height: 100}
	for i := range viewmodel.Samples {
		g.model.Received[i], g.model.Sent[i] = math.NaN(), math.NaN()
	}
	g.ExtendBaseWidget(g)
	return g
}

// SetModel changes what it shows. While the window is not seen nothing is drawn.
func (g *TrafficGraph) SetModel(m viewmodel.Graph) {
	g.model = m
	if !held {
		g.Refresh()
	}
}

// SetHeight is that of the plot: 100, or 180 where there is much room.
func (g *TrafficGraph) SetHeight(h float32) {
	if g.height != h {
		g.height = h
		g.Refresh()
	}
}

// AccessibilityLabel is the graph in a sentence.
func (g *TrafficGraph) AccessibilityLabel() string { return g.model.Text }

// AccessibilityRole is that of a text.
func (g *TrafficGraph) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// runs are the pieces of a line between gaps, in pixels of a plot of this size.
func runs(samples *[viewmodel.Samples]float64, left, top, w, h float64) [][]point {
	var out [][]point
	var run []point
	flush := func() {
		if len(run) == 1 { // a second between gaps is a dash of its own
			run = append(run, point{run[0].x + 0.5, run[0].y})
		}
		if len(run) > 0 {
			out = append(out, run)
		}
		run = nil
	}
	for i, v := range samples {
		if math.IsNaN(v) {
			flush()
			continue
		}
		x := left + w*float64(i)/float64(viewmodel.Samples-1)
		run = append(run, point{x, top + h*(1-min(max(v, 0), 1))})
	}
	flush()
	return out
}

// plot paints both lines at the scale of the screen.
func (g *TrafficGraph) plot(w, h int, units fyne.Size) image.Image {
	p := newPlotter(w, h)
	if w == 0 || h == 0 || units.Width == 0 {
		return p.img
	}
	scale := float64(w) / float64(units.Width)
	edge := float64(graphEdge) * scale
	pw, ph := float64(w)-2*edge, float64(h)-2*edge
	received := runs(&g.model.Received, edge, edge, pw, ph)
	for _, run := range received {
		area := append([]point{{run[0].x, edge + ph}}, run...)
		p.polygon(append(area, point{run[len(run)-1].x, edge + ph}))
	}
	primary := paint(g, theme.Primary)
	p.finish(faded(primary, fillAlpha))
	for _, run := range received {
		p.stroke(run, float64(graphStroke)*scale)
	}
	p.finish(primary)
	for _, run := range runs(&g.model.Sent, edge, edge, pw, ph) {
		for _, dash := range dashes(run, float64(dashOn)*scale, float64(dashOff)*scale) {
			p.flat(dash, float64(graphStroke)*scale)
		}
	}
	p.finish(paint(g, theme.Series2))
	return p.img
}

// flat adds a line whose ends are cut straight, so that dashes keep their gaps.
func (p *plotter) flat(points []point, width float64) {
	for i := 1; i < len(points); i++ {
		p.segment(points[i-1], points[i], width/2)
		if i > 1 {
			p.disc(points[i-1], width/2)
		}
	}
}

// graphParts are the objects of the graph.
type graphParts struct {
	back         *canvas.Rectangle
	plot         *canvas.Raster
	grid         [4]*canvas.Rectangle
	axis         [4]*line
	times        [3]*line
	title        *line
	names, rates [2]*line
	sample       *canvas.Rectangle // line of received in the legend
	sampleFill   *canvas.Rectangle
	sampleDashes [3]*canvas.Rectangle
}

func (g *TrafficGraph) newParts() *graphParts {
	p := &graphParts{back: newCard(), title: newLine(body, bold, theme.Text),
		sample: canvas.NewRectangle(nil), sampleFill: canvas.NewRectangle(nil)}
	p.plot = canvas.NewRaster(func(w, h int) image.Image { return g.plot(w, h, p.plot.Size()) })
	for i := range p.grid {
		p.grid[i], p.axis[i] = canvas.NewRectangle(nil), newLine(caption, regular, theme.Text2)
	}
	for i := range p.times {
		p.times[i] = newLine(caption, regular, theme.Text2)
	}
	for i := range p.names {
		p.names[i], p.rates[i] = newLine(body, regular, theme.Text), newLine(body, bold, theme.Text)
	}
	for i := range p.sampleDashes {
		p.sampleDashes[i] = canvas.NewRectangle(nil)
	}
	return p
}

func (p *graphParts) objects() []fyne.CanvasObject {
	o := []fyne.CanvasObject{p.back, p.title.Text}
	for i := range p.grid {
		o = append(o, p.grid[i], p.axis[i].Text)
	}
	o = append(o, p.plot)
	for i := range p.times {
		o = append(o, p.times[i].Text)
	}
	o = append(o, p.sampleFill, p.sample)
	for _, d := range p.sampleDashes {
		o = append(o, d)
	}
	for i := range p.names {
		o = append(o, p.names[i].Text, p.rates[i].Text)
	}
	return o
}

func (g *TrafficGraph) updateParts(p *graphParts) {
	updateCard(g, p.back)
	m := g.model
	p.title.update(g, m.Title)
	for i, text := range m.Axis {
		p.axis[i].update(g, text)
		p.grid[i].FillColor = paint(g, theme.Border)
	}
	for i, text := range m.Times {
		p.times[i].update(g, text)
	}
	for i, text := range []string{m.ReceivedName, m.SentName} {
		p.names[i].update(g, text)
	}
	for i, text := range []string{m.ReceivedRate, m.SentRate} {
		p.rates[i].update(g, text)
		g.rate = max(g.rate, p.rates[i].measure().Width)
	}
	primary := paint(g, theme.Primary)
	p.sample.FillColor, p.sampleFill.FillColor = primary, faded(primary, fillAlpha)
	for _, d := range p.sampleDashes {
		d.FillColor = paint(g, theme.Series2)
	}
}

// legend is the width of one entry.
func (g *TrafficGraph) legend(p *graphParts, i int) float32 {
	return sampleWide + theme.Space8 + p.names[i].measure().Width + legendGap + g.rate
}

// below says that the legend has no room beside the title.
func (g *TrafficGraph) below(p *graphParts, width float32) bool {
	return p.title.measure().Width+2*theme.Space16+g.legend(p, 0)+g.legend(p, 1)+theme.Space16 > width-2*theme.Space16
}

// head is the height above the plot: title, and the legend if it is below; two
// lines of it where one is too narrow.
func (g *TrafficGraph) head(p *graphParts, width float32) float32 {
	h := theme.Space16 + 24 + theme.Space16
	if !g.below(p, width) {
		return h
	}
	if g.legend(p, 0)+g.legend(p, 1)+theme.Space8 > width-2*theme.Space16 {
		return h + 48
	}
	return h + 24
}

const graphFoot = 4 + 20 + 12 // times, and what is below

func (g *TrafficGraph) layoutParts(p *graphParts, s fyne.Size) {
	placeCard(p.back, s)
	const pad = theme.Space16
	p.title.place(pad, pad+12, s.Width-2*pad)
	one, two := g.legend(p, 0), g.legend(p, 1)
	switch {
	case !g.below(p, s.Width):
		g.layoutLegend(p, 1, s.Width-pad-two, pad+12)
		g.layoutLegend(p, 0, s.Width-pad-two-theme.Space16-one, pad+12)
	case g.head(p, s.Width) > 100:
		g.layoutLegend(p, 0, pad, pad+36)
		g.layoutLegend(p, 1, pad, pad+60)
	default:
		g.layoutLegend(p, 0, pad, pad+36)
		g.layoutLegend(p, 1, s.Width-pad-two, pad+36)
	}
	var axis float32
	for _, a := range p.axis {
		axis = max(axis, a.measure().Width)
	}
	top := g.head(p, s.Width)
	plot := fyne.NewSize(max(s.Width-2*pad-axis-theme.Space8, 20), s.Height-top-graphFoot)
	put(p.plot, pad-graphEdge, top-graphEdge, plot.Width+2*graphEdge, plot.Height+2*graphEdge)
	for i := range p.grid {
		y := top + plot.Height*float32(i)/3
		put(p.grid[i], pad, y-0.5, plot.Width, 1)
		p.axis[i].place(pad+plot.Width+theme.Space8, y, axis+1)
	}
	y := top + plot.Height + theme.Space4 + 10
	for i, t := range p.times {
		w := t.measure().Width
		x := pad + (plot.Width-w)*float32(i)/2
		t.place(x, y, w+1)
	}
}

func (g *TrafficGraph) layoutLegend(p *graphParts, i int, x, middle float32) {
	if i == 0 {
		put(p.sampleFill, x, middle-3, sampleWide, 8)
		put(p.sample, x, middle-4, sampleWide, graphStroke)
	} else {
		for j, d := range p.sampleDashes {
			put(d, x+float32(j)*(dashOn+dashOff)+0.5, middle-1, dashOn, graphStroke)
		}
	}
	x += sampleWide + theme.Space8
	w := p.names[i].measure().Width
	p.names[i].place(x, middle, w+1)
	p.rates[i].place(x+w+legendGap, middle, g.rate+1)
}

// HeightFor is the height in a width.
func (g *TrafficGraph) HeightFor(width float32) float32 {
	p := g.newParts()
	g.updateParts(p)
	return g.head(p, width) + g.height + graphFoot
}

// CreateRenderer is Fyne's.
func (g *TrafficGraph) CreateRenderer() fyne.WidgetRenderer {
	p := g.newParts()
	return render(&parts{of: g, objects: p.objects(),
		update: func() { g.updateParts(p) },
		layout: func(s fyne.Size) { g.layoutParts(p, s) },
		min: func() fyne.Size {
			return fyne.NewSize(200, g.head(p, max(200, g.Size().Width))+g.height+graphFoot)
		},
	})
}
