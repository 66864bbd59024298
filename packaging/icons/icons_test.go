package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const top = "../.."

// TestUpToDate has the checksums of the drawings, and renders the smaller pictures
// again. Pixels may differ by a little: the floating point of other processors does.
func TestUpToDate(t *testing.T) {
	files, err := plan(top)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
		got, err := os.ReadFile(filepath.Join(top, f.name))
		if err != nil {
			t.Errorf("%v; run packaging/icons/make", err)
			continue
		}
		if f.size > 64 || (f.size == 0 && f.name != sums) {
			continue
		}
		want, err := f.make()
		if err != nil {
			t.Fatal(err)
		}
		if f.size == 0 && !bytes.Equal(got, want) {
			t.Errorf("%s is not of the drawings that are here; run packaging/icons/make", sums)
		}
		if f.size > 0 && !similar(t, got, want) {
			t.Errorf("%s is not what its drawing gives; run packaging/icons/make", f.name)
		}
	}
	for _, pattern := range []string{drawings + "/*.png", results + "/*.png", results + "/*.ic*"} {
		there, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil || len(there) == 0 {
			t.Errorf("%s: %d files, %v", pattern, len(there), err)
		}
		for _, path := range there {
			rel, err := filepath.Rel(top, path)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(names, filepath.ToSlash(rel)) {
				t.Errorf("%s is made from nothing", rel)
			}
		}
	}
}

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func similar(t *testing.T, a, b []byte) bool {
	x, y := decode(t, a), decode(t, b)
	if x.Bounds() != y.Bounds() {
		return false
	}
	for py := range x.Bounds().Dy() {
		for px := range x.Bounds().Dx() {
			r, g, b, al := x.At(px, py).RGBA()
			r2, g2, b2, al2 := y.At(px, py).RGBA()
			for _, d := range []int{int(r) - int(r2), int(g) - int(g2), int(b) - int(b2), int(al) - int(al2)} {
				if max(d, -d) > 3<<8 {
					return false
				}
			}
		}
	}
	return true
}

func TestSizes(t *testing.T) {
	for _, size := range sizes {
		data, err := os.ReadFile(fmt.Sprintf("culvert-%d.png", size))
		if err != nil {
			t.Fatal(err)
		}
		img := decode(t, data)
		if img.Bounds() != image.Rect(0, 0, size, size) {
			t.Errorf("%d pixels: %v", size, img.Bounds())
		}
		if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
			t.Errorf("%d pixels: the corner is not empty", size)
		}
		if _, _, _, a := img.At(size/2, size/2).RGBA(); a != 0xffff {
			t.Errorf("%d pixels: the middle is not solid", size)
		}
	}
}

func TestICO(t *testing.T) {
	b, err := os.ReadFile("culvert.ico")
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	if le.Uint16(b) != 0 || le.Uint16(b[2:]) != 1 || int(le.Uint16(b[4:])) != len(icoSizes) {
		t.Fatalf("head %x", b[:6])
	}
	end := uint32(6 + 16*len(icoSizes))
	for i, size := range icoSizes {
		e := b[6+16*i:]
		length, offset := le.Uint32(e[8:]), le.Uint32(e[12:])
		if int(e[0]) != size%256 || int(e[1]) != size%256 || le.Uint16(e[6:]) != 32 || offset != end {
			t.Fatalf("entry of %d: %x", size, e[:16])
		}
		picture := b[offset : offset+length]
		end += length
		if size > bitmapMost {
			if got := decode(t, picture).Bounds().Dx(); got != size {
				t.Errorf("entry of %d has %d pixels", size, got)
			}
			continue
		}
		if w, h := le.Uint32(picture[4:]), le.Uint32(picture[8:]); int(w) != size || int(h) != 2*size {
			t.Errorf("entry of %d: %d by %d", size, w, h)
		}
		if want := 40 + 4*size*size + (size+31)/32*4*size; len(picture) != want {
			t.Errorf("entry of %d: %d octets, want %d", size, len(picture), want)
		}
		// Line from the bottom up, BGRA: the middle is one of the blues of the water.
		if c := picture[40+4*(size*(size/3)+size/2):]; c[0] <= c[2] || c[3] != 255 {
			t.Errorf("entry of %d: %v in the water", size, c[:4])
		}
	}
	if int(end) != len(b) {
		t.Errorf("%d octets, entries end at %d", len(b), end)
	}
}

func TestICNS(t *testing.T) {
	b, err := os.ReadFile("culvert.icns")
	if err != nil {
		t.Fatal(err)
	}
	be := binary.BigEndian
	if string(b[:4]) != "icns" || int(be.Uint32(b[4:])) != len(b) {
		t.Fatalf("head %x, %d octets", b[:8], len(b))
	}
	rest := b[8:]
	for _, e := range icnsTypes {
		n := be.Uint32(rest[4:])
		if string(rest[:4]) != e.kind || decode(t, rest[8:n]).Bounds().Dx() != e.size {
			t.Errorf("entry %q, want %q of %d pixels", rest[:4], e.kind, e.size)
		}
		rest = rest[n:]
	}
	if len(rest) != 0 {
		t.Errorf("%d octets too many", len(rest))
	}
}

// TestEdge has the edged glyph seen on both kinds of panel: light inside, dark
// around.
func TestEdge(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(top, drawings, "tray-disconnected-edged.png"))
	if err != nil {
		t.Fatal(err)
	}
	img := decode(t, data)
	at := func(x, y int) color.NRGBA { return color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA) }
	if c := at(8, 40); c != (color.NRGBA{0xF7, 0xF9, 0xFA, 0xFF}) {
		t.Errorf("inside the arch's foot: %v", c)
	}
	if c := at(3, 40); c != (color.NRGBA{0x15, 0x20, 0x2A, 0xFF}) {
		t.Errorf("at its edge: %v", c)
	}
	if c := at(32, 40); c.A != 0 {
		t.Errorf("under the arch: %v", c)
	}
}
