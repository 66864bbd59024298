package viewmodel

import (
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/profile"
)

// Ours.
const (
	// Who asked for a connection is still there for so long.
	handTime = 5 * time.Second
	// flapTime is how often a line that comes and goes is told of.
	flapTime = time.Minute
)

// Note is a notification. Both are free of what Windows' notifications would run.
type Note struct{ Title, Body string }

// Notifier decides what is worth a notification. Its zero value has seen nothing.
type Notifier struct {
	seen    bool
	was     Kind
	profile string
	began   time.Time // of the try at work
	byHand  bool      // a person asked for it
	flap    time.Time // when a lost line was told of last, or that it is back
}

// Next looks at the model after every change of it, and gives what is to be said;
// nil: nothing. p is the profile that the connection is of; nil: it is not known.
// focused says that the window has the focus: whoever looks at it needs no note.
func (n *Notifier) Next(w *Words, m *Model, p *profile.Profile, focused bool, now time.Time) *Note {
	k, id := m.Kind(now), m.Profile(now).ID
	if k == Unknown {
		return nil // what was known before counts
	}
	was, first := n.was, !n.seen
	if k == was && id == n.profile && !first {
		return nil
	}
	n.seen, n.was, n.profile = true, k, id
	switch k {
	case Connecting:
		if !was.Busy() || was == Disconnecting || was == Connected {
			n.began, n.byHand = now, true
		}
	case Reconnecting:
		if was == Connected {
			n.byHand = false
		}
	}
	if first {
		return nil
	}
	note := n.note(w, m, p, was, k, now)
	if note == nil || focused {
		return nil
	}
	note.Title, note.Body = harmless(note.Title), harmless(note.Body)
	return note
}

// note is what a change is told with.
func (n *Notifier) note(w *Words, m *Model, p *profile.Profile, was, k Kind, now time.Time) *Note {
	name := line(m.Profile(now).Name)
	say := func(title, body string) *Note { return &Note{w.with(title, "Name", name), body} }
	switch {
	case k == Connected && n.byHand && now.Sub(n.began) <= handTime:
		return nil
	case k == Connected:
		if !n.byHand && !n.flaps(now) {
			return nil
		}
		return say("note.connected", w.noteThrough(p))
	case k == Waiting && len(m.Status.Ask) > 0:
		return say("note.code", w.count("note.code.body", m.SecondsLeft(now)))
	case k == Waiting:
		return say("note.waiting", w.count("note.waiting.body", m.SecondsLeft(now)))
	case k == Reconnecting && was == Connected:
		if !n.flaps(now) {
			return nil
		}
		body := "note.lost.body"
		if p != nil && p.Routing.KillSwitch {
			body = "note.lost.blocked"
		}
		return say("note.lost", w.Text(body))
	case (k == Failed || k == Blocked) && was.Busy() && was != Disconnecting && m.Failure() != nil:
		title := "note.failed"
		if was == Connected {
			title = "note.lost"
		}
		return say(title, w.Explain(m.Failure().Code, p).Title+w.Text("sentence.end"))
	}
	return nil
}

// flaps says that enough time has passed to tell of the line again.
func (n *Notifier) flaps(now time.Time) bool {
	if !n.flap.IsZero() && now.Sub(n.flap) < flapTime {
		return false
	}
	n.flap = now
	return true
}

// noteThrough is what goes through the VPN from now on.
func (w *Words) noteThrough(p *profile.Profile) string {
	if p != nil && p.Routing.Mode == "split" {
		return w.count("note.connected.split", len(p.Routing.Include))
	}
	return w.Text("note.connected.full")
}

// harmless takes out of a text what PowerShell would run or end a string at: Fyne
// pastes it into a script on Windows, and a profile's name is somebody's text.
var harmlessly = strings.NewReplacer(`"`, "'", "“", "'", "”", "'", "„", "'", "‟", "'", "«", "'", "»", "'", "`", "'", "$", "＄")

func harmless(s string) string { return harmlessly.Replace(line(s)) }
