package ike

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// errNotRandom is a source of randomness that repeats itself.
var errNotRandom = errors.New("random source repeats itself")

// From the specification: the non-ESP marker (RFC 3948, 2.2).
const markerLen = 4

// state is how far a relation has come.
type state uint8

const (
	stateIdle    state = 0
	stateOpening state = 1 // no ISAKMP SA was authenticated yet
	stateUp      state = 2
	stateClosed  state = 3
)

// Conn is one relation with one peer. It is not safe for concurrent use.
type Conn struct {
	cfg   Config
	state state
	to    netip.AddrPort // the peer's present endpoint, and the port it is reached on
	port  Port

	sas []*ikeSA // oldest first
	run *attempt // our own Main Mode, when there is one

	children []*child // oldest first
	current  *child   // the one that is sent on
	order    int      // numbers children

	spare      *dhKey // made ahead for our first Main Mode
	spareGroup suite.Group

	contactSent     bool // INITIAL-CONTACT
	lastIn, lastOut time.Time
	dpd             dpd
	budget          budget        // the peer's
	again           budget        // ours, for what the peer has deleted
	againAt         time.Time     // when that is made anew
	hintAt          time.Time     // when an unauthenticated hint may cause the next probe
	idleAt          time.Time     // when a responder without any SA ends
	life1, life2    time.Duration // what the gateway was found to let SAs live; 0: not found out
	rekeyAfterwards bool          // the child, once the new ISAKMP SA is there
	refused         *Error        // why this responder refused its peer last
	broken          error         // of the source of randomness
}

// New makes a Conn that waits for Start. It borrows nothing of cfg but its
// lists, its key and its source of randomness.
func New(cfg Config) *Conn {
	c := &Conn{cfg: cfg.withDefaults()}
	c.to = c.cfg.Remote
	if c.cfg.Role == Initiator && len(cfg.Phase1) > 0 && cfg.Rand != nil {
		// Ahead of time, so that MM3 follows MM2 at once. Should it fail, or
		// the peer choose another group, it is made when needed.
		c.spareGroup = cfg.Phase1[0].Group
		c.spare, _ = generateDH(c.spareGroup, cfg.Rand)
	}
	return c
}

// Start begins: the initiator sends its first message, the responder waits.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.state != stateIdle {
		return
	}
	c.state = stateOpening
	c.lastIn, c.lastOut = now, now
	switch {
	case c.cfg.Rand == nil || len(c.cfg.Phase1) == 0 || len(c.cfg.Phase2) == 0 || (c.cfg.Role != Initiator && c.cfg.Role != Responder):
		c.down(&Error{Phase: 1, Reason: Internal, Detail: "config without role, randomness or suites"}, out)
	case c.cfg.Role == Initiator:
		c.startMain(now, false, out)
	default:
		c.idleAt = now.Add(halfOpenTime)
	}
	c.settle(out)
}

// Handle takes a datagram from the peer. It borrows pkt.Data.
func (c *Conn) Handle(now time.Time, pkt Packet, out *Output) {
	if c.state == stateClosed || c.state == stateIdle {
		return
	}
	if pkt.Port == Port4500 {
		if len(pkt.Data) == 1 && pkt.Data[0] == 0xff {
			c.heard(pkt)
			return
		}
		if len(pkt.Data) < markerLen || [markerLen]byte(pkt.Data) != [markerLen]byte{} {
			out.drop(DropNotIKE)
			return
		}
		pkt.Data = pkt.Data[markerLen:]
	}
	c.handle(now, pkt, out, true)
	c.settle(out)
}

// handle takes an ISAKMP message, which may be a fragment of one.
func (c *Conn) handle(now time.Time, pkt Packet, out *Output, mayBeFragment bool) {
	h, err := isakmp.ParseHeader(pkt.Data)
	if err != nil {
		c.notIKE(now, pkt, err)
		out.drop(DropNotIKE)
		return
	}
	m, err := isakmp.Parse(pkt.Data)
	if err != nil {
		out.drop(DropMalformed)
		return
	}
	c.heard(pkt)
	if m.NextPayload == isakmp.PayloadFragmentation && m.Flags&isakmp.FlagEncryption == 0 {
		if !mayBeFragment {
			out.drop(DropMalformed)
			return
		}
		c.handleFragment(now, m, pkt, out)
		return
	}
	switch h.Exchange {
	case isakmp.ExchangeIdentityProtection:
		c.handleMain(now, m, pkt, out)
	case isakmp.ExchangeQuickMode:
		c.handleQuick(now, m, pkt, out)
	case isakmp.ExchangeInformational:
		c.handleInformational(now, m, pkt, out)
	default:
		out.drop(DropUnsupported)
	}
}

// handleFragment keeps a fragment of a message under a known SA.
func (c *Conn) handleFragment(now time.Time, m isakmp.Message, pkt Packet, out *Output) {
	i := slices.IndexFunc(c.sas, func(sa *ikeSA) bool { return sa.is(m.Header) })
	if i < 0 {
		out.drop(DropUnknownCookie)
		return
	}
	msg, reason := c.sas[i].assemble(m.Payloads[0].Body)
	switch {
	case reason != 0:
		out.drop(reason)
	case msg != nil:
		pkt.Data = msg
		c.handle(now, pkt, out, false)
	}
}

// Advance does what is due. Before Deadline it does nothing.
func (c *Conn) Advance(now time.Time, out *Output) {
	if c.state == stateClosed || c.state == stateIdle {
		return
	}
	c.advancePhase1(now, out)
	c.advanceQuick(now, out)
	c.advanceChildren(now, out)
	c.advanceDPD(now, out)
	c.keepalive(now, out)
	if due(c.againAt, now) {
		c.againAt = time.Time{}
		c.lostSA(now, out)
		c.ensureChild(now, out)
	}
	if due(c.idleAt, now) {
		c.endIdle(now, out)
	}
	c.settle(out)
}

// Deadline is when Advance wants to be called, zero for never.
func (c *Conn) Deadline() time.Time {
	var at time.Time
	if c.state == stateClosed || c.state == stateIdle {
		return at
	}
	c.phase1Deadline(&at)
	c.quickDeadline(&at)
	c.childDeadline(&at)
	earliest(&at, c.dpdAt())
	earliest(&at, c.keepaliveAt())
	earliest(&at, c.idleAt)
	earliest(&at, c.againAt)
	return at
}

// Close ends the relation in order: it deletes all SAs at the peer. Nothing is
// waited for, since IKEv1 does not acknowledge a Delete.
func (c *Conn) Close(now time.Time, out *Output) {
	if c.state == stateClosed {
		return
	}
	c.deleteAll(now, out)
	c.down(nil, out)
}

// deleteAll tells the peer that nothing is left of the relation.
func (c *Conn) deleteAll(now time.Time, out *Output) {
	if sa := c.newest(); sa != nil {
		var spis []uint32
		for _, ch := range c.children {
			spis = append(spis, ch.In)
		}
		c.sendDeleteESP(now, sa, spis, out)
		for _, sa := range c.sas {
			if sa.stage == stageUp {
				c.sendDeleteIKE(now, sa, out)
			}
		}
	}
}

// Saw tells that authenticated ESP arrived on the child with this inbound SPI.
// Deadline may have become nearer by it.
func (c *Conn) Saw(spi uint32, at time.Time) {
	if at.After(c.lastIn) {
		c.lastIn = at
	}
	if ch := c.child(spi); ch != nil {
		ch.seen = at
		if !ch.useAt.IsZero() || !ch.confirmed {
			ch.useAt = at // the peer has switched: so may we
		}
	}
}

// Sent tells that data was sent on port 4500: a NAT needs no reminder. With
// awaited, a peer that lives will most likely answer, and Deadline may have become
// nearer.
func (c *Conn) Sent(at time.Time, awaited bool) {
	// A client may sleep for long: no gateway waits for its answers.
	if awaited && c.cfg.Role == Initiator && c.dpd.tries == 0 && at.After(c.lastIn) && !c.unanswered() {
		c.dpd.vain = at
	}
	if at.After(c.lastOut) {
		c.lastOut = at
	}
}

// Moved tells that the peer's authenticated ESP comes from another endpoint
// than before. The Conn sends there from now on.
func (c *Conn) Moved(to netip.AddrPort) {
	if c.state == stateUp && to.IsValid() {
		c.to = to
	}
}

// CookiePair names an ISAKMP SA. Responder is zero until it is known.
type CookiePair struct{ Initiator, Responder isakmp.Cookie }

// Cookies lists the ISAKMP SAs, those in the making among them.
func (c *Conn) Cookies() []CookiePair {
	var list []CookiePair
	for _, sa := range c.sas {
		if p := (CookiePair{sa.ckyI, sa.ckyR}); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// settle turns a failure of the source of randomness into the end.
func (c *Conn) settle(out *Output) {
	if c.broken != nil && c.state != stateClosed {
		c.down(&Error{Phase: 1, Reason: Internal, Detail: c.broken.Error()}, out)
	}
}

// down ends the relation.
func (c *Conn) down(err *Error, out *Output) {
	if c.state == stateClosed {
		return
	}
	for _, ch := range c.children {
		ch.KeyIn, ch.KeyOut = nil, nil // the events' receivers own them
	}
	*c = Conn{state: stateClosed}
	if err == nil {
		out.emit(Down{})
		return
	}
	out.emit(Down{err})
}

// random is n octets from the Config's source. When that fails, the relation
// ends at the end of the call.
func (c *Conn) random(n int) []byte {
	b := make([]byte, n)
	if c.cfg.Rand == nil {
		c.broken = io.ErrUnexpectedEOF
		return b
	}
	if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
		c.broken = fmt.Errorf("random: %w", err)
	}
	return b
}

// send puts messages of an SA on the wire: to where Main Mode has come from,
// afterwards to where the peer is now.
func (c *Conn) send(now time.Time, sa *ikeSA, msgs [][]byte, out *Output) {
	if sa.stage >= stageUp {
		c.sendTo(now, c.to, c.port, msgs, out)
		return
	}
	c.sendTo(now, sa.to, sa.port, msgs, out)
}

func (c *Conn) sendTo(now time.Time, to netip.AddrPort, port Port, msgs [][]byte, out *Output) {
	for _, msg := range msgs {
		var data []byte
		if port == Port4500 {
			data = make([]byte, markerLen, markerLen+len(msg))
			c.lastOut = now
		}
		out.Datagrams = append(out.Datagrams, Datagram{To: to, Port: port, Data: append(data, msg...)})
	}
}

// moved follows the peer to where a fresh authenticated message came from.
func (c *Conn) moved(pkt Packet, out *Output) {
	if c.cfg.Role != Responder || (c.to == pkt.From && c.port == pkt.Port) {
		return
	}
	c.to, c.port = pkt.From, pkt.Port
	out.emit(PeerMoved{To: pkt.From})
}

// newest is the ISAKMP SA for new exchanges: the one established last.
func (c *Conn) newest() *ikeSA {
	for _, sa := range slices.Backward(c.sas) {
		if sa.stage == stageUp {
			return sa
		}
	}
	return nil
}

// removeSA forgets an ISAKMP SA.
func (c *Conn) removeSA(sa *ikeSA) {
	c.sas = slices.DeleteFunc(c.sas, func(have *ikeSA) bool { return have == sa })
}

// endIdle ends a responder that has nothing left.
func (c *Conn) endIdle(now time.Time, out *Output) {
	c.idleAt = time.Time{}
	if c.cfg.Role != Responder || len(c.sas) > 0 || len(c.children) > 0 {
		return
	}
	err := c.refused
	switch {
	case err != nil:
	case c.state == stateUp:
		err = &Error{Phase: 1, Reason: PeerClosed, Detail: "all SAs have expired"}
	default:
		err = &Error{Phase: 1, Reason: NoAnswer, Detail: "peer did not complete Main Mode"}
	}
	c.down(err, out)
}
