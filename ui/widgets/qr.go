package widgets

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
	"rsc.io/qr"
)

// The measures of a QR code, in units.
const (
	codeSize  float32 = 240
	codeQuiet float32 = 16
)

// QRCode shows a text to be photographed: black on white in both themes.
type QRCode struct {
	widget.BaseWidget
	code *qr.Code
}

// NewQRCode is the code of a text. The error is a text that is too long.
func NewQRCode(text string) (*QRCode, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, err
	}
	c := &QRCode{code: code}
	c.ExtendBaseWidget(c)
	return c, nil
}

// draw paints the modules at the scale of the screen, each of them whole pixels,
// in the middle of what is left.
func (c *QRCode) draw(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	n := c.code.Size
	quiet := int(float32(w) * codeQuiet / codeSize)
	module := max((min(w, h)-2*quiet)/n, 1)
	left, top := (w-module*n)/2, (h-module*n)/2
	for y := range n {
		for x := range n {
			if !c.code.Black(x, y) {
				continue
			}
			for py := range module {
				for px := range module {
					img.SetRGBA(left+x*module+px, top+y*module+py, color.RGBA{A: 0xff})
				}
			}
		}
	}
	return img
}

// CreateRenderer is Fyne's.
func (c *QRCode) CreateRenderer() fyne.WidgetRenderer {
	raster := canvas.NewRaster(c.draw)
	raster.ScaleMode = canvas.ImageScalePixels
	return render(&parts{of: c, objects: []fyne.CanvasObject{raster},
		layout: func(s fyne.Size) {
			d := min(s.Width, s.Height, codeSize)
			put(raster, (s.Width-d)/2, (s.Height-d)/2, d, d)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(codeSize) },
	})
}
