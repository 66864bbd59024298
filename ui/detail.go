package ui

import (
	"net/url"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// lowWindow is the height below which the steps show only some rows.
const lowWindow float32 = 420

// profilePage is the page of the chosen profile.
type profilePage struct {
	d      *Desktop
	shown  *view
	page   *widgets.Page
	header *widgets.Header
	back   *widgets.Button
	edit   *widgets.Button
	more   *widgets.Button

	body    *fyne.Container
	panel   *widgets.StatePanel
	waiting *widgets.WaitingCard
	card    *widgets.FailureCard
	steps   *widgets.StepsBox
	facts   *widgets.FactsGrid
	graph   *widgets.TrafficGraph
	faulty  *fyne.Container
	fault   *widgets.Paragraph
	empty   *fyne.Container

	item   viewmodel.Item
	model  *viewmodel.Card // of what is shown; nil: none
	was    viewmodel.Kind
	wasKey string
}

func newProfilePage(d *Desktop) *profilePage {
	p := &profilePage{d: d}
	words := d.words.Header(viewmodel.Item{})
	p.back = widgets.NewBackButton(words.Back, d.back)
	p.edit = widgets.NewIconButton(widgets.Quiet, fynetheme.DocumentCreateIcon(), words.Edit, "", func() { d.act(viewmodel.EditProfile, "") })
	p.more = widgets.NewIconButton(widgets.Quiet, fynetheme.MoreVerticalIcon(), "", words.More, p.menu)
	p.header = widgets.NewHeader(p.back, p.edit, p.more)
	p.panel = widgets.NewStatePanel(func(a viewmodel.Action) { d.act(a, "") })
	p.waiting = widgets.NewWaitingCard(func(code string) {
		if profile := p.item.Entry.Profile; profile != nil {
			d.answer(profile, code)
		}
	})
	p.card = widgets.NewFailureCard(widgets.FailureActions{
		Remedy: func(a viewmodel.Action) {
			if p.model != nil {
				d.remedy(p.item, p.model, a)
			}
		},
		Copy: func(report string) { d.copyText(d.anonymous(report)) },
		Log:  func() { d.act(viewmodel.OpenLog, "") },
	})
	p.steps = widgets.NewStepsBox()
	p.facts = widgets.NewFactsGrid(d.copyText, nil)
	p.graph = widgets.NewTrafficGraph()
	p.fault = widgets.NewText("")
	open := widgets.NewButton(widgets.Filled, d.words.Text("button.open-profile"), p.openFile)
	p.faulty = widgets.NewColumn(theme.Space16, p.fault, widgets.NewActions(0, open))
	p.empty = p.newEmpty()
	p.body = widgets.NewColumn(theme.Space16, p.panel, p.waiting, p.card,
		widgets.NewFactsAndTraffic(p.facts, p.graph), p.steps, p.faulty, p.empty)
	p.page = widgets.NewPage(widgets.ColumnWide, p.header, p.body, nil)
	p.shown = &view{object: p.page, place: viewmodel.AtDetail, refresh: p.refresh}
	return p
}

// newEmpty is what stands there without any profile.
func (p *profilePage) newEmpty() *fyne.Container {
	w := p.d.words
	heading := widgets.NewHeading(w.Text("list.empty"))
	return widgets.NewColumn(theme.Space16, heading, widgets.NewActions(0,
		widgets.NewButton(widgets.Filled, w.Text("button.new"), func() { p.d.act(viewmodel.NewProfile, "") }),
		widgets.NewButton(widgets.Plain, w.Text("button.import"), func() { p.d.act(viewmodel.Import, "") })))
}

func (p *profilePage) view() *view { return p.shown }

// menu is that of the three dots. Where there is one column, Edit is in it alone.
func (p *profilePage) menu() {
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(p.more)
	p.d.menu(p.d.words.Menu(&p.d.model, p.item, time.Now()), at.AddXY(0, p.more.Size().Height))
}

// openFile has a file with faults opened by whatever opens texts.
func (p *profilePage) openFile() {
	u := &url.URL{Scheme: "file", Path: filepath.ToSlash(p.item.Entry.Path)}
	if err := p.d.cfg.App.OpenURL(u); err != nil {
		p.d.tell(err.Error())
	}
}

// arrange fits the page to the form of the window.
func (p *profilePage) arrange() {
	form := p.d.adaptive.Form()
	show(p.back, form == widgets.OneColumn)
	show(p.edit, form != widgets.OneColumn && p.item.Entry.Profile != nil)
	p.page.Most = widgets.ColumnWide
	p.graph.SetHeight(100)
	if form == widgets.Spacious {
		p.page.Most = widgets.ColumnSpacious
		p.graph.SetHeight(180)
	}
	p.page.Refresh()
}

func show(o fyne.CanvasObject, on bool) {
	switch {
	case on && !o.Visible():
		o.Show()
	case !on && o.Visible():
		o.Hide()
	}
}

// refresh draws the chosen profile.
func (p *profilePage) refresh(now time.Time) {
	d := p.d
	before := p.seen()
	item, ok := d.list.Chosen()
	p.item = item
	w := d.words.Header(item)
	if ok {
		p.header.Set(w.Name, w.Make)
	} else {
		p.header.Set("", "")
	}
	p.edit.SetText(w.Edit)
	usable := ok && item.Entry.Profile != nil
	show(p.more, ok)
	show(p.edit, usable && d.adaptive.Form() != widgets.OneColumn)
	show(p.empty, !ok && d.listed)
	show(p.faulty, ok && !usable)
	show(p.panel, usable)
	if f := d.words.Faulty(item); ok && f != nil {
		p.fault.SetText(f.Heading + "\n\n" + f.Sentence)
	}
	if !usable {
		p.model = nil
		for _, o := range []fyne.CanvasObject{p.waiting, p.card, p.steps, p.facts, p.graph} {
			show(o, false)
		}
	} else {
		p.refreshProfile(now)
	}
	if p.seen() != before {
		p.page.Refresh()
	}
}

// seen is which boxes are shown: a change of it moves the others.
func (p *profilePage) seen() (s [8]bool) {
	for i, o := range []fyne.CanvasObject{p.panel, p.waiting, p.card, p.steps, p.facts, p.graph, p.faulty, p.empty} {
		s[i] = o.Visible()
	}
	return s
}

func (p *profilePage) refreshProfile(now time.Time) {
	d, prof := p.d, p.item.Entry.Profile
	panel := d.words.Panel(&d.model, prof, d.history(prof.ID), now)
	p.panel.SetModel(panel)

	waiting := d.words.Countdown(&d.model, prof, now)
	if waiting != nil {
		p.waiting.SetModel(*waiting)
	}
	p.model = d.words.Card(&d.model, prof, viewmodel.Program{Version: d.cfg.Version, System: d.cfg.System}, now)
	if p.model != nil {
		p.card.SetModel(*p.model)
	}
	steps := d.words.Steps(&d.model, prof, now)
	if steps != nil && p.model == nil {
		p.steps.SetFew(d.window.Canvas().Size().Height < lowWindow)
		p.steps.SetModel(*steps)
	}
	facts := d.words.Facts(&d.model, prof, d.stats, now)
	if facts != nil {
		p.facts.SetModel(*facts)
		p.graph.SetModel(d.words.Graph(&d.traffic, now))
	}
	left := p.within(p.card) && p.model == nil || p.within(p.waiting) && waiting == nil
	show(p.waiting, waiting != nil)
	show(p.card, p.model != nil)
	show(p.steps, steps != nil && p.model == nil)
	show(p.facts, facts != nil)
	show(p.graph, facts != nil)
	if left { // Fyne would leave the keys with what is not shown any more
		d.window.Canvas().Unfocus()
		if d.adaptive.Form() != widgets.OneColumn && d.rows.Visible() {
			d.rows.FocusRows()
		}
	}
	p.focus(panel.Kind, prof.ID)
}

// within says whether a box has the focus.
func (p *profilePage) within(box fyne.CanvasObject) bool {
	o, ok := p.d.window.Canvas().Focused().(fyne.CanvasObject)
	return ok && widgets.Contains(box, o)
}

// focus gives it to what the person has to do next, once.
func (p *profilePage) focus(k viewmodel.Kind, key string) {
	changed := k != p.was && key == p.wasKey
	p.was, p.wasKey = k, key
	if !changed || p.d.view != p.shown || p.d.dialog != nil || p.d.first != nil {
		return
	}
	c := p.d.window.Canvas()
	switch {
	case (k == viewmodel.Failed || k == viewmodel.Blocked) && p.model != nil:
		c.Focus(p.card.Default())
	case k == viewmodel.Waiting && p.waiting.Code() != nil:
		c.Focus(p.waiting.Code())
	}
}

// copyReport copies what support wants to know, if a failure is shown.
func (p *profilePage) copyReport() {
	if p.model != nil {
		p.d.copyText(p.d.anonymous(p.model.Report))
	}
}
