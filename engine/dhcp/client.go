package dhcp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Ours.
const (
	// The question is asked at 0, 0.5, 1.5, 3.5 and 7.5 s, and given up at
	// 15.5 s. pppd lets nothing through for up to a second after IPCP, and dnsmasq
	// has to learn of the new interface.
	firstWait = 500 * time.Millisecond
	tries     = 5
	// On a gateway that joins its clients to one network, others can answer, too:
	// the gateway has so long to be first.
	precedence = 500 * time.Millisecond
	// Who was asked several times answers several times: for so long that is
	// still ours, and not this computer's.
	lingering = 10 * time.Second
	// maxDatagram is more than any link lets through in one piece.
	maxDatagram = 2048
)

// ErrNoAnswer is a gateway that says nothing, as most do.
var ErrNoAnswer = errors.New("dhcp: no answer")

// Config is what New needs.
type Config struct {
	Local netip.Addr // ours inside, IPv4
	Peer  netip.Addr // the gateway's inside; not valid: not known
	MTU   int        // of the link, octets
	Rand  io.Reader
}

// Output is what a call has to say.
type Output struct {
	Packets [][]byte // IP packets for the gateway
	Events  []Event
}

// Reset empties the output and keeps its memory.
func (o *Output) Reset() { o.Packets, o.Events = o.Packets[:0], o.Events[:0] }

// Event is something that happened.
type Event interface{ event() }

// Learned is the answer. It comes once.
type Learned struct{ Options Options }

// Drop is a packet that was not taken, and why: ErrForeign or ErrMalformed.
type Drop struct{ Reason error }

// Down is the end, and the last event.
type Down struct{ Err error } // nil: there was an answer

func (Learned) event() {}
func (Drop) event()    {}
func (Down) event()    {}

// state is how far the exchange is.
type state uint8

const (
	idle     state = iota
	asking         // repeats the question at deadline
	holding        // has an answer, but not the gateway's own: until deadline
	answered       // takes what comes late, until deadline
	down
)

// Conn asks once. Its methods are for one goroutine.
type Conn struct {
	cfg      Config
	state    state
	xid      uint32
	begun    time.Time
	deadline time.Time
	sent     int     // questions
	held     Options // while holding
}

// New prepares a question.
func New(cfg Config) *Conn { return &Conn{cfg: cfg} }

// XID is what the answers to this question carry: see Answers. It is chosen by
// Start; 0 once the question is over.
func (c *Conn) XID() uint32 {
	if c.state == idle || c.state == down {
		return 0
	}
	return c.xid
}

// Start asks for the first time.
func (c *Conn) Start(now time.Time, out *Output) {
	if c.state != idle {
		return
	}
	var b [4]byte
	for c.xid == 0 { // which is no question
		if _, err := io.ReadFull(c.cfg.Rand, b[:]); err != nil {
			c.end(err, out)
			return
		}
		c.xid = binary.BigEndian.Uint32(b[:])
	}
	c.begun = now
	c.setState(asking, now)
	c.ask(now, out)
}

// setState moves on; the new state has nothing due before at.
func (c *Conn) setState(s state, at time.Time) { c.state, c.deadline = s, at }

// ask sends the question, and says when to do so again.
func (c *Conn) ask(now time.Time, out *Output) {
	c.deadline = now.Add(firstWait << c.sent)
	c.sent++
	d := datagram{netip.AddrPortFrom(c.cfg.Local, portClient), netip.AddrPortFrom(broadcast, portServer), c.inform(now)}
	out.Packets = append(out.Packets, d.packet())
}

// inform is the DHCPINFORM (RFC 2131, 4.4.1 and table 5). There is no hardware
// address on a PPP link, but servers that want one (SoftEther): it is made up of
// the address, which is as unique.
func (c *Conn) inform(now time.Time) []byte {
	local := c.cfg.Local.As4()
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: iana.HWTypeEthernet, ClientHWAddr: append(net.HardwareAddr{0x02, 0}, local[:]...),
		NumSeconds: uint16(now.Sub(c.begun) / time.Second), ClientIPAddr: local[:],
		Options: dhcpv4.OptionsFromList(
			dhcpv4.OptMessageType(dhcpv4.MessageTypeInform),
			// Servers differ in whether the headers count: with them it has to fit
			// the link in one piece.
			dhcpv4.OptMaxMessageSize(uint16(max(minMaxMessage, c.cfg.MTU-overhead))),
			dhcpv4.OptParameterRequestList(dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName,
				dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionClasslessStaticRoute, optionMicrosoft),
		),
	}
	binary.BigEndian.PutUint32(m.TransactionID[:], c.xid)
	return m.ToBytes()
}

// Handle takes an IP packet that came out of the tunnel; it borrows ip.
func (c *Conn) Handle(now time.Time, ip []byte, out *Output) {
	if c.state == idle || c.state == down {
		return
	}
	o, own, err := c.parseACK(ip)
	switch {
	case err != nil:
		out.Events = append(out.Events, Drop{err})
	case c.state == asking && own, c.state == holding && own:
		c.learn(now, o, out)
	case c.state == asking:
		c.held = o
		c.setState(holding, now.Add(precedence))
	}
}

// parseACK reads a packet that has to be the answer; own says that the gateway
// itself gave it.
func (c *Conn) parseACK(ip []byte) (o Options, own bool, err error) {
	if len(ip) > maxDatagram || !Answers(ip, c.xid) {
		return o, false, ErrForeign
	}
	d, _ := parseDatagram(ip)
	from := d.from.Addr()
	if to := d.to.Addr(); to != c.cfg.Local && to != broadcast || !host(from) || from == c.cfg.Local {
		return o, false, ErrForeign
	}
	m, err := parseMessage(d.payload)
	if err != nil {
		return o, false, err
	}
	client, _ := netip.AddrFromSlice(m.ClientIPAddr.To4())
	if m.MessageType() != dhcpv4.MessageTypeAck || client != c.cfg.Local && !client.IsUnspecified() {
		return o, false, ErrForeign
	}
	o = optionsOf(m)
	o.Server = from
	id, _ := netip.AddrFromSlice(m.ServerIdentifier().To4())
	return o, !c.cfg.Peer.IsValid() || from == c.cfg.Peer || id == c.cfg.Peer, nil
}

func (c *Conn) learn(now time.Time, o Options, out *Output) {
	c.held = Options{}
	c.setState(answered, now.Add(lingering))
	out.Events = append(out.Events, Learned{o})
}

// Advance does what is due.
func (c *Conn) Advance(now time.Time, out *Output) {
	if c.deadline.IsZero() || now.Before(c.deadline) {
		return
	}
	switch c.state {
	case asking:
		if c.sent == tries {
			c.end(ErrNoAnswer, out)
			return
		}
		c.ask(now, out)
	case holding:
		c.learn(now, c.held, out)
	case answered:
		c.end(nil, out)
	}
}

func (c *Conn) end(err error, out *Output) {
	c.setState(down, time.Time{})
	out.Events = append(out.Events, Down{err})
}

// Deadline is when Advance is to be called; zero: nothing is pending.
func (c *Conn) Deadline() time.Time { return c.deadline }
