package viewmodel

import (
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
)

// Ours.
const (
	// Silence of the helper for longer is not to know the state. It answers once a
	// second: whoever looks five times in one sees it within two of the last word.
	Silence = 1700 * time.Millisecond
	// A request that has shown no effect for so long has none.
	wishTime = 5 * time.Second
)

// Model is all that a window knows of the helper, and what the person wants of it.
// Everything that is drawn is a function of it. It is for one goroutine. The helper
// speaks only when something changes: who asks for its counters once a second and
// calls Alive knows in two that it is gone.
type Model struct {
	Status   api.Status // as it was said last, its stages kept up to date
	StatusAt time.Time  // when it was said
	HeardAt  time.Time  // of the last word of the helper; zero: there was none yet
	// Problem is why the helper cannot be used: api.HelperNotRunning or
	// api.HelperNotAllowed; "": it can.
	Problem api.Code
	Wish    Wish
	// Own is why a request was not made, or refused: a failure that the helper's
	// Status does not have; nil: none.
	Own *OwnFailure
}

// OwnFailure is a failure of this side.
type OwnFailure struct {
	Profile api.ProfileName
	Event   api.FailureEvent
}

// Want is what a person asked for.
type Want uint8

// The wishes.
const (
	WantNothing Want = iota
	WantConnected
	WantDisconnected
)

// Wish is what the person asked for last and the helper has not said yet.
type Wish struct {
	Want    Want
	Profile api.ProfileName
	At      time.Time
	Sent    time.Time // to the helper; zero: not yet, a keychain may be asking
}

// History is what the desktop remembers of a profile.
type History struct {
	LastConnected time.Time // zero: never
	HintsShown    int       // how often "Press Enter to connect." was shown
}

// Hear takes an event of the helper at the moment it comes.
func (m *Model) Hear(now time.Time, e api.Event) {
	m.HeardAt, m.Problem = now, ""
	switch e := e.(type) {
	case api.Status:
		m.Status, m.StatusAt = e, now
		if m.granted() {
			m.Wish = Wish{}
		}
		if !m.resting() {
			m.Own = nil
		}
	default:
		m.Status.Hear(now, e)
	}
}

// Alive says that the helper has answered, whatever it said.
func (m *Model) Alive(now time.Time) { m.HeardAt, m.Problem = now, "" }

// Lost says that the helper cannot be reached, or not used, for that reason.
func (m *Model) Lost(code api.Code) { m.Problem, m.Wish = code, Wish{} }

// Want notes what the person asks for, which is shown at once. The request follows:
// see Asked and Refused.
func (m *Model) Want(now time.Time, want Want, p api.ProfileName) {
	m.Wish, m.Own = Wish{Want: want, Profile: p, At: now}, nil
}

// Asked says that the request has been sent.
func (m *Model) Asked(now time.Time) { m.Wish.Sent = now }

// Refused says that the request was not sent, or refused, for a reason that is told;
// "": the person gave it up.
func (m *Model) Refused(code api.Code, evidence ...string) {
	if code != "" {
		m.Own = &OwnFailure{m.Wish.Profile, api.FailureEvent{Code: code, Evidence: evidence}}
	}
	m.Wish = Wish{}
}

// Failure is what the state is worse for; nil: nothing.
func (m *Model) Failure() *api.FailureEvent {
	if m.Own != nil {
		return &m.Own.Event
	}
	return m.Status.Failure
}

// resting says that nothing happens by itself.
func (m *Model) resting() bool {
	return m.Status.State == api.Disconnected || m.Status.State == api.Blocked
}

// granted says that the state shows what was wished, or what came of it.
func (m *Model) granted() bool {
	s := m.Status
	resting := m.resting()
	switch m.Wish.Want {
	case WantConnected:
		return s.Profile.ID == m.Wish.Profile.ID && (!resting || s.Failure != nil && !m.Wish.Sent.IsZero())
	case WantDisconnected:
		return resting || s.State == api.Disconnecting
	}
	return false
}

// wish is what the person asked for, as long as it is to be shown.
func (m *Model) wish(now time.Time) Want {
	if !m.Wish.Sent.IsZero() && now.Sub(m.Wish.Sent) > wishTime {
		return WantNothing
	}
	return m.Wish.Want
}

// silent says that nothing is known of the state.
func (m *Model) silent(now time.Time) bool {
	return m.Problem != "" || m.Status.State == "" || now.Sub(m.HeardAt) > Silence
}

// Kind is what the connection looks like, whatever profile it is of.
func (m *Model) Kind(now time.Time) Kind {
	if m.silent(now) {
		return Unknown
	}
	switch m.wish(now) {
	case WantConnected:
		return Connecting
	case WantDisconnected:
		return Disconnecting
	}
	switch m.Status.State {
	case api.Connecting:
		return Connecting
	case api.Waiting:
		return Waiting
	case api.Connected:
		return Connected
	case api.Reconnecting:
		return Reconnecting
	case api.Disconnecting:
		return Disconnecting
	case api.Blocked:
		return Blocked
	case api.Disconnected:
		if m.Failure() != nil {
			return Failed
		}
		return Disconnected
	}
	return Unknown // a state of a later version
}

// Profile is the profile that the connection is of; its zero value: none yet.
func (m *Model) Profile(now time.Time) api.ProfileName {
	if m.wish(now) == WantConnected {
		return m.Wish.Profile
	}
	if m.Own != nil && m.resting() {
		return m.Own.Profile
	}
	return m.Status.Profile
}

// KindOf is what one profile's connection looks like.
func (m *Model) KindOf(id string, now time.Time) Kind {
	if k := m.Kind(now); k == Unknown || m.Profile(now).ID == id {
		return k
	}
	return Disconnected
}

// Busy says that a connection is up, or is being made or ended.
func (k Kind) Busy() bool {
	switch k {
	case Connecting, Waiting, Connected, Reconnecting, Disconnecting:
		return true
	}
	return false
}

// Glyph is the arch of a kind.
func (k Kind) Glyph() Glyph {
	switch k {
	case Connecting, Reconnecting, Disconnecting:
		return GlyphConnecting
	case Waiting:
		return GlyphWaiting
	case Connected:
		return GlyphConnected
	case Failed:
		return GlyphFailed
	case Blocked:
		return GlyphBlocked
	}
	return GlyphDisconnected
}

// current is the stage at work, or the one that was the last.
func (m *Model) current(now time.Time) api.Stage {
	if n := len(m.Status.Stages); n > 0 && m.wish(now) != WantConnected {
		return m.Status.Stages[n-1].Stage
	}
	return failure.Resolve
}

// SecondsLeft is how long a person is still waited for.
func (m *Model) SecondsLeft(now time.Time) int {
	return max(0, m.Status.SecondsLeft-int(now.Sub(m.StatusAt)/time.Second))
}

// Replaces says which connection has to end before that of another profile: ask
// first. The second result is false when there is none in the way.
func (m *Model) Replaces(id string, now time.Time) (api.ProfileName, bool) {
	p := m.Profile(now)
	k := m.Kind(now)
	return p, k.Busy() && k != Disconnecting && p.ID != "" && p.ID != id
}
