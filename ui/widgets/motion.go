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
}

// turning are all spinners that turn, and what turns them: together, since each
// frame of its own would have the whole window painted.
var turning struct {
	spinners map[*spinner]bool
	anim     *fyne.Animation
	step     int
}

// run turns, or stands still.
func (s *spinner) run(on bool) {
	on = on && moves()
	t := &turning
	switch {
	case on == t.spinners[s]:
	case on:
		if t.spinners == nil {
			t.spinners = map[*spinner]bool{}
		}
		t.spinners[s] = true
		if t.anim == nil {
			t.anim = fyne.NewAnimation(turn, tick)
			t.anim.Curve = fyne.AnimationLinear
			t.anim.RepeatCount = fyne.AnimationRepeatForever
			t.anim.Start()
		}
	default:
		delete(t.spinners, s)
		s.draw(0)
		if len(t.spinners) == 0 {
			t.anim.Stop()
			t.anim, t.step = nil, 0
		}
	}
}

// tick is called for each frame of the screen.
func tick(done float32) {
	t := &turning
	step := int(done*frames) % frames
	if step == t.step || held {
		return
	}
	t.step = step
	for s := range t.spinners {
		if s.shown() {
			s.draw(float32(step) * 360 / frames)
		}
	}
}
