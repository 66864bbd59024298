// Package ppp is the Point-to-Point Protocol as L2TP carries it: the option
// negotiation automaton of RFC 1661 for LCP, IPCP and IPV6CP, the
// authentication by PAP, CHAP-MD5, MS-CHAPv2 and EAP, and the phases of the link;
// for the client and for the server. It is a machine without I/O: time comes
// in as a parameter, randomness from the configuration.
package ppp

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/secret"
)

// Ours.
const (
	defaultAuthTimeout  = 90 * time.Second // a person finds a phone and approves
	defaultEchoFailures = 4
	echoGrace           = 3 * time.Second // until Unanswered is emitted
)

// Config is what a link is to be. It is not changed, and must not be.
type Config struct {
	Server bool         // we demand authentication and hand out the address
	Rand   io.Reader    // must not fail: crypto/rand.Reader
	MRU    uint16       // octets of information we take; zero: 1400
	Auth   []AuthMethod // client: what may be used, best first; server: what is demanded, in that order; none: nothing

	User     string        // client: as sent, with its domain
	Password secret.Secret // client: UTF-8
	Widened  bool          // client: begin with the octet-widened password (Error.TryWidened)
	Name     string        // server: its name in challenges
	// EAP is where EAP comes among the methods of a client. EAPForms also allows,
	// right behind each of Auth, the same within EAP: MS-CHAPv2 as EAP-MSCHAPv2,
	// CHAP-MD5 as EAP-MD5, PAP as EAP-GTC, none of which tells the peer more.
	EAP      EAPUse
	EAPForms bool
	// Lookup gives the password of a user to the server. It must be pure.
	Lookup func(user string) (secret.Secret, bool)
	// TakesCode says that a user has to give a one-time code as well, for which
	// the server asks with CodePrompt (EAP-GTC, RFC 3748, 5.6): no other method
	// lets the user in then. CheckCode is called once for each code, and only when
	// the password is right. Nil: nobody has one.
	TakesCode  func(user string) bool
	CheckCode  func(now time.Time, user string, code []byte) bool
	CodePrompt string

	Local netip.Addr    // server: its own address; client: the one to ask for, or the zero Addr
	Peer  netip.Addr    // server: the client's address
	DNS   [2]netip.Addr // server: to hand out
	NBNS  [2]netip.Addr // server: to hand out
	// AskNBNS has a client ask for WINS servers. Most gateways have none and say
	// so, which costs a round trip.
	AskNBNS bool
	IPv6    bool // IPV6CP
	// IPv6Waits has a client leave it to the peer to begin with IPV6CP.
	IPv6Waits bool
	// InterfaceID is our interface identifier to ask for; zero: a random one.
	InterfaceID [8]byte

	EchoInterval time.Duration // silence before an LCP echo; zero: no echoes
	EchoFailures int           // echoes without an answer; zero: 4
	AuthTimeout  time.Duration // for the verdict on our answer; zero: 90 s
}

// Conn is one end of a PPP link. It is not safe for concurrent use.
type Conn struct {
	cfg        Config
	phase      Phase
	lcp        lcp
	ipcp       ipcp
	ipv6cp     ipv6cp
	auth       auth
	deadlineAt time.Time     // when LCP must be opened; zero: nothing
	rtt        time.Duration // the least time an answer took; zero: not known
	heard      time.Time     // the last of anything from the peer
	echoSent   time.Time
	echoAt     time.Time // zero: none due
	doubtAt    time.Time // when an echo without an answer is told of
	unanswered int       // echoes
	mppeAt     time.Time // when the peer asked for MPPE last; zero: never
	ipv6Over   bool      // the peer has none
	noRandom   bool
}

// New makes one end of a link. Nothing happens before Start.
func New(cfg Config) *Conn {
	if cfg.MRU == 0 {
		cfg.MRU = defaultMRU
	}
	cfg.MRU = max(cfg.MRU, minMRU)
	if cfg.AuthTimeout <= 0 {
		cfg.AuthTimeout = defaultAuthTimeout
	}
	if cfg.EchoFailures <= 0 {
		cfg.EchoFailures = defaultEchoFailures
	}
	for _, a := range []*netip.Addr{&cfg.Local, &cfg.Peer, &cfg.DNS[0], &cfg.DNS[1], &cfg.NBNS[0], &cfg.NBNS[1]} {
		if *a = a.Unmap(); !a.Is4() {
			*a = netip.Addr{}
		}
	}
	if cfg.EAP == EAPNever {
		cfg.Auth, cfg.EAPForms = withoutEAP(cfg.Auth), false
	}
	c := &Conn{cfg: cfg}
	c.auth.widened = cfg.Widened
	c.lcp.automaton = automaton{conn: c, layer: &c.lcp, protocol: protocolLCP, prompt: true}
	c.ipcp.automaton = automaton{conn: c, layer: &c.ipcp, protocol: protocolIPCP}
	c.ipv6cp.automaton = automaton{conn: c, layer: &c.ipv6cp, protocol: protocolIPv6CP}
	c.lcp.mru = cfg.MRU
	c.ipcp.local = cfg.Local
	c.ipv6cp.local = cfg.InterfaceID
	return c
}

// Start tells that the layer below is up. Our Configure-Request goes out at
// once: SoftEther never sends the first, and pppd's may be lost.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.phase != PhaseDead {
		return
	}
	c.lcp.magic = c.newMagic()
	c.setPhase(PhaseEstablish, out)
	c.heard = now
	c.deadlineAt = now.Add(linkTime)
	c.ipcp.fire(now, onOpen, out)
	if c.cfg.IPv6 {
		c.ipv6cp.fire(now, onOpen, out)
	}
	c.lcp.fire(now, onOpen, out)
	c.lcp.fire(now, onUp, out)
	c.settle(now, out)
}

// Handle takes a frame as L2TP carries it, which it borrows.
func (c *Conn) Handle(now time.Time, frame []byte, out *Output) {
	protocol, info, ok := SplitFrame(frame)
	switch {
	case c.phase == PhaseOver:
		return
	case c.phase == PhaseDead:
		out.emit(Drop{protocol, DropPhase})
		return
	case !ok:
		out.emit(Drop{0, DropMalformed})
		return
	}
	c.heard, c.unanswered = now, 0
	switch protocol {
	case protocolLCP, protocolPAP, protocolCHAP, protocolEAP, protocolIPCP, protocolIPv6CP:
		p, err := parsePacket(info)
		if err != nil {
			out.emit(Drop{protocol, DropMalformed})
			return
		}
		c.dispatch(now, protocol, p, out)
	case ProtocolIPv4, ProtocolIPv6:
		reason := DropData
		if c.phase != PhaseNetwork {
			reason = DropPhase
		}
		out.emit(Drop{protocol, reason})
	default:
		c.unknown(now, protocol, info, out)
	}
	c.settle(now, out)
}

// dispatch lets through what the phase of the link allows (RFC 1661, 3).
func (c *Conn) dispatch(now time.Time, protocol uint16, p packet, out *Output) {
	switch {
	case protocol == protocolLCP:
		end := c.ended(now, p.data) // as it is now: the automaton changes the phase
		c.lcp.receive(now, p, out)
		if p.code == terminateRequest && c.phase != PhaseTerminate {
			c.over(end, out)
		}
	case protocol == protocolPAP || protocol == protocolCHAP || protocol == protocolEAP:
		c.authenticate(now, protocol, p, out)
	case c.phase != PhaseNetwork && !c.verdictLost(now, out):
		out.emit(Drop{protocol, DropPhase})
	case protocol == protocolIPCP:
		c.ipcp.receive(now, p, out)
		if p.code == terminateRequest && !c.ipcp.everUp {
			c.fail(now, &Error{Reason: NoAddress, Text: cleanText(p.data), Detail: "peer ended IPCP"}, out)
		}
	case c.cfg.IPv6:
		c.startIPv6(now, out)
		c.ipv6cp.receive(now, p, out)
	default:
		c.unknown(now, protocol, appendPacket(nil, p), out)
	}
}

// authenticate takes a packet of the method that was agreed on.
func (c *Conn) authenticate(now time.Time, protocol uint16, p packet, out *Output) {
	switch {
	case c.phase != PhaseAuthenticate && c.phase != PhaseNetwork, protocol != c.auth.protocol():
		out.emit(Drop{protocol, DropPhase})
	case protocol == protocolPAP:
		c.receivePAP(now, p, out)
	case protocol == protocolCHAP:
		c.receiveCHAP(now, p, out)
	default:
		c.receiveEAP(now, p, out)
	}
}

// Advance does what is due.
func (c *Conn) Advance(now time.Time, out *Output) {
	if c.phase == PhaseDead || c.phase == PhaseOver {
		return
	}
	c.lcp.advance(now, out)
	if c.phase == PhaseEstablish && due(c.deadlineAt, now) {
		c.fail(now, c.lcp.gaveUp(), out)
	}
	if c.phase == PhaseAuthenticate {
		c.advanceAuth(now, out)
	}
	if c.phase == PhaseNetwork {
		c.ipcp.advance(now, out)
		if c.phase == PhaseNetwork && due(c.ipcp.deadlineAt, now) {
			c.ipcp.exhausted(now, out)
		}
	}
	if c.phase == PhaseNetwork {
		c.ipv6cp.advance(now, out)
		c.advanceEcho(now, out)
	}
	c.settle(now, out)
}

// Deadline is when Advance is wanted next; zero: not at all.
func (c *Conn) Deadline() time.Time {
	var at time.Time
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if c.phase == PhaseDead || c.phase == PhaseOver {
		return at
	}
	earliest(c.lcp.restartAt)
	switch c.phase {
	case PhaseEstablish:
		earliest(c.deadlineAt)
	case PhaseAuthenticate:
		earliest(c.auth.deadlineAt)
		earliest(c.auth.repeatAt)
		earliest(c.auth.waitAt)
	case PhaseNetwork:
		earliest(c.ipcp.restartAt)
		earliest(c.ipcp.deadlineAt)
		earliest(c.ipv6cp.restartAt)
		earliest(c.echoAt)
		earliest(c.doubtAt)
	}
	return at
}

// Close ends the link: Terminate-Request, and Down with a nil error once it
// has been acknowledged, or after two of them, 3 s each.
func (c *Conn) Close(now time.Time, out *Output) {
	switch c.phase {
	case PhaseOver, PhaseTerminate:
		return
	case PhaseDead:
		c.over(nil, out)
		return
	}
	c.setPhase(PhaseTerminate, out)
	c.lcp.fire(now, onClose, out)
	c.settle(now, out)
}

// LowerDown tells that the layer below is gone: the peer ended the L2TP
// session. Down says what that means at this point of the link, as for a
// Terminate-Request.
func (c *Conn) LowerDown(now time.Time, out *Output) {
	if c.phase != PhaseOver {
		c.over(c.ended(now, nil), out)
	}
}

// Saw tells that data arrived from the peer at that time: echoes are sent
// after silence only.
func (c *Conn) Saw(at time.Time) {
	if at.After(c.heard) {
		c.heard = at
	}
}

// SetPeer gives a server the address of its client, in place of that of its
// Config: at the latest when Authenticated has been emitted, or LinkUp where
// nothing is demanded.
func (c *Conn) SetPeer(a netip.Addr) { c.cfg.Peer = a.Unmap() }

// Phase is where the link is.
func (c *Conn) Phase() Phase { return c.phase }

// advanceEcho asks a silent peer whether it is there (RFC 1661, 5.8).
func (c *Conn) advanceEcho(now time.Time, out *Output) {
	if c.phase != PhaseNetwork {
		return
	}
	if due(c.doubtAt, now) {
		c.doubtAt = time.Time{}
		if !c.heard.After(c.echoSent) {
			out.emit(Unanswered{})
		}
	}
	if !due(c.echoAt, now) {
		return
	}
	if c.heard.After(c.echoSent) {
		c.unanswered = 0
		if at := c.heard.Add(c.cfg.EchoInterval); at.After(now) {
			c.echoAt = at
			return
		}
	}
	if c.unanswered >= c.cfg.EchoFailures {
		c.fail(now, &Error{Reason: PeerDead}, out)
		return
	}
	c.unanswered++
	c.echoSent, c.echoAt, c.doubtAt = now, now.Add(c.cfg.EchoInterval), now.Add(echoGrace)
	c.lcp.otherID++
	out.send(protocolLCP, packet{echoRequest, c.lcp.otherID, binary.BigEndian.AppendUint32(nil, c.lcp.ownMagic())})
}

// settle ends what cannot go on without random numbers.
func (c *Conn) settle(now time.Time, out *Output) {
	if c.noRandom && c.phase != PhaseOver {
		c.fail(now, &Error{Reason: NegotiationFailed, Detail: "no random numbers"}, out)
	}
}

// roundTrip learns how long an answer takes. The least is kept: others waited
// for more than the path.
func (c *Conn) roundTrip(d time.Duration) {
	if d > 0 && (c.rtt == 0 || d < c.rtt) {
		c.rtt = d
	}
}

// clip shortens what is sent back to the peer to what it takes (RFC 1661, 5.6).
func (c *Conn) clip(data []byte) []byte {
	mru := int(c.lcp.peer.mru)
	if mru == 0 {
		mru = standardMRU
	}
	return data[:min(len(data), mru-headerLen)]
}

func (c *Conn) random(b []byte) {
	if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
		c.noRandom = true
	}
}

// newMagic is a magic number that is neither zero nor the present one.
func (c *Conn) newMagic() uint32 {
	var b [4]byte
	c.random(b[:])
	magic := binary.BigEndian.Uint32(b[:])
	for magic == 0 || magic == c.lcp.magic {
		magic++
	}
	return magic
}

// newInterfaceID is an interface identifier that is neither zero nor in use
// here, with the bit of a global one off (RFC 5072, 4.1).
func (c *Conn) newInterfaceID() [8]byte {
	var id [8]byte
	c.random(id[:])
	id[0] &^= 2
	for id == ([8]byte{}) || id == c.ipv6cp.local {
		id[7]++
	}
	return id
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }
