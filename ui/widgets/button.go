package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// ButtonKind is how much a button asks for attention.
type ButtonKind uint8

// The kinds.
const (
	Plain  ButtonKind = iota
	Filled            // one a page
	Link
	Quiet // no ground until it is pointed at: in headers and footers
)

// Button is a button, pressed by Space and by Enter. Escape and all else it
// passes on to the window.
type Button struct {
	control
	kind  ButtonKind
	text  string
	icon  fyne.Resource
	label string // for who does not see it, where there is no text
}

// NewButton is a button with words.
func NewButton(kind ButtonKind, text string, press func()) *Button {
	b := &Button{kind: kind, text: text}
	b.init(b, press)
	return b
}

// NewIconButton is a button with an icon, and words beside it if text is not
// empty. An icon alone is for menus, back, and showing a password.
func NewIconButton(kind ButtonKind, icon fyne.Resource, text, label string, press func()) *Button {
	b := &Button{kind: kind, text: text, icon: icon, label: label}
	b.init(b, press)
	return b
}

// SetText changes its words.
func (b *Button) SetText(text string) {
	if b.text != text {
		b.text = text
		b.Refresh()
	}
}

// SetIcon changes its icon.
func (b *Button) SetIcon(icon fyne.Resource) {
	b.icon = icon
	b.Refresh()
}

// SetEnabled is Enable or Disable.
func (b *Button) SetEnabled(on bool) { b.set(&b.disabled, !on) }

// Text is its words.
func (b *Button) Text() string { return b.text }

// AccessibilityLabel is its words.
func (b *Button) AccessibilityLabel() string {
	if b.text == "" {
		return b.label
	}
	return b.text
}

// AccessibilityRole is that of a button or a link.
func (b *Button) AccessibilityRole() fyne.AccessibleRole {
	if b.kind == Link {
		return fyne.AccessibleRoleLink
	}
	return fyne.AccessibleRoleButton
}

// colors are of the ground and of the words.
func (b *Button) colors() (ground, words color.Color) {
	switch {
	case b.kind == Filled && b.disabled:
		return faded(paint(b, theme.Primary), 0x73), paint(b, theme.OnP)
	case b.kind == Filled:
		return paint(b, theme.Primary), paint(b, theme.OnP)
	case b.kind == Link && b.disabled, b.kind == Quiet && b.disabled:
		return color.Transparent, paint(b, theme.Disabled)
	case b.disabled:
		return paint(b, theme.Plain), paint(b, theme.Disabled)
	case b.kind == Link:
		return color.Transparent, paint(b, theme.Primary)
	case b.kind == Quiet:
		return color.Transparent, paint(b, theme.Text)
	}
	return paint(b, theme.Plain), paint(b, theme.Text)
}

func (b *Button) padding() float32 {
	switch {
	case b.kind == Link, b.text == "":
		return theme.Space8
	case b.kind == Quiet:
		return theme.Space12
	}
	return theme.Space16
}

// CreateRenderer is Fyne's.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	ground, over, ring := canvas.NewRectangle(nil), canvas.NewRectangle(nil), NewFocusRing()
	words := newLine(body, regular, theme.Text)
	icon := canvas.NewImageFromResource(nil)
	icon.FillMode = canvas.ImageFillContain
	natural := func() float32 {
		w := 2 * b.padding()
		if b.icon != nil {
			w += size(b, fynetheme.SizeNameInlineIcon)
		}
		if b.icon != nil && b.text != "" {
			w += theme.Space8
		}
		if b.text != "" {
			w += words.measure().Width
		}
		return w
	}
	return render(&parts{of: b, objects: []fyne.CanvasObject{ground, over, icon, words.Text, ring},
		update: func() {
			if b.kind == Filled {
				words.TextStyle = bold
			}
			words.update(b, b.text)
			fill, ink := b.colors()
			ground.FillColor, words.Color, over.FillColor = fill, ink, b.shade()
			radius := size(b, fynetheme.SizeNameButtonRadius)
			ground.CornerRadius, over.CornerRadius = radius, radius
			ring.StrokeColor = paint(b, theme.Primary)
			show(ring, b.focused)
			show(icon, b.icon != nil)
			if b.icon != nil {
				icon.Resource = inked(b.icon, ink)
				icon.Refresh()
			}
		},
		layout: func(s fyne.Size) {
			put(ground, 0, 0, s.Width, s.Height)
			put(over, 0, 0, s.Width, s.Height)
			PlaceFocusRing(ring, 0, 0, s.Width, s.Height, ground.CornerRadius)
			x := max((s.Width-natural())/2, 0) + b.padding()
			if b.icon != nil {
				i := size(b, fynetheme.SizeNameInlineIcon)
				put(icon, x, (s.Height-i)/2, i, i)
				x += i + theme.Space8
			}
			words.place(x, s.Height/2, min(s.Width-x-b.padding()+1, words.measure().Width+1))
		},
		min: func() fyne.Size { return fyne.NewSize(max(natural(), theme.Control), theme.Control) },
	})
}

// faded is a colour at an alpha.
func faded(c color.Color, alpha uint8) color.Color {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	n.A = alpha
	return n
}
