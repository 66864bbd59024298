package widgets

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// FieldActions are what a field tells, with its key.
type FieldActions struct {
	Changed func(key, value string) // at each key
	Left    func(key string)        // it lost the focus
	Enter   func()                  // nil: the window is told of the key
	Escape  func()
}

// FieldTexts are words that fields share.
type FieldTexts struct{ ShowSecret, HideSecret string }

// Field is a label, a control, and a sentence of help below, in whose place stands
// what is wrong.
type Field struct {
	widget.BaseWidget
	model viewmodel.Field
	act   FieldActions
	texts FieldTexts

	label   *line
	entry   *Entry
	choice  *Choice
	tick    *Check
	several *severalTicks
	control fyne.CanvasObject
	beside  *Check // in the line of the label: "Ask each time"
	besideM viewmodel.Field
	help    *Paragraph
	mark    *canvas.ArbitraryPolygon
	wide    bool
	setting bool
}

// NewField is a field of the kind that its model has; the kind stays.
func NewField(m viewmodel.Field, texts FieldTexts, act FieldActions) *Field {
	f := &Field{model: m, act: act, texts: texts, label: newLine(body, bold, theme.Text), help: NewHelp(""), mark: newTriangle()}
	f.make()
	f.ExtendBaseWidget(f)
	f.SetModel(m)
	return f
}

// make has the control for the kind.
func (f *Field) make() {
	switch m := f.model; {
	case m.Kind == viewmodel.ChoiceField:
		f.choice = NewChoice(f.changed)
		f.control = f.choice
	case m.Kind == viewmodel.TickField:
		f.tick = NewCheck(m.Label, func(on bool) { f.changed(tickText(on)) })
		f.control = f.tick
	case m.Kind == viewmodel.ListField && len(m.Choices) > 0:
		f.several = newSeveralTicks(f.changed)
		f.control = f.several
	case m.Kind == viewmodel.ListField:
		f.entry = NewMultiLineEntry(2)
	case m.Kind == viewmodel.SecretField:
		f.entry = NewPasswordEntry(f.texts.ShowSecret, f.texts.HideSecret)
	default:
		f.entry = NewEntry()
	}
	if f.entry == nil {
		return
	}
	f.control = f.entry
	f.entry.OnChanged = f.changed
	f.entry.OnEnter, f.entry.OnEscape = f.act.Enter, f.act.Escape
	f.entry.OnFocus = func(gained bool) {
		if !gained {
			tell(f.act.Left, f.model.Key)
		}
	}
}

func tickText(on bool) string {
	if on {
		return "true"
	}
	return "false"
}

func (f *Field) changed(value string) {
	if !f.setting && f.act.Changed != nil {
		f.act.Changed(f.model.Key, value)
	}
}

// SetModel changes what it shows. What stands in it already is left alone, and so
// is the cursor; a secret that was typed stays as well.
func (f *Field) SetModel(m viewmodel.Field) {
	f.setting = true
	f.model = m
	fault := m.Fault != ""
	switch {
	case f.entry != nil:
		if f.entry.Text != m.Value && m.Kind != viewmodel.SecretField {
			f.entry.SetText(m.Value)
		}
		if f.entry.PlaceHolder != m.Hint {
			f.entry.SetPlaceHolder(m.Hint)
		}
		f.entry.SetFault(fault)
		if f.entry.Disabled() == m.Enabled {
			setEnabled(f.entry, m.Enabled)
		}
	case f.choice != nil:
		f.choice.Set(m.Choices, m.Value, m.Enabled, fault)
	case f.tick != nil:
		f.tick.Set(m.Label, m.Value == "true", m.Enabled)
	case f.several != nil:
		f.several.set(m.Choices, m.Value, m.Enabled)
	}
	f.help.SetText(m.Help)
	f.help.setColor(theme.Text2)
	if fault {
		f.help.SetText(m.Fault)
		f.help.setColor(theme.Failed.Color())
	}
	f.setting = false
	f.Refresh()
}

func setEnabled(d fyne.Disableable, on bool) {
	if on {
		d.Enable()
	} else {
		d.Disable()
	}
}

// SetBeside puts a box to tick into the line of the label.
func (f *Field) SetBeside(m viewmodel.Field) {
	if f.beside == nil {
		f.beside = NewSmallCheck(m.Label, func(on bool) {
			if f.act.Changed != nil {
				f.act.Changed(f.besideM.Key, tickText(on))
			}
		})
	}
	f.besideM = m
	f.beside.Set(m.Label, m.Value == "true", m.Enabled)
	f.Refresh()
}

// The control of a wide field is this wide, from this width of the field on.
const (
	fieldAside     float32 = 196
	fieldAsideFrom float32 = 400
)

// SetWide puts the control at the right of label and help, where there is room.
func (f *Field) SetWide(wide bool) {
	if f.wide != wide {
		f.wide = wide
		f.Refresh()
	}
}

func (f *Field) aside(width float32) bool { return f.wide && f.tick == nil && width >= fieldAsideFrom }

// Key is the key of its model.
func (f *Field) Key() string { return f.model.Key }

// Text is what stands in a field that is typed into: of a secret, this is the only
// place that has it.
func (f *Field) Text() string {
	if f.entry == nil {
		return f.model.Value
	}
	return f.entry.Text
}

// Focus gives its control the focus.
func (f *Field) Focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(f); c != nil {
		f.FocusIn(c)
	}
}

// FocusIn is Focus for a field that was not drawn yet: only its canvas knows it.
func (f *Field) FocusIn(c fyne.Canvas) {
	switch {
	case f.several != nil:
		f.several.focusIn(c)
	default:
		c.Focus(f.control.(fyne.Focusable))
	}
}

// fieldLabel is the height of the line of the label.
func (f *Field) labelHeight() float32 {
	if f.tick != nil {
		return 0
	}
	return 24
}

func (f *Field) controlHeight(width float32) float32 {
	return max(heightFor(f.control, width), theme.Least)
}

const fieldMark float32 = 12

func (f *Field) helpRoom(width float32) (x, room float32) {
	switch {
	case f.model.Fault != "":
		x = fieldMark + theme.Space4 + 2
	case f.tick != nil:
		x = tickBox + theme.Space8 + 1
	}
	return x, width - x
}

// HeightFor is the height in a width.
func (f *Field) HeightFor(width float32) float32 {
	if f.aside(width) {
		_, room := f.helpRoom(width - fieldAside - theme.Space16)
		return max(f.labelHeight()+f.help.HeightFor(room), theme.Control)
	}
	_, room := f.helpRoom(width)
	h := f.labelHeight() + f.controlHeight(width)
	if help := f.help.HeightFor(room); help > 0 {
		h += f.helpGap() + help
	}
	return h
}

// helpGap is less below a box to tick, which has air of its own.
func (f *Field) helpGap() float32 {
	if f.tick != nil {
		return -2
	}
	return theme.Space4
}

// CreateRenderer is Fyne's.
func (f *Field) CreateRenderer() fyne.WidgetRenderer {
	r := &parts{of: f}
	r.update = func() {
		f.label.update(f, f.model.Label)
		show(f.label.Text, f.tick == nil)
		f.mark.FillColor = paint(f, theme.Failed.Color())
		show(f.mark, f.model.Fault != "")
		r.objects = []fyne.CanvasObject{f.label.Text, f.control, f.mark, f.help}
		if f.beside != nil {
			r.objects = append(r.objects, f.beside)
		}
	}
	r.layout = func(s fyne.Size) {
		y, room := f.labelHeight(), s.Width
		if f.aside(s.Width) {
			room -= fieldAside + theme.Space16
			put(f.control, s.Width-fieldAside, (s.Height-theme.Control)/2, fieldAside, theme.Control)
			f.label.place(0, y/2-2, room)
			f.placeHelp(y-4, room)
			return
		}
		if f.beside != nil {
			b := f.beside.MinSize()
			b.Width = min(b.Width, s.Width*0.6)
			put(f.beside, s.Width-b.Width, (y-b.Height)/2-2, b.Width, b.Height)
			room -= b.Width + theme.Space8
		}
		f.label.place(0, y/2-2, room)
		c := f.controlHeight(s.Width)
		put(f.control, 0, y, s.Width, c)
		f.placeHelp(y+c+f.helpGap(), s.Width)
	}
	r.min = func() fyne.Size { return fyne.NewSize(140, f.HeightFor(max(140, f.Size().Width))) }
	return render(r)
}

func (f *Field) placeHelp(y, width float32) {
	x, w := f.helpRoom(width)
	put(f.help, x, y, w, f.help.HeightFor(w))
	put(f.mark, 0, y+2, fieldMark, fieldMark)
}

// severalTicks are boxes for a list that is made of given values. What is ticked
// last comes last: the list is in order.
type severalTicks struct {
	widget.BaseWidget
	changed func(string)
	values  []string
	choices []viewmodel.Choice
	ticks   []*Check
	content *fyne.Container
}

func newSeveralTicks(changed func(string)) *severalTicks {
	s := &severalTicks{changed: changed, content: NewColumns(theme.Space8, 0, []float32{240})}
	s.ExtendBaseWidget(s)
	return s
}

func (s *severalTicks) set(choices []viewmodel.Choice, value string, enabled bool) {
	s.values = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' })
	s.choices = choices
	for len(s.ticks) < len(choices) {
		i := len(s.ticks)
		t := NewCheck("", func(on bool) { s.toggle(s.choices[i].Value, on) })
		s.ticks = append(s.ticks, t)
		s.content.Objects = append(s.content.Objects, t)
	}
	for i, t := range s.ticks {
		show(t, i < len(choices))
		if i < len(choices) {
			c := choices[i]
			t.Set(c.Text, slices.Contains(s.values, c.Value), enabled && !c.Later)
		}
	}
	s.Refresh()
}

func (s *severalTicks) toggle(value string, on bool) {
	s.values = slices.DeleteFunc(slices.Clone(s.values), func(v string) bool { return v == value })
	if on {
		s.values = append(s.values, value)
	}
	s.changed(strings.Join(s.values, "\n"))
}

// focusIn gives the first box that can be ticked the focus.
func (s *severalTicks) focusIn(c fyne.Canvas) {
	for _, t := range s.ticks {
		if t.Visible() && !t.Disabled() {
			c.Focus(t)
			return
		}
	}
}

// HeightFor is the height in a width.
func (s *severalTicks) HeightFor(width float32) float32 { return heightFor(s.content, width) }

func (s *severalTicks) CreateRenderer() fyne.WidgetRenderer {
	return render(&parts{of: s, objects: []fyne.CanvasObject{s.content},
		layout: func(a fyne.Size) {
			put(s.content, 0, 0, a.Width, a.Height)
			s.content.Refresh()
		},
		min: func() fyne.Size { return fyne.NewSize(140, s.HeightFor(max(140, s.Size().Width))) },
	})
}
