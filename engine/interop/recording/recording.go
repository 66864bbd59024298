// Package recording is a client's connection as it once happened: what it was
// set up with, every call that was made on it and when, and what it did. It is
// made with a real gateway and replayed without one: the same calls have to
// give the same octets. As root, this records all of them anew:
//
//	go test ./engine/interop -run TestRecord -args -record
package recording

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/stack"
)

// epoch is when every recording starts.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Resolution is what the times of calls are multiples of.
const Resolution = time.Microsecond

// Recording is a connection from its start to its end.
type Recording struct {
	Setup Setup
	Calls []Call
}

// Action is what a call does.
type Action string

// The actions. Handle takes a datagram.
const (
	Start   Action = "start"
	Advance Action = "advance"
	Handle  Action = "handle"
	Ping    Action = "ping" // an echo request to Setup.Inside, through the tunnel
	Close   Action = "close"
)

// Call is one call and what came of it.
type Call struct {
	At     time.Duration // since the start
	Action Action
	Via    stack.Via // Handle: how the datagram came
	Data   []byte    // Handle: the datagram

	Sent   []stack.Datagram
	Events []string // what a person may see: a stage that is done, data, the end
}

// same says what of a call came out otherwise than it was recorded.
func (c *Call) same(got Call) error {
	for i := range max(len(c.Sent), len(got.Sent)) {
		switch {
		case i == len(got.Sent):
			return fmt.Errorf("does not send datagram %d over %v, % .40x", i, c.Sent[i].Via, c.Sent[i].Data)
		case i == len(c.Sent):
			return fmt.Errorf("sends one datagram more over %v, % .40x", got.Sent[i].Via, got.Sent[i].Data)
		case got.Sent[i].Via != c.Sent[i].Via || got.Sent[i].Peer != c.Sent[i].Peer:
			return fmt.Errorf("sends datagram %d over %v to %v, not over %v to %v", i, got.Sent[i].Via, got.Sent[i].Peer, c.Sent[i].Via, c.Sent[i].Peer)
		case !bytes.Equal(got.Sent[i].Data, c.Sent[i].Data):
			return fmt.Errorf("sends datagram %d as\n% x\nnot as\n% x", i, got.Sent[i].Data, c.Sent[i].Data)
		}
	}
	// More may be told about a stage than at the time of the recording.
	told := len(got.Events) == len(c.Events)
	for i := 0; told && i < len(c.Events); i++ {
		words := strings.Fields(got.Events[i])
		for _, w := range strings.Fields(c.Events[i]) {
			told = told && slices.Contains(words, w)
		}
	}
	if !told {
		return fmt.Errorf("tells %q, not %q", got.Events, c.Events)
	}
	return nil
}

// Conn is a connection that a recording is made with, or replayed on.
type Conn struct {
	stack *stack.Conn
	setup *Setup
	pings uint16

	// Network is what was agreed on, once it was. Answered is how many of the
	// Pings were answered. Down is the end.
	Network  *stack.Network
	Answered int
	Down     *stack.Down
}

// New makes the connection.
func (s *Setup) New() *Conn { return &Conn{stack: stack.New(s.config()), setup: s} }

// Deadline is when Advance is due; ok is false when nothing is.
func (c *Conn) Deadline() (at time.Duration, ok bool) {
	d := c.stack.Deadline()
	if p := c.stack.Polling(); p > 0 {
		panic("recording: a connection with two pairs of SAs is not recorded")
	}
	return d.Sub(epoch), !d.IsZero()
}

// Do makes a call and fills in what came of it.
func (c *Conn) Do(call *Call) {
	now := epoch.Add(call.At)
	var out stack.Output
	switch call.Action {
	case Start:
		c.stack.Start(now, &out)
	case Advance:
		c.stack.Advance(now, &out)
	case Handle:
		c.stack.Handle(now, stack.Datagram{Via: call.Via, Peer: c.setup.peer(call.Via), Data: call.Data}, &out)
	case Ping:
		c.ping(now, &out)
	case Close:
		c.stack.Close(now, &out)
	default:
		panic("recording: no action " + string(call.Action))
	}
	call.Sent, call.Events = out.Datagrams, nil
	for _, e := range out.Events {
		if text := c.event(e); text != "" {
			call.Events = append(call.Events, text)
		}
	}
}

// event is what a recording says of an event; nothing of most.
func (c *Conn) event(e stack.Event) string {
	switch e := e.(type) {
	case stack.StageDone:
		text := e.Stage.String()
		for _, d := range e.Detail {
			text += fmt.Sprintf(" %s=%q", d.Key, d.Value)
		}
		return text
	case stack.NetworkUp:
		c.Network = &e.Network
	case stack.NetworkDown:
		return "network-down"
	case stack.Data:
		if isAnswer(e.Packet) {
			c.Answered++
		}
		return fmt.Sprintf("data octets=%d", len(e.Packet))
	case stack.Down:
		c.Down = &e
		if e.Failure == nil {
			return "down"
		}
		return fmt.Sprintf("down stage=%v code=%s", e.Failure.Stage, e.Failure.Code)
	}
	return ""
}

// Replay makes the calls on a new connection and says what came out otherwise
// first, or nil.
func (r *Recording) Replay() (*Conn, error) {
	c := r.Setup.New()
	for i := range r.Calls {
		want := &r.Calls[i]
		got := *want
		c.Do(&got)
		if err := want.same(got); err != nil {
			return c, fmt.Errorf("call %d, %s after %v: %w", i, want.Action, want.At, err)
		}
	}
	return c, c.rest(r)
}

// rest does what a recording leaves out: calls behind the last datagram.
func (c *Conn) rest(r *Recording) error {
	for c.Down == nil {
		at, ok := c.Deadline()
		if !ok || at > r.End()+5*time.Second {
			return fmt.Errorf("no end after the last call at %v", r.End())
		}
		call := Call{At: at, Action: Advance}
		if c.Do(&call); len(call.Sent) > 0 {
			return fmt.Errorf("behind the last call, at %v: %w", at, (&Call{}).same(call))
		}
	}
	return nil
}

// End is when the last call was made.
func (r *Recording) End() time.Duration { return r.Calls[len(r.Calls)-1].At }

// peer is where the gateway is by each way.
func (s *Setup) peer(via stack.Via) netip.AddrPort { return netip.AddrPortFrom(s.Remote, ports[via]) }
