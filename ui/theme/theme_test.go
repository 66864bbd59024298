package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

var _ fyne.Theme = (*Theme)(nil)

// luminance is the relative luminance of WCAG 2.2.
func luminance(c color.NRGBA) float64 {
	f := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*f(c.R) + 0.7152*f(c.G) + 0.0722*f(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrastFormula(t *testing.T) {
	if got := contrast(rgb(0xFFFFFF), rgb(0)); math.Abs(got-21) > 1e-9 {
		t.Errorf("black on white is %f, want 21", got)
	}
	if got := contrast(rgb(0x777777), rgb(0xFFFFFF)); math.Abs(got-4.48) > 0.01 {
		t.Errorf("#777 on white is %f, want 4.48", got)
	}
}

// over is a translucent colour on an opaque one.
func over(c, on color.NRGBA) color.NRGBA {
	f := func(a, b uint8) uint8 {
		return uint8(math.Round((float64(a)*float64(c.A) + float64(b)*float64(255-c.A)) / 255))
	}
	return color.NRGBA{R: f(c.R, on.R), G: f(c.G, on.G), B: f(c.B, on.B), A: 255}
}

func TestContrast(t *testing.T) {
	const text, mark = 4.5, 3.0
	for variant, p := range map[string]palette{"light": light, "dark": dark} {
		check := func(what string, c, on color.NRGBA, least float64) {
			t.Helper()
			got := contrast(c, on)
			if got < least {
				t.Errorf("%s: %s has a contrast of %.2f, less than %.1f", variant, what, got, least)
			}
			t.Logf("%-5s %-42s %5.2f", variant, what, got)
		}
		plain := map[string]color.NRGBA{"bg": p.bg, "side": p.side, "card": p.card, "selbg": p.selbg, "btn": p.btn}
		for name, on := range plain {
			check("text on "+name, p.text, on, text)
			check("text on "+name+", pressed", p.text, over(alpha(p.text, 0x1A), on), text)
			check("text2 on "+name, p.text2, on, text)
			check("primary (ring, bar) on "+name, p.primary, on, mark)
		}
		for _, name := range []string{"bg", "side", "card"} {
			check("link on "+name, p.primary, plain[name], text)
			check("input on "+name, p.input, plain[name], mark)
		}
		check("disabled on bg", p.disabled, p.bg, mark)
		check("onp on primary", p.onp, p.primary, text)
		check("series2 on card", p.series2, p.card, text)
		check("primary series on card", p.primary, p.card, text)
		for _, s := range States {
			c := p.state[s]
			check(s.String()+" on bg", c.color, p.bg, text)
			check(s.String()+" on card", c.color, p.card, text)
			check(s.String()+" mark on side", c.color, p.side, mark)
			check(s.String()+" mark on selbg", c.color, p.selbg, mark)
			check(s.String()+" on its tint", c.color, c.tint, text)
			check("text on "+s.String()+" tint", p.text, c.tint, text)
			check("text2 on "+s.String()+" tint", p.text2, c.tint, text)
			check("onp on "+s.String(), p.onp, c.color, text)
			check("input on "+s.String()+" tint", p.input, c.tint, mark)
			check("primary ring on "+s.String()+" tint", p.primary, c.tint, mark)
			check("thumb on "+s.String(), p.thumb, c.color, mark)
		}
	}
}

// TestTable holds the values that the design names, so that a slip of a digit
// shows here and not on a screen.
func TestTable(t *testing.T) {
	th := New()
	for _, row := range []struct {
		name        fyne.ThemeColorName
		light, dark uint32
	}{
		{Background, 0xFFFFFF, 0x151B20},
		{fynetheme.ColorNameInputBackground, 0xFFFFFF, 0x151B20},
		{Side, 0xF2F5F7, 0x0F1418},
		{fynetheme.ColorNameHeaderBackground, 0xF2F5F7, 0x0F1418},
		{Card, 0xF8FAFB, 0x1B2329},
		{fynetheme.ColorNameOverlayBackground, 0xF8FAFB, 0x1B2329},
		{fynetheme.ColorNameMenuBackground, 0xF8FAFB, 0x1B2329},
		{Border, 0xD9E0E5, 0x2F3A43},
		{Input, 0x7B8995, 0x73818D},
		{Text, 0x15202A, 0xE9EEF2},
		{Text2, 0x4D5B67, 0xA6B3BE},
		{Primary, 0x0A6A8C, 0x58BEE0},
		{OnP, 0xFFFFFF, 0x04222E},
		{fynetheme.ColorNameForegroundOnPrimary, 0xFFFFFF, 0x04222E},
		{Selected, 0xDCEBF1, 0x1D3844},
		{Series2, 0xB8500F, 0xF2A267},
		{fynetheme.ColorNameSuccess, 0x17713D, 0x5CCB8B},
		{fynetheme.ColorNameWarning, 0x8A5300, 0xEBB454},
		{fynetheme.ColorNameError, 0xB3261E, 0xFF8F86},
		{Blocked.Color(), 0x5B43B0, 0xB7A6F7},
		{Connecting.Tint(), 0xE3F1F6, 0x12303B},
		{State(99).Color(), 0x4D5B67, 0xA6B3BE},
	} {
		if got, want := th.Color(row.name, fynetheme.VariantLight), rgb(row.light); got != want {
			t.Errorf("light %s = %v, want %v", row.name, got, want)
		}
		if got, want := th.Color(row.name, fynetheme.VariantDark), rgb(row.dark); got != want {
			t.Errorf("dark %s = %v, want %v", row.name, got, want)
		}
	}
}

func TestFixed(t *testing.T) {
	th := Fixed(fynetheme.VariantDark)
	if got, want := th.Color(Background, fynetheme.VariantLight), dark.bg; got != want {
		t.Errorf("background of the dark theme = %v, want %v", got, want)
	}
	if got, want := New().Color(Background, fyne.ThemeVariant(2)), light.bg; got != want {
		t.Errorf("background without a preference = %v, want %v", got, want)
	}
	if got, want := th.Color(fynetheme.ColorNameFocus, 0), alpha(dark.primary, 0x55); got != want {
		t.Errorf("focus = %v, want %v", got, want)
	}
	if got, want := th.Color(Hover, 0), alpha(dark.text, 0x0F); got != want {
		t.Errorf("hover = %v, want %v", got, want)
	}
}

// TestNothingOfFynes has every colour that Fyne looks up, and every size of the
// design: Fyne's greys and reds miss AA.
func TestNothingOfFynes(t *testing.T) {
	th := New()
	for _, name := range []fyne.ThemeColorName{
		fynetheme.ColorNameBackground, fynetheme.ColorNameButton, fynetheme.ColorNameDisabled, fynetheme.ColorNameDisabledButton,
		fynetheme.ColorNameError, fynetheme.ColorNameFocus, fynetheme.ColorNameForeground, fynetheme.ColorNameForegroundOnError,
		fynetheme.ColorNameForegroundOnPrimary, fynetheme.ColorNameForegroundOnSuccess, fynetheme.ColorNameForegroundOnWarning,
		fynetheme.ColorNameHeaderBackground, fynetheme.ColorNameHover, fynetheme.ColorNameHyperlink, fynetheme.ColorNameInnerWindowBorder,
		fynetheme.ColorNameInnerWindowBorderInactive, fynetheme.ColorNameInputBackground, fynetheme.ColorNameInputBorder,
		fynetheme.ColorNameMenuBackground, fynetheme.ColorNameOverlayBackground, fynetheme.ColorNamePlaceHolder, fynetheme.ColorNamePressed,
		fynetheme.ColorNamePrimary, fynetheme.ColorNameScrollBar, fynetheme.ColorNameScrollBarBackground, fynetheme.ColorNameSelection,
		fynetheme.ColorNameSeparator, fynetheme.ColorNameShadow, fynetheme.ColorNameSuccess, fynetheme.ColorNameWarning,
	} {
		for v := range th.variants {
			if th.variants[v][name] == nil {
				t.Errorf("variant %d has no %s", v, name)
			}
		}
	}
	for name, want := range map[fyne.ThemeSizeName]float32{
		fynetheme.SizeNameCaptionText: 12, fynetheme.SizeNameText: 14, fynetheme.SizeNameSubHeadingText: 18,
		fynetheme.SizeNameHeadingText: 24, SizeMono: 13, SizeCountdown: 32, SizeBoxRadius: 12,
		fynetheme.SizeNameInputRadius: 8, fynetheme.SizeNameDialogRadius: 12, fynetheme.SizeNameInlineIcon: 20,
		fynetheme.SizeNameWindowTitleBarHeight: 26, // Fyne's: not of the design
	} {
		if got := th.Size(name); got != want {
			t.Errorf("size %s = %v, want %v", name, got, want)
		}
	}
	if th.Font(fyne.TextStyle{Italic: true}).Name() != th.Font(fyne.TextStyle{}).Name() {
		t.Error("there are italics")
	}
	if th.Icon(fynetheme.IconNameSearch) == nil {
		t.Error("no icons")
	}
}
