package ui

import (
	"runtime"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/assets"
	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// tray is the glyph in the panel and its menu.
type tray struct {
	d     *Desktop
	app   desktop.App // nil: this driver has no tray
	shown *viewmodel.Tray
}

func newTray(d *Desktop) *tray {
	t := &tray{d: d}
	t.app, _ = d.cfg.App.(desktop.App)
	return t
}

// refresh draws the tray if it says something else: a menu that is open is closed
// by every change.
func (t *tray) refresh(now time.Time) {
	d := t.d
	// Fyne starts a tray that there is before its loop begins, and no other.
	if t.app == nil || t.shown != nil && (!d.listed || !d.heard) {
		return
	}
	m := d.words.Tray(&d.model, d.list.Items(), now)
	if t.shown != nil && t.shown.Equal(m) {
		return
	}
	glyph := t.shown == nil || t.shown.Glyph != m.Glyph
	t.shown = &m
	menu := d.fyneMenu(m.Items)
	for i, item := range m.Items {
		if item.Does == viewmodel.Quit { // else Fyne would add its own
			menu.Items[i].IsQuit = true
		}
	}
	t.draw(func() {
		t.app.SetSystemTrayMenu(menu)
		if glyph {
			t.app.SetSystemTrayIcon(trayIcon(m.Glyph))
		}
	})
}

// gone says that there is no tray any more.
func (t *tray) gone() { t.app, t.d.trayHost = nil, false }

// draw changes the tray. It is a name on the session's bus, and where that has
// ended Fyne panics: the window lives on without a tray.
func (t *tray) draw(f func()) {
	defer func() {
		if recover() != nil {
			t.gone()
		}
	}()
	f()
}

// trayIcon is a glyph as the system's panel wants it: macOS colours it itself; on
// Linux the panel's shade cannot be known.
func trayIcon(g viewmodel.Glyph) fyne.Resource {
	name := "tray-" + string(g)
	switch runtime.GOOS {
	case "darwin":
		return fynetheme.NewThemedResource(fyne.NewStaticResource(name+".svg", assets.SVG(name)))
	case "windows":
		return fyne.NewStaticResource(name+".png", assets.Tray(string(g), panelShade()))
	}
	return fyne.NewStaticResource(name+".png", assets.Tray(string(g), assets.Edged))
}
