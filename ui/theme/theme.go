// Package theme is how Culvert looks: colours for a light and a dark variant,
// sizes and type, as a fyne.Theme. Contrast is held by a test.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// Sizes that Fyne has no name for, in its units.
const (
	SizeMono      fyne.ThemeSizeName = "culvert.mono"      // suites, ids, the log
	SizeCountdown fyne.ThemeSizeName = "culvert.countdown" // the seconds while waiting
	SizeBoxRadius fyne.ThemeSizeName = "culvert.box"       // corners of our boxes
)

// The steps of space, in units.
const (
	Space4  float32 = 4
	Space8  float32 = 8
	Space12 float32 = 12
	Space16 float32 = 16
	Space24 float32 = 24
	Space32 float32 = 32
	Space64 float32 = 64
)

// Control is the height of what is clicked or typed into; Least is what nothing
// that is clicked may be below.
const (
	Control float32 = 36
	Least   float32 = 32
)

var sizes = map[fyne.ThemeSizeName]float32{
	fynetheme.SizeNameCaptionText:        12,
	fynetheme.SizeNameText:               14,
	fynetheme.SizeNameSubHeadingText:     18,
	fynetheme.SizeNameHeadingText:        24,
	SizeMono:                             13,
	SizeCountdown:                        32,
	fynetheme.SizeNamePadding:            4,
	fynetheme.SizeNameInnerPadding:       8,
	fynetheme.SizeNameLineSpacing:        4,
	fynetheme.SizeNameSeparatorThickness: 1,
	fynetheme.SizeNameInputBorder:        1,
	fynetheme.SizeNameInlineIcon:         20,
	fynetheme.SizeNameScrollBar:          10,
	fynetheme.SizeNameScrollBarSmall:     4,
	fynetheme.SizeNameScrollBarRadius:    4,
	fynetheme.SizeNameInputRadius:        8,
	fynetheme.SizeNameButtonRadius:       8,
	fynetheme.SizeNameSelectionRadius:    8,
	fynetheme.SizeNameCardRadius:         12,
	SizeBoxRadius:                        12,
	fynetheme.SizeNameDialogRadius:       12,
	fynetheme.SizeNameMenuRadius:         8,
	fynetheme.SizeNamePopupRadius:        8,
}

// Theme is Culvert's look.
type Theme struct {
	variants map[fyne.ThemeVariant]map[fyne.ThemeColorName]color.Color
	fixed    *fyne.ThemeVariant
}

// New returns the theme that is light or dark as the system is.
func New() *Theme {
	return &Theme{variants: map[fyne.ThemeVariant]map[fyne.ThemeColorName]color.Color{
		fynetheme.VariantLight: light.names(),
		fynetheme.VariantDark:  dark.names(),
	}}
}

// Fixed returns the theme in one variant, whatever the system has: a person may
// want it so.
func Fixed(v fyne.ThemeVariant) *Theme {
	t := New()
	t.fixed = &v
	return t
}

// Color has every name of Fyne and of this package; what neither knows is
// Fyne's own.
func (t *Theme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if t.fixed != nil {
		v = *t.fixed
	}
	table, ok := t.variants[v]
	if !ok { // no preference
		v = fynetheme.VariantLight
		table = t.variants[v]
	}
	if c, ok := table[name]; ok {
		return c
	}
	return fynetheme.DefaultTheme().Color(name, v)
}

// Size is in units, of one pixel each at 100 %.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	if s, ok := sizes[name]; ok {
		return s
	}
	return fynetheme.DefaultTheme().Size(name)
}

// Font is Fyne's own: Noto Sans, whose digits all have one width.
func (t *Theme) Font(style fyne.TextStyle) fyne.Resource {
	style.Italic = false
	return fynetheme.DefaultTheme().Font(style)
}

// Icon is Fyne's own.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource {
	return fynetheme.DefaultTheme().Icon(name)
}
