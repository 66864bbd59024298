package widgets

import (
	"image/color"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

func TestToggle(t *testing.T) {
	start(t, "light")
	var did []viewmodel.Action
	g := NewConnectToggle(func(a viewmodel.Action) { did = append(did, a) })
	window(t, g, 120, 80)
	for _, row := range []struct {
		kind  viewmodel.Kind
		model viewmodel.Toggle
		at    float32
		track color.Color
	}{
		{viewmodel.Disconnected, viewmodel.Toggle{Enabled: true, Verb: "Connect", Does: viewmodel.Connect, Label: "Connect Office, off"}, 4, color.Transparent},
		{viewmodel.Connecting, viewmodel.Toggle{On: true, Thumb: viewmodel.Middle, Turning: true, Enabled: true, Verb: "Cancel", Does: viewmodel.Cancel}, 24, paint(g, theme.Connecting.Color())},
		{viewmodel.Connected, viewmodel.Toggle{On: true, Thumb: viewmodel.Right, Enabled: true, Verb: "Disconnect", Does: viewmodel.Disconnect}, 44, paint(g, theme.Connected.Color())},
		{viewmodel.Disconnecting, viewmodel.Toggle{On: true, Thumb: viewmodel.Middle, Turning: true}, 24, paint(g, theme.Connecting.Color())},
	} {
		did = nil
		g.SetModel(row.kind, row.model)
		if g.at != row.at || g.arc.Visible() != row.model.Turning {
			t.Errorf("%v: thumb at %v, ring %v; want %v, %v", row.kind, g.at, g.arc.Visible(), row.at, row.model.Turning)
		}
		if track := test.WidgetRenderer(g).Objects()[0].(*canvas.Rectangle); track.FillColor != row.track {
			t.Errorf("%v: track %v, want %v", row.kind, track.FillColor, row.track)
		}
		test.Tap(g)
		if want := row.model.Does; row.model.Enabled && !slices.Equal(did, []viewmodel.Action{want}) || !row.model.Enabled && did != nil {
			t.Errorf("%v: did %v, want %v", row.kind, did, want)
		}
		if g.AccessibilityLabel() != row.model.Label {
			t.Errorf("%v: label %q", row.kind, g.AccessibilityLabel())
		}
	}
	if w := g.MinSize().Width; w != trackWidth {
		t.Errorf("%v wide, want %v", w, trackWidth)
	}
	g.SetModel(viewmodel.Connected, viewmodel.Toggle{Verb: "Verbindung trennen"})
	if w := g.MinSize().Width; w <= trackWidth {
		t.Errorf("%v wide: a long verb has no room", w)
	}
}

// counting is a driver that does not run animations, and counts them.
type counting struct {
	fyne.Driver
	running map[*fyne.Animation]bool
}

func (c counting) StartAnimation(a *fyne.Animation) { c.running[a] = true }
func (c counting) StopAnimation(a *fyne.Animation)  { delete(c.running, a) }

type still struct{ fyne.Settings }

func (still) ShowAnimations() bool { return false }

func TestMotion(t *testing.T) {
	turning := viewmodel.Toggle{On: true, Thumb: viewmodel.Middle, Turning: true, Enabled: true}
	for _, row := range []struct {
		name   string
		change func(t *testing.T, a *changed)
		want   int
	}{
		{"moves", func(*testing.T, *changed) {}, 2}, // the ring and the thumb
		{"the system's setting", func(_ *testing.T, a *changed) { a.settings = still{fyne.CurrentApp().Settings()} }, 0},
		{"our own setting", func(t *testing.T, _ *changed) {
			ReduceMotion(true)
			t.Cleanup(func() { ReduceMotion(false) })
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			start(t, "light")
			g := NewConnectToggle(nil)
			window(t, g, 120, 80)
			d := counting{fyne.CurrentApp().Driver(), map[*fyne.Animation]bool{}}
			a := changed{driver: d}
			row.change(t, &a)
			replace(t, a)
			g.SetModel(viewmodel.Connecting, turning)
			if len(d.running) != row.want {
				t.Errorf("%d animations, want %d", len(d.running), row.want)
			}
			if row.want == 0 && g.at != 24 {
				t.Errorf("the thumb is at %v: it is to be there at once", g.at)
			}
			g.SetModel(viewmodel.Connecting, viewmodel.Toggle{On: true, Thumb: viewmodel.Middle})
			for a := range d.running {
				if a.RepeatCount == fyne.AnimationRepeatForever {
					t.Error("the ring turns on although nothing does")
				}
			}
		})
	}
}

// TestSpinner has the ring drawn 20 times a second, and only while it is seen.
func TestSpinner(t *testing.T) {
	seen, drawn := true, 0
	start(t, "light")
	s := &spinner{shown: func() bool { return seen }, draw: func(float32) { drawn++ }}
	other := &spinner{shown: func() bool { return true }, draw: func(float32) {}}
	s.run(true)
	other.run(true)
	second := func() {
		for i := range 60 { // frames of a screen
			tick(float32(i) / 60 / float32(turn.Seconds()))
		}
	}
	second()
	if drawn < 18 || drawn > 20 {
		t.Errorf("drawn %d times a second, want 20", drawn)
	}
	drawn, seen = 0, false
	second()
	if drawn != 0 {
		t.Errorf("drawn %d times while hidden", drawn)
	}
	seen = true
	HoldMotion(true)
	t.Cleanup(func() { HoldMotion(false) })
	second()
	if drawn != 0 {
		t.Errorf("drawn %d times while the window is hidden", drawn)
	}
	anim := turning.anim
	s.run(false)
	if turning.anim != anim || drawn != 1 {
		t.Errorf("one ring that stops stops the other, or does not go back: drawn %d", drawn)
	}
	other.run(false)
	if turning.anim != nil {
		t.Error("nothing turns, and the clock runs on")
	}
}

func TestPanel(t *testing.T) {
	start(t, "light")
	var did []viewmodel.Action
	p := NewStatePanel(func(a viewmodel.Action) { did = append(did, a) })
	p.SetModel(panels[3].model)
	if h := p.HeightFor(568); h != panelHeight {
		t.Errorf("%v high, want %v", h, panelHeight)
	}
	if !p.narrow(300) || p.narrow(568) {
		t.Error("the sentence is below at the wrong width")
	}
	m := panels[5].model
	m.Toggle.Does = viewmodel.Connect
	p.SetModel(m)
	window(t, p, 568, 200)
	test.Tap(p.second)
	test.Tap(p.Toggle())
	if want := []viewmodel.Action{viewmodel.AllowTraffic, viewmodel.Connect}; !slices.Equal(did, want) {
		t.Errorf("did %v, want %v", did, want)
	}
	if got, want := p.back.FillColor, paint(p, theme.Blocked.Tint()); got != want {
		t.Errorf("ground %v, want %v", got, want)
	}
	p.SetModel(panels[4].model)
	if p.second.Visible() {
		t.Error("the second button of another state is still there")
	}
	if got, want := color.NRGBAModel.Convert(p.back.FillColor), paint(p, theme.Failed.Tint()); got != want {
		t.Errorf("ground %v after the change, want %v", got, want)
	}
	p.SetModel(viewmodel.StatePanel{Title: "Donaudampfschifffahrtsgesellschaftskapitän", Sentence: "x"})
	if h := p.HeightFor(300); h < 3*32 {
		t.Errorf("%v high: a title of one long word is cut", h)
	}
}

func TestSteps(t *testing.T) {
	start(t, "light")
	b := NewStepsBox()
	b.SetModel(steps())
	window(t, b, 568, 400)
	seen := func() (n int) {
		for _, r := range b.rows {
			if r.Visible() {
				n++
			}
		}
		return n
	}
	if seen() != 9 || b.fold.Visible() {
		t.Errorf("%d rows, folded %v", seen(), b.fold.Visible())
	}
	b.SetFew(true)
	if seen() != 3 || !b.rows[6].Visible() {
		t.Errorf("%d rows where there is little room", seen())
	}
	b.SetFew(false)
	b.SetModel(folded())
	if seen() != 0 || b.HeightFor(568) != foldHeight {
		t.Errorf("%d rows while folded", seen())
	}
	b.fold.TypedKey(key(fyne.KeyReturn))
	if seen() != 9 {
		t.Errorf("%d rows after it was opened", seen())
	}
	m := folded()
	m.Total = "9 of 9 done in 311 ms"
	b.SetModel(m)
	if seen() != 9 {
		t.Error("news fold it again")
	}
}

func TestFactsCopy(t *testing.T) {
	start(t, "light")
	var copied []string
	var later []func()
	g := NewFactsGrid(func(v string) { copied = append(copied, v) }, func(d time.Duration, f func()) {
		if d != 2*time.Second {
			t.Errorf("said for %v", d)
		}
		later = append(later, f)
	})
	g.SetModel(facts(viewmodel.Weak))
	window(t, g, 568, 300)
	c := g.cells[1]
	label := func() string { return texts(c)[0] }
	test.Tap(c)
	test.Tap(g.encryption)
	if want := []string{"198.51.100.1", "3DES, SHA-1"}; !slices.Equal(copied, want) || label() != "Copied" {
		t.Errorf("copied %q, label %q", copied, label())
	}
	test.Tap(c)
	later[0]() // of the first time: the second one's while is not over
	if label() != "Copied" {
		t.Errorf("label %q while the second while is not over", label())
	}
	later[2]()
	if label() != "Gateway" {
		t.Errorf("label %q after that", label())
	}
	m := facts(viewmodel.NoBadge)
	m.Grid = m.Grid[:2]
	g.SetModel(m)
	if g.cells[2].Visible() || g.encryption.badge.MinSize().Width != 0 {
		t.Error("what is gone is still shown")
	}
}

// texts are what a widget's own lines say.
func texts(w fyne.Widget) (out []string) {
	for _, o := range test.WidgetRenderer(w).Objects() {
		if text, ok := o.(*canvas.Text); ok {
			out = append(out, text.Text)
		}
	}
	return out
}

func TestFailureCard(t *testing.T) {
	start(t, "light")
	var told []string
	c := NewFailureCard(FailureActions{
		Remedy: func(a viewmodel.Action) { told = append(told, string(a)) },
		Copy:   func(report string) { told = append(told, report) },
		Log:    func() { told = append(told, "log") },
	})
	c.SetModel(card())
	w := window(t, c, 568, 500)
	w.Canvas().Focus(c.Default())
	c.Default().TypedKey(key(fyne.KeyReturn))
	test.Tap(c.copy)
	test.Tap(c.log)
	if want := []string{string(viewmodel.TypePassword), "report", "log"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if c.copied.Text() != "Copied. It holds no passwords or keys." {
		t.Errorf("says %q", c.copied.Text())
	}
	c.SetModel(card())
	if c.copied.Text() == "" {
		t.Error("the same failure once more forgets that it was copied")
	}
	m := card()
	m.Title, m.Segments, m.Details, m.Log.Text = "Another one", nil, "", ""
	c.SetModel(m)
	if c.copied.Text() != "" || c.barPart.Visible() || c.details.Visible() || c.log.Visible() {
		t.Error("what the other failure does not have is still shown")
	}
	if !c.selectable.Selectable || c.selectable.TextStyle != mono {
		t.Error("the details cannot be selected, or are not monospace")
	}
}

func TestWaitingCard(t *testing.T) {
	start(t, "light")
	var sent []string
	c := NewWaitingCard(func(code string) { sent = append(sent, code) })
	c.SetModel(countdownModel(false))
	if c.Code() != nil || c.codeBox.Visible() {
		t.Error("asks for a code that nobody wants")
	}
	c.SetModel(countdownModel(true))
	w := window(t, c, 568, 400)
	w.Canvas().Focus(c.Code())
	c.code.TypedKey(key(fyne.KeyReturn)) // nothing typed, nothing sent
	c.code.SetText(" 123 456\n")
	if c.code.Text != "123456" {
		t.Errorf("pasted code is %q", c.code.Text)
	}
	c.SetModel(countdownModel(true)) // the next second
	if c.code.Text != "123456" {
		t.Error("the next second takes what was typed")
	}
	c.code.TypedKey(key(fyne.KeyReturn))
	c.code.SetText("99")
	test.Tap(c.send)
	m := countdownModel(true)
	m.Code.Hidden = true
	c.SetModel(m)
	c.code.SetText("pass word")
	test.Tap(c.send)
	if want := []string{"123456", "99", "pass word"}; !slices.Equal(sent, want) || c.code.Text != "" {
		t.Errorf("sent %q, want %q; left %q", sent, want, c.code.Text)
	}
}

func TestSection(t *testing.T) {
	start(t, "light")
	var told []string
	s := NewSection(FieldTexts{"Show", "Hide"}, look1, SectionActions{
		FieldActions: FieldActions{Changed: func(k, v string) { told = append(told, k+"="+v) }, Left: func(k string) { told = append(told, "left "+k) }},
		Fold:         func(k string, open bool) { told = append(told, k+" "+tickText(open)) },
		Back:         func(k string) { told = append(told, "back "+k) },
	})
	s.SetModel(section())
	w := window(t, s, 568, 400)
	check := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: told %q, want %q", what, told, want)
		}
		told = nil
	}
	check("set up")
	server := s.Field("server")
	server.Focus()
	if w.Canvas().Focused() != fyne.Focusable(server.entry) {
		t.Error("no focus")
	}
	server.entry.SetText("vpn.example.com")
	s.Field("user").Focus()
	test.Tap(s.Field("password").beside)
	s.Field("preset").choice.TypedKey(key(fyne.KeyDown))
	check("typed", "server=vpn.example.com", "left server", "left user", "ask_password=true", "preset=mikrotik")
	s.Field("psk").entry.SetText("typed")
	told = nil
	m := section()
	m.Fields[0].Value, m.Fields[0].Fault = "vpn.example.com", ""
	s.SetModel(m)
	if s.Field("server") != server || server.help.Text() != m.Fields[0].Help || s.Field("psk").Text() != "typed" {
		t.Error("news replace a field, or what is typed")
	}
	check("news")

	s.SetModel(routing(false))
	if s.inner.Visible() {
		t.Error("open, and is to be folded")
	}
	test.Tap(s.header)
	test.Tap(s.Field("routing.local_network").tick)
	test.Tap(s.Field("ppp.auth").several.ticks[1])
	test.Tap(s.Field("ppp.auth").several.ticks[0])
	test.Tap(s.back)
	check("pressed", "routing true", "routing.local_network=false", "ppp.auth=mschapv2\npap\nchap", "ppp.auth=pap\nchap", "back routing")
	if !s.Field("ppp.auth").several.ticks[3].Disabled() {
		t.Error("what this version cannot do can be ticked")
	}
}

func TestLogWraps(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"ten letter", []string{"ten letter"}},
		{"stage state=done id=7", []string{"stage", "state=done", "id=7"}},
		{"abcdefghijklmno", []string{"abcdefghij", "klmno"}},
		{"a abcdefghijklmno", []string{"a", "abcdefghij", "klmno"}},
		{"漢字漢字漢字", []string{"漢字漢字漢", "字"}},
		{"ends with a blank ", []string{"ends with", "a blank"}},
	} {
		if got := wrapped(c.text, 10); !slices.Equal(got, c.want) {
			t.Errorf("wrapped(%q) = %q, want %q", c.text, got, c.want)
		}
	}
	var w wrapping
	texts := []string{"one", "abcdefghijklmno", "three"}
	w.take(len(texts), 10, func(i int) string { return texts[i] })
	var got []int
	for row := range w.rows() {
		line, part := w.line(row)
		got = append(got, line*10+part)
	}
	if !slices.Equal(got, []int{0, 10, 11, 20}) {
		t.Errorf("rows %v", got)
	}
}

func TestLogFollows(t *testing.T) {
	start(t, "light")
	n, left := 100, 0
	l := NewLogList(func() int { return n }, func(i int) viewmodel.LogLine { return logLines[i%3] }, func() { left++ })
	l.SetEmpty("Nothing has happened yet.")
	l.SetFollow(true)
	w := window(t, l, 500, 200)
	if !l.list.atEnd() || left != 0 {
		t.Errorf("at its end %v, left %d times", l.list.atEnd(), left)
	}
	n = 150
	l.Reload()
	if !l.list.atEnd() || left != 0 {
		t.Error("it does not follow")
	}
	test.Scroll(w.Canvas(), fyne.NewPos(100, 100), 0, 300)
	if left != 1 || l.list.atEnd() {
		t.Errorf("scrolled up: left %d times", left)
	}
	n = 200
	before := l.list.scroll.Offset
	l.Reload()
	if l.list.scroll.Offset != before {
		t.Error("it moves under who reads it")
	}
	l.SetFollow(true)
	keys := heard(w)
	for _, k := range []fyne.KeyName{fyne.KeyHome, fyne.KeyDown, fyne.KeyPageDown, fyne.KeyEscape} {
		l.TypedKey(key(k))
	}
	if left != 2 || l.list.scroll.Offset.Y < 24 || l.list.scroll.Offset.Y > 200 || !slices.Equal(*keys, []fyne.KeyName{fyne.KeyEscape}) {
		t.Errorf("keys: left %d times, at %v, the window heard %v", left, l.list.scroll.Offset.Y, *keys)
	}
	l.TypedKey(key(fyne.KeyEnd))
	if !l.list.atEnd() {
		t.Error("End does not lead to the end")
	}
	n = 0
	l.Reload()
	if !l.empty.Visible() {
		t.Error("empty, and says nothing")
	}
}

func TestRowHover(t *testing.T) {
	start(t, "light")
	r := NewProfileRow(RowActions{})
	r.SetModel(listRows(2)[1], false)
	window(t, r, 264, 56)
	r.MouseIn(&desktop.MouseEvent{})
	if !r.hovered {
		t.Error("no hover")
	}
	r.MouseOut()
	if r.hovered {
		t.Error("hover without a pointer")
	}
	if r.AccessibilityLabel() != "Berlin warehouse, vpn-berlin.example.com, " {
		t.Errorf("label %q", r.AccessibilityLabel())
	}
}
