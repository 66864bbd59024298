// Package stack composes IKE, ESP, L2TP and PPP into one connection, at either
// end, without any I/O: datagrams and the time go in, datagrams and events come
// out.
//
//	           Handle                              HandleL2TP (opened by the data plane)
//	             |                                      |
//	500, 4500 ---+--- ESP --- dataplane.Path.Open ------+
//	   |                          | IP: Data            |
//	ike.Conn                      v               l2tp.Conn --- ppp.Conn
//	   | ChildUp, ChildUse        |                     | SessionUp  | NetworkUp
//	   +--------------------------+---> publish <-------+------------+
//	                                    Path
package stack

import (
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// From the specification.
const (
	portL2TP = 1701 // RFC 2661, 8.1
)

// Ours.
const (
	// What IPv4 and IPv6 put in front of UDP.
	ipv4Header, ipv6Header, udpHeader = 20, 40, 8
	defaultPathMTU                    = 1500
	// Fits 1,500 octets with every suite, and is what other clients use.
	defaultMRU = 1400
	// However little the path is said to carry: what PPP needs, and IPv4 allows.
	leastMTU = 128
	// Room for any L2TP control message and PPP frame with all that goes around
	// it. A gateway has one such buffer a client.
	controlSize = 4096
	// A PPP peer that does not answer our Terminate-Request for so long is not
	// waited for: L2TP's own end says the same.
	terminateWait = 500 * time.Millisecond
	// L2TP's orderly end, its repeats included.
	stopWait = 3 * time.Second
	// The first SCCRQ waits so long for the gateway's kernel to take the SAs.
	// strongSwan loses what comes in the first 5 ms. Libreswan has the inbound
	// SA before and the outbound one after the last message of Quick Mode:
	// xl2tpd's answer is lost in between, and it repeats that after a second.
	settleTime = 15 * time.Millisecond
	// SoftEther answers our StopCCN with its own and repeats it until it is
	// acknowledged; a new tunnel before that would hang it.
	lingerWait = 100 * time.Millisecond
	// SoftEther's name for itself in L2TP. Asked for IPV6CP it passes on no packet
	// for four to nine seconds, IPv4 neither, while it looks for a router in its
	// network; it never asks for it itself. Asked for the address of a connection
	// that broke, it has its DHCP server answer the dead one: five seconds, or never.
	vendorSoftEther = "L2TP"
	// How long a gateway has to answer after an ICMP message said that it is not
	// there: as long as after a refusal in clear.
	unreachableGrace = 2 * time.Second
	// While a new SA pair waits for its first packet, LastSeen is looked at so
	// often.
	switchPoll = 10 * time.Millisecond
)

// phase is where the connection stands.
type phase uint8

const (
	idle      phase = iota
	running         // from Start on
	parting         // PPP's orderly end
	stopping        // L2TP's orderly end
	lingering       // L2TP's last acknowledgements
	ended
)

// child is one pair of ESP SAs.
type child struct {
	ike.Child
	in  *esp.Inbound
	out *esp.Outbound
}

// Conn is one connection. Its methods are for one goroutine, but for Path.
type Conn struct {
	cfg   Config
	phase phase
	stage failure.Stage // the one in work; Connected once the network is up

	ike  *ike.Conn
	l2tp *l2tp.Conn
	ppp  *ppp.Conn

	children   []child
	current    uint32 // inbound SPI of the child that sends
	rekeyAsked uint32 // inbound SPI of the child that a new one was asked for in place of
	tunnel     l2tp.TunnelUp
	session    l2tp.SessionUp
	link       ppp.LinkUp
	network    Network
	netUp      bool
	net6Up     bool
	innerPort  uint16 // ours
	remotePort uint16 // the peer's inner UDP port
	peer       netip.AddrPort
	path       *dataplane.Path
	counters   dataplane.Counters
	fed        int64            // counters' LastTx, as the machines were told
	fedPackets uint64           // and TxPackets
	failed     *failure.Failure // why the connection is being ended
	giveUpAt   time.Time        // of parting and stopping
	callAt     time.Time        // when the first SCCRQ is due

	answered      bool             // the peer has said something that was answered
	unreachable   *failure.Failure // what the network says of the gateway
	unreachableAt time.Time        // when that is believed

	ikeDown     bool
	scratchIKE  ike.Output
	scratchL2TP l2tp.Output
	scratchPPP  ppp.Output
	one         [1]*packet.Buffer
}

// New prepares a connection; nothing is sent before Start.
func New(cfg Config) *Conn {
	if cfg.PathMTU == 0 {
		cfg.PathMTU = defaultPathMTU
	}
	c := &Conn{cfg: cfg, innerPort: portL2TP, remotePort: portL2TP, peer: cfg.Remote}
	if cfg.Role == Client && cfg.InnerPort != 0 {
		c.innerPort = cfg.InnerPort
	}
	c.one[0] = packet.New(controlSize)
	if cfg.IPsec {
		k := cfg.IKE
		k.Rand, k.Local, k.Remote, k.InnerPort = cfg.Rand, cfg.Local, cfg.Remote, c.innerPort
		k.Role = ike.Initiator
		if cfg.Role == Gateway {
			k.Role = ike.Responder
		}
		c.ike = ike.New(k)
	}
	return c
}

// Path is how data travels now: nil before there is any way.
func (c *Conn) Path() *dataplane.Path { return c.path }

// Counters are the connection's; they may be read at any time.
func (c *Conn) Counters() *dataplane.Counters { return &c.counters }

// Cookies are the IKE SAs that the connection has or is making, for a gateway
// that looks for the connection a message belongs to.
func (c *Conn) Cookies() []ike.CookiePair {
	if c.ike == nil {
		return nil
	}
	return c.ike.Cookies()
}

// Start opens the connection: the client speaks, the gateway listens.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.phase != idle {
		return
	}
	c.phase = running
	if c.ike == nil {
		c.publish(out)
		c.startTunnel(now, out)
		return
	}
	c.enter(failure.Phase1, out)
	c.ike.Start(now, &c.scratchIKE)
	c.fromIKE(now, out)
}

// Handle takes one datagram from the wire. What does not belong to the
// connection is dropped.
func (c *Conn) Handle(now time.Time, d Datagram, out *Output) {
	if c.phase == idle || c.phase == ended {
		return
	}
	switch d.Via {
	case Port500:
		c.handleIKE(now, ike.Port500, d, out)
	case Port4500:
		switch class, _ := esp.Classify(d.Data); class {
		case esp.ClassIKE:
			c.handleIKE(now, ike.Port4500, d, out)
		case esp.ClassESP:
			c.handleSealed(now, d, out)
		}
	case ProtoESP, Port1701:
		c.handleSealed(now, d, out)
	}
}

func (c *Conn) handleIKE(now time.Time, port ike.Port, d Datagram, out *Output) {
	if c.ike == nil || c.ikeDown {
		return
	}
	c.feed()
	c.ike.Handle(now, ike.Packet{From: d.Peer, Port: port, Data: d.Data}, &c.scratchIKE)
	if len(c.scratchIKE.Datagrams) > 0 {
		c.heard()
	}
	c.fromIKE(now, out)
}

// handleSealed opens a single datagram: a connection without a data plane of
// its own lives on this.
func (c *Conn) handleSealed(now time.Time, d Datagram, out *Output) {
	if c.path == nil || !c.one[0].Set(d.Data) {
		return
	}
	b := c.one[0]
	b.Peer = d.Peer
	var control []byte
	var from uint16
	c.path.Open(now, c.one[:], func(msg []byte, port uint16) {
		control, from = append([]byte(nil), msg...), port
	})
	if control != nil {
		c.HandleL2TP(now, control, from, out)
	} else if b.Len() > 0 {
		out.emit(Data{append([]byte(nil), b.Bytes()...)})
	}
}

// HandleL2TP takes one L2TP packet that the data plane has opened: a control
// message, or data that is not IP. from is the peer's inner UDP port.
func (c *Conn) HandleL2TP(now time.Time, msg []byte, from uint16, out *Output) {
	if c.phase == idle || c.phase == ended {
		return
	}
	c.feed()
	if !l2tp.IsControl(msg) {
		c.handleFrame(now, msg, out)
		return
	}
	c.handleControl(now, msg, from, out)
}

// handleFrame gives a PPP frame in an L2TP data message to PPP.
func (c *Conn) handleFrame(now time.Time, msg []byte, out *Output) {
	h, frame, err := l2tp.ParseData(msg)
	if err != nil || c.ppp == nil || h.Tunnel != c.session.LocalTunnel || h.Session != c.session.LocalSession {
		return
	}
	c.ppp.Handle(now, frame, &c.scratchPPP)
	c.fromPPP(now, out)
}

// Answer gives the gateway what Question asked for; code is borrowed. It says
// whether there was anything to answer.
func (c *Conn) Answer(now time.Time, code secret.Secret, out *Output) bool {
	if c.phase != running || c.ppp == nil {
		return false
	}
	answered := c.ppp.Answer(now, code, &c.scratchPPP)
	c.fromPPP(now, out)
	return answered
}

// Advance does what is due.
func (c *Conn) Advance(now time.Time, out *Output) {
	if c.phase == idle || c.phase == ended {
		return
	}
	c.feed()
	if to := c.counters.Moved.Swap(nil); to != nil && c.ike != nil && c.cfg.Role == Gateway {
		c.ike.Moved(*to)
		c.follow(out)
	}
	if c.ike != nil && !c.ikeDown {
		if ch := c.sending(); ch != nil && ch.out.Soft() {
			c.renewChild(now, ch)
		}
		c.ike.Advance(now, &c.scratchIKE)
		c.fromIKE(now, out)
	}
	if !c.callAt.IsZero() && !now.Before(c.callAt) && c.phase == running {
		c.callTunnel(now, out)
	}
	if c.l2tp != nil && c.phase != ended {
		c.l2tp.Advance(now, &c.scratchL2TP)
		c.fromL2TP(now, out)
	}
	if c.ppp != nil && c.phase != ended {
		c.ppp.Advance(now, &c.scratchPPP)
		c.fromPPP(now, out)
	}
	if !c.giveUpAt.IsZero() && !now.Before(c.giveUpAt) {
		c.nextPart(now, out)
	}
	if !c.unreachableAt.IsZero() && !now.Before(c.unreachableAt) {
		c.fail(now, c.unreachable, out)
	}
}

// renewChild asks once for another child in place of the one that sends.
func (c *Conn) renewChild(now time.Time, ch *child) {
	if c.rekeyAsked != ch.In {
		c.rekeyAsked = ch.In
		c.ike.RekeyChild(now, &c.scratchIKE)
	}
}

// silent is told when the peer has left an echo unanswered. Dead peer detection
// asks for IKE only: the gateway may have lost the child, without a word, and
// live on.
func (c *Conn) silent(now time.Time, out *Output) {
	ch := c.sending()
	if ch == nil || c.ikeDown || c.phase != running || c.cfg.Role != Client {
		return
	}
	c.renewChild(now, ch)
	c.fromIKE(now, out)
}

// Deadline is when Advance has something to do; zero when nothing is pending.
func (c *Conn) Deadline() time.Time {
	if c.phase == idle || c.phase == ended {
		return time.Time{}
	}
	d := c.giveUpAt
	earliest := func(t time.Time) {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	earliest(c.unreachableAt)
	if c.phase == running {
		earliest(c.callAt)
	}
	if c.ike != nil && !c.ikeDown {
		earliest(c.ike.Deadline())
	}
	if c.l2tp != nil {
		earliest(c.l2tp.Deadline())
	}
	if c.ppp != nil {
		earliest(c.ppp.Deadline())
	}
	return d
}

// Polling is how often Advance should be called at least while the data plane
// runs: zero when Deadline is enough. A new pair of SAs is used for sending as
// soon as the peer is seen to use it.
func (c *Conn) Polling() time.Duration {
	if n := len(c.children); n > 1 && c.children[n-1].In != c.current {
		return switchPoll
	}
	return 0
}

// AwaitsData says that Advance should be called as soon as the data plane has sent
// something, once: Deadline alone does not know of it.
func (c *Conn) AwaitsData() bool {
	return c.ike != nil && !c.ikeDown && c.netUp && c.ike.AwaitsData()
}

// DataSent says that the data plane has sent something since Advance was called
// last.
func (c *Conn) DataSent() bool { return c.counters.TxPackets.Load() != c.fedPackets }

// feed tells the machines when the data plane last heard from the peer and last
// sent, so that none of them asks for a sign of life that is already there.
func (c *Conn) feed() {
	var last time.Time
	for _, ch := range c.children {
		seen := ch.in.LastSeen()
		if seen.IsZero() {
			continue
		}
		c.ike.Saw(ch.In, seen)
		if seen.After(last) {
			last = seen
		}
	}
	if ns := c.counters.LastRx.Load(); c.ike == nil && ns != 0 {
		last = time.Unix(0, ns)
	}
	if ns := c.counters.LastTx.Load(); c.ike != nil && ns != c.fed {
		// IP: for the answers to their own messages L2TP and PPP wait themselves.
		n := c.counters.TxPackets.Load()
		c.ike.Sent(time.Unix(0, ns), n != c.fedPackets)
		c.fed, c.fedPackets = ns, n
	}
	if last.IsZero() {
		return
	}
	if c.l2tp != nil {
		c.l2tp.Saw(last)
	}
	if c.ppp != nil {
		c.ppp.Saw(last)
	}
}

// Probe asks the peer for a sign of life now: after a hint that it restarted,
// or after the machine slept.
func (c *Conn) Probe(now time.Time, out *Output) {
	if c.phase != running || c.ike == nil {
		return
	}
	c.ike.Probe(now, &c.scratchIKE)
	c.fromIKE(now, out)
}

// enter starts a stage; done ends the one in work and starts the next.
func (c *Conn) enter(s failure.Stage, out *Output) {
	c.stage = s
	out.emit(StageStarted{s})
}

func (c *Conn) done(next failure.Stage, out *Output, detail ...Detail) {
	out.emit(StageDone{c.stage, detail})
	c.enter(next, out)
}
