package ui

import (
	"runtime"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// shortcutKeys are all that the table of keys has with Ctrl.
var shortcutKeys = []fyne.KeyName{fyne.KeyF, fyne.KeyN, fyne.KeyE, fyne.KeyI, fyne.KeyL, fyne.KeyD, fyne.KeyS, fyne.KeyW, fyne.KeyQ, fyne.KeyPeriod}

// keys has the window hear its keys: what a widget with the focus has no use for,
// and all of them while none has it.
func (d *Desktop) keys() {
	c := d.window.Canvas()
	c.SetOnTypedKey(func(e *fyne.KeyEvent) { d.typed(viewmodel.Key{Name: string(e.Name)}) })
	held := fyne.KeyModifier(fyne.KeyModifierControl)
	if runtime.GOOS == "darwin" {
		held = fyne.KeyModifierSuper
	}
	add := func(k fyne.KeyName, m fyne.KeyModifier, key viewmodel.Key) {
		c.AddShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: m}, func(fyne.Shortcut) { d.typed(key) })
	}
	for _, k := range shortcutKeys {
		add(k, held, viewmodel.Key{Name: string(k), Ctrl: true})
	}
	add(fyne.KeyC, held|fyne.KeyModifierShift, viewmodel.Key{Name: "C", Ctrl: true, Shift: true})
	add(fyne.KeyUp, fyne.KeyModifierAlt, viewmodel.Key{Name: "Up", Alt: true})
	add(fyne.KeyDown, fyne.KeyModifierAlt, viewmodel.Key{Name: "Down", Alt: true})
	c.AddShortcut(&fyne.ShortcutUndo{}, func(fyne.Shortcut) { d.typed(viewmodel.Key{Name: "Z", Ctrl: true}) })
}

// typed does what a key is for where the window is.
func (d *Desktop) typed(k viewmodel.Key) {
	now := time.Now()
	chosen, _ := d.list.Chosen()
	at := d.place()
	a := viewmodel.KeyAction(k, viewmodel.KeyState{
		At: at, Kind: d.model.Kind(now), Chosen: chosen, Searching: d.list.Searching(),
		Undoable: d.words.UndoBar(&d.list, now) != nil, Card: d.home.model != nil,
	})
	switch {
	case a == viewmodel.NoAction || a == viewmodel.Press:
	case at == viewmodel.AtDialog && a == viewmodel.GoBack:
		d.dialog.away()
	case at == viewmodel.AtDialog && a == viewmodel.Default:
		d.dialog.enter()
	case at == viewmodel.AtMenu && a == viewmodel.GoBack:
		d.window.Canvas().Overlays().Top().Hide()
	case a == viewmodel.Default:
		if d.view.enter != nil {
			d.view.enter()
		}
	case a == viewmodel.SaveProfile:
		if e := d.editorShown; e != nil {
			e.save()
		}
	default:
		d.act(a, "")
	}
}
