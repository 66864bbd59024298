package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	fynedialog "fyne.io/fyne/v2/dialog"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// dropped is a file that was given to the window, or pasted text without a name.
type dropped = importer.File

// importPage shows what was understood of something, before it is added.
type importPage struct {
	d      *Desktop
	page   *widgets.Page
	result *importer.Result // nil: nothing was read yet
	ticked []bool
	add    *widgets.Button
}

// importer is the view of the import page, with nothing read yet.
func (d *Desktop) importer() *view {
	p := &importPage{d: d}
	words := d.words.Importing(0)
	p.add = widgets.NewButton(widgets.Filled, words.Add.Text, p.save)
	cancel := widgets.NewButton(widgets.Plain, words.Cancel.Text, func() { d.back() })
	header := widgets.NewHeader(widgets.NewBackButton(d.words.Text("header.back"), d.back))
	header.Set(words.Title, "")
	p.page = widgets.NewPage(widgets.ColumnWide, header, widgets.NewColumn(0), widgets.NewActions(2, cancel, p.add))
	p.ask("")
	return &view{object: p.page, place: viewmodel.AtPage, enter: p.save, drop: p.read, closed: p.zero}
}

// onImportPage has the import page read something, and opens it if it is not: the
// editor may ask first what is to become of changes.
func (d *Desktop) onImportPage(then func(read func(files []dropped))) {
	if d.view != nil && d.view.drop != nil {
		then(d.view.drop)
		return
	}
	d.leave(func() {
		v := d.importer()
		d.showView(v)
		d.refresh()
		then(v.drop)
	})
}

// dropped takes files that were let go over the window, wherever.
func (d *Desktop) dropped(_ fyne.Position, uris []fyne.URI) {
	var paths []string
	for _, u := range uris {
		if u.Scheme() == "file" {
			paths = append(paths, u.Path())
		}
	}
	if len(paths) > 0 {
		d.Open(paths)
	}
}

// Open shows the window, and what could be imported from files.
func (d *Desktop) Open(paths []string) {
	d.Show()
	if len(paths) == 0 {
		return
	}
	d.onImportPage(func(read func([]dropped)) {
		d.start(func(context.Context) {
			files, err := readFiles(paths)
			d.do(func() {
				if err != nil {
					d.tell(err.Error())
					return
				}
				read(files)
			})
		})
	})
}

func readFiles(paths []string) ([]dropped, error) {
	var files []dropped
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(f, importer.MaxInput+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		files = append(files, dropped{Name: filepath.Base(path), Data: data})
	}
	return files, nil
}

// paste reads the clipboard.
func (d *Desktop) paste() {
	text := d.cfg.App.Clipboard().Content()
	d.onImportPage(func(read func([]dropped)) { read([]dropped{{Data: []byte(text)}}) })
}

// openFile asks for a file.
func (p *importPage) openFile() {
	o := fynedialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil {
			p.d.tell(err.Error())
			return
		}
		if r == nil {
			return
		}
		data, err := io.ReadAll(io.LimitReader(r, importer.MaxInput+1))
		if err = errors.Join(err, r.Close()); err != nil {
			p.d.tell(err.Error())
			return
		}
		p.read([]dropped{{Name: r.URI().Name(), Data: data}})
	}, p.d.window)
	o.Show()
}

// ask is the page before anything is read, and after something that was nothing.
func (p *importPage) ask(nothing string) {
	words := p.d.words.Importing(0)
	objects := []fyne.CanvasObject{}
	if nothing != "" {
		objects = append(objects, widgets.NewSubHeading(words.Nothing), widgets.NewText(nothing))
	}
	objects = append(objects, widgets.NewSentence(words.Readable), widgets.NewSentence(words.Drop),
		widgets.NewActions(0,
			widgets.NewIconButton(widgets.Plain, fynetheme.FolderOpenIcon(), words.OpenFile.Text, "", p.openFile),
			widgets.NewIconButton(widgets.Plain, fynetheme.ContentPasteIcon(), words.Paste.Text, "", p.d.paste)))
	p.add.Hide()
	p.page.SetBody(widgets.NewColumn(theme.Space16, objects...))
}

// read shows what is in files.
func (p *importPage) read(files []dropped) {
	p.zero()
	result, err := importer.ReadFiles(files...)
	for _, f := range files {
		clear(f.Data)
	}
	if err != nil {
		p.ask(p.d.words.ImportFault(err))
		return
	}
	p.result = &result
	p.ticked = make([]bool, len(result.Profiles))
	for n := range p.ticked {
		p.ticked[n] = len(result.Profiles) == 1 || len(result.Profiles[n].Missing) == 0
	}
	p.preview()
}

// preview draws what was understood.
func (p *importPage) preview() {
	words := p.d.words
	objects := []fyne.CanvasObject{widgets.NewHeading(words.Importing(0).Heading)}
	for n := range p.result.Profiles {
		objects = append(objects, p.box(n))
	}
	if left := words.LeftOut(p.result.LeftOut); len(left) > 0 {
		objects = append(objects, widgets.NewBox(theme.Space16, widgets.NewImportRows(left)))
	}
	p.page.SetBody(widgets.NewColumn(theme.Space16, objects...))
	p.count()
}

// box is one connection.
func (p *importPage) box(n int) fyne.CanvasObject {
	i := &p.result.Profiles[n]
	objects := []fyne.CanvasObject{}
	if len(p.ticked) > 1 {
		tick := widgets.NewCheck("", func(on bool) { p.ticked[n] = on; p.count() })
		tick.Set(i.Profile.Name, p.ticked[n], len(i.Missing) == 0)
		objects = append(objects, tick)
	} else {
		objects = append(objects, widgets.NewSubHeading(i.Profile.Name))
	}
	rows, err := p.d.words.Imported(i)
	if err != nil {
		return widgets.NewBox(theme.Space16, widgets.NewText(err.Error()))
	}
	return widgets.NewBox(theme.Space16, widgets.NewColumn(theme.Space12, append(objects, widgets.NewImportRows(rows))...))
}

// count says how many would be added.
func (p *importPage) count() {
	n := 0
	for _, on := range p.ticked {
		if on {
			n++
		}
	}
	p.add.SetText(p.d.words.Importing(n).Add.Text)
	p.add.SetEnabled(n > 0)
	p.add.Show()
	p.page.Refresh()
}

// save adds what is ticked. One connection that lacks something is opened in the
// editor instead.
func (p *importPage) save() {
	if p.result == nil {
		return
	}
	if one := &p.result.Profiles[0]; len(p.result.Profiles) == 1 && len(one.Missing) > 0 {
		of := editing{profile: one.Profile, secrets: one.Secrets, isNew: true}
		one.Secrets = profile.Secrets{}
		p.d.showView(p.d.editor(of))
		return
	}
	d, result, ticked := p.d, p.result, p.ticked
	p.result = nil
	var last string
	secrets := map[string]map[keyring.Kind][]byte{}
	d.write(func() error {
		var failed error
		for n := range result.Profiles {
			if !ticked[n] {
				continue
			}
			i := &result.Profiles[n]
			e, err := d.create(i.Profile)
			if err != nil {
				failed = err
				continue
			}
			last = e.Profile.ID
			secrets[last] = ofImport(&i.Secrets)
		}
		result.Zero()
		return failed
	}, func(err error) {
		if err != nil {
			d.tell(err.Error())
		}
		for id, kept := range secrets {
			if d.keychain {
				d.keep(id, kept)
			}
		}
		d.reloadAnd(last)
		d.goHome()
		d.showDetail(true)
	})
}

// ofImport is a copy of secrets for the keychain.
func ofImport(s *profile.Secrets) map[keyring.Kind][]byte {
	out := map[keyring.Kind][]byte{}
	for _, k := range secretKinds {
		if value := *s.Slot(k.name); len(value) > 0 {
			out[keyring.Kind(k.name)] = append([]byte(nil), value...)
		}
	}
	return out
}

func (p *importPage) zero() {
	if p.result != nil {
		p.result.Zero()
		p.result = nil
	}
}

// pasteIntoEditor replaces what the editor has by what is in the clipboard.
func (d *Desktop) pasteIntoEditor() {
	e := d.editorShown
	result, err := importer.Read("", []byte(d.cfg.App.Clipboard().Content()))
	if err != nil || e == nil {
		d.tell(d.words.Importing(0).Nothing)
		return
	}
	defer result.Zero()
	e.paste(&result.Profiles[0])
}
