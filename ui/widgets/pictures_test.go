package widgets

import (
	"fmt"
	"math"

	"fyne.io/fyne/v2"

	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/culvert-vpn/culvert/ui/theme"
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

func facts(badge viewmodel.BadgeKind) viewmodel.Facts {
	f := viewmodel.Facts{Grid: []viewmodel.Fact{
		{Key: "address", Label: "Your address", Copied: "Copied", Value: "10.99.0.10"}, {Key: "gateway", Label: "Gateway", Copied: "Copied", Value: "198.51.100.1"},
		{Key: "dns", Label: "DNS", Copied: "Copied", Value: "10.99.0.1"}, {Key: "received", Label: "Received", Copied: "Copied", Value: "1.24 GB"},
		{Key: "sent", Label: "Sent", Copied: "Copied", Value: "87.3 MB"}, {Key: "through", Label: "Through the VPN", Copied: "Copied", Value: "All traffic"},
	}, Encryption: viewmodel.Encryption{Label: "Encryption", Value: "AES-256, SHA-256"}}
	if badge != viewmodel.NoBadge {
		f.Encryption = viewmodel.Encryption{Label: "Encryption", Value: "3DES, SHA-1", Badge: badge, BadgeText: "Weak",
			Sentence: "The gateway offers nothing newer. Ask its administrator to allow AES."}
	}
	return f
}

func factsGrid(badge viewmodel.BadgeKind) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		g := NewFactsGrid(nil, nil)
		g.SetModel(facts(badge))
		return g
	}
}

func traffic() viewmodel.Graph {
	g := viewmodel.Graph{Title: "Traffic", ReceivedName: "Received", SentName: "Sent", ReceivedRate: "21.4 Mbit/s", SentRate: "1.6 Mbit/s",
		Axis: [4]string{"30 Mbit/s", "20", "10", "0"}, Times: [3]string{"2 min ago", "1 min ago", "now"}, Text: "Received 21.4 Mbit/s, sent 1.6 Mbit/s"}
	for i := range viewmodel.Samples {
		x := float64(i)
		g.Received[i] = max(0.05, 0.55+0.3*math.Sin(x/17)+0.04*math.Sin(x*1.7))
		g.Sent[i] = 0.08 + 0.05*math.Sin(x/9)
		if i >= 60 && i < 68 {
			g.Received[i], g.Sent[i] = math.NaN(), math.NaN()
		}
	}
	return g
}

func graph(height float32) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		g := NewTrafficGraph()
		g.SetHeight(height)
		g.SetModel(traffic())
		return g
	}
}

func card() viewmodel.Card {
	c := viewmodel.Card{Reached: "The server was found and the line is secure", Stopped: "Sign-in refused", Title: "Wrong user name or password",
		WhyLabel: "Why, most likely", Why: "The gateway did not accept this password for alice. The pre-shared key is right.",
		DoLabel: "What to do", Do: "Type the password again and watch Caps Lock. If your company uses Windows accounts, put its name in front: COMPANY\\alice.",
		Remedy: viewmodel.Button{Text: "Type the password again", Does: viewmodel.TypePassword},
		Copy:   viewmodel.Button{Text: "Copy report", Does: viewmodel.CopyReport}, Copied: "Copied. It holds no passwords or keys.",
		Log:          viewmodel.Button{Text: "Open the log", Does: viewmodel.OpenLog},
		DetailsTitle: "Details for support", DetailsSummary: "ppp.bad-credentials, known on Windows as error 691",
		Details: "ppp.bad-credentials, 691\nCHAP failure: E=691 R=0 C=0123456789ABCDEF V=3 M=Access denied", Report: "report"}
	for i := range 9 {
		state := viewmodel.StepDone
		if i == 6 {
			state = viewmodel.StepFailed
		} else if i > 6 {
			state = viewmodel.StepToCome
		}
		c.Segments = append(c.Segments, state)
	}
	return c
}

func failure(open bool) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		c := NewFailureCard(FailureActions{})
		c.SetModel(card())
		c.details.SetOpen(open)
		return c
	}
}

func countdownModel(code bool) viewmodel.Countdown {
	c := viewmodel.Countdown{Left: 0.8, Seconds: "72", Unit: "seconds", Title: "Approve the sign-in on your phone",
		Sentence: "The gateway has your password and is waiting for a second yes. Look for a message from your sign-in app."}
	if code {
		c.Code = &viewmodel.CodeBox{Title: "Got a code instead?", Field: "Code", Send: viewmodel.Button{Text: "Send code", Does: viewmodel.SendCode},
			Help: "From your sign-in app, a text message or a key fob. It is used once and never saved."}
	}
	return c
}

func waiting(code bool) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		c := NewWaitingCard(nil)
		c.SetModel(countdownModel(code))
		return c
	}
}

func listRows(n int) []viewmodel.Row {
	rows := []viewmodel.Row{
		{Key: "office", Mark: viewmodel.Connected, Name: "Office", Server: "vpn.example.com", Right: "1 h 24 min", Chosen: true},
		{Key: "berlin", Mark: viewmodel.Disconnected, Name: "Berlin warehouse", Server: "vpn-berlin.example.com"},
		{Key: "home", Mark: viewmodel.Failed, Name: "Home lab", Server: "home.example.net"},
		{Key: "nordwind", Mark: viewmodel.Disconnected, Name: "Customer: Nordwind Handelsgesellschaft", Server: "203.0.113.40", Right: "Managed"},
		{Key: "demo", Mark: viewmodel.Waiting, Name: "Demo gateway", Server: "On this computer", Right: "72 s"},
	}
	for i := len(rows); i < n; i++ {
		rows = append(rows, viewmodel.Row{Key: fmt.Sprint(i), Mark: viewmodel.Disconnected, Name: fmt.Sprintf("Profile %d", i), Server: fmt.Sprintf("vpn%d.example.com", i)})
	}
	return rows[:n]
}

var listTexts = ListTexts{Search: "Search", Hint: "Ctrl+F", Clear: "Clear search", New: "New profile", More: "More"}

func list(m ListModel, search string, focused bool) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		l := NewProfileList(listTexts, ListActions{})
		l.search.SetText(search)
		l.rows.focused, l.rows.keyed = focused, focused
		l.SetModel(m)
		return l
	}
}

// dragged is a list while its second profile is dragged below the fourth one.
func dragged() fyne.CanvasObject {
	l := NewProfileList(listTexts, ListActions{})
	l.SetModel(ListModel{Rows: listRows(5), Movable: true})
	l.Resize(fyne.NewSize(264, 440))
	l.rows.drag("berlin", 2.6*rowHeight)
	return l
}

func section() viewmodel.Section {
	return viewmodel.Section{Key: "always", Always: true, Fields: []viewmodel.Field{
		{Key: "server", Label: "Server", Kind: viewmodel.TextField, Value: "vpn.example,com", Fault: "A server name has no comma. Use a dot.", Enabled: true},
		{Key: "user", Label: "User name", Kind: viewmodel.TextField, Value: "alice", Help: "As your administrator wrote it.", Enabled: true},
		{Key: "password", Label: "Password", Kind: viewmodel.SecretField, Help: "Kept in this computer’s keychain.", Enabled: true},
		{Key: "ask_password", Label: "Ask each time", Kind: viewmodel.TickField, Value: "false", Enabled: true},
		{Key: "psk", Label: "Pre-shared key", Kind: viewmodel.SecretField, Help: "The same for everyone at your company.", Enabled: true},
		{Key: "preset", Label: "Gateway make", Kind: viewmodel.ChoiceField, Value: "auto", Help: "If you do not know it, leave it. Culvert finds settings that work.",
			Choices: []viewmodel.Choice{{Value: "auto", Text: "Find out by itself"}, {Value: "mikrotik", Text: "MikroTik"}, {Value: "x", Text: "Later", Later: true}}, Enabled: true},
	}}
}

func routing(open bool) viewmodel.Section {
	return viewmodel.Section{Key: "routing", Title: "Routing", Summary: "1 changed: local network off", Open: open, Back: "Back to automatic", Fields: []viewmodel.Field{
		{Key: "routing.mode", Label: "Send through the VPN", Kind: viewmodel.ChoiceField, Value: "full", Choices: []viewmodel.Choice{{Value: "full", Text: "All traffic"}}, Enabled: true},
		{Key: "routing.exclude", Label: "Exceptions", Kind: viewmodel.ListField, Value: "192.0.2.0/24\n198.51.100.0/24", Help: "One a line.", Enabled: true},
		{Key: "routing.local_network", Label: "Local network", Kind: viewmodel.TickField, Value: "true", Help: "Printers and shares stay reachable.", Enabled: true},
		{Key: "routing.kill_switch", Label: "Kill switch", Kind: viewmodel.TickField, Value: "false", Help: "Nothing leaves this computer while the VPN is down.", Enabled: false},
		{Key: "ppp.auth", Label: "Ways to sign in", Kind: viewmodel.ListField, Value: "mschapv2\npap", Help: "Best first; plain passwords travel only inside the encryption.", Enabled: true,
			Choices: []viewmodel.Choice{{Value: "mschapv2", Text: "MS-CHAPv2"}, {Value: "chap", Text: "CHAP"}, {Value: "pap", Text: "PAP"}, {Value: "eap", Text: "EAP-TLS", Later: true}}},
		{Key: "ppp.mru", Label: "Largest packet", Kind: viewmodel.NumberField, Hint: "1280", Help: "0: Culvert finds it.", Enabled: true},
	}}
}

var look1 = SectionLook{Beside: map[string]string{"ask_password": "password"}, Wide: []string{"preset"}}

func sectionOf(m viewmodel.Section, focused string) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		s := NewSection(FieldTexts{"Show", "Hide"}, look1, SectionActions{})
		s.SetModel(m)
		if f := s.Field(focused); f != nil {
			f.entry.SetText("secret key")
			f.entry.focused = true // without the cursor, which blinks
			f.entry.Refresh()
		}
		return s
	}
}

var logLines = []viewmodel.LogLine{
	{Time: "17:42:01", Level: "Note", Mark: viewmodel.Disconnected, Text: "phase 1 up peer=198.51.100.1 suite=aes256-sha256-modp2048"},
	{Time: "17:42:02", Level: "Warning", Mark: viewmodel.Waiting, Text: "the gateway repeats its request"},
	{Time: "17:42:03", Level: "Fault", Mark: viewmodel.Failed, Text: "CHAP failure: E=691 R=0, and more that has no room in this line at all"},
}

func logList() fyne.CanvasObject {
	l := NewLogList(func() int { return len(logLines) }, func(i int) viewmodel.LogLine { return logLines[i] }, nil)
	l.Reload()
	return l
}

func startPage() fyne.CanvasObject {
	choices := []fyne.CanvasObject{NewAppIcon(88), NewColumn(theme.Space4, NewHeading("Connect to your VPN").Centered(),
		NewSentence("You need four things from your administrator: a server, a user name, a password and a pre-shared key.").Centered())}
	for i, c := range []viewmodel.StartChoice{{Heading: "I have a server name and a password", Sentence: "Four fields, then Connect."},
		{Heading: "I have a file or copied text", Sentence: "From another VPN program or an e-mail. You can drop it here."},
		{Heading: "Try it without a server", Sentence: "Connects to a practice gateway on this computer."}} {
		icon := []fyne.Resource{fynetheme.DocumentCreateIcon(), fynetheme.DownloadIcon(), fynetheme.MediaPlayIcon()}[i]
		choices = append(choices, NewStartCard(icon, c, i == 0, nil))
	}
	p := NewPage(ColumnNarrow, nil, NewColumn(theme.Space16, choices...),
		NewActions(0, NewCheckLine(true, "Helper is running"), NewCheckLine(true, "Keychain is ready"), NewCheckLine(false, "No profiles yet")))
	p.Center, p.Top = true, theme.Space64
	return p
}

// windowOf is a whole window, with what is below the panel of a profile's page.
func windowOf(kind int, below ...func() fyne.CanvasObject) func() fyne.CanvasObject {
	return func() fyne.CanvasObject {
		h := NewHeader(nil, NewIconButton(Quiet, fynetheme.DocumentCreateIcon(), "Edit", "", nil), NewIconButton(Quiet, fynetheme.MoreVerticalIcon(), "", "More", nil))
		h.Set("Office", "MikroTik")
		column := []fyne.CanvasObject{panel(kind)()}
		for _, f := range below {
			column = append(column, f())
		}
		l := NewProfileList(listTexts, ListActions{})
		l.SetModel(ListModel{Rows: listRows(5), Movable: true})
		return NewAdaptive(&AdaptiveLayout{Detail: true}, l, NewPage(ColumnWide, h, NewColumn(theme.Space16, column...), nil))
	}
}

func editor() fyne.CanvasObject {
	h := NewHeader(nil, NewIconButton(Quiet, fynetheme.ContentPasteIcon(), "Paste settings", "", nil))
	h.Set("New profile", "")
	cancel, save, connect := NewButton(Plain, "Cancel", nil), NewButton(Plain, "Save", nil), NewButton(Filled, "Connect", nil)
	connect.Disable()
	l := NewProfileList(listTexts, ListActions{})
	l.SetModel(ListModel{Rows: listRows(5), Movable: true})
	return NewAdaptive(&AdaptiveLayout{Detail: true}, l, NewPage(ColumnWide, h, NewColumn(0, sectionOf(section(), "psk")(),
		NewLine(), sectionOf(routing(true), "")(), sectionOf(routing(false), "")()), NewActions(3, NewButton(Link, "1 field needs a look: Server", nil), cancel, save, connect)))
}

// windows are looked at, and not kept: they are made of what is kept.
var windows = []picture{
	{"window-connected", 880, 640, windowOf(3, factsGrid(viewmodel.Weak), graph(100))},
	{"window-connecting", 880, 640, windowOf(1, stepsBox(steps(), false))},
	{"window-failed", 880, 640, windowOf(4, failure(false))},
	{"window-waiting", 880, 640, windowOf(2, waiting(true), stepsBox(folded(), false))},
	{"window-narrow", 420, 760, windowOf(3, factsGrid(viewmodel.Weak), graph(100))},
	{"window-least", 420, 360, windowOf(5)},
	{"window-640", 640, 500, windowOf(1, stepsBox(steps(), false))},
	{"window-editor", 880, 700, editor},
	{"window-editor-narrow", 420, 700, editor},
	{"window-spacious", 1280, 640, func() fyne.CanvasObject {
		p := NewPage(ColumnSpacious, nil, NewColumn(theme.Space16, panel(3)(), NewFactsAndTraffic(factsGrid(viewmodel.Weak)(), graph(180)())), nil)
		l := NewProfileList(listTexts, ListActions{})
		l.SetModel(ListModel{Rows: listRows(5), Movable: true})
		return NewAdaptive(&AdaptiveLayout{}, l, p)
	}},
	{"window-start", 880, 640, startPage},
	{"window-start-narrow", 420, 500, startPage},
}

var pictures = []picture{
	{"section", 568, 0, sectionOf(section(), "psk")},
	{"section-open", 568, 0, sectionOf(routing(true), "")},
	{"section-folded", 568, 0, sectionOf(routing(false), "")},
	{"section-narrow", 300, 0, sectionOf(section(), "")},
	{"log", 568, 100, logList},
	{"start", 480, 0, func() fyne.CanvasObject {
		return NewStartCard(fynetheme.DocumentCreateIcon(), viewmodel.StartChoice{Heading: "I have a server name and a password", Sentence: "Four fields, then Connect."}, true, nil)
	}},
	{"qr", 240, 240, func() fyne.CanvasObject {
		c, err := NewQRCode("culvert")
		if err != nil {
			panic(err)
		}
		return c
	}},
	{"list", 264, 440, list(ListModel{Rows: listRows(5), Movable: true, Undo: &viewmodel.UndoBar{Text: "Office deleted.", Undo: "Undo"}}, "", false)},
	{"list-focused", 264, 300, list(ListModel{Rows: listRows(12), Movable: true}, "", true)},
	{"list-none", 264, 300, list(ListModel{None: "No profile matches “nordw”."}, "nordw", false)},
	{"list-drag", 264, 440, dragged},
	{"facts", 568, 0, factsGrid(viewmodel.NoBadge)},
	{"facts-weak", 568, 0, factsGrid(viewmodel.Weak)},
	{"facts-narrow", 340, 0, factsGrid(viewmodel.NotEncrypted)},
	{"traffic", 568, 0, graph(100)},
	{"traffic-narrow", 340, 0, graph(100)},
	{"traffic-high", 520, 0, graph(180)},
	{"failure", 568, 0, failure(false)},
	{"failure-narrow", 340, 0, failure(true)},
	{"waiting", 568, 0, waiting(true)},
	{"waiting-narrow", 340, 0, waiting(false)},
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
	{"buttons", 700, 0, func() fyne.CanvasObject {
		off := NewButton(Filled, "Connect", nil)
		off.Disable()
		focused := NewButton(Plain, "Cancel", nil)
		focused.FocusGained()
		return NewActions(2, NewButton(Filled, "Type the password again", nil),
			NewIconButton(Plain, fynetheme.ContentCopyIcon(), "Copy report", "", nil), NewButton(Link, "Open the log", nil),
			focused, off)
	}},
	{"buttons-groups", 350, 0, func() fyne.CanvasObject {
		return NewActions(3, NewButton(Link, "1 field needs a look: Server", nil),
			NewButton(Plain, "Cancel", nil), NewButton(Plain, "Save", nil), NewButton(Filled, "Connect", nil))
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
