package ui

import (
	"reflect"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// startIcon is the size of the icon on the first page.
const startIcon float32 = 88

// startPage is the whole window while there is no profile, or while something is
// missing without which nothing works.
type startPage struct {
	d     *Desktop
	page  *widgets.Page
	model viewmodel.Start
}

func newStartPage(d *Desktop) *startPage {
	s := &startPage{d: d, page: widgets.NewPage(widgets.ColumnNarrow, nil, widgets.NewColumn(0), nil)}
	s.page.Center, s.page.Top = true, theme.Space64
	return s
}

// startIcons are those of the ways to begin.
var startIcons = map[viewmodel.Action]func() fyne.Resource{
	viewmodel.NewProfile: fynetheme.DocumentCreateIcon,
	viewmodel.Import:     fynetheme.DownloadIcon,
	viewmodel.TryDemo:    fynetheme.MediaPlayIcon,
}

// show draws the page, and says whether it is another one.
func (s *startPage) show(m *viewmodel.Start) bool {
	if reflect.DeepEqual(s.model, *m) {
		return false
	}
	s.model = *m
	act := func(a viewmodel.Action) { s.d.act(a, "") }
	rows := []fyne.CanvasObject{}
	for i, c := range m.Choices {
		rows = append(rows, widgets.NewStartCard(startIcons[c.Does](), c, i == 0, act))
	}
	if m.Button != nil {
		buttons := []fyne.CanvasObject{widgets.NewButton(widgets.Filled, m.Button.Text, func() { act(m.Button.Does) })}
		if m.Second != nil {
			buttons = append(buttons, widgets.NewButton(widgets.Plain, m.Second.Text, func() { act(m.Second.Does) }))
		}
		rows = append(rows, widgets.NewMiddle(theme.Space8, buttons...))
	}
	var checks []fyne.CanvasObject
	for _, c := range m.Checks {
		checks = append(checks, widgets.NewCheckLine(c.Good, c.Text))
	}
	s.page.Footer = widgets.NewMiddle(theme.Space24, checks...)
	s.page.SetBody(widgets.NewColumn(theme.Space32, widgets.NewAppIcon(startIcon),
		widgets.NewColumn(theme.Space8, widgets.NewHeading(m.Heading).Centered(), widgets.NewSentence(m.Sentence).Centered()),
		widgets.NewColumn(theme.Space12, rows...)))
	return true
}
