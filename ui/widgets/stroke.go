package widgets

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/vector"
)

// point is a place in pixels.
type point struct{ x, y float64 }

// plotter paints antialiased lines and areas into a picture.
type plotter struct {
	img *image.RGBA
	z   *vector.Rasterizer
}

func newPlotter(w, h int) *plotter {
	return &plotter{img: image.NewRGBA(image.Rect(0, 0, w, h)), z: vector.NewRasterizer(w, h)}
}

// finish paints what was drawn in one colour: where parts lie over each other
// it is not darker.
func (p *plotter) finish(c color.Color) {
	p.z.Draw(p.img, p.img.Bounds(), image.NewUniform(c), image.Point{})
	b := p.img.Bounds()
	p.z.Reset(b.Dx(), b.Dy())
}

// polygon adds an area, always the same way around: areas of both ways would
// cancel each other out.
func (p *plotter) polygon(points []point) {
	var area float64
	for i, a := range points {
		b := points[(i+1)%len(points)]
		area += a.x*b.y - b.x*a.y
	}
	n := len(points)
	at := func(i int) point {
		if area < 0 {
			return points[n-1-i]
		}
		return points[i]
	}
	p.z.MoveTo(float32(at(0).x), float32(at(0).y))
	for i := 1; i < n; i++ {
		p.z.LineTo(float32(at(i).x), float32(at(i).y))
	}
	p.z.ClosePath()
}

// stroke adds a line of a width through points, with round corners and ends.
func (p *plotter) stroke(points []point, width float64) {
	r := width / 2
	for i, a := range points {
		p.disc(a, r)
		if i == 0 {
			continue
		}
		p.segment(points[i-1], a, r)
	}
}

func (p *plotter) segment(a, b point, r float64) {
	d := math.Hypot(b.x-a.x, b.y-a.y)
	if d == 0 {
		return
	}
	nx, ny := -(b.y-a.y)/d*r, (b.x-a.x)/d*r
	p.polygon([]point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}})
}

func (p *plotter) disc(c point, r float64) {
	const corners = 12
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = point{c.x + r*cos, c.y + r*sin}
	}
	p.polygon(points)
}

// dashes cuts a line into pieces: so much on, so much off.
func dashes(points []point, on, off float64) [][]point {
	var out [][]point
	if len(points) < 2 {
		return out
	}
	drawing, left := true, on
	piece := []point{points[0]}
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		d := math.Hypot(b.x-a.x, b.y-a.y)
		for d > left {
			a = point{a.x + (b.x-a.x)*left/d, a.y + (b.y-a.y)*left/d}
			d -= left
			if drawing {
				out = append(out, append(piece, a))
				piece, left = nil, off
			} else {
				piece, left = []point{a}, on
			}
			drawing = !drawing
		}
		left -= d
		if drawing {
			piece = append(piece, b)
		}
	}
	if drawing && len(piece) > 1 {
		out = append(out, piece)
	}
	return out
}
