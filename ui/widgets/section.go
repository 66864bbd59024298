package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// sectionColumns is the width from which fields are in two columns.
const sectionColumns float32 = 520

// SectionActions are what a section tells.
type SectionActions struct {
	FieldActions
	Fold func(key string, open bool)
	Back func(key string) // to automatic
}

// SectionLook says where fields stand that are not one below the other.
type SectionLook struct {
	// Beside has boxes to tick that stand in the line of another field's label,
	// by the keys of both: the password's "Ask each time".
	Beside map[string]string
	// Wide are the keys of fields over the full width, below the others.
	Wide []string
}

// Section is a part of the editor: a row that opens, and its fields below.
type Section struct {
	widget.BaseWidget
	model  viewmodel.Section
	act    SectionActions
	texts  FieldTexts
	look   SectionLook
	header *foldHeader
	fields map[string]*Field
	grid   *fyne.Container
	wide   *fyne.Container
	back   *Button
	inner  *fyne.Container
}

// NewSection is an empty section.
func NewSection(texts FieldTexts, look SectionLook, act SectionActions) *Section {
	s := &Section{act: act, texts: texts, look: look, fields: map[string]*Field{}}
	s.header = newFoldHeader(func() {
		if act.Fold != nil {
			act.Fold(s.model.Key, s.header.open)
		}
		s.Refresh()
	})
	s.header.beside = true
	s.grid = NewColumns(panelPad, theme.Space12, []float32{sectionColumns})
	s.back = NewButton(Link, "", func() { tell(act.Back, s.model.Key) })
	s.wide = NewColumn(theme.Space12)
	s.inner = NewColumn(theme.Space12, s.grid, s.wide, NewActions(0, s.back))
	s.ExtendBaseWidget(s)
	return s
}

// SetModel changes what it shows. Fields stay the same as long as they are in it,
// so that the focus and what is typed do.
func (s *Section) SetModel(m viewmodel.Section) {
	s.model = m
	s.header.set(m.Title, m.Summary)
	s.header.setOpen(m.Open)
	show(s.header, !m.Always)
	var objects, wide []fyne.CanvasObject
	for _, f := range m.Fields {
		if host := s.fields[s.look.Beside[f.Key]]; host != nil {
			host.SetBeside(f)
			continue
		}
		w := s.fields[f.Key]
		if w == nil || w.model.Kind != f.Kind {
			w = NewField(f, s.texts, s.act.FieldActions)
			s.fields[f.Key] = w
		} else {
			w.SetModel(f)
		}
		if slices.Contains(s.look.Wide, f.Key) {
			w.SetWide(true)
			wide = append(wide, w)
			continue
		}
		objects = append(objects, w)
	}
	s.grid.Objects, s.wide.Objects = objects, wide
	s.back.SetText(m.Back)
	show(s.back, m.Back != "")
	s.Refresh()
}

// Field is the field of a key; nil: it is not in this section.
func (s *Section) Field(key string) *Field { return s.fields[key] }

// SetOpen opens or folds it.
func (s *Section) SetOpen(open bool) {
	s.header.setOpen(open)
	s.Refresh()
}

func (s *Section) open() bool { return s.model.Always || s.header.open }

func (s *Section) headerHeight() float32 {
	if s.model.Always {
		return 0
	}
	return theme.Control
}

// gap is between the header and what it opens.
func (s *Section) gap() float32 {
	if s.model.Always {
		return 0
	}
	return theme.Space8
}

// HeightFor is the height in a width.
func (s *Section) HeightFor(width float32) float32 {
	h := s.headerHeight()
	if s.open() {
		h += s.gap() + heightFor(s.inner, width) + theme.Space12
	}
	if !s.model.Always {
		h++ // the line
	}
	return h
}

// CreateRenderer is Fyne's.
func (s *Section) CreateRenderer() fyne.WidgetRenderer {
	line := canvas.NewRectangle(nil)
	return render(&parts{of: s, objects: []fyne.CanvasObject{s.header, s.inner, line},
		update: func() {
			line.FillColor = paint(s, theme.Border)
			show(line, !s.model.Always)
			show(s.inner, s.open())
		},
		layout: func(a fyne.Size) {
			put(s.header, 0, 0, a.Width, theme.Control)
			put(line, 0, a.Height-1, a.Width, 1)
			if s.open() {
				put(s.inner, 0, s.headerHeight()+s.gap(), a.Width, heightFor(s.inner, a.Width))
				s.inner.Refresh()
			}
		},
		min: func() fyne.Size { return fyne.NewSize(200, s.HeightFor(max(200, s.Size().Width))) },
	})
}
