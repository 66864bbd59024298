package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	fynedialog "fyne.io/fyne/v2/dialog"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// simplePage is a page that only has to be read: a header with the way back, and
// a body.
func (d *Desktop) simplePage(title string, body fyne.CanvasObject, buttons ...*widgets.Button) *view {
	header := widgets.NewHeader(widgets.NewBackButton(d.words.Text("header.back"), d.back), buttons...)
	header.Set(title, "")
	return &view{object: widgets.NewPage(widgets.ColumnWide, header, body, nil), place: viewmodel.AtPage}
}

// adminPage is what a gateway must allow.
func (d *Desktop) adminPage() *view {
	i, _ := d.list.Chosen()
	m := d.words.AdminPage(i.Entry.Profile)
	objects := []fyne.CanvasObject{widgets.NewText(m.Sentence)}
	for _, r := range m.Rules {
		name, sentence := widgets.NewBold(r.Name), widgets.NewSentence(r.Sentence)
		if strings.Count(r.Name, " ") > 1 { // a list of names
			name, sentence = widgets.NewBold(r.Sentence), widgets.NewSentence(r.Name)
		}
		objects = append(objects, widgets.NewColumn(theme.Space4, name, sentence))
	}
	copyPage := widgets.NewIconButton(widgets.Quiet, fynetheme.ContentCopyIcon(), m.Copy.Text, "", func() { d.copyText(m.Text) })
	return d.simplePage(m.Heading, widgets.NewColumn(theme.Space16, objects...), copyPage)
}

// aboutPage is what the program is, and what it is made of.
func (d *Desktop) aboutPage() *view {
	m := d.words.About(d.cfg.Version, d.helperVersion)
	objects := []fyne.CanvasObject{widgets.NewAppIcon(startIcon), widgets.NewHeading(m.Heading).Centered(), widgets.NewSentence(m.Sentence).Centered()}
	for _, f := range m.Versions {
		objects = append(objects, widgets.NewColumn(0, widgets.NewHelp(f.Label), widgets.NewText(f.Value)))
	}
	objects = append(objects, widgets.NewSubHeading(m.LicencesTitle), widgets.NewText(m.Licence))
	all, err := assets.Licences()
	if err != nil {
		objects = append(objects, widgets.NewText(err.Error()))
	}
	var links []fyne.CanvasObject
	for _, l := range all {
		open := widgets.NewButton(widgets.Link, strings.TrimSpace(l.Path+" "+l.Version), func() { d.open(func() *view { return d.licencePage(l) }) })
		links = append(links, widgets.NewActions(0, open))
	}
	objects = append(objects, widgets.NewColumn(0, links...))
	return d.simplePage(d.words.Text("menu.about"), widgets.NewColumn(theme.Space16, objects...))
}

// licencePage is the licence of one module. The way back leads to the others.
func (d *Desktop) licencePage(l assets.Licence) *view {
	header := widgets.NewHeader(widgets.NewBackButton(d.words.Text("header.back"), func() { d.open(d.aboutPage) }))
	header.Set(l.Path, l.Version)
	paragraphs := []fyne.CanvasObject{}
	for p := range strings.SplitSeq(l.Text, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" { // their lines are not as long as ours
			paragraphs = append(paragraphs, widgets.NewText(p))
		}
	}
	page := widgets.NewPage(widgets.ColumnWide, header, widgets.NewColumn(theme.Space12, paragraphs...), nil)
	return &view{object: page, place: viewmodel.AtPage}
}

// settingsPage is the program's own settings, and the list of keys.
func (d *Desktop) settingsPage() *view {
	m := d.words.Settings(d.cfg.Login != nil)
	objects := []fyne.CanvasObject{}
	for _, r := range m.Rows {
		tick := widgets.NewCheck(r.Text, func(on bool) { d.set(r.Does, on) })
		tick.Set(r.Text, d.isSet(r.Does), true)
		objects = append(objects, widgets.NewColumn(theme.Space4, tick, widgets.NewInset(28, 0, 0, 0, widgets.NewHelp(r.Help))))
	}
	var rows []viewmodel.Shortcut
	rows = append(rows, d.words.Shortcuts(onMac)...)
	objects = append(objects, widgets.NewSubHeading(m.Keys), widgets.NewKeyTable(rows))
	return d.simplePage(m.Heading, widgets.NewColumn(theme.Space16, objects...))
}

func (d *Desktop) isSet(a viewmodel.Action) bool {
	switch a {
	case viewmodel.ReduceMotion:
		return d.flag(prefReduceMotion)
	case viewmodel.NoNotes:
		return d.flag(prefNoNotes)
	case viewmodel.StartAtLogin:
		return d.cfg.Login.On()
	}
	return false
}

func (d *Desktop) set(a viewmodel.Action, on bool) {
	switch a {
	case viewmodel.ReduceMotion:
		d.setFlag(prefReduceMotion, on)
		widgets.ReduceMotion(on)
	case viewmodel.NoNotes:
		d.setFlag(prefNoNotes, on)
	case viewmodel.StartAtLogin:
		if err := d.cfg.Login.Set(on); err != nil {
			d.tell(err.Error())
		}
	}
}

// sharePage is a profile for others, without its secrets.
func (d *Desktop) sharePage(i viewmodel.Item) *view {
	p := i.Entry.Profile
	if p == nil {
		return d.home.view()
	}
	m, err := d.words.Sharing(p)
	if err != nil {
		return d.simplePage(i.Entry.Name(), widgets.NewText(err.Error()))
	}
	objects := []fyne.CanvasObject{widgets.NewSentence(m.Note)}
	if code, err := widgets.NewQRCode(m.Text); m.Code && err == nil {
		objects = append(objects, code)
	} else {
		objects = append(objects, widgets.NewText(m.TooLong))
	}
	save := func() { d.saveFile(m.FileName, []byte(m.Text)) }
	objects = append(objects, widgets.NewActions(0, widgets.NewButton(widgets.Filled, m.Save.Text, save)))
	v := d.simplePage(m.Heading, widgets.NewColumn(theme.Space16, objects...))
	v.enter = save
	return v
}

// saveFile asks where to, and writes.
func (d *Desktop) saveFile(name string, data []byte) {
	o := fynedialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if w == nil {
			if err != nil {
				d.tell(err.Error())
			}
			return
		}
		_, err = w.Write(data)
		if closed := w.Close(); err == nil {
			err = closed
		}
		if err != nil {
			d.tell(err.Error())
		}
	}, d.window)
	o.SetFileName(name)
	o.Show()
}
