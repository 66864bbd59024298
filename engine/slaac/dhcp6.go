package slaac

import (
	"encoding/binary"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/internal/wire"
)

// From the specification (RFC 8415): ports, messages and options.
const (
	portClient6 = 546
	portServer6 = 547

	msgSolicit     = 1
	msgAdvertise   = 2
	msgRequest     = 3
	msgRenew       = 5
	msgRebind      = 6
	msgReply       = 7
	msgInformation = 11 // Information-Request

	optClientID = 1
	optServerID = 2
	optIANA     = 3
	optIAAddr   = 5
	optRequest  = 6
	optElapsed  = 8
	optStatus   = 13
	optRapid    = 14
	optServers  = 23 // RFC 3646
	optSearch   = 24
	optRefresh  = 32

	duidLL    = 3  // RFC 8415, 11.4
	hardEUI64 = 27 // RFC 5342: an interface identifier as hardware address
)

// From the specification (RFC 8415, 7.6): how often messages are repeated.
var repeats = map[uint8]struct {
	first, longest time.Duration
	count          int // 0: without an end
}{
	msgSolicit:     {time.Second, time.Hour, 0},
	msgRequest:     {time.Second, 30 * time.Second, 10},
	msgRenew:       {10 * time.Second, 10 * time.Minute, 0},
	msgRebind:      {10 * time.Second, 10 * time.Minute, 0},
	msgInformation: {time.Second, time.Hour, 0},
}

// RFC 8415, 21.23: how long what an Information-Request brought is good for.
const (
	refreshUsual = 24 * time.Hour
	refreshLeast = 10 * time.Minute
)

// maxServerID is the longest identifier of a server (RFC 8415, 11.1).
const maxServerID = 130

var allServers = netip.MustParseAddr("ff02::1:2")

// exchange is the DHCPv6 client, begun by an advertisement that says so.
type exchange struct {
	asking   uint8 // the message that is repeated; 0: none
	xid      [3]byte
	begun    time.Time // of asking
	sent     int
	repeatAt time.Time // of asking; zero: none
	serverID []byte    // who is asked; nil: all

	address netip.Addr // leased; not valid: none
	renewAt time.Time  // T1; zero: not pending
	bindAt  time.Time  // T2
	overAt  time.Time  // the end of the lease

	refreshAt time.Time // ask for information again
	servers   []netip.Addr
	search    []string
}

// beginDHCP begins what the flags of an advertisement ask for (RFC 4861, 4.2): an
// address only where no prefix gives one.
func (c *Conn) beginDHCP(now time.Time, a advertisement, out *Output) {
	x := &c.dhcp
	if x.asking != 0 || x.address.IsValid() || !x.refreshAt.IsZero() {
		return
	}
	switch {
	case a.managed && len(c.prefixes) == 0:
		x.ask(c, msgSolicit, now, out)
	case a.managed || a.other:
		x.ask(c, msgInformation, now, out)
	}
}

// ask begins with a message.
func (x *exchange) ask(c *Conn, kind uint8, now time.Time, out *Output) {
	if _, err := io.ReadFull(c.cfg.Rand, x.xid[:]); err != nil {
		x.stop() // nothing depends on it
		return
	}
	x.asking, x.begun, x.sent = kind, now, 0
	x.send(c, now, out)
}

// stop asks nothing any more.
func (x *exchange) stop() { x.asking, x.repeatAt = 0, time.Time{} }

// send sends the message that is being asked with, and says when to repeat it
// (RFC 8415, 15, without its randomness: there is one client on the link).
func (x *exchange) send(c *Conn, now time.Time, out *Output) {
	r := repeats[x.asking]
	x.repeatAt = now.Add(min(r.first<<min(x.sent, 20), r.longest))
	x.sent++
	udp := binary.BigEndian.AppendUint16(nil, portClient6)
	udp = binary.BigEndian.AppendUint16(udp, portServer6)
	udp = append(udp, 0, 0, 0, 0)
	udp = x.append(c, udp, now)
	wire.PutLen16(udp, 4, 0)
	out.Packets = append(out.Packets, packet{c.local, allServers, hops, protoUDP, udp}.append(nil, 6))
}

// append writes the message.
func (x *exchange) append(c *Conn, dst []byte, now time.Time) []byte {
	dst = append(dst, x.asking)
	dst = append(dst, x.xid[:]...)
	dst = appendOption(dst, optClientID, clientID(c.cfg.LocalID))
	if x.asking == msgRequest || x.asking == msgRenew {
		dst = appendOption(dst, optServerID, x.serverID)
	}
	hundredths := min(now.Sub(x.begun)/(10*time.Millisecond), 1<<16-1)
	dst = appendOption(dst, optElapsed, binary.BigEndian.AppendUint16(nil, uint16(hundredths)))
	dst = appendOption(dst, optRequest, []byte{0, optServers, 0, optSearch, 0, optRefresh})
	if x.asking == msgInformation {
		return dst
	}
	if x.asking == msgSolicit {
		dst = appendOption(dst, optRapid, nil)
	}
	ia := append(c.iaid(), make([]byte, 8)...)
	if x.address.IsValid() {
		ia = appendOption(ia, optIAAddr, append(x.address.AsSlice(), make([]byte, 8)...))
	}
	return appendOption(dst, optIANA, ia)
}

func appendOption(dst []byte, code uint16, data []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, code)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(data)))
	return append(dst, data...)
}

// clientID is a DUID of the interface identifier, the only thing that the link
// knows us by.
func clientID(id [8]byte) []byte { return append([]byte{0, duidLL, 0, hardEUI64}, id[:]...) }

// iaid names the one association.
func (c *Conn) iaid() []byte { return slices.Clone(c.cfg.LocalID[4:]) }

// reply is what a server says.
type reply struct {
	kind     uint8
	xid      [3]byte
	clientID []byte
	serverID []byte
	rapid    bool
	refused  bool // a status that is no success, of the whole or of the association
	hasIA    bool
	address  netip.Addr
	life     time.Duration
	t1, t2   time.Duration
	refresh  time.Duration
	servers  []netip.Addr
	search   []string
}

// parseReply reads a message of a server; iaid is that of our association.
func parseReply(b, iaid []byte) (m reply, err error) {
	r := wire.NewReader(b)
	m.kind = r.Uint8()
	copy(m.xid[:], r.Bytes(3))
	m.refresh = refreshUsual
	err = tlvs(r, func(code uint16, body []byte) {
		switch code {
		case optClientID:
			m.clientID = body
		case optServerID:
			m.serverID = body
		case optRapid:
			m.rapid = true
		case optStatus:
			m.refused = m.refused || !success(body)
		case optIANA:
			m.association(body, iaid)
		case optServers:
			for ; len(body) >= 16; body = body[16:] {
				if a := netip.AddrFrom16([16]byte(body)); isServer(a) && len(m.servers) < maxServers {
					m.servers = append(m.servers, a)
				}
			}
		case optSearch:
			names, _ := dhcp.ParseNames(body)
			for _, s := range names {
				if s = strings.ToLower(s); dhcp.IsName(s) && len(m.search) < maxSearch {
					m.search = append(m.search, s)
				}
			}
		case optRefresh:
			if len(body) == 4 {
				m.refresh = max(lifetime(binary.BigEndian.Uint32(body)), refreshLeast)
			}
		}
	})
	return m, err
}

// tlvs walks over options (RFC 8415, 21.1).
func tlvs(r *wire.Reader, each func(code uint16, body []byte)) error {
	for r.Err() == nil && r.Len() > 0 {
		code := r.Uint16()
		if body := r.Bytes(int(r.Uint16())); r.Err() == nil {
			each(code, body)
		}
	}
	if r.Err() != nil {
		return ErrMalformed
	}
	return nil
}

func success(status []byte) bool {
	return len(status) >= 2 && binary.BigEndian.Uint16(status) == 0
}

// association takes in an IA_NA (RFC 8415, 21.4): the first address of it.
func (m *reply) association(body, iaid []byte) {
	r := wire.NewReader(body)
	id := r.Bytes(4)
	t1, t2 := lifetime(r.Uint32()), lifetime(r.Uint32())
	if r.Err() != nil || string(id) != string(iaid) || m.hasIA || t2 != 0 && t1 > t2 {
		return
	}
	m.hasIA, m.t1, m.t2 = true, t1, t2
	if tlvs(r, func(code uint16, body []byte) {
		switch code {
		case optStatus:
			m.refused = m.refused || !success(body)
		case optIAAddr:
			m.lease(body)
		}
	}) != nil {
		m.address = netip.Addr{}
	}
}

// lease takes in an address (RFC 8415, 21.6).
func (m *reply) lease(body []byte) {
	r := wire.NewReader(body)
	octets := r.Bytes(16)
	preferred, valid := lifetime(r.Uint32()), lifetime(r.Uint32())
	if r.Err() != nil || m.address.IsValid() || preferred > valid || valid == 0 {
		return
	}
	if a := netip.AddrFrom16([16]byte(octets)); isServer(a) {
		m.address, m.life = a, valid
		if m.t1 == 0 {
			m.t1 = preferred / 2 // RFC 8415, 21.4: the client chooses
		}
		if m.t2 == 0 {
			m.t2 = preferred / 5 * 4
		}
	}
}

// handleDHCP takes an answer to what is being asked.
func (c *Conn) handleDHCP(now time.Time, p packet, out *Output) error {
	u := p.payload
	if len(u) < udpHeader || p.to != c.local || binary.BigEndian.Uint16(u) != portServer6 || binary.BigEndian.Uint16(u[2:]) != portClient6 || c.dhcp.asking == 0 {
		return ErrForeign
	}
	if n := int(binary.BigEndian.Uint16(u[4:])); n != len(u) || p.sum(u) != 0xffff {
		return ErrMalformed
	}
	m, err := parseReply(u[udpHeader:], c.iaid())
	switch {
	case err != nil:
		return err
	case m.xid != c.dhcp.xid || string(m.clientID) != string(clientID(c.cfg.LocalID)) || len(m.serverID) == 0 || len(m.serverID) > maxServerID:
		return ErrForeign
	}
	return c.dhcp.answered(c, m, now, out)
}

// answered goes on with an answer (RFC 8415, 18.2.9 and 18.2.10). The first
// Advertise is taken: there is one gateway.
func (x *exchange) answered(c *Conn, m reply, now time.Time, out *Output) error {
	switch {
	case x.asking == msgSolicit && m.kind == msgAdvertise && !m.refused && m.address.IsValid():
		x.serverID = slices.Clone(m.serverID)
		x.address = netip.Addr{}
		x.ask(c, msgRequest, now, out)
		return nil
	case m.kind != msgReply, x.asking == msgSolicit && !m.rapid, x.asking == msgRequest && string(m.serverID) != string(x.serverID):
		return ErrForeign
	case x.asking == msgInformation:
		x.stop()
		x.refreshAt = now.Add(min(m.refresh, never))
		x.servers, x.search = m.servers, m.search
		return nil
	case m.refused || !m.address.IsValid(): // from the beginning
		if x.asking == msgSolicit {
			return ErrForeign
		}
		x.drop()
		x.ask(c, msgSolicit, now, out)
		return nil
	}
	x.stop()
	x.serverID = slices.Clone(m.serverID)
	x.address, x.servers, x.search = m.address, m.servers, m.search
	x.overAt = end(now, m.life)
	x.renewAt, x.bindAt = end(now, max(m.t1, time.Second)), end(now, max(m.t2, time.Second))
	return nil
}

// drop forgets the lease.
func (x *exchange) drop() {
	*x = exchange{xid: x.xid}
}

// advance does what is due.
func (x *exchange) advance(c *Conn, now time.Time, out *Output) {
	switch {
	case due(x.overAt, now):
		x.drop()
		x.ask(c, msgSolicit, now, out)
	case due(x.bindAt, now):
		x.renewAt, x.bindAt = time.Time{}, time.Time{}
		x.ask(c, msgRebind, now, out)
	case due(x.renewAt, now):
		x.renewAt = time.Time{}
		x.ask(c, msgRenew, now, out)
	case due(x.refreshAt, now):
		x.refreshAt = time.Time{}
		x.ask(c, msgInformation, now, out)
	case due(x.repeatAt, now) && x.asking == msgRequest && x.sent >= repeats[msgRequest].count:
		x.ask(c, msgSolicit, now, out)
	case due(x.repeatAt, now):
		x.send(c, now, out)
	}
}

// deadline is when advance has something to do.
func (x *exchange) deadline() time.Time {
	at := x.repeatAt
	for _, t := range []time.Time{x.renewAt, x.bindAt, x.overAt, x.refreshAt} {
		at = earlier(at, t)
	}
	return at
}
