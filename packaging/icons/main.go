// Command icons renders the icons from their drawings in assets/icons: pictures
// that the desktop embeds (beside the drawings), and what installers need
// (packaging/icons: PNG for Linux, ICO for Windows, ICNS for macOS). It is run by
// packaging/icons/make, from the top of the module.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

const (
	drawings = "assets/icons"
	results  = "packaging/icons"
	sums     = results + "/SHA256SUMS"
)

// Colours of the tray's glyphs.
const (
	lightGlyph = "#F7F9FA"
	darkGlyph  = "#15202A"
)

// states have a glyph each.
var states = []string{"disconnected", "connecting", "connected", "waiting", "failed", "blocked"}

// sizes are those of the PNG of the program's icon that Linux desktops look for.
var sizes = []int{16, 22, 24, 32, 48, 64, 128, 256, 512}

func main() {
	log.SetFlags(0)
	log.SetPrefix("icons: ")
	if err := makeAll(); err != nil {
		log.Fatal(err)
	}
}

func makeAll() error {
	files, err := plan(".")
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := f.make()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := os.WriteFile(f.name, data, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("icons: %d files\n", len(files))
	return nil
}

// file is something to make: its name below the top of the module, the pixels of
// a picture (0: it is none), and how it is made.
type file struct {
	name string
	size int
	make func() ([]byte, error)
}

// plan is all files.
func plan(top string) ([]file, error) {
	read := func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(top, drawings, name+".svg"))
		return string(b), err
	}
	svg, err := read("culvert")
	if err != nil {
		return nil, err
	}
	at := func(size int) (*image.RGBA, error) { return raster(svg, size) }
	files := []file{
		{name: sums, make: func() ([]byte, error) { return checksums(top) }},
		{name: results + "/culvert.ico", make: func() ([]byte, error) { return ico(at) }},
		{name: results + "/culvert.icns", make: func() ([]byte, error) { return icns(at) }},
		picture(drawings+"/culvert-256.png", svg, 256),
	}
	for _, size := range sizes {
		files = append(files, picture(fmt.Sprintf("%s/culvert-%d.png", results, size), svg, size))
	}
	for _, state := range states {
		glyph, err := read("tray-" + state)
		if err != nil {
			return nil, err
		}
		for shade, svg := range shades(glyph) {
			files = append(files, picture(fmt.Sprintf("%s/tray-%s-%s.png", drawings, state, shade), svg, 64))
		}
	}
	return files, nil
}

func picture(name, svg string, size int) file {
	return file{name, size, func() ([]byte, error) {
		img, err := raster(svg, size)
		if err != nil {
			return nil, err
		}
		return pngOf(img), nil
	}}
}

// shades are a black glyph in the colours that trays need. The edge is the same
// path, stroked, below.
func shades(glyph string) map[string]string {
	const black = `fill="#000000"`
	edge := strings.ReplaceAll(glyph, black,
		fmt.Sprintf(`fill="%s" stroke="%s" stroke-width="4.5" stroke-linejoin="round"`, darkGlyph, darkGlyph))
	over := strings.ReplaceAll(glyph, black, fmt.Sprintf(`fill="%s"`, lightGlyph))
	return map[string]string{
		"light": over,
		"dark":  strings.ReplaceAll(glyph, black, fmt.Sprintf(`fill="%s"`, darkGlyph)),
		"edged": strings.Replace(edge, "</svg>", paths(over)+"</svg>", 1),
	}
}

// paths are the elements of a drawing without the drawing around them.
func paths(svg string) string {
	_, rest, _ := strings.Cut(svg, ">")
	return strings.TrimSuffix(strings.TrimSpace(rest), "</svg>")
}

// raster draws into a square of so many pixels.
func raster(svg string, size int) (*image.RGBA, error) {
	icon, err := oksvg.ReadIconStream(strings.NewReader(svg), oksvg.StrictErrorMode)
	if err != nil {
		return nil, fmt.Errorf("read the drawing: %w", err)
	}
	icon.SetTarget(0, 0, float64(size), float64(size))
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	icon.Draw(rasterx.NewDasher(size, size, rasterx.NewScannerGV(size, size, img, img.Bounds())), 1)
	return img, nil
}

func pngOf(img image.Image) []byte {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, img); err != nil {
		panic(err) // a buffer takes everything, and the picture has a size
	}
	return b.Bytes()
}

// checksums has a line for each drawing, as sha256sum prints it: by them a test
// knows that a drawing was changed and the pictures were not.
func checksums(top string) ([]byte, error) {
	names, err := filepath.Glob(filepath.Join(top, drawings, "*.svg"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%x  %s/%s\n", sha256.Sum256(data), drawings, filepath.Base(name))
	}
	return b.Bytes(), nil
}
