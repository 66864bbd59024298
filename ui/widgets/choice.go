package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// Choice shows one thing of several, and the others in a menu.
type Choice struct {
	control
	choices []viewmodel.Choice
	value   string
	fault   bool
	changed func(value string)
	menu    *widget.PopUpMenu
}

// NewChoice is an empty choice; changed is called when a person chooses another.
func NewChoice(changed func(value string)) *Choice {
	c := &Choice{changed: changed}
	c.init(c, func() { c.open() })
	return c
}

// Set changes what there is to choose from, and what is chosen.
func (c *Choice) Set(choices []viewmodel.Choice, value string, enabled, fault bool) {
	c.choices, c.value, c.disabled, c.fault = choices, value, !enabled, fault
	c.Refresh()
}

// Value is what is chosen.
func (c *Choice) Value() string { return c.value }

// Text is the words of what is chosen; of what is not offered, the value itself.
func (c *Choice) Text() string {
	for _, o := range c.choices {
		if o.Value == c.value {
			return o.Text
		}
	}
	return c.value
}

func (c *Choice) choose(value string) {
	if c.value != value {
		c.value = value
		c.Refresh()
		tell(c.changed, value)
	}
}

// open shows the menu under it.
func (c *Choice) open() {
	var items []*fyne.MenuItem
	for _, o := range c.choices {
		item := fyne.NewMenuItem(o.Text, func() { c.choose(o.Value) })
		item.Disabled, item.Checked = o.Later, o.Value == c.value
		items = append(items, item)
	}
	d := fyne.CurrentApp().Driver()
	c.menu = widget.NewPopUpMenu(fyne.NewMenu("", items...), d.CanvasForObject(c))
	c.menu.ShowAtPosition(d.AbsolutePositionForObject(c).AddXY(0, c.Size().Height+theme.Space4))
	c.menu.Resize(fyne.NewSize(max(c.Size().Width, c.menu.MinSize().Width), c.menu.MinSize().Height))
}

// step chooses the next one that can be chosen in a direction.
func (c *Choice) step(by int) {
	at := -1
	for i, o := range c.choices {
		if o.Value == c.value {
			at = i
		}
	}
	for i := at + by; i >= 0 && i < len(c.choices); i += by {
		if !c.choices[i].Later {
			c.choose(c.choices[i].Value)
			return
		}
	}
}

// TypedKey opens with Space and goes through the choices with arrows. Enter is
// the filled button's, in a form.
func (c *Choice) TypedKey(e *fyne.KeyEvent) {
	switch {
	case c.disabled:
		passKey(c, e)
	case e.Name == fyne.KeySpace:
		c.Tapped(nil)
	case e.Name == fyne.KeyDown:
		c.step(1)
	case e.Name == fyne.KeyUp:
		c.step(-1)
	default:
		passKey(c, e)
	}
}

// AccessibilityLabel is what is chosen.
func (c *Choice) AccessibilityLabel() string { return c.Text() }

// AccessibilityRole is a button's.
func (c *Choice) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

// CreateRenderer is Fyne's.
func (c *Choice) CreateRenderer() fyne.WidgetRenderer {
	box, over, edge := canvas.NewRectangle(nil), canvas.NewRectangle(nil), NewFocusRing()
	box.StrokeWidth = 1
	arrow := canvas.NewImageFromResource(nil)
	words := newLine(body, regular, theme.Text)
	return render(&parts{of: c, objects: []fyne.CanvasObject{box, over, words.Text, arrow, edge},
		update: func() {
			words.color = theme.Text
			ink := paint(c, theme.Text2)
			box.FillColor, box.StrokeColor = paint(c, theme.Background), paint(c, theme.Input)
			if c.disabled {
				words.color, ink, box.StrokeColor = theme.Disabled, paint(c, theme.Disabled), paint(c, theme.Disabled)
			}
			words.update(c, c.Text())
			radius := size(c, fynetheme.SizeNameInputRadius)
			box.CornerRadius, over.CornerRadius, edge.CornerRadius = radius, radius, radius
			over.FillColor = c.shade()
			arrow.Resource = inked(fynetheme.MenuDropDownIcon(), ink)
			arrow.Refresh()
			edge.StrokeColor = paint(c, theme.Primary)
			if c.fault {
				edge.StrokeColor = paint(c, theme.Failed.Color())
			}
			show(edge, c.focused || c.fault)
		},
		layout: func(s fyne.Size) {
			put(box, 0, 0, s.Width, s.Height)
			put(over, 0, 0, s.Width, s.Height)
			put(edge, 0, 0, s.Width, s.Height)
			i := size(c, fynetheme.SizeNameInlineIcon)
			put(arrow, s.Width-i-theme.Space8, (s.Height-i)/2, i, i)
			words.place(theme.Space8, s.Height/2, s.Width-3*theme.Space8-i)
		},
		min: func() fyne.Size { return fyne.NewSize(120, theme.Control) },
	})
}
