package viewmodel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/importer"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

func menuText(items []MenuItem) string {
	var out []string
	for _, i := range items {
		text := i.Text
		switch {
		case i.Line:
			text = "-"
		case i.Ticked:
			text = "✓" + text
		case !i.Enabled:
			text = "(" + text + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, "|")
}

func TestTray(t *testing.T) {
	w := english(t)
	all := []Item{item(office()), named("Berlin")[0], {Entry: profile.Entry{Path: "bad"}}}
	all[1].LastUsed = noon.Add(-time.Hour)
	all[0].LastUsed = noon
	const rest = "Office|Berlin|-|Open Culvert|Quit"
	ours := nameOf(office())
	for _, c := range []struct {
		status api.Status
		glyph  Glyph
		want   string
	}{
		{api.Status{State: api.Disconnected}, GlyphDisconnected, "(Not connected)|-|" + rest},
		{api.Status{State: api.Connecting}, GlyphConnecting, "(Connecting to Office)|-|✓" + rest},
		{api.Status{State: api.Waiting}, GlyphWaiting, "(Waiting: approve on your phone)|-|✓" + rest},
		{api.Status{State: api.Waiting, Ask: []api.SecretName{api.OTP}}, GlyphWaiting, "(Waiting: a code is needed)|-|✓" + rest},
		{api.Status{State: api.Connected}, GlyphConnected, "(Connected to Office)|-|✓" + rest},
		{api.Status{State: api.Reconnecting}, GlyphConnecting, "(Connecting to Office again)|-|✓" + rest},
		{api.Status{State: api.Disconnecting}, GlyphConnecting, "(Disconnecting from Office)|-|" + rest},
		{api.Status{State: api.Disconnected, Profile: ours, Failure: &api.FailureEvent{}}, GlyphFailed, "(Office could not connect)|Why…|-|" + rest},
		{api.Status{State: api.Blocked}, GlyphBlocked, "(Traffic is blocked)|Connect again|Allow traffic without VPN|-|✓" + rest},
	} {
		got := w.Tray(heard(c.status), all, noon)
		if menuText(got.Items) != c.want || got.Glyph != c.glyph {
			t.Errorf("%s: %s, %s\nwant %s", c.status.State, got.Glyph, menuText(got.Items), c.want)
		}
	}
	if got := w.Tray(&Model{}, all, noon); menuText(got.Items) != "(No word from the helper)|-|(Office)|(Berlin)|-|Open Culvert|Quit" {
		t.Errorf("helper silent: %s", menuText(got.Items))
	}
	if got := w.Tray(heard(api.Status{State: api.Disconnected}), nil, noon); menuText(got.Items) != "(Not connected)|-|Open Culvert|Quit" {
		t.Errorf("no profiles: %s", menuText(got.Items))
	}
	var many []string
	for n := range 12 {
		many = append(many, fmt.Sprint("P", n))
	}
	got := w.Tray(heard(api.Status{State: api.Disconnected}), named(many...), noon)
	if menuText(got.Items) != "(Not connected)|-|P0|P1|P2|P3|P4|P5|P6|P7|More profiles…|-|Open Culvert|Quit" {
		t.Errorf("many: %s", menuText(got.Items))
	}
}

// Time alone changes nothing in the tray: an open menu would close.
func TestTrayStands(t *testing.T) {
	w := english(t)
	all := []Item{item(office())}
	for _, m := range states() {
		before := w.Tray(m, all, noon)
		if m.Problem == "" && m.Status.State != "" {
			m.Alive(noon.Add(4 * time.Second))
		}
		if m.Wish == (Wish{}) && !w.Tray(m, all, noon.Add(4*time.Second)).Equal(before) {
			t.Errorf("%s: the menu changes with time", m.Status.State)
		}
	}
	a, b := w.Tray(heard(api.Status{State: api.Connected}), all, noon), w.Tray(heard(api.Status{State: api.Blocked}), all, noon)
	if a.Equal(b) {
		t.Error("two menus are the same")
	}
	if got := ToggleOf(heard(api.Status{State: api.Connected}), office().ID, noon); got != Disconnect {
		t.Errorf("a click on what is on: %s", got)
	}
	if got := ToggleOf(heard(api.Status{State: api.Connected}), "other", noon); got != Connect {
		t.Errorf("a click on another one: %s", got)
	}
}

func TestQuit(t *testing.T) {
	w := english(t)
	if q := w.QuitQuestion(heard(api.Status{State: api.Connected}), noon); q == nil || q.Disconnect != "Disconnect and quit" || q.Keep != "Keep connected and quit" || q.Cancel != "Cancel" {
		t.Errorf("QuitQuestion = %+v", q)
	}
	for _, s := range []api.State{api.Disconnected, api.Disconnecting, api.Blocked} {
		if q := w.QuitQuestion(heard(api.Status{State: s}), noon); q != nil {
			t.Errorf("%s: asks %+v", s, q)
		}
	}
}

// What is told, and what is not: SPEC, 7.
func TestNotes(t *testing.T) {
	w := english(t)
	killed := office()
	killed.Routing.KillSwitch = true
	type step struct {
		after  time.Duration
		status api.Status
		focus  bool
		want   string
	}
	bad := &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials}
	dead := &api.FailureEvent{Stage: failure.Connected, Code: failure.PathDead}
	connected := "Connected to Office: All traffic now goes through the VPN."
	for _, c := range []struct {
		name  string
		p     *profile.Profile
		steps []step
	}{
		{"what is at the start is no news", office(), []step{{0, api.Status{State: api.Connected}, false, ""}}},
		{"by hand, quick", office(), []step{{0, api.Status{State: api.Disconnected}, false, ""}, {0, api.Status{State: api.Connecting}, false, ""}, {5 * time.Second, api.Status{State: api.Connected}, false, ""}}},
		{"by hand, slow", office(), []step{{0, api.Status{State: api.Disconnected}, false, ""}, {0, api.Status{State: api.Connecting}, false, ""}, {6 * time.Second, api.Status{State: api.Connected}, false, connected}}},
		{"by hand, slow, looked at", office(), []step{{0, api.Status{State: api.Disconnected}, false, ""}, {0, api.Status{State: api.Connecting}, true, ""}, {6 * time.Second, api.Status{State: api.Connected}, true, ""}}},
		{"waiting, once", office(), []step{{0, api.Status{State: api.Disconnected}, false, ""}, {0, api.Status{State: api.Connecting}, false, ""},
			{time.Second, api.Status{State: api.Waiting, SecondsLeft: 90}, false, "Approve the sign-in: Look at your phone. 90 seconds left."}, {time.Second, api.Status{State: api.Waiting, SecondsLeft: 80}, false, ""},
			{20 * time.Second, api.Status{State: api.Connecting}, false, ""}, {time.Second, api.Status{State: api.Connected}, false, connected}}},
		{"a code", office(), []step{{0, api.Status{State: api.Connecting}, false, ""}, {0, api.Status{State: api.Waiting, SecondsLeft: 1, Ask: []api.SecretName{api.OTP}}, false, "A code is needed: Open Culvert and type it. 1 second left."}}},
		{"failed", office(), []step{{0, api.Status{State: api.Connecting}, false, ""}, {0, api.Status{State: api.Disconnected, Failure: bad}, false, "Office could not connect: Wrong user name or password."},
			{time.Second, api.Status{State: api.Disconnected, Failure: bad}, false, ""}}},
		{"lost and back", office(), []step{{0, api.Status{State: api.Connected}, false, ""}, {time.Hour, api.Status{State: api.Reconnecting, Failure: dead}, false, "Office was lost: Culvert is connecting again."},
			{61 * time.Second, api.Status{State: api.Connected}, false, connected}}},
		{"lost, blocked until it is back", killed, []step{{0, api.Status{State: api.Connected}, false, ""}, {0, api.Status{State: api.Reconnecting, Failure: dead}, false, "Office was lost: Traffic is blocked until it is back."}}},
		{"a line that flaps", office(), []step{{0, api.Status{State: api.Connected}, false, ""}, {0, api.Status{State: api.Reconnecting, Failure: dead}, false, "Office was lost: Culvert is connecting again."},
			{5 * time.Second, api.Status{State: api.Connected}, false, ""}, {5 * time.Second, api.Status{State: api.Reconnecting, Failure: dead}, false, ""},
			{5 * time.Second, api.Status{State: api.Connected}, false, ""}, {50 * time.Second, api.Status{State: api.Reconnecting, Failure: dead}, false, "Office was lost: Culvert is connecting again."}}},
		{"lost for good", office(), []step{{0, api.Status{State: api.Connected}, false, ""}, {0, api.Status{State: api.Disconnected, Failure: dead}, false, "Office was lost: The connection was lost."}}},
		{"disconnected by hand", office(), []step{{0, api.Status{State: api.Connected}, false, ""}, {0, api.Status{State: api.Disconnecting}, false, ""}, {0, api.Status{State: api.Disconnected}, false, ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n Notifier
			now := noon
			for i, s := range c.steps {
				now = now.Add(s.after)
				s.status.Profile = nameOf(c.p)
				m := &Model{}
				m.Hear(now, s.status)
				got := ""
				if note := n.Next(w, m, c.p, s.focus, now); note != nil {
					got = note.Title + ": " + note.Body
				}
				if got != s.want {
					t.Errorf("step %d: %q, want %q", i, got, s.want)
				}
			}
		})
	}
}

// A profile's name is somebody's text, and Windows' notifications are a script.
func TestNotesAreHarmless(t *testing.T) {
	w := english(t)
	p := office()
	p.Name = "a\"; $(calc) `n“x” \n„Ö"
	var n Notifier
	for _, s := range []api.State{api.Connected, api.Reconnecting} {
		m := &Model{}
		m.Hear(noon, api.Status{State: s, Profile: nameOf(p)})
		if note := n.Next(w, m, p, false, noon); s == api.Reconnecting {
			if note == nil || strings.ContainsAny(note.Title, "\"$`“”„\n") || !strings.Contains(note.Title, "Ö") {
				t.Errorf("%+v", note)
			}
		}
	}
}

func TestKeyTable(t *testing.T) {
	ro := item(office())
	ro.Entry.ReadOnly = true
	some := item(office())
	for _, c := range []struct {
		key   Key
		state KeyState
		want  Action
	}{
		{Key{Name: "Return"}, KeyState{At: AtList, Kind: Disconnected, Chosen: some}, Connect},
		{Key{Name: "KP_Enter"}, KeyState{At: AtSearch, Kind: Failed, Chosen: some}, Connect},
		{Key{Name: "Return"}, KeyState{At: AtList, Kind: Disconnected}, NoAction},
		{Key{Name: "Return"}, KeyState{At: AtList, Kind: Connected, Own: Disconnected, Chosen: some}, Connect},
		{Key{Name: "Return"}, KeyState{At: AtList, Kind: Connected, Own: Connected, Chosen: some}, NoAction},
		{Key{Name: "Return"}, KeyState{At: AtList, Chosen: some}, NoAction}, // helper silent
		{Key{Name: "Return"}, KeyState{At: AtEditor, Chosen: some}, Default},
		{Key{Name: "Return"}, KeyState{At: AtCode}, SendCode},
		{Key{Name: "Return"}, KeyState{At: AtDetail}, Press},
		{Key{Name: "Space"}, KeyState{At: AtDetail}, Press},
		{Key{Name: "Space"}, KeyState{At: AtSearch}, NoAction},
		{Key{Name: "Escape"}, KeyState{At: AtMenu, Searching: true}, GoBack},
		{Key{Name: "Escape"}, KeyState{At: AtEditor, Kind: Connected}, GoBack},
		{Key{Name: "Escape"}, KeyState{At: AtList, Searching: true, Kind: Connecting}, ClearSearch},
		{Key{Name: "Escape"}, KeyState{At: AtList, Kind: Connected}, Close},
		{Key{Name: "Delete"}, KeyState{At: AtList, Chosen: some}, Delete},
		{Key{Name: "Delete"}, KeyState{At: AtList, Chosen: ro}, NoAction},
		{Key{Name: "Delete"}, KeyState{At: AtSearch, Chosen: some}, NoAction},
		{Key{Name: "Up"}, KeyState{At: AtList}, ChooseUp},
		{Key{Name: "End"}, KeyState{At: AtSearch}, NoAction}, // of the text
		{Key{Name: "Down", Alt: true}, KeyState{At: AtList, Chosen: some}, MoveDown},
		{Key{Name: "C", Ctrl: true, Shift: true}, KeyState{At: AtDetail, Card: true}, CopyReport},
		{Key{Name: "C", Ctrl: true, Shift: true}, KeyState{At: AtDetail}, NoAction},
		{Key{Name: "C", Ctrl: true}, KeyState{At: AtDetail, Card: true}, NoAction},
		{Key{Name: "F", Ctrl: true}, KeyState{At: AtDetail}, Search},
		{Key{Name: "F", Ctrl: true}, KeyState{At: AtDialog}, NoAction},
		{Key{Name: "E", Ctrl: true}, KeyState{At: AtList, Chosen: some}, EditProfile},
		{Key{Name: "E", Ctrl: true}, KeyState{At: AtList}, NoAction},
		{Key{Name: ".", Ctrl: true}, KeyState{At: AtEditor, Kind: Connected}, Disconnect},
		{Key{Name: ".", Ctrl: true}, KeyState{At: AtDialog, Kind: Waiting}, Cancel},
		{Key{Name: ".", Ctrl: true}, KeyState{At: AtList, Kind: Disconnected}, NoAction},
		{Key{Name: ".", Ctrl: true}, KeyState{At: AtList, Kind: Blocked}, NoAction}, // that takes a question
		{Key{Name: "W", Ctrl: true}, KeyState{At: AtList, Searching: true}, Close},
		{Key{Name: "Z", Ctrl: true}, KeyState{At: AtList, Undoable: true}, UndoDelete},
		{Key{Name: "F1"}, KeyState{At: AtList}, OpenAdmin},
		{Key{Name: "X"}, KeyState{At: AtList}, NoAction},
	} {
		if got := KeyAction(c.key, c.state); got != c.want {
			t.Errorf("%+v at %d: %q, want %q", c.key, c.state.At, got, c.want)
		}
	}
	// Escape never disconnects, wherever.
	for place := AtList; place <= AtCode; place++ {
		for kind := Unknown; kind <= Blocked; kind++ {
			for _, searching := range []bool{false, true} {
				if a := KeyAction(Key{Name: "Escape"}, KeyState{At: place, Kind: kind, Chosen: some, Searching: searching}); a == Disconnect || a == Cancel {
					t.Errorf("Escape at %d in %d: %s", place, kind, a)
				}
			}
		}
	}
	w := english(t)
	keys := map[string]string{}
	for _, s := range w.Shortcuts(false) {
		keys[s.Keys] = s.Text
	}
	for _, want := range []string{"Enter", "Space", "Esc", "↑", "↓", "Home", "End", "Del", "Alt+↑", "Alt+↓", "Ctrl+Shift+C", "Ctrl+F", "Ctrl+N", "Ctrl+E", "Ctrl+I", "Ctrl+L", "Ctrl+D", "Ctrl+W", "Ctrl+Q", "F1", "Ctrl+."} {
		if keys[want] == "" {
			t.Errorf("the list of keys lacks %s", want)
		}
	}
	if got := keyText(Key{Name: "C", Ctrl: true, Shift: true}, true); got != "⇧⌘C" {
		t.Errorf("on macOS: %s", got)
	}
}

func TestStart(t *testing.T) {
	w := english(t)
	for _, c := range []struct {
		name    string
		c       Conditions
		heading string
		does    Action
		choices int
	}{
		{"nothing yet", Conditions{Heard: true, Keychain: true}, "Connect to your VPN", NoAction, 3},
		{"helper", Conditions{Problem: api.HelperNotRunning, Profiles: 3}, "One part is not running", StartHelper, 0},
		{"permission", Conditions{Problem: api.HelperNotAllowed}, "You may not use the helper yet", AllowMe, 0},
		{"keychain", Conditions{Heard: true, Helper: "1", Window: "1"}, "There is no keychain here", AskEachTime, 0},
		{"keychain, known", Conditions{Heard: true, AsksEachTime: true}, "Connect to your VPN", NoAction, 3},
		{"versions", Conditions{Heard: true, Keychain: true, Helper: "1.3", Window: "1.4", Profiles: 2}, "Culvert was updated", RestartHelper, 0},
	} {
		s := w.Start(c.c)
		if s == nil || s.Heading != c.heading || len(s.Choices) != c.choices || len(s.Checks) != 3 || (s.Button == nil) != (c.does == NoAction) || s.Button != nil && s.Button.Does != c.does {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	if s := w.Start(Conditions{Heard: true, Keychain: true, Profiles: 1}); s != nil {
		t.Errorf("all is well: %+v", s)
	}
	if s := w.Start(Conditions{Heard: true, Keychain: true, Helper: "1.3", Window: "1.4"}); s.Sentence != "The helper is 1.3, this window 1.4. Restart the helper; a connection in use drops for some seconds." {
		t.Errorf("versions: %s", s.Sentence)
	}
}

func TestLog(t *testing.T) {
	w := english(t)
	var l Log
	if p := w.LogPage(&l); p.Empty != "Nothing has happened yet." {
		t.Errorf("empty: %+v", p)
	}
	for i, level := range []string{"debug", "info", "warn", "error", "new"} {
		l.Add(noon.Add(time.Duration(i)*time.Second), api.LogEvent{Level: level, Message: level + " Stage\x1b reached=" + level})
	}
	for level, want := range map[LogLevel]int{LogAll: 5, LogNotes: 4, LogWarnings: 2, LogFaults: 1} {
		if l.SetLevel(level); l.Len() != want {
			t.Errorf("level %d shows %d, want %d", level, l.Len(), want)
		}
	}
	l.SetLevel(LogFaults)
	if got := w.LogLine(&l, 0); got != (LogLine{"12:00:03.000", "Fault", Failed, "Stage  reached=error"}) {
		t.Errorf("LogLine = %+v", got)
	}
	l.SetLevel(LogAll)
	l.Filter(" REACHED=Warn ")
	if l.Len() != 1 || w.LogText(&l) != "12:00:02.000  Warning  Stage  reached=warn\n" {
		t.Errorf("filter: %q", w.LogText(&l))
	}
	l.Filter("nothing")
	if p := w.LogPage(&l); p.Empty != "Nothing matches." {
		t.Errorf("filtered out: %+v", p)
	}
	l.SetFollow(true)
	if l.Scrolled(true, false); l.Follow() {
		t.Error("it follows although somebody reads")
	}
	if l.Scrolled(false, false); l.Follow() {
		t.Error("it follows in the middle")
	}
	if l.Scrolled(false, true); !l.Follow() {
		t.Error("at the end it does not follow")
	}
	l.Filter("")
	for n := range 2 * maxLines {
		l.Add(noon, api.LogEvent{Level: "info", Message: fmt.Sprint(n)})
	}
	if n := l.Len(); n < maxLines || n > maxLines+maxLines/10 || w.LogLine(&l, n-1).Text != fmt.Sprint(2*maxLines-1) {
		t.Errorf("%d lines are kept, the last is %q", n, w.LogLine(&l, n-1).Text)
	}
}

func TestPages(t *testing.T) {
	w := english(t)
	a := w.AdminPage(nil)
	for _, want := range []string{"UDP 500", "UDP 4500", "aes256-sha256-modp2048", "aes128gcm16", "MS-CHAPv2"} {
		if !strings.Contains(a.Text, want) {
			t.Errorf("the administrator's page lacks %s", want)
		}
	}
	plain := office()
	plain.IPsec.Enabled = false
	if b := w.AdminPage(plain); strings.Contains(b.Text, "4500") || !strings.Contains(b.Text, "UDP 1701") {
		t.Errorf("without encryption: %s", b.Text)
	}
	if b := w.Importing(3); b.Add.Text != "Add 3 profiles" {
		t.Errorf("Importing = %+v", b)
	}
	split := office()
	split.Preset, split.Reconnect.OnStart = "mikrotik", true
	rows, err := w.ImportRows(split, []string{FieldPassword})
	want := []ImportRow{{true, "Server", "vpn.example.com"}, {true, "User name", "alice"}, {true, "Password", "Found; it is not shown"}, {true, "Gateway make", "MikroTik RouterOS"}, {true, "Name", "Office"}, {true, "Connect when Culvert starts", "On"}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("ImportRows = %+v, %v, want %+v", rows, err, want)
	}
	if h := w.Header(item(split)); h.Make != "MikroTik RouterOS" || h.Edit != "Edit" {
		t.Errorf("Header = %+v", h)
	}
	p := w.Faulty(Item{Entry: profile.Entry{Path: "x", Err: errors.New("line 3: wrong")}})
	if p == nil || !strings.HasSuffix(p.Sentence, "line 3: wrong") || w.Faulty(item(office())) != nil {
		t.Errorf("Faulty = %+v", p)
	}
	if b := w.About("1.4", ""); b.Versions[1].Value != "–" || b.Heading != "Culvert" {
		t.Errorf("About = %+v", b)
	}
	if s := w.Settings(false); len(s.Rows) != 2 || s.Rows[0].Does != ReduceMotion {
		t.Errorf("Settings = %+v", s)
	}
}

// What was understood, what is missing, and what was left out and why; no secret.
func TestImported(t *testing.T) {
	w := english(t)
	i := &importer.Imported{Profile: office(), Secrets: profile.Secrets{Password: []byte("invented")}, Missing: []string{"servers", "user"},
		LeftOut: []importer.Item{{Key: "Proxy", Reason: "proxies"}, {Key: "mru", Reason: "refused", Why: "Culvert does not take it. (not a number)"}}}
	i.Profile.Name, i.Profile.Servers, i.Profile.User = "", nil, ""
	rows, err := w.Imported(i)
	want := []ImportRow{{true, "Password", "Found; it is not shown"}, {false, "Server", "Culvert needs the name or address of the server."},
		{false, "User name", "Culvert needs the user name."}, {false, "Proxy", "Culvert does not set proxies."},
		{false, "mru", "Culvert does not take it. (not a number)"}}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("Imported = %+v, %v\nwant %+v", rows, err, want)
	}
	_, faults := profile.Parse("pasted", []byte("nonsense = 1"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("x: %w", importer.ErrEncrypted), "This file is encrypted. Ask for it without encryption."},
		{importer.ErrTooLarge, "This file is too large."}, {errors.New("x"), ""}, {faults, line(faults.Error())},
	} {
		if got := w.ImportFault(c.err); got != c.want {
			t.Errorf("ImportFault(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

// The importer's own words are what the window says in English.
func TestReasons(t *testing.T) {
	w := english(t)
	for _, why := range importer.Reasons() {
		got := w.LeftOut([]importer.Item{{Reason: why}})[0].Value
		if want := strings.ReplaceAll(why.Text(), "'", "’"); got != want {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
}
