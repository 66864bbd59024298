package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// The size of a window that was never resized.
const (
	firstWidth  float32 = 880
	firstHeight float32 = 640
)

// view is what the detail shows: a profile, the editor, a page.
type view struct {
	object  fyne.CanvasObject
	place   viewmodel.Place
	refresh func(now time.Time)
	enter   func()            // the filled button; nil: there is none
	leave   func(then func()) // asks, if it must; nil: nothing keeps it
	closed  func()            // it is not shown any more
	drop    func(files []dropped)
}

// build makes the window with all that is always in it.
func (d *Desktop) build() {
	d.window = d.cfg.App.NewWindow("Culvert")
	d.window.SetMaster()
	d.window.SetPadded(false)
	d.window.SetIcon(fyne.NewStaticResource("culvert.png", assets.Icon()))
	d.adaptive = &widgets.AdaptiveLayout{Changed: d.formChanged}
	d.rows = d.newList()
	d.detail = container.NewStack()
	d.split = widgets.NewAdaptive(d.adaptive, d.rows, d.detail)
	d.root = container.NewStack(d.split)
	d.home = newProfilePage(d)
	d.showView(d.home.view())
	d.window.SetContent(d.root)
	d.window.Resize(d.rememberedSize())
	d.window.SetCloseIntercept(d.close)
	d.window.SetOnDropped(d.dropped)
	d.keys()
}

// Show brings the window to the front.
func (d *Desktop) Show() {
	d.shown = true
	widgets.HoldMotion(false)
	d.refresh()
	d.window.Show()
	d.window.RequestFocus()
}

// hide leaves the tray alone.
func (d *Desktop) hide() {
	d.rememberSize()
	d.shown = false
	widgets.HoldMotion(true)
	d.window.Hide()
}

// close is the cross of the window: the tray stays, and where there is none the
// window is made small.
func (d *Desktop) close() {
	switch {
	case d.trayHost:
		d.hide()
	case d.cfg.Minimise != nil:
		d.rememberSize()
		d.cfg.Minimise(d.window)
	default:
		d.quit()
	}
}

// quit asks what is to become of a connection, and ends the program.
func (d *Desktop) quit() {
	d.leave(func() {
		q := d.words.QuitQuestion(&d.model, time.Now())
		if q == nil {
			d.exit()
			return
		}
		if !d.shown {
			d.Show()
		}
		d.choose(q.Question, "", []answer{
			{text: q.Disconnect, filled: true, do: d.disconnectAndExit},
			{text: q.Keep, do: d.exit},
			{text: q.Cancel},
		})
	})
}

func (d *Desktop) exit() {
	d.rememberSize()
	d.forgetNow()
	d.tray.gone() // what comes from now on is not shown there: Fyne would panic
	d.cfg.App.Quit()
}

// lifecycle follows whether the person is looking.
func (d *Desktop) lifecycle() {
	l := d.cfg.App.Lifecycle()
	l.SetOnEnteredForeground(func() {
		d.focused = true
		if d.start != nil {
			d.reload() // another program may have changed profiles
		}
	})
	l.SetOnExitedForeground(func() { d.focused = false })
}

// formChanged is called while the window is laid out.
func (d *Desktop) formChanged(widgets.Form) {
	if d.home != nil {
		d.home.arrange()
	}
}

// showView puts a view into the detail, whatever was there.
func (d *Desktop) showView(v *view) {
	if d.view != nil && d.view != v && d.view.closed != nil {
		d.view.closed()
	}
	changed := d.view != v
	d.view = v
	if changed { // Fyne would leave the keys with what is not shown any more
		d.window.Canvas().Unfocus()
	}
	d.detail.Objects = []fyne.CanvasObject{v.object}
	d.detail.Refresh()
	d.showDetail(v != d.home.shown || d.adaptive.Detail)
	if v.refresh != nil {
		v.refresh(time.Now())
	}
	if changed && v == d.home.shown && d.adaptive.Form() != widgets.OneColumn && d.rows.Visible() {
		d.rows.FocusRows()
	}
}

// showDetail chooses what a window with one column shows.
func (d *Desktop) showDetail(on bool) {
	if d.adaptive.Detail != on {
		d.adaptive.Detail = on
		d.split.Refresh()
	}
}

// open leaves what is shown, and shows another view.
func (d *Desktop) open(v func() *view) {
	d.leave(func() {
		d.showView(v())
		d.refresh()
	})
}

// leave runs then, once nothing is left to be kept.
func (d *Desktop) leave(then func()) {
	if d.view != nil && d.view.leave != nil {
		d.view.leave(then)
		return
	}
	then()
}

// goHome shows the chosen profile.
func (d *Desktop) goHome() {
	d.showView(d.home.view())
	d.refresh()
}

// back is the way out of a page; from a profile it leads to the list.
func (d *Desktop) back() {
	if d.view == d.home.shown {
		d.showDetail(false)
		return
	}
	d.leave(d.goHome)
}

// firstPageAfter is how long the helper may be away before the whole window says
// so: one that is updated is back by then.
const firstPageAfter = 3 * time.Second

// chooseRoot shows the first page where there is nothing else to show.
func (d *Desktop) chooseRoot(now time.Time) {
	c := d.conditions(now)
	var s *viewmodel.Start
	if d.listed && d.heard && (d.keychainKnown || c.Problem != "" || c.Profiles == 0) && d.view == d.home.shown {
		s = d.words.Start(c)
	}
	if s == nil {
		if d.first != nil {
			d.first = nil
			d.root.Objects = []fyne.CanvasObject{d.split}
			d.root.Refresh()
		}
		return
	}
	if d.first == nil {
		d.first = newStartPage(d)
	}
	if d.first.show(s) {
		d.root.Objects = []fyne.CanvasObject{d.first.page}
		d.root.Refresh()
	}
}

// number is the part of a version that tells releases apart: "culvert 1.4 go1.26
// linux/amd64" has more, which a helper may have otherwise.
func number(version string) string {
	if words := strings.Fields(version); len(words) > 1 {
		return words[1]
	}
	return version
}

// trouble is what is wrong with the helper, for the person who has put it off.
func (d *Desktop) trouble() string {
	if d.model.Problem != "" {
		return string(d.model.Problem)
	}
	return "version " + d.helperVersion
}

// conditions are those of the first page.
func (d *Desktop) conditions(now time.Time) viewmodel.Conditions {
	c := viewmodel.Conditions{Problem: d.model.Problem, Heard: d.heard, Helper: number(d.helperVersion), Window: number(d.cfg.Version),
		Keychain: d.keychain, AsksEachTime: d.flag(prefAskEachTime), Profiles: d.list.Total()}
	switch {
	case d.later == d.trouble():
		c.Problem, c.Helper = "", ""
	case c.Problem != "" && now.Sub(d.problemAt) < firstPageAfter && c.Profiles > 0:
		c.Problem = ""
	}
	if d.removed != nil && c.Profiles == 0 {
		c.Profiles = 1 // it can still be undone, in the list
	}
	return c
}
