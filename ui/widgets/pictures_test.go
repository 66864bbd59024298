package widgets

import (
	"fyne.io/fyne/v2"

	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

var kinds = []viewmodel.Kind{viewmodel.Disconnected, viewmodel.Connecting, viewmodel.Waiting, viewmodel.Connected, viewmodel.Failed, viewmodel.Blocked}

func on(thumb viewmodel.Thumb, verb string) viewmodel.Toggle {
	return viewmodel.Toggle{On: true, Thumb: thumb, Turning: thumb == viewmodel.Middle, Enabled: true, Verb: verb}
}

func off(verb string) viewmodel.Toggle { return viewmodel.Toggle{Enabled: true, Verb: verb} }

// panels are the states of the panel.
var panels = []struct {
	name  string
	model viewmodel.StatePanel
}{
	{"disconnected", viewmodel.StatePanel{Kind: viewmodel.Disconnected, Title: "Not connected", Sentence: "Last connected yesterday, 17:42.", Toggle: off("Connect")}},
	{"connecting", viewmodel.StatePanel{Kind: viewmodel.Connecting, Title: "Connecting…", Sentence: "Step 7 of 9: signing in as alice", Toggle: on(viewmodel.Middle, "Cancel")}},
	{"waiting", viewmodel.StatePanel{Kind: viewmodel.Waiting, Title: "Waiting for you", Sentence: "Step 7 of 9: somebody must approve the sign-in", Toggle: on(viewmodel.Middle, "Cancel")}},
	{"connected", viewmodel.StatePanel{Kind: viewmodel.Connected, Title: "Connected", Sentence: "for 1 h 24 min, through vpn.example.com", Toggle: on(viewmodel.Right, "Disconnect")}},
	{"failed", viewmodel.StatePanel{Kind: viewmodel.Failed, Title: "Could not connect", Sentence: "Stopped at step 7 of 9: signing in", Toggle: off("Connect")}},
	{"blocked", viewmodel.StatePanel{Kind: viewmodel.Blocked, Title: "Traffic is blocked", Sentence: "Nothing leaves this computer until the VPN is back.", Toggle: off("Connect"),
		Second: &viewmodel.Button{Text: "Allow traffic without VPN", Does: viewmodel.AllowTraffic}}},
	{"silent", viewmodel.StatePanel{Kind: viewmodel.Unknown, Title: "No word from the helper", Sentence: "It may be busy.", Toggle: viewmodel.Toggle{Turning: true}}},
}

func panel(i int) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		p := NewStatePanel(nil)
		p.SetModel(panels[i].model)
		return p
	}
}

func steps() viewmodel.Steps {
	row := func(name, detail, took string) viewmodel.Step {
		return viewmodel.Step{State: viewmodel.StepDone, Name: name, Detail: detail, Time: took}
	}
	return viewmodel.Steps{Title: "Steps", Total: "2.6 s so far", Around: 6, Rows: []viewmodel.Step{
		row("Find the server", "198.51.100.1", "12 ms"), row("Secure the line", "AES-256, SHA-256, 2048-bit key", "64 ms"),
		row("Start encryption", "AES-128-GCM", "38 ms"), row("Open the tunnel", "Tunnel 41, NAT on both sides", "31 ms"),
		row("Open a session", "Session 7", "30 ms"), row("Prepare the link", "Packets up to 1400 bytes", "61 ms"),
		{State: viewmodel.StepRunning, Name: "Sign in", Detail: "Checking alice", Time: "2.4 s"},
		{Name: "Get an address"}, {Name: "Set up this computer"},
	}, Hint: "If somebody must approve this on a phone, Culvert waits up to 90 seconds."}
}

func stepsBox(m viewmodel.Steps, few bool) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		b := NewStepsBox()
		b.SetFew(few)
		b.SetModel(m)
		return b
	}
}

func folded() viewmodel.Steps {
	s := steps()
	s.Folded, s.Total, s.Hint = true, "9 of 9 done in 310 ms", ""
	return s
}

var pictures = []picture{
	{"marks", 160, 20, func() fyne.CanvasObject {
		var marks []fyne.CanvasObject
		for _, k := range kinds {
			marks = append(marks, NewStateMark(k))
		}
		return NewColumns(0, 0, []float32{0, 0, 0, 0, 0}, marks...)
	}},
	{"signs", 420, 60, func() fyne.CanvasObject {
		var signs []fyne.CanvasObject
		for _, k := range kinds {
			signs = append(signs, NewStateSign(k))
		}
		return NewColumns(0, 0, []float32{0, 0, 0, 0, 0}, signs...)
	}},
	{"buttons", 560, 0, func() fyne.CanvasObject {
		off := NewButton(Filled, "Connect", nil)
		off.Disable()
		focused := NewButton(Plain, "Cancel", nil)
		focused.FocusGained()
		return NewActions(2, NewButton(Filled, "Type the password again", nil),
			NewIconButton(Plain, fynetheme.ContentCopyIcon(), "Copy report", "", nil), NewButton(Link, "Open the log", nil),
			focused, off)
	}},
	{"buttons-stacked", 240, 0, func() fyne.CanvasObject {
		return NewActions(1, NewButton(Filled, "Type the password again", nil),
			NewIconButton(Plain, fynetheme.ContentCopyIcon(), "Copy report", "", nil), NewButton(Link, "Open the log", nil))
	}},
	{"panel-disconnected", 568, 0, panel(0)},
	{"panel-connecting", 568, 0, panel(1)},
	{"panel-waiting", 568, 0, panel(2)},
	{"panel-connected", 568, 0, panel(3)},
	{"panel-failed", 568, 0, panel(4)},
	{"panel-blocked", 568, 0, panel(5)},
	{"panel-silent", 568, 0, panel(6)},
	{"panel-narrow", 350, 0, panel(3)},
	{"panel-narrow-blocked", 350, 0, panel(5)},
	{"steps", 568, 0, stepsBox(steps(), false)},
	{"steps-few", 350, 0, stepsBox(steps(), true)},
	{"steps-folded", 568, 0, stepsBox(folded(), false)},
}
