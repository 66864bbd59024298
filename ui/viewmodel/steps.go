package viewmodel

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// StepState is how far a step is.
type StepState uint8

// The states of a step.
const (
	StepToCome StepState = iota // ring
	StepRunning
	StepDone
	StepFailed
)

// Step is one of the nine.
type Step struct {
	State  StepState
	Name   string
	Detail string // what was agreed; often ""
	Time   string // "12 ms", "2.4 s"; "" for what did not begin
}

// Steps is the box under the panel.
type Steps struct {
	Title string
	Total string // at the right: "2.6 s so far"
	// Folded shows one row only, with the title and Total: "9 of 9 done in 310 ms".
	Folded bool
	Rows   []Step // nine
	// Around is the row that is looked at, which stays where there is no room.
	Around int
	Hint   string // below the box; "": none
}

// Steps is the box of the steps; nil where the state has none.
func (w *Words) Steps(m *Model, p *profile.Profile, now time.Time) *Steps {
	k := m.KindOf(p.ID, now)
	waits := m.Status.Offline || m.Status.NextAttempt.After(now)
	switch {
	case k == Connecting, k == Waiting, k == Connected:
	case k == Reconnecting && !waits:
	default:
		return nil
	}
	s := &Steps{Title: w.Text("steps.title"), Folded: k == Connected || k == Waiting}
	list := m.Status.Stages
	if m.wish(now) == WantConnected {
		list = nil // of an earlier try
	}
	done := 0
	for stage := failure.Resolve; stage <= failure.Routes; stage++ {
		row := w.stepRow(list, stage, p, k == Connected, now)
		if row.State == StepDone {
			done++
		}
		if row.State == StepRunning {
			s.Around = len(s.Rows)
		}
		s.Rows = append(s.Rows, row)
	}
	took := elapsed(list, s.Folded, now)
	if s.Folded {
		s.Total = w.args("steps.done", Args{"N": strconv.Itoa(done), "All": strconv.Itoa(stages), "Time": w.Took(took)})
		return s
	}
	if len(list) > 0 {
		s.Total = w.with("steps.sofar", "Time", w.Took(took))
	}
	if k != Reconnecting && m.current(now) == failure.Authenticate && p.PPP.AuthTimeout > 0 {
		s.Hint = w.count("steps.hint", int(p.PPP.AuthTimeout.Std()/time.Second))
	}
	return s
}

// elapsed is how long the stages took, or take until now; of those that are done
// only, where somebody is being waited for.
func elapsed(list []api.StageStatus, doneOnly bool, now time.Time) time.Duration {
	var sum time.Duration
	for _, s := range list {
		switch {
		case s.MS != nil:
			sum += time.Duration(*s.MS) * time.Millisecond
		case !doneOnly:
			sum += max(now.Sub(s.Started), 0)
		}
	}
	return sum
}

// stepRow is one step. A stage before the last one that was told of is done: one
// that a profile leaves out has no time.
func (w *Words) stepRow(list []api.StageStatus, stage api.Stage, p *profile.Profile, all bool, now time.Time) Step {
	r := Step{Name: w.Text("step." + stage.String() + ".name")}
	n := slices.IndexFunc(list, func(s api.StageStatus) bool { return s.Stage == stage })
	switch {
	case n < 0 && (all || len(list) > 0 && stage < list[len(list)-1].Stage):
		r.State = StepDone
		if !p.IPsec.Enabled && (stage == failure.Phase1 || stage == failure.Phase2) {
			r.Detail = w.Text("detail.off")
		}
	case n < 0 && len(list) == 0 && stage == failure.Resolve:
		r.State = StepRunning
	case n < 0:
	case list[n].State == api.Done || all:
		r.State, r.Detail = StepDone, w.detail(list, n, p)
		if list[n].MS != nil {
			r.Time = w.Took(time.Duration(*list[n].MS) * time.Millisecond)
		}
	default:
		r.State, r.Time = StepRunning, w.Took(now.Sub(list[n].Started))
		if stage == failure.Authenticate {
			r.Detail = w.with("detail.checking", "User", line(p.User))
		}
	}
	return r
}

// detail is what was agreed in a stage that is done.
func (w *Words) detail(list []api.StageStatus, n int, p *profile.Profile) string {
	d := list[n].Detail
	switch list[n].Stage {
	case failure.Resolve, failure.Network:
		return line(d["address"])
	case failure.Phase1, failure.Phase2:
		return w.Suite(d["suite"])
	case failure.Tunnel:
		nat := ""
		for _, s := range list[:n] {
			if s.Stage == failure.Phase1 {
				nat = s.Detail["nat"]
			}
		}
		if !slices.Contains([]string{"both", "local", "remote"}, nat) {
			nat = "none"
		}
		return w.numbered("detail.tunnel."+nat, d["id"])
	case failure.Session:
		return w.numbered("detail.session", d["id"])
	case failure.Link:
		mru, _, _ := strings.Cut(d["mru"], "/")
		if n, err := strconv.Atoi(mru); err == nil {
			return w.count("detail.link", n)
		}
	case failure.Authenticate:
		return line(p.User)
	case failure.Routes:
		return line(d["interface"])
	}
	return ""
}

// numbered is a text with the first of two ids, ours and the gateway's.
func (w *Words) numbered(key, ids string) string {
	own, _, _ := strings.Cut(ids, "/")
	if own == "" {
		return ""
	}
	return w.with(key, "ID", line(own))
}
