package stack

import (
	"io"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
)

// Role is which end of the connection this is.
type Role uint8

// The roles.
const (
	Client  Role = iota + 1 // IKE initiator, LAC, PPP client
	Gateway                 // IKE responder, LNS, PPP authenticator
)

// Config is all that a connection needs to know. New fills in the roles and
// the source of randomness of the parts.
type Config struct {
	Role Role
	Rand io.Reader

	// IPsec is false for plain L2TP on UDP 1701.
	IPsec bool
	IKE   ike.Config
	L2TP  l2tp.Config
	PPP   ppp.Config

	// Local and Remote are the outer endpoints as this end sees them: port 500
	// with IPsec, 1701 without.
	Local, Remote netip.AddrPort
	// InnerPort is the client's UDP port inside the SA (RFC 3193).
	InnerPort uint16
	// PathMTU is the largest outer packet, octets; zero means 1500.
	PathMTU int
	// Assign gives the gateway's client its inner address once it has logged in as
	// user: who has not may take none. The zero Addr says that there is none left:
	// the session is refused. Nil: PPP.Peer it is.
	Assign func(user string) netip.Addr
	// Before is the client's inner address of an earlier connection: asked for where
	// PPP.Local asks for none, so that what was open inside goes on. Optional.
	Before netip.Addr
	// MRU is the most that PPP may carry, octets; zero means what fits the path,
	// at most 1400.
	MRU int
}

// Via is how a datagram travels.
type Via uint8

// The ways.
const (
	Port500  Via = iota + 1 // UDP, IKE before the float
	Port4500                // UDP, IKE behind four zero octets, ESP, keepalives (RFC 3948)
	ProtoESP                // IP protocol 50
	Port1701                // UDP, L2TP without IPsec
)

// String is the way's name in logs.
func (v Via) String() string {
	switch v {
	case Port500:
		return "udp/500"
	case Port4500:
		return "udp/4500"
	case ProtoESP:
		return "esp"
	case Port1701:
		return "udp/1701"
	}
	return "none"
}

// Datagram is one datagram on the wire. Peer is where it came from or goes to.
type Datagram struct {
	Via  Via
	Peer netip.AddrPort
	Data []byte
}

// Output is what a call has to say: datagrams to send in order, and events.
type Output struct {
	Datagrams []Datagram
	Events    []Event
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() { o.Datagrams, o.Events = o.Datagrams[:0], o.Events[:0] }

func (o *Output) emit(e Event) { o.Events = append(o.Events, e) }

// Event is something that happened to the connection.
type Event interface{ event() }

// StageStarted says that the connection works on a stage.
type StageStarted struct{ Stage failure.Stage }

// StageDone says that a stage is behind, and what was agreed in it.
type StageDone struct {
	Stage  failure.Stage
	Detail []Detail
}

// DetailMap is Detail without what is empty, by its keys; never nil.
func (e StageDone) DetailMap() map[string]string {
	m := map[string]string{}
	for _, d := range e.Detail {
		if d.Value != "" {
			m[d.Key] = d.Value
		}
	}
	return m
}

// Detail is one thing agreed: a suite, an identifier, an address.
type Detail struct{ Key, Value string }

// Waiting says that the gateway has had the credentials for a while: a person
// may be approving on a phone.
type Waiting struct{ Left time.Duration }

// Question says that the gateway asks a person for something, most likely a code
// that is good once, and waits for Conn.Answer. It comes again for each question;
// a new one takes the place of the last.
type Question struct {
	Prompt string        // the gateway's words: one line of printable text, or nothing
	Left   time.Duration // until it is given up
}

// NetworkUp says that IP may flow.
type NetworkUp struct{ Network Network }

// NetworkDown says that IP may flow no more, though the connection goes on.
type NetworkDown struct{}

// Network6Up says that IPv6 may flow, before or after NetworkUp, and with which
// interface identifiers. What addresses there are the link itself tells.
type Network6Up struct{ LocalID, PeerID [8]byte }

// Network6Down says that IPv6 may flow no more.
type Network6Down struct{}

// PathChanged says that Conn.Path has a new value.
type PathChanged struct{}

// PeerMoved says that the peer's authenticated packets come from elsewhere now.
type PeerMoved struct{ To netip.AddrPort }

// Data is an IP packet that arrived through Handle.
type Data struct{ Packet []byte }

// Trace is an event of one of the parts, for the log.
type Trace struct {
	Part  string // "ike", "l2tp", "ppp"
	Event any
}

// Down is the last event. Failure is nil when Close was asked for.
type Down struct{ Failure *failure.Failure }

func (StageStarted) event() {}
func (StageDone) event()    {}
func (Waiting) event()      {}
func (Question) event()     {}
func (NetworkUp) event()    {}
func (NetworkDown) event()  {}
func (Network6Up) event()   {}
func (Network6Down) event() {}
func (PathChanged) event()  {}
func (PeerMoved) event()    {}
func (Data) event()         {}
func (Trace) event()        {}
func (Down) event()         {}

// Network is what IPCP agreed on.
type Network struct {
	Local, Peer netip.Addr
	DNS, NBNS   []netip.Addr
	MTU         int    // octets of an IP packet
	Suite       string // ESP suite, "none" without IPsec
	User        string // gateway: who is connected
}
