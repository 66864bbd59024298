// Package l2tp is a Layer Two Tunneling Protocol endpoint (RFC 2661): codec,
// reliable control channel, and the machines of one tunnel with one incoming
// call in it, as LAC (the client) or as LNS (the gateway). It does no I/O.
//
//	LAC                               LNS
//	 | SCCRQ ----------------------->  |  tunnel: wait-ctl-reply, wait-ctl-conn
//	 | <----------------------- SCCRP  |
//	 | SCCCN, ICRQ ----------------->  |  tunnel: established; session: wait-reply
//	 | <------------------------ ICRP  |  session: wait-connect
//	 | ICCN ------------------------>  |  session: established
//	 | <=========== data ===========>  |  not through this package but for the header
//	 | CDN, StopCCN ---------------->  |
package l2tp

import (
	"io"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// Role is which end of the tunnel a Conn is.
type Role uint8

// The roles.
const (
	LAC Role = iota + 1 // the client: opens the tunnel and calls
	LNS                 // the gateway: answers
)

// String is the RFC's name of the role.
func (r Role) String() string {
	switch r {
	case LAC:
		return "LAC"
	case LNS:
		return "LNS"
	}
	return "none"
}

// From the specification.
const (
	defaultHello = 60 * time.Second // RFC 2661, 6.5
	lingerTime   = 31 * time.Second // RFC 2661, 5.7: the full cycle of retransmission
)

// Ours.
const (
	tunnelTime  = 15 * time.Second // a person waits; gateways answer in milliseconds
	sessionTime = 10 * time.Second // likewise
	idleTime    = 60 * time.Second // LNS: a tunnel without session; SoftEther does the same
	closeTime   = 3 * time.Second  // SoftEther has forgotten us by then
	txSpeed     = 100_000_000      // bit/s; there is no line to measure
	vendorName  = "Culvert"        // Vendor Name AVP
	maxHostName = 255              // octets
	anonymous   = "culvert"        // Host Name AVP has at least one octet
	challengeN  = 16               // octets of a Challenge
	allFraming  = framingSync | framingAsync
)

// Config is what a Conn needs to know.
type Config struct {
	Role Role
	Rand io.Reader
	// HostName names this end in the Host Name AVP. xl2tpd can look up the
	// tunnel secret by it.
	HostName string
	// Secret is the tunnel secret: with it the peer must prove that it knows
	// it, too. Nil: no tunnel authentication.
	Secret secret.Secret
	// HideAVPs hides what RFC 2661, 4.3 allows, from the second message on. It
	// needs Secret. SoftEther drops such messages.
	HideAVPs bool
	// HelloInterval: HELLO is sent after so much silence of the peer, data
	// included. Zero: 60 s. Negative: never.
	HelloInterval time.Duration
	// Sequencing: the LAC asks for sequence numbers on all data.
	Sequencing bool
	// FirstRepeat: SCCRQ is repeated after it, then after twice that, and so on
	// up to 8 s. Zero: 30 ms.
	FirstRepeat time.Duration
	// LocalTunnel and LocalSession are the ids to assign, for an owner of many
	// Conns that wants them unique. Zero: random.
	LocalTunnel, LocalSession uint16
}

// Conn is one tunnel with one session (RFC 2661). It is not safe for
// concurrent use.
type Conn struct {
	cfg Config
	ctl control

	tunnel  TunnelState
	session SessionState
	on      MessageType // the peer's message being handled, for transitions

	localTunnel, peerTunnel   uint16
	localSession, peerSession uint16

	challenge  []byte // ours, for which the response has yet to come
	challenged bool   // the peer challenged us and got its response
	serial     uint32 // Call Serial Number
	heardAt    time.Time
	tunnelBy   time.Time // the tunnel must be up
	sessionBy  time.Time // the session must be up
	closeBy    time.Time // the peer must have acknowledged our end
	closedAt   time.Time
	err        error // what Down says when the end is acknowledged
	randFailed bool
	peerUp     TunnelUp
}

// New makes an endpoint. It has no I/O and sends nothing before Start.
func New(cfg Config) *Conn {
	if cfg.HelloInterval == 0 {
		cfg.HelloInterval = defaultHello
	}
	if cfg.FirstRepeat <= 0 {
		cfg.FirstRepeat = sccrqRepeat
	}
	if cfg.HostName == "" {
		cfg.HostName = anonymous
	}
	cfg.HostName = cfg.HostName[:min(len(cfg.HostName), maxHostName)]
	return &Conn{cfg: cfg, tunnel: TunnelIdle, session: SessionIdle, ctl: control{window: defaultWindow, first: setupRepeat}}
}

// Start opens the tunnel (LAC) or begins to listen (LNS). A second Start does
// nothing.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.tunnel != TunnelIdle || c.localTunnel != 0 {
		return
	}
	c.heardAt = now
	c.localTunnel = c.newID(c.cfg.LocalTunnel)
	if c.cfg.Role == LAC {
		c.openTunnel(now, out)
	}
	c.flush(now, out)
}

// Handle takes one L2TP control packet of the peer, which it borrows. What is
// wrong with it is a Drop event.
func (c *Conn) Handle(now time.Time, pkt []byte, out *Output) {
	h, body, err := ParseHeader(pkt)
	if err != nil {
		out.drop(headerDrop(err))
		return
	}
	if c.localTunnel == 0 || c.tunnel == TunnelClosed && now.After(c.closedAt.Add(lingerTime)) {
		out.drop(DropNotOpen)
		return
	}
	if reason := c.admit(h, body, out); reason != 0 {
		out.drop(reason)
		return
	}
	// With tunnel id 0 the peer has heard nothing of us yet: its Nr says nothing.
	if h.Tunnel != 0 && !c.ctl.ack(now, h.Nr) {
		out.drop(DropNr)
		return
	}
	c.Saw(now)
	if len(body) > 0 {
		c.sequence(now, h, pkt, body, out)
	}
	c.settle(now, out)
}

func headerDrop(err error) DropReason {
	switch err {
	case ErrNotControl:
		return DropNotControl
	case ErrVersion:
		return DropVersion
	}
	return DropMalformed
}

// sequence puts a message into its order: handles it, keeps it, or answers
// once more that it has been here.
func (c *Conn) sequence(now time.Time, h Header, pkt, body []byte, out *Output) {
	switch c.ctl.place(h.Ns) {
	case orderNext:
		for c.deliver(now, h, body, out) {
			next, ok := c.ctl.next()
			if !ok {
				return
			}
			h, body, _ = ParseHeader(next) // it was read before it was kept
		}
	case orderDuplicate:
		c.ctl.ackDue = true
		if c.settingUp() && now.Sub(c.ctl.lastSent) >= answerRepeat {
			c.ctl.repeat(now, c.peerTunnel, out)
		}
		out.drop(DropDuplicate)
	case orderEarly:
		if c.tunnel == TunnelClosed || !c.ctl.keep(h.Ns, pkt) {
			out.drop(DropEarly)
		}
	case orderBeyond:
		out.drop(DropNs)
	}
}

// deliver handles the message whose turn it is. It is false when the message
// was not taken: the peer will repeat it.
func (c *Conn) deliver(now time.Time, h Header, body []byte, out *Output) bool {
	if len(c.ctl.queue) >= maxBacklog {
		out.drop(DropBusy)
		return false
	}
	m, err := ParseMessage(body, c.cfg.Secret)
	if err != nil {
		out.drop(DropMalformed)
		return false
	}
	c.ctl.nr++
	c.ctl.ackDue = true
	c.on = m.Type
	c.dispatch(now, h, &m, out)
	c.on = 0
	return true
}

// settle ends a Handle: the end that was waited for has come, or answers go out.
func (c *Conn) settle(now time.Time, out *Output) {
	switch {
	case c.tunnel == TunnelClosed:
		c.ctl.acknowledge(c.peerTunnel, out)
		return
	case c.tunnel == TunnelClosing && c.ctl.empty():
		c.finish(now, c.err, out)
		return
	case c.tunnel == TunnelEstablished && c.ctl.empty() && (c.session == SessionEstablished || c.session == SessionIdle):
		c.ctl.first = retransmitFirst // nobody waits any more
	}
	c.flush(now, out)
}

// Advance does what is due at now: repeats, HELLO, giving up. Before Deadline
// it does nothing.
func (c *Conn) Advance(now time.Time, out *Output) {
	if c.tunnel == TunnelClosed {
		return
	}
	if due(c.closeBy, now) {
		c.finish(now, c.err, out)
		return
	}
	if !c.ctl.advance(now, c.peerTunnel, out) {
		c.silent(now, out)
		return
	}
	switch {
	case due(c.tunnelBy, now):
		c.tunnelTimeout(now, out)
	case due(c.sessionBy, now):
		c.sessionTimeout(now, out)
	case due(c.helloAt(), now):
		c.send(&Message{Type: HELLO}, 0)
	}
	c.flush(now, out)
}

// Deadline is when Advance has something to do. Zero: never, as things are.
func (c *Conn) Deadline() time.Time {
	if c.tunnel == TunnelClosed {
		return time.Time{}
	}
	var first time.Time
	for _, t := range [...]time.Time{c.closeBy, c.ctl.retryAt, c.tunnelBy, c.sessionBy, c.helloAt()} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// due: a deadline is set and has come.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// helloAt is when HELLO is due. While something is unacknowledged its repeats
// find a dead peer as well.
func (c *Conn) helloAt() time.Time {
	if c.tunnel != TunnelEstablished || c.cfg.HelloInterval < 0 || !c.ctl.empty() {
		return time.Time{}
	}
	return c.heardAt.Add(c.cfg.HelloInterval)
}

// Saw tells that data of the peer arrived: HELLO is due HelloInterval later.
func (c *Conn) Saw(at time.Time) {
	if at.After(c.heardAt) {
		c.heardAt = at
	}
}

// Close ends session and tunnel with CDN and StopCCN, which carry text. Down
// comes once the peer has acknowledged them, after 3 s at the latest.
func (c *Conn) Close(now time.Time, text string, out *Output) {
	switch c.tunnel {
	case TunnelClosing, TunnelClosed:
		return
	case TunnelIdle:
		c.finish(now, nil, out)
		return
	}
	text = clean([]byte(text))
	// Where the window has no room for both, StopCCN says it all.
	if c.session.open() && len(c.ctl.queue)+2 <= c.ctl.window {
		c.send(&Message{Type: CDN, AssignedSession: c.localSession, Result: cdnAdmin, Text: text}, c.peerSession)
	}
	c.closing(now, stopGeneral, 0, text, nil, out)
	c.flush(now, out)
}

// flush puts what is queued on the wire. A closed Conn has done so.
func (c *Conn) flush(now time.Time, out *Output) {
	if c.tunnel == TunnelClosed {
		return
	}
	if c.randFailed {
		c.finish(now, &Error{Reason: Internal}, out)
		return
	}
	c.ctl.flush(now, c.peerTunnel, out)
}

// send queues a message for the peer's session id, zero for none.
func (c *Conn) send(m *Message, session uint16) {
	var h *hider
	// xl2tpd finds the secret by the Host Name of SCCRQ, too late to open what
	// is hidden in the same message.
	if c.cfg.HideAVPs && len(c.cfg.Secret) > 0 && m.Type != SCCRQ {
		h = &hider{secret: c.cfg.Secret}
		c.random(h.vector[:])
		c.random(h.pad[:])
	}
	c.ctl.push(m.Type, session, m.append(nil, h))
}

// random fills b. Without randomness the Conn ends at the next flush.
func (c *Conn) random(b []byte) {
	if c.cfg.Rand == nil {
		c.randFailed = true
	} else if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
		c.randFailed = true
	}
}

// newID is an id to assign: want, or a random one that is not zero.
func (c *Conn) newID(want uint16) uint16 {
	if want != 0 {
		return want
	}
	var b [2]byte
	for range 16 {
		c.random(b[:])
		if id := uint16(b[0])<<8 | uint16(b[1]); id != 0 && id != c.localSession {
			return id
		}
	}
	return 1 // a source of zeros, in a test
}

// settingUp: the tunnel or its session is on its way up.
func (c *Conn) settingUp() bool {
	switch c.tunnel {
	case TunnelWaitCtlReply, TunnelWaitCtlConn:
		return true
	case TunnelEstablished:
		return c.session == SessionWaitReply || c.session == SessionWaitConnect || c.session == SessionEstablished && c.ctl.first == setupRepeat
	}
	return false
}
