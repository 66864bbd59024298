package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/culvert-vpn/culvert/ui/theme"
)

// flatTheme is the program's theme without shadows: Fyne lays one over the ends
// of all that scrolls.
type flatTheme struct{}

func (flatTheme) current() fyne.Theme { return fyne.CurrentApp().Settings().Theme() }

func (t flatTheme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if name == theme.Shadow {
		return color.Transparent
	}
	return t.current().Color(name, v)
}

func (t flatTheme) Font(s fyne.TextStyle) fyne.Resource        { return t.current().Font(s) }
func (t flatTheme) Icon(name fyne.ThemeIconName) fyne.Resource { return t.current().Icon(name) }
func (t flatTheme) Size(name fyne.ThemeSizeName) float32       { return t.current().Size(name) }

// flatten shows what scrolls without shadows at its ends.
func flatten(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewThemeOverride(o, flatTheme{})
}
