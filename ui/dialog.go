package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// dialog is a question over the window. There is one at a time.
type dialog struct {
	popup *widget.PopUp
	enter func()
	away  func() // Escape
}

// answer is a button of a dialog; without do it only closes it.
type answer struct {
	text   string
	filled bool
	stay   bool // the dialog does, until do closes it
	do     func()
}

// choose asks a question.
func (d *Desktop) choose(question, more string, answers []answer) {
	objects := []fyne.CanvasObject{widgets.NewSubHeading(question)}
	if more != "" {
		objects = append(objects, widgets.NewText(more))
	}
	d.ask(objects, nil, answers)
}

// tell says something that went wrong outside of a connection.
func (d *Desktop) tell(text string) {
	d.choose(text, "", []answer{{text: d.words.Close(), filled: true}})
}

// ask opens a dialog of objects and answers below them; first gets the focus.
// Escape is the answer that is not filled and comes last.
func (d *Desktop) ask(objects []fyne.CanvasObject, first fyne.Focusable, answers []answer) {
	d.closeDialog()
	g := &dialog{}
	var buttons []fyne.CanvasObject
	for _, a := range answers {
		kind := widgets.Plain
		run := func() {
			if d.dialog == g && !a.stay {
				d.closeDialog()
			}
			if a.do != nil {
				a.do()
			}
		}
		if a.filled {
			kind, g.enter = widgets.Filled, run
		}
		if !a.filled || len(answers) == 1 {
			g.away = run
		}
		b := widgets.NewButton(kind, a.text, run)
		if first == nil && a.filled {
			first = b
		}
		buttons = append(buttons, b)
	}
	objects = append(objects, widgets.NewActions(len(buttons), buttons...))
	canvas := d.window.Canvas()
	width := min(widgets.ColumnNarrow, canvas.Size().Width-theme.Space32)
	content := widgets.NewSheet(width, canvas.Size().Height-theme.Space32, widgets.NewColumn(theme.Space16, objects...))
	g.popup = widget.NewModalPopUp(content, canvas)
	d.dialog = g
	g.popup.Show()
	if first != nil {
		canvas.Focus(first)
	}
}

func (d *Desktop) closeDialog() {
	if d.dialog != nil {
		d.dialog.popup.Hide()
		d.dialog = nil
	}
}

// askSecrets asks for what a connection needs and nobody kept. done gets nil when
// the person gives it up; else it owns what was typed.
func (d *Desktop) askSecrets(p *profile.Profile, names []api.SecretName, done func(typed map[api.SecretName][]byte)) {
	objects := []fyne.CanvasObject{widgets.NewSubHeading(d.words.ConnectTo(p))}
	entries := map[api.SecretName]*widgets.Entry{}
	var first fyne.Focusable
	send := func() {
		typed := map[api.SecretName][]byte{}
		for name, e := range entries {
			if e.Text == "" {
				d.window.Canvas().Focus(e)
				return
			}
			typed[name] = []byte(e.Text)
		}
		d.closeDialog()
		done(typed)
	}
	for _, name := range names {
		e := widgets.NewPasswordEntry(d.words.Text("editor.show"), d.words.Text("editor.hide"))
		entries[name] = e
		if first == nil {
			first = e
		}
		help := "secret.kept"
		if !d.keychain || name == api.Password && p.AskPassword {
			help = "secret.asked"
		}
		objects = append(objects, widgets.NewColumn(theme.Space4,
			widgets.NewBold(d.words.SecretLabel(name)), e, widgets.NewHelp(d.words.Text(help))))
	}
	d.ask(objects, first, []answer{
		{text: d.words.Text("editor.cancel"), do: func() { done(nil) }},
		{text: d.words.Text("button.connect"), filled: true, stay: true, do: send},
	})
}

// place is what the window shows, for the keyboard.
func (d *Desktop) place() viewmodel.Place {
	c := d.window.Canvas()
	switch {
	case d.dialog != nil:
		return viewmodel.AtDialog
	case c.Overlays().Top() != nil:
		return viewmodel.AtMenu
	case d.view != d.home.shown:
		return d.view.place
	case c.Focused() == nil || d.rows.RowsFocused():
		return viewmodel.AtList
	case d.home.waiting.Visible() && c.Focused() == d.home.waiting.Code():
		return viewmodel.AtCode
	}
	return viewmodel.AtDetail
}
