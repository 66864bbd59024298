package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// Colours that Fyne has no name for.
const (
	Side    fyne.ThemeColorName = "culvert.side"    // profile list, footers
	Card    fyne.ThemeColorName = "culvert.card"    // boxes
	OnP     fyne.ThemeColorName = "culvert.onp"     // what lies on primary or on a state's colour
	Series2 fyne.ThemeColorName = "culvert.series2" // the graph's second line
	Thumb   fyne.ThemeColorName = "culvert.thumb"   // of the toggle, while it is on
)

// The names of Fyne under the words of the design, for what is ours.
const (
	Background = fynetheme.ColorNameBackground
	Border     = fynetheme.ColorNameSeparator   // decoration only
	Input      = fynetheme.ColorNameInputBorder // edges of what is clicked or typed into
	Text       = fynetheme.ColorNameForeground
	Text2      = fynetheme.ColorNamePlaceHolder // labels, help
	Disabled   = fynetheme.ColorNameDisabled    // never for what must be read
	Primary    = fynetheme.ColorNamePrimary
	Plain      = fynetheme.ColorNameButton // a plain button
	Selected   = fynetheme.ColorNameSelection
	Hover      = fynetheme.ColorNameHover
	Pressed    = fynetheme.ColorNamePressed
	Shadow     = fynetheme.ColorNameShadow
)

// State is what a sign of state says: a colour, a tint and a shape.
type State int

// The states. Reconnecting and disconnecting look as Connecting does.
const (
	Disconnected State = iota
	Connecting
	Connected
	Waiting
	Failed
	Blocked
)

// States are all of them.
var States = []State{Disconnected, Connecting, Connected, Waiting, Failed, Blocked}

var stateNames = [...]string{"disconnected", "connecting", "connected", "waiting", "failed", "blocked"}

// String is the state's name, the same as in the names of its colours and icons.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return stateNames[Disconnected]
	}
	return stateNames[s]
}

// Color is the name of the state's colour.
func (s State) Color() fyne.ThemeColorName { return fyne.ThemeColorName("culvert." + s.String()) }

// Tint is the name of the colour of the area behind the state's words.
func (s State) Tint() fyne.ThemeColorName {
	return fyne.ThemeColorName("culvert." + s.String() + ".tint")
}

// palette is one variant: the colours by the words of the design.
type palette struct {
	bg, side, card, border, input            color.NRGBA
	text, text2, disabled                    color.NRGBA
	primary, onp, btn, selbg, series2, thumb color.NRGBA
	state                                    map[State]pair
	shadow                                   uint8 // alpha of black
}

type pair struct{ color, tint color.NRGBA }

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func alpha(c color.NRGBA, a uint8) color.NRGBA {
	c.A = a
	return c
}

var light = palette{
	bg: rgb(0xFFFFFF), side: rgb(0xF2F5F7), card: rgb(0xF8FAFB), border: rgb(0xD9E0E5), input: rgb(0x7B8995),
	text: rgb(0x15202A), text2: rgb(0x4D5B67), disabled: rgb(0x8A96A1),
	primary: rgb(0x0A6A8C), onp: rgb(0xFFFFFF), btn: rgb(0xE6EBEE), selbg: rgb(0xDCEBF1), series2: rgb(0xB8500F), thumb: rgb(0xFFFFFF),
	state: map[State]pair{
		Disconnected: {rgb(0x4D5B67), rgb(0xF8FAFB)},
		Connecting:   {rgb(0x0A6A8C), rgb(0xE3F1F6)},
		Connected:    {rgb(0x17713D), rgb(0xE6F4EB)},
		Waiting:      {rgb(0x8A5300), rgb(0xFDF1DC)},
		Failed:       {rgb(0xB3261E), rgb(0xFCECEA)},
		Blocked:      {rgb(0x5B43B0), rgb(0xEEEAFA)},
	},
	shadow: 0x33,
}

var dark = palette{
	bg: rgb(0x151B20), side: rgb(0x0F1418), card: rgb(0x1B2329), border: rgb(0x2F3A43), input: rgb(0x73818D),
	text: rgb(0xE9EEF2), text2: rgb(0xA6B3BE), disabled: rgb(0x6B7883),
	primary: rgb(0x58BEE0), onp: rgb(0x04222E), btn: rgb(0x29333B), selbg: rgb(0x1D3844), series2: rgb(0xF2A267), thumb: rgb(0x0F1418),
	state: map[State]pair{
		Disconnected: {rgb(0xA6B3BE), rgb(0x1B2329)},
		Connecting:   {rgb(0x58BEE0), rgb(0x12303B)},
		Connected:    {rgb(0x5CCB8B), rgb(0x16301F)},
		Waiting:      {rgb(0xEBB454), rgb(0x35280F)},
		Failed:       {rgb(0xFF8F86), rgb(0x3A1D1B)},
		Blocked:      {rgb(0xB7A6F7), rgb(0x28213F)},
	},
	shadow: 0x80,
}

// names are the palette's colours under the names that Fyne and we look up.
func (p palette) names() map[fyne.ThemeColorName]color.Color {
	m := map[fyne.ThemeColorName]color.Color{
		Background:                                   p.bg,
		fynetheme.ColorNameInputBackground:           p.bg,
		fynetheme.ColorNameHeaderBackground:          p.side,
		fynetheme.ColorNameOverlayBackground:         p.card,
		fynetheme.ColorNameMenuBackground:            p.card,
		fynetheme.ColorNameInnerWindowBorder:         p.border,
		fynetheme.ColorNameInnerWindowBorderInactive: p.border,
		Border:                                 p.border,
		Input:                                  p.input,
		Text:                                   p.text,
		Text2:                                  p.text2,
		Disabled:                               p.disabled,
		fynetheme.ColorNameDisabledButton:      p.btn,
		Primary:                                p.primary,
		fynetheme.ColorNameHyperlink:           p.primary,
		fynetheme.ColorNameFocus:               alpha(p.primary, 0x55),
		fynetheme.ColorNameForegroundOnPrimary: p.onp,
		fynetheme.ColorNameForegroundOnError:   p.onp,
		fynetheme.ColorNameForegroundOnSuccess: p.onp,
		fynetheme.ColorNameForegroundOnWarning: p.onp,
		Plain:                                  p.btn,
		Selected:                               p.selbg,
		Hover:                                  alpha(p.text, 0x0F),
		Pressed:                                alpha(p.text, 0x1A),
		Shadow:                                 color.NRGBA{A: p.shadow},
		fynetheme.ColorNameScrollBar:           alpha(p.input, 0xB0),
		fynetheme.ColorNameScrollBarBackground: alpha(p.input, 0x18),
		fynetheme.ColorNameSuccess:             p.state[Connected].color,
		fynetheme.ColorNameWarning:             p.state[Waiting].color,
		fynetheme.ColorNameError:               p.state[Failed].color,
		Side:                                   p.side,
		Card:                                   p.card,
		OnP:                                    p.onp,
		Series2:                                p.series2,
		Thumb:                                  p.thumb,
	}
	for s, c := range p.state {
		m[s.Color()], m[s.Tint()] = c.color, c.tint
	}
	return m
}
