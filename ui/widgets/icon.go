package widgets

import (
	"bytes"
	"fmt"
	"image/color"
	"regexp"

	"fyne.io/fyne/v2"

	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/ui/theme"
)

var fill = regexp.MustCompile(`fill="#[0-9A-Fa-f]{3,6}"`)

// inked is a drawing of one colour in another. Fyne's own way takes colours by
// name, and names those of the theme only.
func inked(r fyne.Resource, c color.Color) fyne.Resource {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	hex := fmt.Sprintf("#%02x%02x%02x", n.R, n.G, n.B)
	data := r.Content()
	painted := fill.ReplaceAll(data, []byte(`fill="`+hex+`"`))
	if bytes.Equal(painted, data) {
		painted = bytes.ReplaceAll(data, []byte("<path "), []byte(`<path fill="`+hex+`" `))
	}
	return fyne.NewStaticResource(hex[1:]+"-"+r.Name(), painted)
}

// glyph is the arch that stands for a state.
func glyph(s theme.State, c color.Color) fyne.Resource {
	name := "tray-" + s.String()
	return inked(fyne.NewStaticResource(name+".svg", assets.SVG(name)), c)
}
