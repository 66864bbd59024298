package ui

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// editing is what the editor is opened for.
type editing struct {
	entry   profile.Entry    // of a saved profile
	profile *profile.Profile // of a new one that was imported; nil: an empty one
	secrets profile.Secrets  // that came with it; the editor overwrites them
	isNew   bool
	kept    []string // fields of secrets in the keychain
	field   string   // gets the focus; "": the first one
}

// editorPage is the editor of a profile.
type editorPage struct {
	d        *Desktop
	of       editing
	model    *viewmodel.Editor
	form     viewmodel.Form
	page     *widgets.Page
	header   *widgets.Header
	body     *fyne.Container
	note     *widgets.Paragraph
	sections []*widgets.Section
	problems *widgets.Button
	cancel   *widgets.Button
	saves    *widgets.Button
	connects *widgets.Button
	gone     bool
}

// edit opens the editor of a saved profile. Which secrets there are the keychain
// says, but not for longer than nobody notices.
func (d *Desktop) edit(i viewmodel.Item, field string) {
	p := i.Entry.Profile
	if p == nil {
		d.home.openFile()
		return
	}
	own := *p
	e := i.Entry
	e.Profile = &own
	from := d.view
	d.start(func(ctx context.Context) {
		kept := d.keptSecrets(ctx, p)
		d.do(func() {
			if d.view != from {
				return // the person has gone elsewhere
			}
			d.open(func() *view { return d.editor(editing{entry: e, kept: kept, field: field}) })
		})
	})
}

// keptTime is how long the editor waits for the keychain before it opens.
const keptTime = 700 * time.Millisecond

// keptSecrets runs beside Fyne: the fields of the secrets that the keychain has.
// One that does not answer may have any.
func (d *Desktop) keptSecrets(ctx context.Context, p *profile.Profile) (fields []string) {
	ctx, cancel := context.WithTimeout(ctx, keptTime)
	defer cancel()
	for _, k := range secretKinds {
		value, err := d.cfg.Keys.Get(ctx, p.ID, keyring.Kind(k.name))
		clear(value)
		if err == nil || !errors.Is(err, keyring.ErrNotFound) && !errors.Is(err, keyring.ErrUnavailable) {
			fields = append(fields, k.field)
		}
	}
	return fields
}

// editor is the view of an editor.
func (d *Desktop) editor(of editing) *view {
	e := &editorPage{d: d, of: of}
	p := of.entry.Profile
	if of.isNew {
		p = of.profile
	}
	m, err := viewmodel.NewEditor(viewmodel.EditorConfig{Profile: p, New: of.isNew, ReadOnly: of.entry.ReadOnly, Keychain: d.keychain, Kept: of.kept})
	if err != nil {
		d.after(0, func() { d.tell(err.Error()) })
		return d.home.view()
	}
	e.model = m
	e.take(&e.of.secrets)
	e.build()
	d.editorShown = e
	v := &view{object: e.page, place: viewmodel.AtEditor, enter: e.connect, leave: e.leave, closed: e.close}
	d.after(0, func() { e.focusFirst() })
	return v
}

// take puts secrets into the model, and overwrites them.
func (e *editorPage) take(s *profile.Secrets) {
	for _, k := range secretKinds {
		if value := *s.Slot(k.name); len(value) > 0 {
			e.model.SetSecret(time.Time{}, k.field, value)
		}
	}
	s.Zero()
}

// paste has the editor show what was imported.
func (e *editorPage) paste(i *importer.Imported) {
	if err := e.model.Paste(i.Profile); err != nil {
		e.d.tell(err.Error())
		return
	}
	e.take(&i.Secrets)
	e.refresh()
	e.advance()
}

// sectionLook is where fields stand that are not one below the other.
var sectionLook = widgets.SectionLook{
	Beside: map[string]string{"ask_password": viewmodel.FieldPassword},
	Wide:   []string{"preset"},
}

func (e *editorPage) build() {
	d := e.d
	e.form = d.words.Form(e.model)
	paste := widgets.NewIconButton(widgets.Quiet, fynetheme.ContentPasteIcon(), e.form.Paste, "", d.pasteIntoEditor)
	show(paste, e.form.ReadOnly == "")
	e.header = widgets.NewHeader(nil, paste)
	e.note = widgets.NewSentence(e.form.ReadOnly)
	show(e.note, e.form.ReadOnly != "")
	texts := widgets.FieldTexts{ShowSecret: e.form.ShowSecret, HideSecret: e.form.HideSecret}
	objects := []fyne.CanvasObject{e.note}
	for range e.form.Sections {
		s := widgets.NewSection(texts, sectionLook, widgets.SectionActions{
			FieldActions: widgets.FieldActions{Changed: e.changed, Left: e.left},
			Fold:         func(key string, open bool) { e.model.Unfold(key, open); e.refresh() },
			Back:         func(key string) { e.model.Reset(key); e.refresh() },
		})
		e.sections = append(e.sections, s)
		objects = append(objects, s)
	}
	e.body = widgets.NewColumn(0, objects...)
	e.problems = widgets.NewButton(widgets.Link, "", func() { e.reveal(e.form.ProblemKey) })
	e.cancel = widgets.NewButton(widgets.Plain, e.form.Cancel.Text, func() { d.back() })
	e.saves = widgets.NewButton(widgets.Plain, e.form.Save.Text, e.save)
	e.connects = widgets.NewButton(widgets.Filled, e.form.Connect.Text, e.connect)
	e.page = widgets.NewPage(widgets.ColumnWide, e.header, e.body, widgets.NewActions(3, e.problems, e.cancel, e.saves, e.connects))
	e.refresh()
}

// refresh draws the model.
func (e *editorPage) refresh() {
	e.form = e.d.words.Form(e.model)
	e.header.Set(e.form.Title, "")
	for i, s := range e.form.Sections {
		e.sections[i].SetModel(s)
	}
	e.problems.SetText(e.form.Problems)
	show(e.problems, e.form.Problems != "")
	e.saves.SetEnabled(e.form.CanSave)
	e.connects.SetEnabled(e.form.CanConnect)
	e.page.Refresh()
}

// changed is every key in a field, and every choice.
func (e *editorPage) changed(key, value string) {
	now := time.Now()
	if isSecret(key) {
		e.model.SetSecret(now, key, []byte(value))
	} else {
		e.model.Set(now, key, value)
	}
	e.refresh()
	e.advance()
}

func isSecret(key string) bool {
	for _, k := range secretKinds {
		if k.field == key {
			return true
		}
	}
	return false
}

// advance shows faults once nobody types any more.
func (e *editorPage) advance() {
	if e.gone {
		return
	}
	if next := e.model.Advance(time.Now()); !next.IsZero() {
		e.d.after(max(time.Until(next), 10*time.Millisecond), e.advance)
		return
	}
	e.refresh()
}

func (e *editorPage) left(key string) {
	if !e.gone {
		e.model.Leave(key)
		e.refresh()
	}
}

// field is the field of a key; nil: it is not shown.
func (e *editorPage) field(key string) *widgets.Field {
	for _, s := range e.sections {
		if f := s.Field(key); f != nil {
			return f
		}
	}
	return nil
}

// reveal opens the section of a field, and gives it the focus.
func (e *editorPage) reveal(key string) {
	for _, s := range e.form.Sections {
		for _, f := range s.Fields {
			if f.Key == key && !s.Always {
				e.model.Unfold(s.Key, true)
			}
		}
	}
	e.refresh()
	if f := e.field(key); f != nil {
		e.page.Reveal(f)
		f.FocusIn(e.d.window.Canvas())
	}
}

func (e *editorPage) focusFirst() {
	key := e.of.field
	if key == "" {
		key = viewmodel.FieldServer
	}
	if !e.gone {
		e.reveal(key)
	}
}

// save keeps the profile, and goes back to it.
func (e *editorPage) save() { e.saveAnd(func(viewmodel.Item) {}) }

func (e *editorPage) saveAnd(then func(i viewmodel.Item)) {
	p, fault := e.model.Save()
	e.refresh()
	if p == nil {
		e.reveal(fault)
		return
	}
	e.store(p, then)
}

// connect keeps the profile, and connects it.
func (e *editorPage) connect() {
	p, fault := e.model.Connectable()
	e.refresh()
	if p == nil {
		e.reveal(fault)
		return
	}
	if e.of.entry.ReadOnly {
		e.d.goHome()
		e.d.withItem(p.ID, e.d.connect)
		return
	}
	typed := e.typed()
	e.store(p, func(i viewmodel.Item) {
		e.d.trial = nil
		w := wanted{item: i}
		for kind, value := range typed {
			*w.typed.Slot(api.SecretName(kind)) = value
		}
		e.d.connectWith(w)
	})
}

// typed is a copy of the secrets that were typed.
func (e *editorPage) typed() map[keyring.Kind][]byte {
	s, out := e.model.Secrets(), map[keyring.Kind][]byte{}
	for name, value := range map[api.SecretName]api.Secret{api.PSK: s.PSK, api.Password: s.Password, api.TunnelSecret: s.TunnelSecret} {
		if len(value) > 0 {
			out[keyring.Kind(name)] = append([]byte(nil), value...)
		}
	}
	return out
}

// store writes the profile and its secrets, and shows it.
func (e *editorPage) store(p *profile.Profile, then func(i viewmodel.Item)) {
	d := e.d
	kept := e.typed()
	if p.AskPassword {
		delete(kept, keyring.Password)
	}
	if !d.keychain {
		clear(kept)
	}
	e.saves.SetEnabled(false)
	e.connects.SetEnabled(false)
	var entry profile.Entry
	d.write(func() (err error) {
		if e.of.isNew {
			entry, err = d.create(p)
			return err
		}
		entry = e.of.entry
		entry.Profile = p
		entry, err = d.save(entry)
		return err
	}, func(err error) {
		if err != nil {
			e.refresh()
			d.tell(err.Error())
			return
		}
		d.keep(entry.Profile.ID, kept)
		d.reloadAnd(entry.Profile.ID)
		d.write(func() error { return nil }, func(error) {
			d.goHome()
			d.showDetail(true)
			then(viewmodel.Item{Entry: entry})
		})
	})
}

// leave asks whether to keep the changes.
func (e *editorPage) leave(then func()) {
	if !e.model.Dirty() || e.gone {
		then()
		return
	}
	q := e.form.Leave
	e.d.choose(q.Question, "", []answer{
		{text: q.Discard, do: func() {
			e.close()
			then()
		}},
		{text: q.Keep, filled: true, do: func() { e.saveAnd(func(viewmodel.Item) { then() }) }},
	})
	e.d.dialog.away = e.d.closeDialog // Escape decides nothing
}

// close overwrites what was typed.
func (e *editorPage) close() {
	e.gone = true
	e.model.Close()
	if e.d.editorShown == e {
		e.d.editorShown = nil
	}
}
