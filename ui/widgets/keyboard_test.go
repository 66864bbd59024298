package widgets

import (
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

func key(name fyne.KeyName) *fyne.KeyEvent { return &fyne.KeyEvent{Name: name} }

// heard are the keys that a window is told of.
func heard(w fyne.Window) *[]fyne.KeyName {
	var keys []fyne.KeyName
	w.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) { keys = append(keys, e.Name) })
	return &keys
}

// pressable are all widgets that are pressed, with what counts it.
func pressable(count func()) map[string]fyne.CanvasObject {
	toggle := NewConnectToggle(func(viewmodel.Action) { count() })
	toggle.SetModel(viewmodel.Disconnected, off("Connect"))
	grid := NewFactsGrid(func(string) { count() }, func(time.Duration, func()) {})
	grid.SetModel(facts(viewmodel.NoBadge))
	return map[string]fyne.CanvasObject{
		"button": NewButton(Filled, "Connect", count),
		"icon":   NewIconButton(Quiet, fynetheme.MoreVerticalIcon(), "", "More", count),
		"link":   NewButton(Link, "Open the log", count),
		"toggle": toggle,
		"fact":   grid.cells[0],
		"fold":   newFoldHeader(count),
		"start":  NewStartCard(fynetheme.MediaPlayIcon(), viewmodel.StartChoice{}, false, func(viewmodel.Action) { count() }),
	}
}

func TestPress(t *testing.T) {
	start(t, "light")
	n := 0
	for name, o := range pressable(func() { n++ }) {
		w := window(t, o, 300, 200)
		keys := heard(w)
		n = 0
		test.Tap(o.(fyne.Tappable))
		if n != 1 {
			t.Errorf("%s: a click pressed it %d times", name, n)
		}
		f := o.(fyne.Focusable)
		w.Canvas().Focus(f)
		for i, k := range []fyne.KeyName{fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter} {
			f.TypedKey(key(k))
			if n != i+2 {
				t.Errorf("%s: %s pressed it %d times", name, k, n-i-1)
			}
		}
		f.TypedRune('x')
		f.TypedKey(key(fyne.KeyEscape))
		if n != 4 || !slices.Equal(*keys, []fyne.KeyName{fyne.KeyEscape}) {
			t.Errorf("%s: Escape pressed it, or the window heard %v", name, *keys)
		}
		d := o.(fyne.Disableable)
		d.Disable()
		test.Tap(o.(fyne.Tappable))
		f.TypedKey(key(fyne.KeyReturn))
		if n != 4 {
			t.Errorf("%s: pressed while it was disabled", name)
		}
		if o.(desktop.Cursorable).Cursor() != desktop.DefaultCursor {
			t.Errorf("%s: a hand over what cannot be pressed", name)
		}
		if h := o.MinSize().Height; h < 32 {
			t.Errorf("%s: %v high, less than can be hit", name, h)
		}
	}
}

// listener is a canvas that hears shortcuts, as those of windows do; the one of
// the test driver hides that it can.
type listener struct {
	fyne.Canvas
	heard []fyne.Shortcut
}

func (l *listener) TypedShortcut(s fyne.Shortcut) { l.heard = append(l.heard, s) }

// changed is an app with something of its own.
type changed struct {
	fyne.App
	driver   fyne.Driver
	settings fyne.Settings
}

func (c changed) Driver() fyne.Driver {
	if c.driver != nil {
		return c.driver
	}
	return c.App.Driver()
}

func (c changed) Settings() fyne.Settings {
	if c.settings != nil {
		return c.settings
	}
	return c.App.Settings()
}

type listeningDriver struct {
	fyne.Driver
	canvas *listener
}

func (d listeningDriver) CanvasForObject(o fyne.CanvasObject) fyne.Canvas {
	d.canvas.Canvas = d.Driver.CanvasForObject(o)
	return d.canvas
}

// replace is the app of a test from now on.
func replace(t *testing.T, a changed) {
	t.Helper()
	a.App = fyne.CurrentApp()
	fyne.SetCurrentApp(a)
	t.Cleanup(func() { fyne.SetCurrentApp(a.App) })
}

func listening(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	replace(t, changed{driver: listeningDriver{Driver: fyne.CurrentApp().Driver(), canvas: l}})
	return l
}

// TestShortcutsPass has the window's shortcuts heard whatever has the focus.
func TestShortcutsPass(t *testing.T) {
	start(t, "light")
	find := &desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierControl}
	c := listening(t)
	list := NewProfileList(listTexts, ListActions{})
	objects := pressable(func() {})
	objects["entry"], objects["rows"], objects["check"], objects["choice"] = NewEntry(), list.rows, NewCheck("", nil), NewChoice(nil)
	for name, o := range objects {
		window(t, o, 300, 200)
		c.heard = nil
		o.(fyne.Shortcutable).TypedShortcut(find)
		if !slices.Equal(c.heard, []fyne.Shortcut{find}) {
			t.Errorf("%s: the window heard %v", name, c.heard)
		}
	}
}

func TestEntryKeys(t *testing.T) {
	start(t, "light")
	e := NewEntry()
	w := window(t, e, 300, 40)
	keys := heard(w)
	e.TypedKey(key(fyne.KeyReturn))
	e.TypedKey(key(fyne.KeyEscape))
	if !slices.Equal(*keys, []fyne.KeyName{fyne.KeyReturn, fyne.KeyEscape}) {
		t.Errorf("the window heard %v", *keys)
	}
	var got []string
	e.OnEnter, e.OnEscape = func() { got = append(got, "enter") }, func() { got = append(got, "escape") }
	e.OnFocus = func(gained bool) { got = append(got, tickText(gained)) }
	w.Canvas().Focus(e)
	test.Type(e, "vpn")
	e.TypedKey(key(fyne.KeyEnter))
	e.TypedKey(key(fyne.KeyEscape))
	w.Canvas().Unfocus()
	if want := []string{"true", "true", "enter", "escape", "false"}; !slices.Equal(got, want) || e.Text != "vpn" || len(*keys) != 2 {
		t.Errorf("got %v, text %q, window %v; want %v", got, e.Text, *keys, want)
	}
	if e.MinSize().Height != 36 {
		t.Errorf("%v high, want 36", e.MinSize().Height)
	}
}

func TestMultiLineEntry(t *testing.T) {
	start(t, "light")
	e := NewMultiLineEntry(2)
	w := window(t, e, 300, 60)
	keys := heard(w)
	test.Type(e, "a")
	e.TypedKey(key(fyne.KeyReturn))
	test.Type(e, "b")
	e.TypedKey(key(fyne.KeyEscape))
	if e.Text != "a\nb" || !slices.Equal(*keys, []fyne.KeyName{fyne.KeyEscape}) {
		t.Errorf("text %q, window heard %v", e.Text, *keys)
	}
	if e.AcceptsTab() {
		t.Error("Tab does not lead out of it")
	}
}

func TestPasswordEntry(t *testing.T) {
	start(t, "light")
	e := NewPasswordEntry("Show", "Hide")
	window(t, e, 300, 40)
	eye := e.ActionItem.(*Button)
	for _, want := range []struct {
		hidden bool
		label  string
	}{{true, "Show"}, {false, "Hide"}, {true, "Show"}} {
		if e.Password != want.hidden || eye.AccessibilityLabel() != want.label {
			t.Errorf("hidden %v with button %q, want %v", e.Password, eye.AccessibilityLabel(), want)
		}
		test.Tap(eye)
	}
}

func TestCheckAndChoice(t *testing.T) {
	start(t, "light")
	var ticks []bool
	c := NewCheck("Local network", func(on bool) { ticks = append(ticks, on) })
	w := window(t, c, 300, 40)
	keys := heard(w)
	test.Tap(c)
	c.TypedKey(key(fyne.KeySpace))
	c.TypedKey(key(fyne.KeyReturn)) // the form's
	if !slices.Equal(ticks, []bool{true, false}) || !slices.Equal(*keys, []fyne.KeyName{fyne.KeyReturn}) {
		t.Errorf("ticks %v, window heard %v", ticks, *keys)
	}
	c.Set("Local network", true, true)
	if !c.Checked() || len(ticks) != 2 {
		t.Error("setting it is told as if a person had ticked it")
	}

	var values []string
	ch := NewChoice(func(v string) { values = append(values, v) })
	ch.Set([]viewmodel.Choice{{Value: "a", Text: "A"}, {Value: "later", Text: "Later", Later: true}, {Value: "b", Text: "B"}}, "a", true, false)
	w = window(t, ch, 300, 400)
	ch.TypedKey(key(fyne.KeyDown)) // over what cannot be chosen yet
	ch.TypedKey(key(fyne.KeyDown))
	ch.TypedKey(key(fyne.KeyUp))
	if !slices.Equal(values, []string{"b", "a"}) || ch.Text() != "A" {
		t.Errorf("chose %v, shows %q", values, ch.Text())
	}
	ch.TypedKey(key(fyne.KeySpace))
	if w.Canvas().Overlays().Top() == nil {
		t.Fatal("Space opens no menu")
	}
	menu := ch.menu
	menu.Items[2].(fyne.Tappable).Tapped(nil)
	if ch.Value() != "b" || w.Canvas().Overlays().Top() != nil {
		t.Errorf("the menu chose %q, and is still open: %v", ch.Value(), w.Canvas().Overlays().Top() != nil)
	}
	ch.Set(nil, "unknown", true, false)
	if ch.Text() != "unknown" {
		t.Errorf("a value that is not offered is shown as %q", ch.Text())
	}
}

func TestFoldKeys(t *testing.T) {
	start(t, "light")
	b := NewFoldBox("Details", "summary", NewText("content"))
	window(t, b, 300, 200)
	closed := b.HeightFor(300)
	b.header.TypedKey(key(fyne.KeyRight))
	b.header.TypedKey(key(fyne.KeyRight))
	if !b.content.Visible() || b.HeightFor(300) <= closed {
		t.Error("the arrow to the right does not open it")
	}
	b.header.TypedKey(key(fyne.KeyLeft))
	if b.content.Visible() || b.HeightFor(300) != closed {
		t.Error("the arrow to the left does not fold it")
	}
}

// TestTabOrder goes through a window with Tab: each thing has the focus once, and
// a ring then.
func TestTabOrder(t *testing.T) {
	start(t, "light")
	first, second := NewButton(Plain, "Cancel", nil), NewButton(Filled, "Save", nil)
	e := NewEntry()
	w := window(t, NewColumn(8, e, first, second), 300, 200)
	var got []fyne.Focusable
	for range 3 {
		w.Canvas().FocusNext()
		got = append(got, w.Canvas().Focused())
	}
	if want := []fyne.Focusable{e, first, second}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if !second.focused || first.focused || e.focused {
		t.Error("not only what has the focus has a ring")
	}
}

// What was never drawn gets the focus all the same: a card is shown when it fails.
func TestFocusBeforeDrawing(t *testing.T) {
	start(t, "light")
	c := NewFailureCard(FailureActions{})
	c.Hide()
	page := NewPage(ColumnWide, nil, NewColumn(0, c), nil)
	w := window(t, page, 600, 400)
	c.SetModel(viewmodel.Card{Title: "Wrong", Remedy: viewmodel.Button{Text: "Type it again"}})
	c.Show()
	w.Canvas().Focus(c.Default())
	if w.Canvas().Focused() != c.Default() {
		t.Error("the remedy has no focus")
	}
}
