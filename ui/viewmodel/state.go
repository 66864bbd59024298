package viewmodel

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
