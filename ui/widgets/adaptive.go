package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Form is how a window is divided.
type Form uint8

// The forms, by the width from which they are.
const (
	OneColumn Form = iota // list or detail
	TwoColumns
	Spacious
)

// The widths of forms and of the list.
const (
	twoFrom      float32 = 640
	spaciousFrom float32 = 1200
	listLeast    float32 = 220
	listMost     float32 = 264
	listFull     float32 = 880 // the width from which the list has listMost
	listSpacious float32 = 300
)

// The least size of the window.
const (
	WindowWidth  float32 = 420
	WindowHeight float32 = 360
)

// FormOf is the form of a window of a width.
func FormOf(width float32) Form {
	switch {
	case width < twoFrom:
		return OneColumn
	case width < spaciousFrom:
		return TwoColumns
	}
	return Spacious
}

// AdaptiveLayout puts a list and a detail side by side, or shows one of them
// where there is no room for both. Its objects are list, line, detail.
type AdaptiveLayout struct {
	Detail  bool            // which one is shown when there is one column
	Changed func(form Form) // the form is another one; may be nil

	form Form
	laid bool
}

// NewAdaptive is a container with that layout.
func NewAdaptive(l *AdaptiveLayout, list, detail fyne.CanvasObject) *fyne.Container {
	return container.New(l, list, NewVerticalLine(), detail)
}

// Form is the form of the last layout.
func (a *AdaptiveLayout) Form() Form { return a.form }

// ListWidth is the width of the list beside the detail.
func ListWidth(width float32) float32 {
	if FormOf(width) == Spacious {
		return listSpacious
	}
	share := (width - twoFrom) / (listFull - twoFrom)
	return listLeast + (listMost-listLeast)*min(max(share, 0), 1)
}

// Layout decides by the width.
func (a *AdaptiveLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	form := FormOf(s.Width)
	changed := !a.laid || form != a.form
	a.form, a.laid = form, true
	one := form == OneColumn
	show(o[0], !one || !a.Detail)
	show(o[1], !one)
	show(o[2], !one || a.Detail)
	if one {
		put(o[0], 0, 0, s.Width, s.Height)
		put(o[2], 0, 0, s.Width, s.Height)
	} else {
		w := ListWidth(s.Width)
		put(o[0], 0, 0, w, s.Height)
		put(o[1], w, 0, 1, s.Height)
		put(o[2], w+1, 0, s.Width-w-1, s.Height)
	}
	if changed {
		tell(a.Changed, form)
	}
}

// MinSize is that of the narrowest form.
func (a *AdaptiveLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(WindowWidth, WindowHeight)
}
