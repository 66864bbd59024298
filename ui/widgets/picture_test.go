package widgets

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	imagedraw "image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
)

var (
	update = flag.Bool("update", false, "write the pictures in testdata anew")
	large  = flag.String("large", "", "a folder to write pictures of all widgets at 100 % and 200 % into, to be looked at")
)

var variants = map[string]fyne.ThemeVariant{"light": fynetheme.VariantLight, "dark": fynetheme.VariantDark}

// start makes an app for a test, in one variant of the theme.
func start(t *testing.T, variant string) {
	t.Helper()
	a := test.NewTempApp(t)
	turning.spinners, turning.anim, turning.step = nil, nil, 0 // those of other apps
	a.Settings().SetTheme(theme.Fixed(variants[variant]))
}

// window shows an object in a window of a size.
func window(t *testing.T, o fyne.CanvasObject, width, height float32) fyne.Window {
	t.Helper()
	w := test.NewTempWindow(t, o)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(width, height))
	return w
}

// draw is a picture of an object with room around.
func draw(o fyne.CanvasObject, width, height, scale float32) image.Image {
	const margin = 8
	c := software.NewCanvas()
	c.SetPadded(false)
	c.SetScale(scale)
	if height == 0 {
		height = heightFor(o, width)
	}
	c.SetContent(NewInset(margin, margin, margin, margin, o))
	c.Resize(fyne.NewSize(width+2*margin, height+2*margin))
	return c.Capture()
}

// picture is what a widget looks like.
type picture struct {
	name   string
	width  float32
	height float32 // 0: what the width asks for
	make   func() fyne.CanvasObject
}

func TestPictures(t *testing.T) {
	for variant := range variants {
		t.Run(variant, func(t *testing.T) {
			start(t, variant)
			for i, p := range pictures {
				if raced && (i%2 == 0) != (variant == "light") {
					continue
				}
				compare(t, p.name+"-"+variant, draw(p.make(), p.width, p.height, 1))
			}
			if *large == "" {
				return
			}
			for _, p := range append(pictures, windows...) {
				write(t, filepath.Join(*large, p.name+"-"+variant+"-100.png"), draw(p.make(), p.width, p.height, 1))
				write(t, filepath.Join(*large, p.name+"-"+variant+"-200.png"), draw(p.make(), p.width, p.height, 2))
			}
		})
	}
}

func write(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare holds a picture to the one in testdata. A few pixels may differ a
// little: the floating point of other processors does.
func compare(t *testing.T, name string, got image.Image) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		write(t, path, got)
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v; go test ./ui/widgets -update writes it", err)
		return
	}
	want, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if n := different(got, want); n > got.Bounds().Dx()*got.Bounds().Dy()/2000 {
		bad := filepath.Join(t.ArtifactDir(), name+".png")
		write(t, bad, got)
		t.Errorf("%s: %d pixels are not as in testdata; what was drawn is in %s; go test ./ui/widgets -update takes it", name, n, bad)
	}
}

// different counts the pixels that differ by more than a person could see.
func different(a, b image.Image) int {
	if a.Bounds() != b.Bounds() {
		return a.Bounds().Dx() * a.Bounds().Dy()
	}
	p, q := pixels(a), pixels(b)
	if bytes.Equal(p, q) {
		return 0
	}
	n := 0
	for i := 0; i < len(p); i += 4 {
		for j := i; j < i+4; j++ {
			if d := int(p[j]) - int(q[j]); d > 12 || d < -12 {
				n++
				break
			}
		}
	}
	return n
}

// pixels are four octets each.
func pixels(img image.Image) []byte {
	if n, ok := img.(*image.NRGBA); ok {
		return n.Pix
	}
	n := image.NewNRGBA(img.Bounds())
	imagedraw.Draw(n, n.Bounds(), img, image.Point{}, imagedraw.Src)
	return n.Pix
}

func rgba(img image.Image, x, y int) [4]int {
	c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
	return [4]int{int(c.R), int(c.G), int(c.B), int(c.A)}
}
