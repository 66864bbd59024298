package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
)

// flatScroll scrolls up and down without Fyne's shadows at its ends. A theme of its
// own without shadows would be simpler, and Fyne would keep all that is in it, and
// fonts of its own for it, for ever.
type flatScroll struct{ container.Scroll }

func newFlatScroll(content fyne.CanvasObject) *flatScroll {
	s := &flatScroll{}
	s.Direction, s.Content = container.ScrollVerticalOnly, content
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer is Fyne's.
func (s *flatScroll) CreateRenderer() fyne.WidgetRenderer {
	return &flatRenderer{WidgetRenderer: s.Scroll.CreateRenderer()}
}

type flatRenderer struct {
	fyne.WidgetRenderer
	objects []fyne.CanvasObject
}

// Objects are the content and the bars: shadows do not know the pointer.
func (r *flatRenderer) Objects() []fyne.CanvasObject {
	r.objects = r.objects[:0]
	for i, o := range r.WidgetRenderer.Objects() {
		if _, bar := o.(desktop.Hoverable); bar || i == 0 {
			r.objects = append(r.objects, o)
		}
	}
	return r.objects
}
