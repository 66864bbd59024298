// Package assets holds what the desktop shows and is no code.
package assets

import (
	"embed"
	"fmt"
)

// Drawings are the sources; packaging/icons/make renders the pictures from
// them.
//
//go:embed icons/*.svg icons/*.png
var icons embed.FS

// Shade is which of the tray's glyphs fits the panel behind it.
type Shade string

// The shades of the tray's glyphs.
const (
	Light Shade = "light" // on a dark panel
	Dark  Shade = "dark"  // on a light panel
	Edged Shade = "edged" // light with a dark edge, on a panel of unknown shade
)

// SVG is a drawing by its name: "culvert", "culvert-mono", or "tray-" and the
// name of a state. It panics on any other: the names are constants of the
// program.
func SVG(name string) []byte { return must(name + ".svg") }

// Icon is the program's icon as a PNG of 256 pixels.
func Icon() []byte { return must("culvert-256.png") }

// Tray is the glyph of a state ("connected", "failed", and so on) as a PNG of
// 64 pixels. It panics on a state without a glyph.
func Tray(state string, shade Shade) []byte {
	return must(fmt.Sprintf("tray-%s-%s.png", state, shade))
}

func must(name string) []byte {
	b, err := icons.ReadFile("icons/" + name)
	if err != nil {
		panic(fmt.Sprintf("assets: no icon %s", name))
	}
	return b
}
