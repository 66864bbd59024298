package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// act does what an item of a menu, a button or a key is for. key is the profile
// that it is about; "": the chosen one.
func (d *Desktop) act(a viewmodel.Action, key string) {
	switch a {
	case viewmodel.OpenWindow:
		d.Show()
	case viewmodel.Quit:
		d.quit()
	case viewmodel.Close:
		d.leave(d.close)
	case viewmodel.Cancel, viewmodel.Disconnect:
		d.disconnect()
	case viewmodel.AllowTraffic:
		d.allowTraffic()
	case viewmodel.NewProfile:
		d.open(func() *view { return d.editor(editing{isNew: true}) })
	case viewmodel.Import:
		d.open(d.importer)
	case viewmodel.PasteText:
		d.open(d.importer)
		d.paste()
	case viewmodel.OpenLog:
		d.open(d.logPage)
	case viewmodel.OpenAdmin:
		d.open(d.adminPage)
	case viewmodel.OpenSettings:
		d.open(d.settingsPage)
	case viewmodel.OpenAbout:
		d.open(d.aboutPage)
	case viewmodel.Search, viewmodel.MoreProfiles:
		d.Show()
		d.showDetail(false)
		d.rows.FocusSearch()
	case viewmodel.ClearSearch:
		d.rows.SetSearch("")
	case viewmodel.UndoDelete:
		d.undo()
	case viewmodel.GoBack:
		d.back()
	case viewmodel.CopyReport:
		d.home.copyReport()
	case viewmodel.TryDemo:
		d.demo()
	case viewmodel.StartHelper, viewmodel.RestartHelper, viewmodel.AllowMe, viewmodel.Repair:
		d.repair(a)
	case viewmodel.NotNow:
		d.later = d.trouble()
		d.refresh()
	case viewmodel.AskEachTime:
		d.setFlag(prefAskEachTime, true)
		d.refresh()
	default:
		d.actOnProfile(a, key)
	}
}

// actOnProfile is the rest of act: what there has to be a profile for.
func (d *Desktop) actOnProfile(a viewmodel.Action, key string) {
	i, ok := d.list.Chosen()
	if key != "" {
		i, ok = d.itemOf(key)
	}
	if !ok {
		return
	}
	switch a {
	case viewmodel.Connect, viewmodel.TryAgain, viewmodel.ConnectAgain, viewmodel.TypeNow:
		d.connect(i)
	case viewmodel.ToggleProfile:
		d.act(viewmodel.ToggleOf(&d.model, i.Key(), time.Now()), i.Key())
	case viewmodel.Why:
		d.list.Choose(i.Key())
		d.open(d.home.view)
		d.showDetail(true)
		d.Show()
	case viewmodel.EditProfile, viewmodel.ViewProfile, viewmodel.OpenProfile:
		d.edit(i, "")
	case viewmodel.Duplicate:
		d.duplicate(i)
	case viewmodel.Share:
		d.open(func() *view { return d.sharePage(i) })
	case viewmodel.CopyServer:
		if p := i.Entry.Profile; p != nil {
			d.copyText(strings.Join(p.Servers, ", "))
		}
	case viewmodel.Delete:
		d.delete(i.Key())
	case viewmodel.MoveUp, viewmodel.MoveDown:
		d.reorder(d.list.MoveChosen(a))
	case viewmodel.ChooseUp, viewmodel.ChooseDown, viewmodel.ChooseFirst, viewmodel.ChooseLast:
		d.list.Step(a)
		d.refresh()
	}
}

// remedy is the filled button of a failure card.
func (d *Desktop) remedy(i viewmodel.Item, c *viewmodel.Card, a viewmodel.Action) {
	switch {
	case a == viewmodel.CopyMessage:
		d.copyText(c.AdministratorNote)
	case a == viewmodel.TryOtherSettings:
		d.tryOtherSettings(i)
	case c.Field == viewmodel.FieldPassword && i.Entry.Profile.AskPassword:
		d.connect(i)
	case c.Field != "":
		d.edit(i, c.Field)
	default:
		d.act(a, i.Key())
	}
}

// allowTraffic opens the kill switch, once the person has said so.
func (d *Desktop) allowTraffic() {
	q := d.words.AllowQuestion()
	d.Show()
	d.choose(q.Question, "", []answer{{text: q.No}, {text: q.Yes, filled: true, do: d.disconnect}})
}

func (d *Desktop) copyText(text string) { d.cfg.App.Clipboard().SetContent(text) }

// menuEdge is what a menu keeps from the edges of the window.
const menuEdge float32 = 8

// menu shows a menu.
func (d *Desktop) menu(items []viewmodel.MenuItem, at fyne.Position) {
	c := d.window.Canvas()
	m := widget.NewPopUpMenu(d.fyneMenu(items), c)
	room := c.Size().Subtract(m.MinSize()).SubtractWidthHeight(menuEdge, menuEdge)
	if above := at.Y - m.MinSize().Height; at.Y > room.Height && above >= 0 {
		at.Y = above // what it belongs to stays in sight
	}
	m.ShowAtPosition(fyne.NewPos(max(min(at.X, room.Width), 0), max(min(at.Y, room.Height), 0)))
}

func (d *Desktop) fyneMenu(items []viewmodel.MenuItem) *fyne.Menu {
	m := fyne.NewMenu("Culvert")
	for _, i := range items {
		if i.Line {
			m.Items = append(m.Items, fyne.NewMenuItemSeparator())
			continue
		}
		item := fyne.NewMenuItem(i.Text, func() { d.act(i.Does, i.Profile) })
		item.Disabled, item.Checked = !i.Enabled, i.Ticked
		m.Items = append(m.Items, item)
	}
	return m
}
