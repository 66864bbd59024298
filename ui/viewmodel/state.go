package viewmodel

import (
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// Kind is what a connection looks like: the colour and the shape of a state. Its
// zero value is not to know.
type Kind uint8

// The kinds.
const (
	Unknown Kind = iota // no word from the helper: the colours of Disconnected
	Disconnected
	Connecting
	Waiting
	Connected
	Reconnecting
	Disconnecting
	Failed
	Blocked
)

// Glyph is the arch that stands for a Kind in the tray and in the panel: the
// middle of the name of its file, tray-*.svg.
type Glyph string

// The glyphs.
const (
	GlyphDisconnected Glyph = "disconnected"
	GlyphConnecting   Glyph = "connecting" // also reconnecting and disconnecting
	GlyphWaiting      Glyph = "waiting"
	GlyphConnected    Glyph = "connected"
	GlyphFailed       Glyph = "failed"
	GlyphBlocked      Glyph = "blocked"
)

// Action is what a button, a link, a key or an item of a menu is for.
type Action string

// The actions on the connection.
const (
	NoAction     Action = ""
	Connect      Action = "connect"
	Cancel       Action = "cancel" // the try at work; the same request as Disconnect
	Disconnect   Action = "disconnect"
	AllowTraffic Action = "allow-traffic" // without the VPN: asks once, then the same request as Disconnect
	SendCode     Action = "send-code"
)

// Thumb is where the thumb of the toggle stands.
type Thumb uint8

// The places.
const (
	Left Thumb = iota
	Middle
	Right
)

// Toggle is the one thing to do.
type Toggle struct {
	On      bool // the track has the colour of the state; else only an edge
	Thumb   Thumb
	Turning bool   // the ring turns
	Enabled bool   // it can be pressed
	Verb    string // under it; "" while it does nothing
	Label   string // for who does not see it: "Connect Office, off"
	Does    Action
}

// Button is a button with words.
type Button struct {
	Text string
	Does Action
}

// StatePanel is the panel at the top of a profile's page.
type StatePanel struct {
	Kind     Kind
	Title    string
	Sentence string
	Toggle   Toggle
	Second   *Button // a plain button in the second line; nil: none
}

// Model is all that a window knows of the helper, and what the person wants of it.
// Everything that is drawn is a function of it. It is for one goroutine.
type Model struct {
	Status   api.Status // as it was said last, its stages kept up to date
	StatusAt time.Time  // when it was said
	HeardAt  time.Time  // of the last word of the helper; zero: there was none yet
	// Problem is why the helper cannot be used: api.HelperNotRunning or
	// api.HelperNotAllowed; "": it can.
	Problem api.Code
	Wish    Wish
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
