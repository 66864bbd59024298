package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"github.com/culvert-vpn/culvert/ui/theme"
)

const (
	tickBox  float32 = 18
	tickHigh float32 = theme.Least
)

// Check is a box to tick with its words beside it.
type Check struct {
	control
	text    string
	checked bool
	small   bool
	changed func(bool)
}

// NewCheck is a box to tick; changed is called when a person does.
func NewCheck(text string, changed func(bool)) *Check {
	c := &Check{text: text, changed: changed}
	c.init(c, func() {
		c.checked = !c.checked
		c.Refresh()
		tell(c.changed, c.checked)
	})
	return c
}

// NewSmallCheck has small words in the colour of help.
func NewSmallCheck(text string, changed func(bool)) *Check {
	c := NewCheck(text, changed)
	c.small = true
	return c
}

// Set changes what it says and shows, and calls nothing.
func (c *Check) Set(text string, checked, enabled bool) {
	if c.text != text || c.checked != checked || c.disabled == enabled {
		c.text, c.checked, c.disabled = text, checked, !enabled
		c.Refresh()
	}
}

// Checked is whether it is ticked.
func (c *Check) Checked() bool { return c.checked }

// TypedKey ticks with Space. Enter is the filled button's, in a form.
func (c *Check) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace {
		c.Tapped(nil)
		return
	}
	passKey(c, e)
}

// AccessibilityLabel says whether it is ticked: there is no such role.
func (c *Check) AccessibilityLabel() string {
	if c.checked {
		return c.text + ", ✓"
	}
	return c.text
}

// AccessibilityRole is a button's.
func (c *Check) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer is Fyne's.
func (c *Check) CreateRenderer() fyne.WidgetRenderer {
	box, over, ring := canvas.NewRectangle(nil), canvas.NewRectangle(nil), NewFocusRing()
	box.CornerRadius, over.CornerRadius = 4, 4
	tick1, tick2 := canvas.NewLine(nil), canvas.NewLine(nil)
	tick1.StrokeWidth, tick2.StrokeWidth = 2, 2
	words := newLine(body, regular, theme.Text)
	if c.small {
		words = newLine(caption, regular, theme.Text2)
	}
	return render(&parts{of: c, objects: []fyne.CanvasObject{box, over, tick1, tick2, words.Text, ring},
		update: func() {
			box.StrokeWidth = 1
			box.FillColor, box.StrokeColor = paint(c, theme.Background), paint(c, theme.Input)
			mark := paint(c, theme.OnP)
			switch {
			case c.checked && c.disabled:
				box.FillColor, box.StrokeColor = paint(c, theme.Disabled), paint(c, theme.Disabled)
			case c.checked:
				box.FillColor, box.StrokeColor = paint(c, theme.Primary), paint(c, theme.Primary)
			case c.disabled:
				box.FillColor, box.StrokeColor = paint(c, theme.Plain), paint(c, theme.Disabled)
			}
			if words.color = theme.Text; c.small || c.disabled {
				words.color = theme.Text2
			}
			tick1.StrokeColor, tick2.StrokeColor = mark, mark
			show(tick1, c.checked)
			show(tick2, c.checked)
			words.update(c, c.text)
			over.FillColor = c.shade()
			ring.StrokeColor = paint(c, theme.Primary)
			show(ring, c.focused)
		},
		layout: func(s fyne.Size) {
			x, y := float32(1), (s.Height-tickBox)/2
			put(box, x, y, tickBox, tickBox)
			put(over, x, y, tickBox, tickBox)
			tick1.Position1, tick1.Position2 = fyne.NewPos(x+4, y+9), fyne.NewPos(x+7.8, y+12.8)
			tick2.Position1, tick2.Position2 = fyne.NewPos(x+7.2, y+12.8), fyne.NewPos(x+14, y+5.5)
			w := min(words.measure().Width, s.Width-tickBox-theme.Space8)
			words.place(x+tickBox+theme.Space8, s.Height/2, w+1)
			PlaceFocusRing(ring, x, y, tickBox+theme.Space8+w, tickBox, 4)
		},
		min: func() fyne.Size {
			return fyne.NewSize(tickBox+theme.Space8+words.measure().Width+2, tickHigh)
		},
	})
}
