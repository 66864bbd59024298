package widgets

import (
	"time"

	"fyne.io/fyne/v2"
)

// How long things take.
const (
	transition = 150 * time.Millisecond // the thumb of the toggle, the colour of the panel
	turn       = 1200 * time.Millisecond
	frames     = 24 // of a turn: 20 a second
)

var reduced, held bool

// ReduceMotion switches all motion off, as the system's own setting does.
func ReduceMotion(on bool) { reduced = on }

// HoldMotion stops turning rings and the graph while the window is not seen.
func HoldMotion(on bool) { held = on }

// moves says whether anything may move.
func moves() bool { return !reduced && fyne.CurrentApp().Settings().ShowAnimations() }

// glide calls f with values from 0 to 1, the last one at once where nothing
// moves. It returns what stops it.
func glide(f func(done float32)) (stop func()) {
	if !moves() {
		f(1)
		return func() {}
	}
	a := fyne.NewAnimation(transition, f)
	a.Curve = fyne.AnimationEaseOut
	a.Start()
	return a.Stop
}

// spinner turns something while it is seen.
type spinner struct {
	draw  func(angle float32) // in degrees; is to refresh what it changed, and that only
	shown func() bool
	anim  *fyne.Animation
	step  int
}

// run turns, or stands still.
func (s *spinner) run(on bool) {
	on = on && moves()
	switch {
	case on && s.anim == nil:
		s.anim = fyne.NewAnimation(turn, s.tick)
		s.anim.Curve = fyne.AnimationLinear
		s.anim.RepeatCount = fyne.AnimationRepeatForever
		s.anim.Start()
	case !on && s.anim != nil:
		s.anim.Stop()
		s.anim = nil
		s.step = 0
		s.draw(0)
	}
}

func (s *spinner) tick(done float32) {
	step := int(done*frames) % frames
	if step == s.step || held || !s.shown() {
		return
	}
	s.step = step
	s.draw(float32(step) * 360 / frames)
}
