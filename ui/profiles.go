package ui

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

const onMac = runtime.GOOS == "darwin"

// newList is the list of profiles at the left.
func (d *Desktop) newList() *widgets.ProfileList {
	w := d.words.Listed(onMac)
	texts := widgets.ListTexts{Search: w.Search, Hint: w.SearchKey, Clear: d.words.Text("button.clear-search"), New: w.New, More: w.More}
	return widgets.NewProfileList(texts, widgets.ListActions{
		Choose:  d.chosen,
		Connect: func(key string) { d.withItem(key, d.connect) },
		Delete:  d.delete,
		Menu: func(key string, at fyne.Position) {
			d.withItem(key, func(i viewmodel.Item) { d.menu(d.words.Menu(&d.model, i, time.Now()), at) })
		},
		Move:   d.move,
		Search: func(text string) { d.list.Search(text); d.refresh() },
		New:    func() { d.act(viewmodel.NewProfile, "") },
		More:   func(at fyne.Position) { d.menu(d.words.MainMenu(), at) },
		Undo:   d.undo,
	})
}

// chosen is a click on a row, or a key.
func (d *Desktop) chosen(key string) {
	d.list.Choose(key)
	if d.view != d.home.shown {
		d.leave(d.goHome)
		return
	}
	d.showDetail(true)
	d.refresh()
}

// withItem calls f with the profile of a key, if it is there.
func (d *Desktop) withItem(key string, f func(i viewmodel.Item)) {
	if i, ok := d.itemOf(key); ok {
		f(i)
	}
}

// itemOf is the profile of a key, whether a search hides it or not.
func (d *Desktop) itemOf(key string) (viewmodel.Item, bool) {
	for _, i := range d.list.Items() {
		if i.Key() == key {
			return i, true
		}
	}
	return viewmodel.Item{}, false
}

func (d *Desktop) refreshList(now time.Time) {
	m := widgets.ListModel{Movable: d.list.CanMove(), Undo: d.words.UndoBar(&d.list, now)}
	for n := range d.list.Len() {
		m.Rows = append(m.Rows, d.words.Row(&d.list, &d.model, n, now))
	}
	if p := d.words.Empty(&d.list); p != nil {
		m.None = p.Sentence
		if m.None == "" {
			m.None = p.Heading
		}
	}
	d.rows.SetModel(m)
}

// writes runs beside Fyne: what is done to files is done in order, and nobody
// waits for it. What was asked for before the end is done.
func (d *Desktop) writes(ctx context.Context) {
	for {
		select {
		case f := <-d.disk:
			f()
			continue
		default:
		}
		select {
		case <-ctx.Done():
			return
		case f := <-d.disk:
			f()
		}
	}
}

// write has f done to files, and then done on Fyne's goroutine.
func (d *Desktop) write(f func() error, done func(err error)) {
	d.disk <- func() {
		err := f()
		d.do(func() { done(err) })
	}
}

// reload reads the profiles anew.
func (d *Desktop) reload() {
	var entries []profile.Entry
	d.write(func() (err error) {
		entries, err = d.cfg.Store.List()
		return err
	}, func(err error) {
		items := make([]viewmodel.Item, len(entries))
		for n, e := range entries {
			items[n] = viewmodel.Item{Entry: e}
			items[n].LastUsed = d.lastUsed(items[n].Key())
		}
		d.list.Set(items)
		first := !d.listed
		d.listed = true
		if err != nil {
			d.tell(err.Error())
		}
		if first {
			d.chooseFirst()
		}
		d.refresh()
	})
}

// chooseFirst is for the beginning: the profile that was used last.
func (d *Desktop) chooseFirst() {
	items := d.list.Items()
	if len(items) == 0 {
		return
	}
	last := slices.MaxFunc(items, func(a, b viewmodel.Item) int { return a.LastUsed.Compare(b.LastUsed) })
	if !last.LastUsed.IsZero() {
		d.list.Choose(last.Key())
	}
	d.rows.FocusRows()
}

// move is dragging a row, or Alt with an arrow.
func (d *Desktop) move(key string, to int) {
	from := slices.IndexFunc(d.list.Items(), func(i viewmodel.Item) bool { return i.Key() == key })
	d.reorder(d.list.Move(from, to))
}

func (d *Desktop) reorder(order []string, ok bool) {
	if !ok {
		return
	}
	d.write(func() error { return d.cfg.Store.SetOrder(order) }, d.written)
	d.refresh()
}

// written tells what went wrong, and reads what there is.
func (d *Desktop) written(err error) {
	if err != nil {
		d.tell(err.Error())
	}
	d.reload()
}

// deleted is a profile that can be had back.
type deleted struct {
	id      string
	file    profile.Removed
	there   bool // file is: the store has removed it
	restore bool // as soon as it has
}

// delete removes a profile at once; it can be undone for a while.
func (d *Desktop) delete(key string) {
	now := time.Now()
	if d.removed != nil { // only the last one can be undone
		d.forgetNow()
	}
	i, ok := d.list.Delete(key, now)
	if !ok {
		return
	}
	r := &deleted{id: i.Name().ID}
	d.removed = r
	d.write(func() (err error) {
		r.file, err = d.cfg.Store.Remove(i.Entry)
		return err
	}, func(err error) {
		if err != nil {
			d.list.Undo(time.Now())
			d.removed = nil
			d.written(err)
			return
		}
		if r.there = true; r.restore {
			d.restore(r)
		}
	})
	d.refresh()
}

// undo brings back what was deleted.
func (d *Desktop) undo() {
	r := d.removed
	if _, ok := d.list.Undo(time.Now()); !ok || r == nil {
		return
	}
	d.removed = nil
	if r.restore = true; r.there {
		d.restore(r)
	}
	d.refresh()
}

func (d *Desktop) restore(r *deleted) {
	d.write(func() error {
		_, err := d.cfg.Store.Restore(r.file)
		return err
	}, d.written)
}

// forget is the end of the time in which a deletion can be undone: the secrets go.
func (d *Desktop) forget(viewmodel.Item) { d.forgetNow() }

func (d *Desktop) forgetNow() {
	r := d.removed
	d.removed = nil
	if r == nil || r.id == "" || r.restore {
		return
	}
	d.start(func(ctx context.Context) {
		// A secret that nobody asks for any more is worth no message.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyTime)
		defer cancel()
		_ = d.cfg.Keys.DeleteProfile(ctx, r.id)
	})
}

// duplicate copies a profile, the machine's as well. Its secrets are copied, too.
func (d *Desktop) duplicate(i viewmodel.Item) {
	var e profile.Entry
	d.write(func() (err error) {
		e, err = d.cfg.Store.Duplicate(i.Entry, "")
		return err
	}, func(err error) {
		if err != nil {
			d.written(err)
			return
		}
		d.copySecrets(i.Name().ID, e.Profile.ID)
		d.reloadAnd(e.Profile.ID)
	})
}

// reloadAnd reads the profiles anew, and chooses one.
func (d *Desktop) reloadAnd(id string) {
	d.reload()
	d.write(func() error { return nil }, func(error) {
		d.list.Choose(id)
		d.refresh()
	})
}

// create saves a new profile under a name that is free.
func (d *Desktop) create(p *profile.Profile) (profile.Entry, error) {
	e, err := d.cfg.Store.Create(p)
	var taken *profile.NameTakenError
	if errors.As(err, &taken) {
		p.Name = d.cfg.Store.FreeName(p.Name)
		e, err = d.cfg.Store.Create(p)
	}
	return e, err
}

// save writes a profile back, under a name that is free.
func (d *Desktop) save(e profile.Entry) (profile.Entry, error) {
	out, err := d.cfg.Store.Save(e)
	var taken *profile.NameTakenError
	if errors.As(err, &taken) {
		e.Profile.Name = d.cfg.Store.FreeName(e.Profile.Name)
		out, err = d.cfg.Store.Save(e)
	}
	return out, err
}
