package main

import (
	"bytes"
	"encoding/binary"
	"image"
)

// bitmapMost is the largest picture of an ICO that is a plain bitmap: larger
// ones would swell it, and everything that shows those reads PNG.
const bitmapMost = 64

// icoSizes are what Explorer, the taskbar and title bars ask for at 100 to 250 %.
var icoSizes = []int{16, 20, 24, 32, 40, 48, 64, 256}

// ico is the Windows icon: a directory of 16 octets an entry, then the pictures.
func ico(at func(int) (*image.RGBA, error)) ([]byte, error) {
	le := binary.LittleEndian
	head := le.AppendUint16(le.AppendUint16(le.AppendUint16(nil, 0), 1), uint16(len(icoSizes)))
	var body []byte
	offset := len(head) + 16*len(icoSizes)
	for _, size := range icoSizes {
		img, err := at(size)
		if err != nil {
			return nil, err
		}
		picture := pngOf(img)
		if size <= bitmapMost {
			picture = bitmap(img)
		}
		head = append(head, byte(size), byte(size), 0, 0) // 256 is written as 0
		head = le.AppendUint16(head, 1)                   // planes
		head = le.AppendUint16(head, 32)                  // bits a pixel
		head = le.AppendUint32(head, uint32(len(picture)))
		head = le.AppendUint32(head, uint32(offset+len(body)))
		body = append(body, picture...)
	}
	return append(head, body...), nil
}

// bitmap is a picture as an ICO has it: BITMAPINFOHEADER with twice the height,
// BGRA lines from the bottom up, and a mask that is empty since alpha says all.
func bitmap(img *image.RGBA) []byte {
	le := binary.LittleEndian
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	b := le.AppendUint32(nil, 40)
	b = le.AppendUint32(b, uint32(w))
	b = le.AppendUint32(b, uint32(2*h))
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 32)
	b = append(b, make([]byte, 24)...)
	for y := h - 1; y >= 0; y-- {
		for x := range w {
			c := straight(img, x, y)
			b = append(b, c[2], c[1], c[0], c[3])
		}
	}
	maskLine := (w + 31) / 32 * 4
	return append(b, make([]byte, maskLine*h)...)
}

// straight is a pixel whose colour is not multiplied by its alpha.
func straight(img *image.RGBA, x, y int) [4]byte {
	c := img.RGBAAt(x, y)
	if c.A == 0 {
		return [4]byte{}
	}
	f := func(v uint8) byte { return byte((int(v)*255 + int(c.A)/2) / int(c.A)) }
	return [4]byte{f(c.R), f(c.G), f(c.B), c.A}
}

// icnsTypes are the kinds of entries of an ICNS, and the pixels that each has.
var icnsTypes = []struct {
	kind string
	size int
}{
	{"icp4", 16}, {"ic11", 32}, {"icp5", 32}, {"ic12", 64}, {"ic07", 128}, {"ic13", 256},
	{"ic08", 256}, {"ic14", 512}, {"ic09", 512}, {"ic10", 1024},
}

// icns is the icon of macOS: entries of type, length and a PNG.
func icns(at func(int) (*image.RGBA, error)) ([]byte, error) {
	be := binary.BigEndian
	var body bytes.Buffer
	for _, e := range icnsTypes {
		img, err := at(e.size)
		if err != nil {
			return nil, err
		}
		picture := pngOf(img)
		body.WriteString(e.kind)
		body.Write(be.AppendUint32(nil, uint32(8+len(picture))))
		body.Write(picture)
	}
	return append(be.AppendUint32([]byte("icns"), uint32(8+body.Len())), body.Bytes()...), nil
}
