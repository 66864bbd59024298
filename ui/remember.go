package ui

import (
	"time"

	"fyne.io/fyne/v2"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
	"github.com/culvert-vpn/culvert/ui/widgets"
)

// What is remembered, in Fyne's preferences: nothing that tells of a person but
// the ids of profiles and when they were used.
const (
	prefWidth        = "window.width"
	prefHeight       = "window.height"
	prefReduceMotion = "reduce-motion"
	prefNoNotes      = "no-notes"
	prefAskEachTime  = "ask-each-time"
	prefConnected    = "connected." // and the profile's id: when it was, last
	prefUsed         = "used."      // when somebody wanted it to be
	prefHints        = "hints."     // how often it was said how to connect
)

func (d *Desktop) flag(name string) bool { return d.cfg.App.Preferences().Bool(name) }

func (d *Desktop) setFlag(name string, on bool) { d.cfg.App.Preferences().SetBool(name, on) }

// moment is a time that is remembered; zero: none.
func (d *Desktop) moment(name string) time.Time {
	if s := d.cfg.App.Preferences().Int(name); s > 0 {
		return time.Unix(int64(s), 0)
	}
	return time.Time{}
}

func (d *Desktop) lastUsed(id string) time.Time { return d.moment(prefUsed + id) }

// used notes that a profile is wanted now: the tray has it first.
func (d *Desktop) used(id string) {
	d.cfg.App.Preferences().SetInt(prefUsed+id, int(time.Now().Unix()))
}

// history is what the panel of a profile knows.
func (d *Desktop) history(id string) viewmodel.History {
	return viewmodel.History{LastConnected: d.moment(prefConnected + id), HintsShown: d.hints(id)}
}

// hints is how often the hint was shown before the connection that it led to.
func (d *Desktop) hints(id string) int { return d.cfg.App.Preferences().Int(prefHints + id) }

// remember notes when a profile was connected last: while it is, once a minute.
func (d *Desktop) remember(now time.Time, k viewmodel.Kind) {
	p := d.model.Profile(now)
	if k != viewmodel.Connected || p.ID == "" {
		return
	}
	last := d.moment(prefConnected + p.ID)
	if now.Sub(last) < time.Minute {
		return
	}
	if last.Before(d.model.Status.Since.Add(-time.Second)) { // a new connection
		d.cfg.App.Preferences().SetInt(prefHints+p.ID, d.hints(p.ID)+1)
	}
	d.cfg.App.Preferences().SetInt(prefConnected+p.ID, int(now.Unix()))
}

func (d *Desktop) rememberedSize() fyne.Size {
	p := d.cfg.App.Preferences()
	w := float32(p.FloatWithFallback(prefWidth, float64(firstWidth)))
	h := float32(p.FloatWithFallback(prefHeight, float64(firstHeight)))
	return fyne.NewSize(max(w, widgets.WindowWidth), max(h, widgets.WindowHeight))
}

func (d *Desktop) rememberSize() {
	s := d.window.Canvas().Size()
	if s.Width < 1 || s.Height < 1 || !d.shown {
		return
	}
	p := d.cfg.App.Preferences()
	p.SetFloat(prefWidth, float64(s.Width))
	p.SetFloat(prefHeight, float64(s.Height))
}
