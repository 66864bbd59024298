// Package widgets is what Culvert's windows are built of. Each widget draws a
// plain model, most of them of ui/viewmodel, and tells what a person did through
// callbacks; none decides, reads, writes or knows the helper. All of it belongs
// to Fyne's goroutine.
package widgets

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// parts is the renderer of all widgets here: objects, where they go, and how the
// model and the theme get into them.
type parts struct {
	of      fyne.Widget
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     func() fyne.Size
	update  func() // nil: nothing changes
	destroy func() // nil: nothing to end
}

func (p *parts) Layout(size fyne.Size)        { p.layout(size) }
func (p *parts) MinSize() fyne.Size           { return p.min() }
func (p *parts) Objects() []fyne.CanvasObject { return p.objects }

func (p *parts) Refresh() {
	if p.update != nil {
		p.update()
	}
	if s := p.of.Size(); !s.IsZero() {
		p.layout(s)
	}
	canvas.Refresh(p.of)
}

func (p *parts) Destroy() {
	if drawn[p.of] == p {
		delete(drawn, p.of)
	}
	if p.destroy != nil {
		p.destroy()
	}
}

// drawn are the renderers of what is on the screen. Fyne does not tell what an
// object is part of, and a page has to know what of it has the focus.
var drawn = map[fyne.Widget]*parts{}

// Contains says whether an object is part of another one.
func Contains(o, part fyne.CanvasObject) bool {
	if o == part {
		return true
	}
	var inner []fyne.CanvasObject
	switch o := o.(type) {
	case *fyne.Container:
		inner = o.Objects
	case fyne.Widget:
		if p := drawn[o]; p != nil {
			inner = p.objects
		}
	}
	return slices.ContainsFunc(inner, func(i fyne.CanvasObject) bool { return Contains(i, part) })
}

// prepare draws what has not been seen yet: Fyne gives the focus to nothing else.
func prepare(o fyne.CanvasObject) {
	o.MinSize()
	switch o := o.(type) {
	case *fyne.Container:
		for _, inner := range o.Objects {
			prepare(inner)
		}
	case fyne.Widget:
		if p := drawn[o]; p != nil {
			for _, inner := range p.objects {
				prepare(inner)
			}
		}
	}
}

// render makes a renderer whose objects are up to date.
func render(p *parts) fyne.WidgetRenderer {
	drawn[p.of] = p
	if p.update != nil {
		p.update()
	}
	return p
}

// themed is what a widget.BaseWidget has.
type themed interface{ Theme() fyne.Theme }

func paint(w themed, name fyne.ThemeColorName) color.Color {
	return w.Theme().Color(name, fyne.CurrentApp().Settings().ThemeVariant())
}

func size(w themed, name fyne.ThemeSizeName) float32 { return w.Theme().Size(name) }

// look is the colour and shape of a kind of state.
func look(k viewmodel.Kind) theme.State {
	switch k {
	case viewmodel.Connecting, viewmodel.Reconnecting, viewmodel.Disconnecting:
		return theme.Connecting
	case viewmodel.Waiting:
		return theme.Waiting
	case viewmodel.Connected:
		return theme.Connected
	case viewmodel.Failed:
		return theme.Failed
	case viewmodel.Blocked:
		return theme.Blocked
	}
	return theme.Disconnected
}

// put moves and resizes. Where there is no room at all, nothing is drawn.
func put(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(max(w, 0), max(h, 0)))
}

// show sets whether an object is seen.
func show(o fyne.CanvasObject, on bool) {
	switch {
	case on && !o.Visible():
		o.Show()
	case !on && o.Visible():
		o.Hide()
	}
}

// call calls f, if there is one.
func call(f func()) {
	if f != nil {
		f()
	}
}

// tell calls f with v, if there is one.
func tell[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

// passKey gives a key that a widget has no use for to the window: Fyne tells a
// window nothing while a widget has the focus.
func passKey(o fyne.CanvasObject, e *fyne.KeyEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	if c == nil {
		return
	}
	if f := c.OnTypedKey(); f != nil {
		f(e)
	}
}

// passShortcut does the same with a shortcut.
func passShortcut(o fyne.CanvasObject, s fyne.Shortcut) {
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(o).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
}

// focus gives a widget the focus of its window.
func focus(o fyne.Focusable) {
	w, ok := o.(fyne.CanvasObject)
	if !ok {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(w); c != nil {
		c.Focus(o)
	}
}

// presses says whether a key presses what has the focus.
func presses(e *fyne.KeyEvent) bool {
	return e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter
}

// NewFocusRing is the ring of what has the focus: a line of 2 in primary.
func NewFocusRing() *canvas.Rectangle {
	r := canvas.NewRectangle(color.Transparent)
	r.StrokeWidth = 2
	r.Hide()
	return r
}

// PlaceFocusRing lays a ring 2 outside of an area with rounded corners. On a
// screen a line of 2 lies inside of its rectangle; the painter for tests has it
// around the rectangle's edge.
func PlaceFocusRing(r *canvas.Rectangle, x, y, w, h, radius float32) {
	r.CornerRadius = radius + 4
	put(r, x-4, y-4, w+8, h+8)
}

// control is what everything that is pressed has in common: focus, hover, a
// pressed look, a disabled state. What embeds it calls init.
type control struct {
	widget.BaseWidget
	self                     fyne.Widget
	press                    func()
	focused, hovered, pushed bool
	disabled                 bool
}

func (c *control) init(self fyne.Widget, press func()) {
	c.self, c.press = self, press
	c.ExtendBaseWidget(self)
}

// Tapped presses it.
func (c *control) Tapped(*fyne.PointEvent) {
	if !c.disabled {
		call(c.press)
	}
}

// TypedKey presses with Space and Enter, and passes on all else.
func (c *control) TypedKey(e *fyne.KeyEvent) {
	if presses(e) {
		c.Tapped(nil)
		return
	}
	passKey(c.self, e)
}

// TypedRune is for widgets that are typed into.
func (c *control) TypedRune(rune) {}

// TypedShortcut passes shortcuts on.
func (c *control) TypedShortcut(s fyne.Shortcut) { passShortcut(c.self, s) }

// FocusGained shows the ring.
func (c *control) FocusGained() {
	c.set(&c.focused, true)
	reveal(c.self)
}

// FocusLost hides it.
func (c *control) FocusLost() { c.set(&c.focused, false) }

// MouseIn is Fyne's.
func (c *control) MouseIn(*desktop.MouseEvent) { c.set(&c.hovered, true) }

// MouseMoved is Fyne's.
func (c *control) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is Fyne's.
func (c *control) MouseOut() { c.set(&c.hovered, false) }

// MouseDown shows that it is pressed, before anything else happens.
func (c *control) MouseDown(*desktop.MouseEvent) { c.set(&c.pushed, true) }

// MouseUp is Fyne's.
func (c *control) MouseUp(*desktop.MouseEvent) { c.set(&c.pushed, false) }

// Enable lets it be pressed.
func (c *control) Enable() { c.set(&c.disabled, false) }

// Disable does not.
func (c *control) Disable() { c.set(&c.disabled, true) }

// Disabled is whether it cannot be pressed.
func (c *control) Disabled() bool { return c.disabled }

// Cursor is a hand over what can be pressed.
func (c *control) Cursor() desktop.Cursor {
	if c.disabled {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

func (c *control) set(field *bool, v bool) {
	if *field != v {
		*field = v
		c.self.Refresh()
	}
}

// shade is the colour that lies over it because of the pointer.
func (c *control) shade() color.Color {
	switch {
	case c.disabled:
	case c.pushed:
		return paint(c, theme.Pressed)
	case c.hovered:
		return paint(c, theme.Hover)
	}
	return color.Transparent
}
