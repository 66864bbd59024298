package stack

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/ppp"
)

// fromIKE passes on what IKE said.
func (c *Conn) fromIKE(now time.Time, out *Output) {
	said := c.scratchIKE
	c.scratchIKE = ike.Output{}
	for _, d := range said.Datagrams {
		via := Port500
		if d.Port == ike.Port4500 {
			via = Port4500
		}
		out.Datagrams = append(out.Datagrams, Datagram{via, d.To, d.Data})
	}
	c.follow(out)
	if c.path != nil && !slices.Equal(c.path.Expecting, c.ike.Expecting()) {
		c.publish(out)
	}
	for _, e := range said.Events {
		if c.phase == ended {
			return
		}
		out.emit(Trace{"ike", e})
		switch e := e.(type) {
		case ike.Phase1Up:
			if c.stage == failure.Phase1 {
				c.done(failure.Phase2, out, Detail{"suite", e.Suite.String()}, Detail{"nat", e.NAT.String()}, Detail{"peer_id", e.PeerID.String()})
			}
		case ike.ChildUp:
			c.addChild(now, e.Child, out)
		case ike.ChildUse:
			c.current = e.In
			c.publish(out)
			c.afterFirstChild(now, out)
		case ike.ChildDown:
			c.removeChild(e.In, out)
		case ike.Down:
			c.ikeDown = true
			c.end(c.fromIKEError(e.Err), out)
		}
	}
}

// follow sends to where IKE knows the peer to be.
func (c *Conn) follow(out *Output) {
	if to := c.ike.Peer(); to.IsValid() && to != c.peer && c.phase != ended {
		c.peer = to
		if c.path != nil {
			c.publish(out)
		}
		out.emit(PeerMoved{to})
	}
}

func (c *Conn) addChild(now time.Time, k ike.Child, out *Output) {
	in, err := esp.NewInbound(k.Suite, k.In, k.KeyIn)
	if err == nil {
		var o *esp.Outbound
		if o, err = esp.NewOutbound(k.Suite, k.Out, k.KeyOut, c.cfg.Rand); err == nil {
			c.children = append(c.children, child{k, in, o})
			c.publish(out)
			return
		}
	}
	// IKE agreed on what ESP cannot do: that is a fault of the program.
	c.fail(now, &failure.Failure{Stage: failure.Phase2, Code: failure.IPsecNoProposal, Evidence: []string{err.Error()}, Err: err}, out)
}

func (c *Conn) removeChild(in uint32, out *Output) {
	for i, ch := range c.children {
		if ch.In == in {
			ch.KeyIn.Zero()
			ch.KeyOut.Zero()
			c.children = append(c.children[:i:i], c.children[i+1:]...)
			c.publish(out)
			return
		}
	}
}

// sending is the child that sends, nil when there is none.
func (c *Conn) sending() *child {
	for i := range c.children {
		if c.children[i].In == c.current {
			return &c.children[i]
		}
	}
	return nil
}

// afterFirstChild goes on to L2TP once there is a pair of SAs to send with.
func (c *Conn) afterFirstChild(now time.Time, out *Output) {
	ch := c.sending()
	if c.stage != failure.Phase2 || ch == nil {
		return
	}
	out.emit(StageDone{failure.Phase2, []Detail{
		{"suite", ch.Suite.String()}, {"encapsulation", c.path.Encapsulation.String()},
		{"spi", fmt.Sprintf("%08x/%08x", ch.In, ch.Out)}, {"lifetime", ch.Lifetime.String()}}})
	c.startTunnel(now, out)
}

// startTunnel has the client open the tunnel; the gateway waits for SCCRQ.
func (c *Conn) startTunnel(now time.Time, out *Output) {
	c.enter(failure.Tunnel, out)
	switch {
	case c.cfg.Role == Gateway:
	case c.ike != nil:
		c.callAt = now.Add(settleTime)
	default:
		c.callTunnel(now, out)
	}
}

// callTunnel sends SCCRQ.
func (c *Conn) callTunnel(now time.Time, out *Output) {
	c.callAt = time.Time{}
	c.l2tp = l2tp.New(c.l2tpConfig())
	c.l2tp.Start(now, &c.scratchL2TP)
	c.fromL2TP(now, out)
}

func (c *Conn) l2tpConfig() l2tp.Config {
	k := c.cfg.L2TP
	k.Rand, k.Role = c.cfg.Rand, l2tp.LAC
	if c.cfg.Role == Gateway {
		k.Role = l2tp.LNS
	}
	return k
}

// handleControl gives an L2TP control message to the tunnel it is for. At the
// gateway a SCCRQ may be the first one, or that of a client that lost its old
// tunnel and opens a new one over the same IPsec peer.
func (c *Conn) handleControl(now time.Time, msg []byte, from uint16, out *Output) {
	if c.l2tp == nil {
		if _, ok := l2tp.IsNewTunnel(msg); !ok || c.cfg.Role != Gateway || c.phase != running {
			return
		}
		c.listen(now, from, out)
	}
	// An LNS may answer from a port of its own (RFC 3193, 4).
	if c.cfg.Role == Client && c.stage == failure.Tunnel && from != c.remotePort {
		c.remotePort = from
		c.publish(out)
	}
	c.l2tp.Handle(now, msg, &c.scratchL2TP)
	if len(c.scratchL2TP.Packets) > 0 {
		c.heard()
	}
	if c.cfg.Role == Gateway && slices.Contains(c.scratchL2TP.Events, l2tp.Event(l2tp.Drop{Reason: l2tp.DropNewTunnel})) {
		c.listen(now, from, out)
		c.l2tp.Handle(now, msg, &c.scratchL2TP)
	}
	c.fromL2TP(now, out)
}

// listen makes a new LNS, which takes the place of what was there.
func (c *Conn) listen(now time.Time, from uint16, out *Output) {
	c.scratchL2TP.Reset()
	c.dropSession(out)
	c.tunnel, c.stage, c.remotePort = l2tp.TunnelUp{}, failure.Tunnel, from
	c.publish(out)
	c.l2tp = l2tp.New(c.l2tpConfig())
	c.l2tp.Start(now, &c.scratchL2TP)
}

// dropSession forgets all that stood on the session.
func (c *Conn) dropSession(out *Output) {
	c.dropNetwork(out)
	c.dropNetwork6(out)
	c.session, c.link, c.network, c.ppp = l2tp.SessionUp{}, ppp.LinkUp{}, Network{}, nil
}

// dropNetwork6 stops IPv6.
func (c *Conn) dropNetwork6(out *Output) {
	if c.net6Up {
		c.net6Up = false
		c.publish(out)
		out.emit(Network6Down{})
	}
}

// dropNetwork stops IPv4.
func (c *Conn) dropNetwork(out *Output) {
	if c.netUp {
		c.netUp = false
		c.publish(out)
		out.emit(NetworkDown{})
	}
}

// fromL2TP passes on what L2TP said.
func (c *Conn) fromL2TP(now time.Time, out *Output) {
	said := c.scratchL2TP
	c.scratchL2TP = l2tp.Output{}
	c.seal(now, said.Packets, false, out)
	for _, e := range said.Events {
		if c.phase == ended {
			return
		}
		out.emit(Trace{"l2tp", e})
		switch e := e.(type) {
		case l2tp.TunnelUp:
			c.tunnel = e
			if c.stage == failure.Tunnel {
				c.done(failure.Session, out, Detail{"host", e.HostName}, Detail{"vendor", e.Vendor},
					Detail{"id", fmt.Sprintf("%d/%d", e.LocalTunnel, e.PeerTunnel)})
			}
		case l2tp.SessionUp:
			c.session = e
			if c.stage == failure.Session {
				c.done(failure.Link, out, Detail{"id", fmt.Sprintf("%d/%d", e.LocalSession, e.PeerSession)})
			}
			c.publish(out)
			c.startLink(now, out)
		case l2tp.SessionDown:
			c.dropSession(out)
			c.stage = failure.Session
		case l2tp.Down:
			c.tunnelDown(now, e.Err, out)
		}
	}
}

// tunnelDown ends the connection, or its orderly end. A gateway that ends the
// tunnel in the middle of PPP may say by that that the login was refused: PPP
// knows what it means.
func (c *Conn) tunnelDown(now time.Time, err error, out *Output) {
	if c.phase == stopping {
		c.phase = lingering
		c.giveUpAt = now.Add(lingerWait)
		return
	}
	c.l2tp = nil
	var e *l2tp.Error
	if c.ppp != nil && c.phase == running && errors.As(err, &e) && e.Reason != l2tp.PeerDead {
		c.ppp.LowerDown(now, &c.scratchPPP)
		c.fromPPP(now, out)
	}
	c.fail(now, c.fromL2TPError(err), out)
}

// startLink brings up PPP.
func (c *Conn) startLink(now time.Time, out *Output) {
	c.ppp = ppp.New(c.pppConfig())
	c.ppp.Start(now, &c.scratchPPP)
	c.fromPPP(now, out)
}

// pppConfig is what PPP is to do with this gateway.
func (c *Conn) pppConfig() ppp.Config {
	k := c.cfg.PPP
	k.Rand, k.Server = c.cfg.Rand, c.cfg.Role == Gateway
	k.MRU = uint16(c.mtu())
	softEther := c.tunnel.Vendor == vendorSoftEther
	k.IPv6Waits = k.IPv6Waits || softEther
	if !k.Local.IsValid() && !softEther {
		k.Local = c.cfg.Before
	}
	return k
}

// mtu is what fits the path with all the headers, and both ends' MRU.
func (c *Conn) mtu() int {
	room := c.cfg.PathMTU - ipv4Header
	if c.peer.Addr().Is6() && !c.peer.Addr().Is4In6() {
		room = c.cfg.PathMTU - ipv6Header
	}
	if c.path.Encapsulation != dataplane.ESP {
		room -= udpHeader
	}
	if ch := c.sending(); ch != nil {
		room = esp.MaxPayload(ch.Suite, room)
	}
	room -= c.path.HeaderLen()
	limit := c.cfg.MRU
	if limit == 0 {
		limit = defaultMRU
	}
	mtu := min(room, limit)
	if c.link.PeerMRU != 0 {
		mtu = min(mtu, int(c.link.PeerMRU))
	}
	return max(mtu, leastMTU)
}

// fromPPP passes on what PPP said.
func (c *Conn) fromPPP(now time.Time, out *Output) {
	said := c.scratchPPP
	c.scratchPPP = ppp.Output{}
	c.seal(now, said.Frames, true, out)
	for _, f := range said.Frames {
		clear(f) // there may be a password or a code in it
	}
	for _, e := range said.Events {
		if c.phase == ended {
			return
		}
		out.emit(Trace{"ppp", e})
		switch e := e.(type) {
		case ppp.LinkUp:
			c.link = e
			c.publish(out)
			if c.stage == failure.Link {
				c.done(failure.Authenticate, out, Detail{"mru", fmt.Sprintf("%d/%d", e.LocalMRU, e.PeerMRU)})
			}
			if len(c.cfg.PPP.Auth) == 0 {
				c.assign(now, "", out)
			}
		case ppp.Waiting:
			out.emit(Waiting{e.Left})
		case ppp.Question:
			out.emit(Question(e))
		case ppp.Authenticated:
			c.network.User = e.User
			if c.stage == failure.Authenticate {
				c.done(failure.Network, out, Detail{"method", e.Method.String()}, Detail{"message", e.Message})
			}
			c.assign(now, e.User, out)
		case ppp.NetworkUp:
			c.networkUp(now, e, out)
		case ppp.Unanswered:
			c.silent(now, out)
		case ppp.Network6Up:
			c.net6Up = true
			c.publish(out)
			out.emit(Network6Up{e.LocalID, e.PeerID})
		case ppp.LinkDown:
			c.dropNetwork(out)
			c.dropNetwork6(out)
		case ppp.NetworkDown:
			c.dropNetwork(out)
		case ppp.Network6Down:
			c.dropNetwork6(out)
		case ppp.Down:
			c.ppp = nil
			if c.phase == running {
				c.fail(now, c.fromPPPError(e.Err), out)
			} else if c.phase == parting {
				c.nextPart(now, out)
			}
		}
	}
}

// assign gives the gateway's client its address.
func (c *Conn) assign(now time.Time, user string, out *Output) {
	if c.cfg.Role != Gateway || c.cfg.Assign == nil || c.ppp == nil {
		return
	}
	a := c.cfg.Assign(user)
	if !a.IsValid() {
		c.fail(now, &failure.Failure{Stage: failure.Network, Code: failure.PPPNoAddress, Evidence: []string{"no address left for a client"}}, out)
		return
	}
	c.ppp.SetPeer(a)
}

func (c *Conn) networkUp(now time.Time, e ppp.NetworkUp, out *Output) {
	if c.cfg.Role == Client && e.Local == c.peer.Addr().Unmap() {
		// What goes to the gateway would never leave this machine again.
		c.fail(now, &failure.Failure{Stage: failure.Network, Code: failure.PPPNoAddress,
			Evidence: []string{fmt.Sprintf("the gateway gives us its own outer address %v", e.Local)}}, out)
		return
	}
	c.netUp = true
	n := Network{Local: e.Local, Peer: e.Peer, DNS: e.DNS, NBNS: e.NBNS, MTU: c.mtu(), Suite: "none", User: c.network.User}
	if ch := c.sending(); ch != nil {
		n.Suite = ch.Suite.String()
	}
	c.network = n
	c.publish(out)
	if c.stage == failure.Authenticate { // a gateway that asks for no password
		c.done(failure.Network, out, Detail{"method", "none"})
	}
	if c.stage == failure.Network {
		out.emit(StageDone{failure.Network, []Detail{
			{"address", n.Local.String()}, {"peer", n.Peer.String()}, {"dns", addresses(n.DNS)}, {"mtu", fmt.Sprint(n.MTU)}}})
		c.stage = failure.Connected
	}
	out.emit(NetworkUp{n})
}

func addresses(a []netip.Addr) string {
	s := make([]string, len(a))
	for i := range a {
		s[i] = a[i].String()
	}
	return strings.Join(s, " ")
}

// seal sends L2TP packets, or PPP frames in L2TP data messages.
func (c *Conn) seal(now time.Time, packets [][]byte, frames bool, out *Output) {
	if c.path == nil {
		return
	}
	for _, p := range packets {
		b := c.one[0]
		if !b.Set(p) || (c.path.Encapsulation != dataplane.Plain && c.path.Out == nil) {
			continue
		}
		if err := c.path.SealControl(now, c.one[:], frames); err != nil || b.Len() == 0 {
			continue // only a rekey helps, and Advance has asked for it
		}
		via, to := Port1701, c.peer
		switch c.path.Encapsulation {
		case dataplane.UDP:
			via = Port4500
		case dataplane.ESP:
			via, to = ProtoESP, netip.AddrPortFrom(c.peer.Addr(), 0)
		}
		out.Datagrams = append(out.Datagrams, Datagram{via, to, append([]byte(nil), b.Bytes()...)})
	}
}

// publish makes the Path of what has been agreed so far.
func (c *Conn) publish(out *Output) {
	p := &dataplane.Path{
		Encapsulation: dataplane.Plain,
		Peer:          c.peer,
		Local:         netip.AddrPortFrom(c.cfg.Local.Addr(), c.innerPort),
		Remote:        netip.AddrPortFrom(c.peer.Addr(), c.remotePort),
		LocalTunnel:   c.session.LocalTunnel,
		LocalSession:  c.session.LocalSession,
		PeerTunnel:    c.session.PeerTunnel,
		PeerSession:   c.session.PeerSession,
		Sequencing:    c.session.SequencingRequired || c.cfg.L2TP.Sequencing,
		ACFC:          c.link.ACFC,
		PFC:           c.link.PFC,
		Network:       c.netUp,
		Network6:      c.net6Up,
		Counters:      &c.counters,
	}
	if c.ike != nil {
		p.Encapsulation, p.Expecting = dataplane.UDP, c.ike.Expecting()
		for _, ch := range c.children {
			p.In = append(p.In, ch.in)
			if ch.In == c.current {
				p.Out = ch.out
				if !ch.Encapsulated {
					p.Encapsulation = dataplane.ESP
				}
			}
		}
	}
	c.path = p
	p.MTU = c.mtu()
	out.emit(PathChanged{})
}
