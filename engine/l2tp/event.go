package l2tp

// Output is what a Conn wants done. The caller resets it between calls.
type Output struct {
	Packets [][]byte // complete L2TP control packets, owned by the caller
	Events  []Event
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() {
	clear(o.Packets)
	clear(o.Events)
	o.Packets, o.Events = o.Packets[:0], o.Events[:0]
}

func (o *Output) emit(e Event)         { o.Events = append(o.Events, e) }
func (o *Output) drop(r DropReason)    { o.emit(Drop{r}) }
func (o *Output) packet(packet []byte) { o.Packets = append(o.Packets, packet) }

// Event is something a Conn tells its owner.
type Event interface{ event() }

// TunnelUp: the control connection stands (RFC 2661, 5.1).
type TunnelUp struct {
	LocalTunnel, PeerTunnel uint16
	HostName, Vendor        string // the peer's, free of control characters
	Firmware                uint16
	Window                  uint16 // the peer's receive window
	Authenticated           bool   // the peer proved that it knows the tunnel secret
}

// SessionUp: data may flow. The LAC says it as soon as ICCN is in its Output:
// LCP may start in the same breath. The LNS says it when ICCN has come.
type SessionUp struct {
	LocalTunnel, PeerTunnel   uint16
	LocalSession, PeerSession uint16
	// SequencingRequired: all data of this session carries sequence numbers
	// (RFC 2661, 5.4). Without it a LAC sends them while the LNS does.
	SequencingRequired bool
	TxSpeed            uint32 // bit/s as the LAC gave it
}

// SessionDown: the LNS lost its session; the tunnel stands and another session
// may come. The LAC ends with its session and says Down only.
type SessionDown struct{ Err error }

// TunnelTransition and SessionTransition are changes of state, for the log. On
// is the peer's message that made it, zero for our own doing or a deadline.
type TunnelTransition struct {
	From, To TunnelState
	On       MessageType
}

// SessionTransition is the same for the session.
type SessionTransition struct {
	From, To SessionState
	On       MessageType
}

// Drop: a packet, or a message in it, was not used.
type Drop struct{ Reason DropReason }

// Down is the last event. Err is nil after our own Close, else an *Error. The
// Conn may still be given packets: it acknowledges the peer's last words.
type Down struct{ Err error }

func (TunnelUp) event()          {}
func (SessionUp) event()         {}
func (SessionDown) event()       {}
func (TunnelTransition) event()  {}
func (SessionTransition) event() {}
func (Drop) event()              {}
func (Down) event()              {}

// DropReason is why a packet was not used.
type DropReason uint8

// The reasons.
const (
	DropMalformed  DropReason = iota + 1 // header or AVPs
	DropNotControl                       // a data message
	DropVersion                          // not L2TP version 2 (L2F and L2TPv3 are told apart by it)
	DropTunnelID                         // not for this tunnel
	DropSessionID                        // acknowledged, but not for this session
	DropNs                               // beyond the receive window
	DropNr                               // acknowledges what was never sent
	DropDuplicate                        // acknowledged again
	DropEarly                            // out of order, and too large to keep
	DropUnexpected                       // acknowledged, but without meaning in this state
	DropUnknown                          // acknowledged: an optional message of unknown type
	DropBusy                             // the peer takes no answers, so it gets no further ear
	DropNewTunnel                        // LNS: SCCRQ of another tunnel, see IsNewTunnel
	DropCollision                        // LAC: SCCRQ of the peer, refused
	DropNotOpen                          // not started yet, or closed for long
)

var dropNames = [...]string{DropMalformed: "malformed", DropNotControl: "not control", DropVersion: "version",
	DropTunnelID: "tunnel id", DropSessionID: "session id", DropNs: "Ns", DropNr: "Nr", DropDuplicate: "duplicate",
	DropEarly: "early", DropUnexpected: "unexpected", DropUnknown: "unknown message", DropBusy: "busy",
	DropNewTunnel: "new tunnel", DropCollision: "collision", DropNotOpen: "not open"}

// String is the reason in a word or two.
func (r DropReason) String() string {
	if r == 0 || int(r) >= len(dropNames) {
		return "none"
	}
	return dropNames[r]
}
