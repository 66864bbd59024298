package widgets

import (
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

func TestWrap(t *testing.T) {
	start(t, "light")
	for _, row := range []struct {
		text  string
		width float32
		want  []string
	}{
		{"one two three", 1000, []string{"one two three"}},
		{"one two three", 60, []string{"one two", "three"}},
		{"one\ntwo", 1000, []string{"one", "two"}},
		{"", 100, []string{""}},
		{"1\u00a0h 24\u00a0min", 60, []string{"1\u00a0h", "24\u00a0min"}}, // a unit stays with its number
	} {
		if got := wrap(row.text, row.width, 14, regular); !slices.Equal(got, row.want) {
			t.Errorf("wrap(%q, %v) = %q, want %q", row.text, row.width, got, row.want)
		}
	}
	long := "Donaudampfschifffahrtsgesellschaftskapitän"
	lines := wrap("der "+long, 100, 14, regular)
	if len(lines) < 3 || strings.Join(lines[1:], "") != long {
		t.Errorf("a long word is %q", lines)
	}
	if got := pieces("接続 はい a"); !slices.Equal(got, []string{"接", "続", " ", "は", "い", " ", "a"}) {
		t.Errorf("pieces %q: a line may end between any of these signs", got)
	}
	for _, l := range append(lines, wrap(strings.Repeat("word ", 40), 150, 14, regular)...) {
		if w := fyne.MeasureText(l, 14, regular).Width; w > 150 {
			t.Errorf("%q is %v wide", l, w)
		}
	}
	if got := wrap("ab", 0, 14, regular); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("without room: %q", got)
	}
}

func TestCut(t *testing.T) {
	start(t, "light")
	text := "vpn-berlin.example.com"
	for _, width := range []float32{200, 120, 60, 20, 0, -5} {
		got := cut(text, width, 14, regular)
		w := fyne.MeasureText(got, 14, regular).Width
		if got != text && (!strings.HasSuffix(got, "…") || (w > width+0.5 && got != "…")) {
			t.Errorf("cut to %v: %q, %v wide", width, got, w)
		}
	}
	if cut(text, 200, 14, regular) != text || cut("", -5, 14, regular) != "" {
		t.Error("cut what fits")
	}
}

func TestForms(t *testing.T) {
	start(t, "light")
	a := &AdaptiveLayout{}
	var forms []Form
	a.Changed = func(f Form) { forms = append(forms, f) }
	list, detail := canvas.NewRectangle(nil), canvas.NewRectangle(nil)
	c := NewAdaptive(a, list, detail)
	for _, row := range []struct {
		width        float32
		form         Form
		list, detail float32 // widths; 0: not shown
	}{
		{420, OneColumn, 420, 0},
		{639, OneColumn, 639, 0},
		{640, TwoColumns, 220, 419},
		{880, TwoColumns, 264, 615},
		{1199, TwoColumns, 264, 934},
		{1200, Spacious, 300, 899},
	} {
		c.Resize(fyne.NewSize(row.width, 400))
		got := []float32{0, 0}
		for i, o := range []fyne.CanvasObject{list, detail} {
			if o.Visible() {
				got[i] = o.Size().Width
			}
		}
		if a.Form() != row.form || got[0] != row.list || got[1] != row.detail {
			t.Errorf("%v: form %d, %v; want %d, %v, %v", row.width, a.Form(), got, row.form, row.list, row.detail)
		}
	}
	if want := []Form{OneColumn, TwoColumns, Spacious}; !slices.Equal(forms, want) {
		t.Errorf("told %v, want %v", forms, want)
	}
	a.Detail = true
	c.Resize(fyne.NewSize(420, 360))
	if list.Visible() || !detail.Visible() {
		t.Error("the list is in place of the detail")
	}
	if c.MinSize() != fyne.NewSize(420, 360) {
		t.Errorf("least size %v", c.MinSize())
	}
}

// TestPageScrolls has everything of a page in reach, however small the window.
func TestPageScrolls(t *testing.T) {
	start(t, "light")
	var texts []fyne.CanvasObject
	for range 30 {
		texts = append(texts, NewText("A sentence that is wrapped where the window is narrow, and makes the page longer."))
	}
	body := NewColumn(8, texts...)
	foot := NewActions(1, NewButton(Filled, "Save", nil))
	p := NewPage(ColumnWide, nil, body, foot)
	w := window(t, p, 880, 400)
	for _, width := range []float32{880, 420, 1300} {
		w.Resize(fyne.NewSize(width, 400))
		want := heightFor(body, min(width-2*pagePad(width), ColumnWide))
		if got := body.Size().Height; math.Abs(float64(got-want)) > 0.5 || got < 400 {
			t.Errorf("%v wide: body %v high, want %v", width, got, want)
		}
		last := texts[len(texts)-1]
		p.Reveal(last)
		bottom := fyne.CurrentApp().Driver().AbsolutePositionForObject(last).Y + last.Size().Height
		top := fyne.CurrentApp().Driver().AbsolutePositionForObject(foot).Y
		if bottom > top {
			t.Errorf("%v wide: the last sentence ends at %v, below the footer at %v", width, bottom, top)
		}
		p.Reveal(texts[0])
		if y := fyne.CurrentApp().Driver().AbsolutePositionForObject(texts[0]).Y; y < 0 {
			t.Errorf("%v wide: the first sentence is at %v", width, y)
		}
	}
	p.ScrollBy(1)
	if p.scroll.Offset.Y == 0 {
		t.Error("it does not scroll by a page")
	}
	p.SetBody(NewText("short"))
	if p.scroll.Offset.Y != 0 {
		t.Error("another page begins in its middle")
	}
}

func TestFactsAndTraffic(t *testing.T) {
	start(t, "light")
	facts, traffic := factsGrid(viewmodel.Weak)(), graph(180)()
	c := NewFactsAndTraffic(facts, traffic)
	c.Resize(fyne.NewSize(880, heightFor(c, 880)))
	if facts.Size().Width != 340 || traffic.Size().Width != 524 || facts.Size().Height != traffic.Size().Height {
		t.Errorf("side by side: %v and %v", facts.Size(), traffic.Size())
	}
	c.Resize(fyne.NewSize(720, heightFor(c, 720)))
	if facts.Size().Width != 720 || traffic.Position().Y != facts.Size().Height+16 {
		t.Errorf("below each other: %v and %v at %v", facts.Size(), traffic.Size(), traffic.Position())
	}
}

// TestFocusIsSeen goes through a long page with Tab: what has the focus is scrolled
// into sight, and the footer's buttons scroll nothing.
func TestFocusIsSeen(t *testing.T) {
	start(t, "light")
	var boxes []fyne.CanvasObject
	for range 12 {
		boxes = append(boxes, NewBox(16, NewColumn(8, NewText("text"), NewEntry(), NewButton(Plain, "button", nil))))
	}
	save := NewButton(Filled, "Save", nil)
	p := NewPage(ColumnWide, nil, NewColumn(8, boxes...), NewActions(1, save))
	w := window(t, p, 420, 360)
	d := fyne.CurrentApp().Driver()
	for i := range 25 {
		before := p.scroll.Offset
		w.Canvas().FocusNext()
		o := w.Canvas().Focused().(fyne.CanvasObject)
		if o == fyne.CanvasObject(save) {
			if i != 24 || p.scroll.Offset != before {
				t.Errorf("step %d: the footer's button moved the page", i)
			}
			continue
		}
		y := d.AbsolutePositionForObject(o).Y
		if y < 0 || y+o.Size().Height > d.AbsolutePositionForObject(save).Y {
			t.Errorf("step %d: what has the focus is at %v", i, y)
		}
	}
}

// TestNothingOverlaps has every line of every picture in its widget, also with
// texts that are 40 % longer and one word of 30 letters.
func TestNothingOverlaps(t *testing.T) {
	start(t, "light")
	longer := func(s string) string { return s + " " + strings.Repeat("x", len(s)*2/5) }
	word := "Straßenverkehrszulassungsstelle"
	for _, width := range []float32{340, 568} {
		p := NewStatePanel(nil)
		for _, m := range panels {
			m.model.Title, m.model.Sentence, m.model.Toggle.Verb = longer(m.model.Title), longer(m.model.Sentence), word
			p.SetModel(m.model)
			inside(t, m.name, p, width)
		}
		c := NewFailureCard(FailureActions{})
		f := card()
		f.Title, f.Why, f.Do, f.Remedy.Text, f.Reached, f.Stopped = word, longer(f.Why), longer(f.Do), word+" "+word, longer(f.Reached), longer(f.Stopped)
		c.SetModel(f)
		inside(t, "failure", c, width)
		w := NewWaitingCard(nil)
		m := countdownModel(true)
		m.Title, m.Sentence, m.Code.Send.Text = word, longer(m.Sentence), word
		w.SetModel(m)
		inside(t, "waiting", w, width)
	}
}

// inside checks that no object of a tree leaves its parent's sides.
func inside(t *testing.T, name string, o fyne.CanvasObject, width float32) {
	t.Helper()
	o.Resize(fyne.NewSize(width, heightFor(o, width)))
	var walk func(o fyne.CanvasObject, x, y float32)
	walk = func(child fyne.CanvasObject, x, y float32) {
		if !child.Visible() {
			return
		}
		x, y = x+child.Position().X, y+child.Position().Y
		if text, ok := child.(*canvas.Text); ok {
			wide := fyne.MeasureText(text.Text, text.TextSize, text.TextStyle).Width
			if x < -1 || (text.Alignment == fyne.TextAlignLeading && x+wide > width+1.5) || y < -1 || y+text.Size().Height > o.Size().Height+1.5 {
				t.Errorf("%s at %v: %q at %v, %v, %v wide, in %v", name, width, text.Text, x, y, wide, o.Size())
			}
		}
		for _, c := range children(child) {
			walk(c, x, y)
		}
	}
	walk(o, -o.Position().X, -o.Position().Y)
}

// children are what an object is made of.
func children(o fyne.CanvasObject) []fyne.CanvasObject {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects
	case fyne.Widget:
		return test.WidgetRenderer(o).Objects()
	}
	return nil
}

func TestGraphRuns(t *testing.T) {
	g := traffic()
	got := runs(&g.Received, 0, 0, 119, 100)
	if len(got) != 2 || len(got[0]) != 60 || len(got[1]) != 52 {
		t.Fatalf("%d pieces around a gap of 8", len(got))
	}
	if got[0][0].x != 0 || got[1][len(got[1])-1].x != 119 {
		t.Errorf("from %v to %v", got[0][0], got[1][len(got[1])-1])
	}
	var alone [viewmodel.Samples]float64
	for i := range alone {
		alone[i] = math.NaN()
	}
	alone[5] = 2 // above the axis
	if got := runs(&alone, 0, 0, 119, 100); len(got) != 1 || got[0][0] != (point{5, 0}) || len(got[0]) != 2 {
		t.Errorf("a second alone: %v", got)
	}
}

func TestDashes(t *testing.T) {
	got := dashes([]point{{0, 0}, {10, 0}, {20, 0}}, 5, 3)
	want := [][]point{{{0, 0}, {5, 0}}, {{8, 0}, {10, 0}, {13, 0}}, {{16, 0}, {20, 0}}}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("dash %d is %v, want %v", i, got[i], want[i])
		}
	}
	if got := dashes([]point{{1, 1}}, 5, 3); got != nil {
		t.Errorf("of one point: %v", got)
	}
}

// TestGraphScales has lines of the same thickness in units at every scale.
func TestGraphScales(t *testing.T) {
	start(t, "light")
	g := NewTrafficGraph()
	var m viewmodel.Graph
	for i := range m.Received {
		m.Received[i], m.Sent[i] = 0.5, math.NaN()
	}
	g.SetModel(m)
	primary := rgba(image.NewUniform(paint(g, "primary")), 0, 0)
	for _, scale := range []int{1, 2, 3} {
		img := g.plot(124*scale, 104*scale, fyne.NewSize(124, 104))
		n := 0
		for y := range img.Bounds().Dy() {
			if rgba(img, 62*scale, y) == primary {
				n++
			}
		}
		if n < 2*scale-1 || n > 2*scale {
			t.Errorf("scale %d: %d pixels thick", scale, n)
		}
		if c := rgba(img, 62*scale, 90*scale); c[3] < 0x20 || c[3] > 0x28 {
			t.Errorf("scale %d: fill %v", scale, c)
		}
		if c := rgba(img, 62*scale, 20*scale); c[3] != 0 {
			t.Errorf("scale %d: above the line %v", scale, c)
		}
	}
}

func TestGraphHeld(t *testing.T) {
	start(t, "light")
	g := NewTrafficGraph()
	window(t, g, 568, 200)
	HoldMotion(true)
	t.Cleanup(func() { HoldMotion(false) })
	m := traffic()
	g.SetModel(m)
	if slices.Contains(texts(g), m.Title) {
		t.Error("drawn while the window is hidden")
	}
	HoldMotion(false)
	g.SetModel(m)
	if !slices.Contains(texts(g), m.Title) || g.AccessibilityLabel() != m.Text {
		t.Errorf("shows %q", texts(g))
	}
}

// TestQRCode compares the picture with the code, module by module.
func TestQRCode(t *testing.T) {
	start(t, "dark")
	c, err := NewQRCode(strings.Repeat("name = \"Office\"\n", 20))
	if err != nil {
		t.Fatal(err)
	}
	for _, pixels := range []int{240, 480} {
		img := c.draw(pixels, pixels)
		if rgba(img, 15*pixels/240, 15*pixels/240) != [4]int{255, 255, 255, 255} {
			t.Error("no quiet zone")
		}
		left := 0
		for rgba(img, left, pixels/2)[0] == 255 || rgba(img, left, left)[0] == 255 {
			left++
		}
		module := 0
		for rgba(img, left+module, left)[0] == 0 {
			module++
		}
		module /= 7 // the corner's square
		for y := range c.code.Size {
			for x := range c.code.Size {
				black := rgba(img, left+x*module+module/2, left+y*module+module/2)[0] == 0
				if black != c.code.Black(x, y) {
					t.Fatalf("%d pixels: module %d, %d is black: %v", pixels, x, y, black)
				}
			}
		}
	}
	if _, err := NewQRCode(strings.Repeat("x", 2954)); err == nil {
		t.Error("a text that is too long has a code")
	}
}
