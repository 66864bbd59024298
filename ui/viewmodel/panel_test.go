package viewmodel

import (
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// The table of SPEC, 3: each state's words, verb and thumb.
func TestPanel(t *testing.T) {
	w := english(t)
	lost := &api.FailureEvent{Stage: failure.Connected, Code: failure.PathDead}
	refused := &api.FailureEvent{Stage: failure.Authenticate, Code: failure.PPPBadCredentials}
	ours := nameOf(office())
	old := History{HintsShown: 3, LastConnected: time.Date(2026, 11, 21, 17, 42, 0, 0, time.UTC)}
	for _, c := range []struct {
		name     string
		status   api.Status
		history  History
		kind     Kind
		title    string
		sentence string
		verb     string
		thumb    Thumb
		on       bool
		enabled  bool
		turning  bool
		does     Action
	}{
		{"disconnected, first", api.Status{State: api.Disconnected}, History{}, Disconnected, "Not connected", "Press Enter to connect.", "Connect", Left, false, true, false, Connect},
		{"disconnected, later", api.Status{State: api.Disconnected}, old, Disconnected, "Not connected", "Last connected yesterday, 17:42.", "Connect", Left, false, true, false, Connect},
		{"connecting", api.Status{State: api.Connecting, Stages: stagesTo(failure.Authenticate)}, old, Connecting, "Connecting…", "Step 7 of 9: signing in as alice", "Cancel", Middle, true, true, true, Cancel},
		{"connecting, no step yet", api.Status{State: api.Connecting}, old, Connecting, "Connecting…", "Step 1 of 9: finding the server", "Cancel", Middle, true, true, true, Cancel},
		{"waiting", api.Status{State: api.Waiting, Stages: stagesTo(failure.Authenticate)}, old, Waiting, "Waiting for you", "Step 7 of 9: somebody must approve the sign-in", "Cancel", Middle, true, true, true, Cancel},
		{"waiting for a code", api.Status{State: api.Waiting, Ask: []api.SecretName{api.OTP}, Stages: stagesTo(failure.Authenticate)}, old, Waiting, "Waiting for you", "Step 7 of 9: the gateway asks for a code", "Cancel", Middle, true, true, true, Cancel},
		{"connected", api.Status{State: api.Connected}, old, Connected, "Connected", "for 1\u00a0h 24\u00a0min, through vpn.example.com", "Disconnect", Right, true, true, false, Disconnect},
		{"reconnecting", api.Status{State: api.Reconnecting, Since: noon.Add(-12 * time.Second), Attempt: 3, Failure: lost}, old, Reconnecting, "Connecting again…", "The line to the gateway was lost 12\u00a0s ago. Try 3.", "Cancel", Middle, true, true, true, Cancel},
		{"reconnecting soon", api.Status{State: api.Reconnecting, Since: noon.Add(-12 * time.Second), NextAttempt: noon.Add(7500 * time.Millisecond), Failure: lost}, old, Reconnecting, "Connecting again…", "The line to the gateway was lost 12\u00a0s ago. Next try in 8\u00a0s.", "Cancel", Middle, true, true, true, Cancel},
		{"offline", api.Status{State: api.Reconnecting, Offline: true, Failure: lost}, old, Reconnecting, "Connecting again…", "This computer has no network. Culvert connects when it is back.", "Cancel", Middle, true, true, true, Cancel},
		{"after a restart", api.Status{State: api.Reconnecting, Attempt: 1}, old, Reconnecting, "Connecting again…", "Culvert connects by itself. Try 1.", "Cancel", Middle, true, true, true, Cancel},
		{"disconnecting", api.Status{State: api.Disconnecting}, old, Disconnecting, "Disconnecting…", "Closing the line in order", "", Middle, true, false, true, NoAction},
		{"failed", api.Status{State: api.Disconnected, Profile: ours, Failure: refused}, old, Failed, "Could not connect", "Stopped at step 7 of 9: signing in", "Connect", Left, false, true, false, Connect},
		{"lost", api.Status{State: api.Disconnected, Profile: ours, Failure: lost}, old, Failed, "Connection lost", "It was up, and ended by itself.", "Connect", Left, false, true, false, Connect},
		{"failed outside", api.Status{State: api.Disconnected, Profile: ours, Failure: &api.FailureEvent{Code: api.SecretMissing}}, old, Failed, "Could not connect", "Stopped before the first step", "Connect", Left, false, true, false, Connect},
		{"blocked", api.Status{State: api.Blocked}, old, Blocked, "Traffic is blocked", "Nothing leaves this computer until the VPN is back.", "Connect", Left, false, true, false, Connect},
		{"of a later version", api.Status{State: "x"}, old, Unknown, "No word from the helper", "Culvert keeps asking.", "", Left, false, false, true, NoAction},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.Panel(heard(c.status), office(), c.history, noon)
			label := got.Toggle.Label
			got.Toggle.Label = ""
			want := StatePanel{Kind: c.kind, Title: c.title, Sentence: c.sentence, Toggle: Toggle{On: c.on, Thumb: c.thumb, Turning: c.turning, Enabled: c.enabled, Verb: c.verb, Does: c.does}}
			if second := got.Second; (second != nil) != (c.kind == Blocked) || second != nil && (second.Text != "Allow traffic without VPN" || second.Does != AllowTraffic) {
				t.Errorf("second button %+v", second)
			}
			got.Second = nil
			if got != want || label == "" {
				t.Errorf("Panel = %+v\nwant    %+v", got, want)
			}
		})
	}
	if got := w.Panel(heard(api.Status{State: api.Disconnected}), office(), History{}, noon).Toggle.Label; got != "Connect Office, off" {
		t.Errorf("label %q", got)
	}
}

// Two seconds without a word are enough not to know, and to have drawn that.
func TestSilence(t *testing.T) {
	m := heard(api.Status{State: api.Connected})
	for _, c := range []struct {
		after time.Duration
		want  Kind
	}{{0, Connected}, {Silence, Connected}, {Silence + 1, Unknown}} {
		if got := m.Kind(noon.Add(c.after)); got != c.want {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
	m.Alive(noon.Add(time.Minute))
	if got := m.Kind(noon.Add(time.Minute + time.Second)); got != Connected {
		t.Errorf("it answers again: %v", got)
	}
	m.Lost(api.HelperNotRunning)
	if got := m.Kind(noon.Add(time.Minute)); got != Unknown {
		t.Errorf("it is not there: %v", got)
	}
	if got := (&Model{}).Kind(noon); got != Unknown {
		t.Errorf("nothing was heard yet: %v", got)
	}
}

// The toggle shows what was wished before the helper says anything.
func TestWish(t *testing.T) {
	w := english(t)
	other := api.ProfileName{ID: "other", Name: "Home lab"}
	m := heard(api.Status{State: api.Disconnected, Profile: other})
	m.Want(noon, WantConnected, nameOf(office()))
	if s := w.Panel(m, office(), History{}, noon); s.Kind != Connecting || s.Sentence != "Asking the helper" || s.Toggle.Does != Cancel {
		t.Errorf("wished: %+v", s)
	}
	later := noon.Add(time.Minute)
	m.Alive(later)
	if k := m.Kind(later); k != Connecting { // a keychain asks for its password
		t.Errorf("not sent yet: %v", k)
	}
	m.Asked(later)
	m.Hear(later, api.Status{State: api.Disconnected, Profile: other}) // of before
	if k := m.Kind(later); k != Connecting {
		t.Errorf("an old state: %v", k)
	}
	m.Hear(later, api.Status{State: api.Waiting, Profile: nameOf(office())})
	if k := m.Kind(later); k != Waiting || m.Wish != (Wish{}) {
		t.Errorf("granted: %v, %+v", k, m.Wish)
	}
	m.Want(later, WantDisconnected, nameOf(office()))
	if k := m.Kind(later); k != Disconnecting {
		t.Errorf("cancelled: %v", k)
	}
	m.Asked(later)
	m.Alive(later.Add(6 * time.Second))
	if k := m.Kind(later.Add(6 * time.Second)); k != Waiting {
		t.Errorf("a request without effect: %v", k)
	}
}

// A try that fails at once ends the wish as well.
func TestWishFails(t *testing.T) {
	m := heard(api.Status{State: api.Disconnected})
	m.Want(noon, WantConnected, nameOf(office()))
	m.Asked(noon)
	m.Hear(noon, api.Status{State: api.Disconnected, Profile: nameOf(office()), Failure: &api.FailureEvent{Code: failure.DNSNotFound, Stage: failure.Resolve}})
	if k := m.KindOf(office().ID, noon); k != Failed {
		t.Errorf("%v, want Failed", k)
	}
	m.Want(noon, WantConnected, nameOf(office()))
	m.Refused(api.KeychainUnavailable, "locked")
	if k, f := m.KindOf(office().ID, noon), m.Failure(); k != Failed || f.Code != api.KeychainUnavailable {
		t.Errorf("refused: %v, %+v", k, f)
	}
	m.Want(noon, WantConnected, nameOf(office()))
	m.Refused("")
	if f := m.Failure(); f == nil || f.Code != failure.DNSNotFound {
		t.Errorf("given up: %+v", f)
	}
	m.Hear(noon, api.Status{State: api.Connecting, Profile: nameOf(office())})
	if k := m.Kind(noon); k != Connecting {
		t.Errorf("connecting: %v", k)
	}
}

// Another profile than the connected one is not connected, and comes second.
func TestOtherProfile(t *testing.T) {
	w := english(t)
	home := office()
	home.ID, home.Name = "home", "Home lab"
	m := heard(api.Status{State: api.Connected})
	if s := w.Panel(m, home, History{HintsShown: 3}, noon); s.Kind != Disconnected || s.Sentence != "Never connected yet." {
		t.Errorf("another one: %+v", s)
	}
	if p, ask := m.Replaces("home", noon); !ask || p.Name != "Office" {
		t.Errorf("Replaces = %v, %t", p, ask)
	}
	if _, ask := m.Replaces(office().ID, noon); ask {
		t.Error("a profile is in its own way")
	}
	if _, ask := heard(api.Status{State: api.Disconnecting}).Replaces("home", noon); ask {
		t.Error("one that ends is in the way")
	}
	if got := w.SwitchQuestion("Office", "Home lab"); got != (Switch{Question: "Disconnect Office and connect Home lab?", Yes: "Disconnect and connect", No: "Keep Office"}) {
		t.Errorf("SwitchQuestion = %+v", got)
	}
	if s := w.Panel(heard(api.Status{State: api.Blocked}), home, History{}, noon); s.Kind != Blocked {
		t.Errorf("blocked for everybody: %+v", s)
	}
}

// Stages come by themselves; an engine that tries otherwise goes back.
func TestStageEvents(t *testing.T) {
	m := heard(api.Status{State: api.Connecting})
	ms := int64(12)
	for _, e := range []api.StageEvent{{Stage: failure.Resolve, State: api.Started}, {Stage: failure.Resolve, State: api.Done, MS: &ms}, {Stage: failure.Phase1, State: api.Started},
		{Stage: failure.Phase2, State: api.Started}} {
		m.Hear(noon, e)
	}
	if got := m.current(noon); got != failure.Phase2 || len(m.Status.Stages) != 3 {
		t.Errorf("at %v of %d", got, len(m.Status.Stages))
	}
	m.Hear(noon.Add(time.Second), api.StageEvent{Stage: failure.Resolve, State: api.Done, MS: &ms})
	if got := m.Status.Stages; len(got) != 1 || !got[0].Started.Equal(noon) {
		t.Errorf("back at the first: %+v", got)
	}
}

func TestTimes(t *testing.T) {
	w := english(t)
	for _, c := range []struct{ got, want string }{
		{w.Took(12 * time.Millisecond), "12\u00a0ms"}, {w.Took(2449 * time.Millisecond), "2.4\u00a0s"}, {w.Took(999 * time.Millisecond), "999\u00a0ms"},
		{w.Took(125 * time.Second), "125\u00a0s"}, {w.Lasted(45 * time.Second), "45\u00a0s"}, {w.Lasted(12 * time.Minute), "12\u00a0min"},
		{w.Lasted(5040 * time.Second), "1\u00a0h 24\u00a0min"}, {w.Lasted(76 * time.Hour), "3\u00a0d 4\u00a0h"}, {w.Lasted(-time.Second), "0\u00a0s"},
		{w.LastConnected(noon.Add(-13*time.Hour), noon), "Last connected yesterday, 23:00."}, {w.LastConnected(noon.Add(-time.Hour), noon), "Last connected today, 11:00."},
		{w.LastConnected(noon.Add(-72*time.Hour), noon), "Last connected on 19 November 2026, 12:00."},
		{NewWords(read(t, "de")).LastConnected(noon.Add(-72*time.Hour), noon), "Zuletzt verbunden am 19.11.2026, 12:00."},
		{NewWords(read(t, "ja")).Lasted(5040 * time.Second), "1\u00a0時間 24\u00a0分"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	// The day is that of the place where it is looked at, also over a change of clocks.
	if berlin, err := time.LoadLocation("Europe/Berlin"); err == nil {
		now := time.Date(2026, 10, 26, 0, 30, 0, 0, berlin)
		if got := day(time.Date(2026, 10, 24, 22, 30, 0, 0, time.UTC), now); got != "yesterday" {
			t.Errorf("after the clocks changed: %s", got)
		}
	}
}

func TestAmounts(t *testing.T) {
	en, de, fr := english(t), NewWords(read(t, "de")), NewWords(read(t, "fr"))
	for _, c := range []struct{ got, want string }{
		{en.Bytes(0), "0\u00a0B"}, {en.Bytes(999), "999\u00a0B"}, {en.Bytes(1000), "1.00\u00a0kB"}, {en.Bytes(87300000), "87.3\u00a0MB"}, {en.Bytes(1240000000), "1.24\u00a0GB"},
		{en.Bytes(9950000), "9.95\u00a0MB"}, {en.Bytes(9996000), "10.0\u00a0MB"}, {en.Bytes(999999), "1.00\u00a0MB"}, {en.Bytes(99960000), "100\u00a0MB"}, {en.Bytes(1 << 63), "9223372\u00a0TB"},
		{de.Bytes(1240000000), "1,24\u00a0GB"}, {fr.Bytes(1240000000), "1,24\u00a0Go"},
		{en.Rate(21400000), "21.4\u00a0Mbit/s"}, {en.Rate(1600000), "1.6\u00a0Mbit/s"}, {en.Rate(640000), "640\u00a0kbit/s"}, {en.Rate(0), "0\u00a0kbit/s"},
		{en.Rate(3200), "3.2\u00a0kbit/s"}, {en.Rate(999600), "1.0\u00a0Mbit/s"}, {en.Rate(2.5e9), "2.5\u00a0Gbit/s"}, {en.Rate(450e6), "450\u00a0Mbit/s"},
		{de.Rate(21400000), "21,4\u00a0Mbit/s"},
		{en.whole(1400), "1400"}, {en.whole(14000), "14,000"}, {de.whole(1234567), "1.234.567"}, {en.whole(-3), "−3"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
