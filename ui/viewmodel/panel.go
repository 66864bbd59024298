package viewmodel

import (
	"strconv"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// hints is how often the panel says how to connect.
const hints = 3

// stages is how many steps a connection has.
const stages = int(failure.Routes)

// Panel is the state panel of a profile's page. A file with faults has none: p is
// a profile.
func (w *Words) Panel(m *Model, p *profile.Profile, h History, now time.Time) StatePanel {
	k := m.KindOf(p.ID, now)
	if m.Kind(now) == Blocked {
		k = Blocked // for every profile: nothing leaves
	}
	s := StatePanel{Kind: k, Title: w.Text("panel." + kindKeys[k]), Sentence: w.sentence(m, k, p, h, now), Toggle: toggles[k]}
	if k == Failed && m.Failure().Stage == failure.Connected {
		s.Title = w.Text("panel.lost")
	}
	if k == Blocked {
		b := w.button(AllowTraffic)
		s.Second = &b
	}
	t := &s.Toggle
	label := "toggle.none"
	if t.Does != NoAction {
		t.Verb = w.Text("verb." + string(t.Does))
		label = "toggle." + string(t.Does)
	}
	t.Label = w.with(label, "Name", line(p.Name))
	return s
}

// kindKeys is each kind in the keys of texts.
var kindKeys = map[Kind]string{
	Unknown: "unknown", Disconnected: "disconnected", Connecting: "connecting", Waiting: "waiting", Connected: "connected",
	Reconnecting: "reconnecting", Disconnecting: "disconnecting", Failed: "failed", Blocked: "blocked",
}

// toggles is the toggle of each kind, without its words.
var toggles = map[Kind]Toggle{
	Unknown:       {Thumb: Left, Turning: true},
	Disconnected:  {Thumb: Left, Enabled: true, Does: Connect},
	Connecting:    {On: true, Thumb: Middle, Turning: true, Enabled: true, Does: Cancel},
	Waiting:       {On: true, Thumb: Middle, Turning: true, Enabled: true, Does: Cancel},
	Connected:     {On: true, Thumb: Right, Enabled: true, Does: Disconnect},
	Reconnecting:  {On: true, Thumb: Middle, Turning: true, Enabled: true, Does: Cancel},
	Disconnecting: {On: true, Thumb: Middle, Turning: true},
	Failed:        {Thumb: Left, Enabled: true, Does: Connect},
	Blocked:       {Thumb: Left, Enabled: true, Does: Connect},
}

// sentence is the second line of the panel.
func (w *Words) sentence(m *Model, k Kind, p *profile.Profile, h History, now time.Time) string {
	switch k {
	case Disconnected:
		switch {
		case h.HintsShown < hints:
			return w.Text("panel.hint")
		case !h.LastConnected.IsZero():
			return w.LastConnected(h.LastConnected, now)
		}
		return w.Text("panel.never")
	case Connecting:
		if m.wish(now) == WantConnected {
			return w.Text("panel.asking")
		}
		return w.step("running", m.current(now), p)
	case Waiting:
		if len(m.Status.Ask) > 0 {
			return w.stepArgs("panel.waiting.code", m.current(now), p)
		}
		return w.stepArgs("panel.waiting.approve", m.current(now), p)
	case Connected:
		return w.args("panel.connected.for", Args{"Time": w.Lasted(now.Sub(m.Status.Since)), "Server": m.server(p)})
	case Reconnecting:
		return w.again(m, now)
	case Failed:
		return w.stopped(m.Failure(), p)
	case Disconnecting, Blocked, Unknown:
		return w.Text("panel." + kindKeys[k] + ".sentence")
	}
	return ""
}

// again is how the connection is being got back.
func (w *Words) again(m *Model, now time.Time) string {
	s := m.Status
	args := Args{"Ago": w.Lasted(now.Sub(s.Since)), "Try": strconv.Itoa(max(s.Attempt, 1))}
	switch left := s.NextAttempt.Sub(now); {
	case s.Offline:
		return w.Text("panel.again.offline")
	case s.Failure == nil:
		return w.args("panel.again.try", args)
	case left > 0:
		args["Left"] = w.Seconds(int((left + time.Second - 1) / time.Second))
		return w.args("panel.again.lost.next", args)
	}
	return w.args("panel.again.lost.try", args)
}

// stopped is where a connection ended.
func (w *Words) stopped(f *api.FailureEvent, p *profile.Profile) string {
	switch {
	case f.Stage == failure.Connected:
		return w.Text("panel.lost.sentence")
	case f.Stage < failure.Resolve || int(f.Stage) > stages:
		return w.Text("panel.failed.outside")
	}
	return w.step("stopped", f.Stage, p)
}

// step is a sentence about a stage.
func (w *Words) step(what string, s api.Stage, p *profile.Profile) string {
	if s < failure.Resolve || int(s) > stages {
		s = failure.Routes
	}
	return w.stepArgs("step."+s.String()+"."+what, s, p)
}

func (w *Words) stepArgs(key string, s api.Stage, p *profile.Profile) string {
	return w.args(key, Args{"N": strconv.Itoa(min(int(s), stages)), "All": strconv.Itoa(stages), "User": line(p.User)})
}

// server is the gateway's name, or its address where it has several.
func (m *Model) server(p *profile.Profile) string {
	if len(p.Servers) == 1 || m.Status.Server == "" && len(p.Servers) > 0 {
		return p.Servers[0]
	}
	return m.Status.Server
}

// SwitchQuestion asks before one profile takes the place of another.
func (w *Words) SwitchQuestion(from, to string) Switch {
	return Switch{
		Question: w.args("switch.question", Args{"From": line(from), "To": line(to)}),
		Yes:      w.Text("switch.yes"), No: w.with("switch.no", "From", line(from)),
	}
}

// AllowQuestion asks once before traffic leaves without the VPN.
func (w *Words) AllowQuestion() Switch {
	return Switch{Question: w.Text("allow.question"), Yes: w.Text("button." + string(AllowTraffic)), No: w.Text("allow.no")}
}
