package ppp

import (
	"net/netip"
	"time"
)

// Output collects what a call of the machine has to say. The frames belong to
// the caller.
type Output struct {
	Frames [][]byte
	Events []Event
}

// Reset empties the output for its next use.
func (o *Output) Reset() {
	clear(o.Frames)
	clear(o.Events)
	o.Frames, o.Events = o.Frames[:0], o.Events[:0]
}

func (o *Output) emit(e Event) { o.Events = append(o.Events, e) }

func (o *Output) send(protocol uint16, p packet) { o.Frames = append(o.Frames, newFrame(protocol, p)) }

// Event is something the machine has to tell.
type Event interface{ event() }

// LinkUp: LCP is opened.
type LinkUp struct {
	LocalMRU, PeerMRU uint16 // octets of information: what each end takes
	ACFC, PFC         bool   // we may leave out address and control, shorten the protocol
}

// LinkDown: the peer negotiates LCP anew; what was up above it is gone.
type LinkDown struct{}

// Authenticating: the link is up and Method has been agreed.
type Authenticating struct{ Method AuthMethod }

// Waiting: the answer has been sent some seconds ago and there is no verdict
// yet. Perhaps a person is asked to approve. It is emitted once.
type Waiting struct{ Left time.Duration }

// Question: the peer asks for what a person has to say, most likely a code that
// is good once, and waits for Conn.Answer. It comes again for each question; a new
// one takes the place of the last.
type Question struct {
	Prompt string        // the peer's words, cleaned; may be empty
	Left   time.Duration // until it is given up
}

// AuthRetry: the peer refused the first answer and allows another, which has
// been sent: the password in its octet-widened form.
type AuthRetry struct {
	Method AuthMethod
	Code   int    // E=
	Text   string // the peer's message
}

// Authenticated: the user has been let in; for MS-CHAPv2 on the client's side
// the server has proved that it knows the password, too. It comes again after
// each re-authentication.
type Authenticated struct {
	Method  AuthMethod
	User    string // server: who
	Message string // the peer's message, cleaned
}

// NetworkUp: IPCP is opened. What the peer did not tell is missing: Peer may
// be the zero Addr, DNS and NBNS may be empty.
type NetworkUp struct {
	Local, Peer netip.Addr
	DNS, NBNS   []netip.Addr
}

// NetworkDown: IPCP is no longer opened.
type NetworkDown struct{}

// Network6Up: IPV6CP is opened.
type Network6Up struct{ LocalID, PeerID [8]byte }

// Network6Down: IPV6CP is no longer opened.
type Network6Down struct{}

// Unanswered: nothing at all came from the peer for some seconds after an LCP
// echo. It is emitted once for each such echo.
type Unanswered struct{}

// Transition is a change of state of one of the automata, for the log.
type Transition struct {
	Protocol uint16
	From, To State
	On       Trigger
}

// PhaseChange is a change of the link's phase (RFC 1661, 3.2), for the log.
type PhaseChange struct{ From, To Phase }

// Drop: a frame was ignored.
type Drop struct {
	Protocol uint16 // zero when it could not be told
	Reason   DropReason
}

// Down is the end: Err is nil after our own Close, otherwise an *Error. It is
// the last event; the machine does nothing from here on.
type Down struct{ Err error }

func (LinkUp) event()         {}
func (LinkDown) event()       {}
func (Authenticating) event() {}
func (Waiting) event()        {}
func (Question) event()       {}
func (AuthRetry) event()      {}
func (Authenticated) event()  {}
func (NetworkUp) event()      {}
func (NetworkDown) event()    {}
func (Network6Up) event()     {}
func (Network6Down) event()   {}
func (Unanswered) event()     {}
func (Transition) event()     {}
func (PhaseChange) event()    {}
func (Drop) event()           {}
func (Down) event()           {}

// DropReason says why a frame was ignored.
type DropReason uint8

// The reasons.
const (
	DropMalformed  DropReason = iota + 1 // lengths that do not fit
	DropPhase                            // not in this phase of the link (RFC 1661, 3.2)
	DropProtocol                         // a protocol we do not speak
	DropData                             // a network packet: the data plane has those
	DropIdentifier                       // an answer to nothing we asked
	DropMismatch                         // an Ack, Nak or Reject that does not fit the request
	DropState                            // not in this state of the automaton
	DropMagic                            // our own magic number
	DropIgnored                          // meant to be ignored: Discard-Request, Identification, Time-Remaining
)

var dropNames = [...]string{DropMalformed: "malformed", DropPhase: "phase", DropProtocol: "protocol", DropData: "data",
	DropIdentifier: "identifier", DropMismatch: "mismatch", DropState: "state", DropMagic: "magic", DropIgnored: "ignored"}

func (r DropReason) String() string { return name(dropNames[:], int(r)) }

// name is an entry of a table of names, empty ones included.
func name(names []string, i int) string {
	if i < 0 || i >= len(names) || names[i] == "" {
		return "unknown"
	}
	return names[i]
}
