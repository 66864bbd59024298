package stack

import (
	"net/netip"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/enginetest"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/l2tp"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/ppp"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/suite"
)

var (
	clientAddr  = netip.MustParseAddr("192.168.77.2")
	gatewayAddr = netip.MustParseAddr("198.51.100.1")
	natAddr     = netip.MustParseAddr("203.0.113.9")
	innerClient = netip.MustParseAddr("10.99.0.10")
	innerServer = netip.MustParseAddr("10.99.0.1")
)

// node is one end of a connection in a simulated world.
type node struct {
	conn  *Conn
	out   Output
	timer *enginetest.Timer
	sim   *enginetest.Sim
	link  *enginetest.Link
	end   enginetest.End
	addr  netip.Addr
	ports map[Via]uint16

	network   *Network
	down      *Down
	data      [][]byte
	stages    []failure.Stage
	stageTime map[failure.Stage]time.Time
	sent      int
	question  Question
	questions int
}

func (n *node) call(f func(time.Time, *Output)) {
	n.out.Reset()
	f(n.sim.Now(), &n.out)
	for _, d := range n.out.Datagrams {
		n.sent++
		proto := uint8(enginetest.ProtoUDP)
		if d.Via == ProtoESP {
			proto = enginetest.ProtoESP
		}
		n.link.Send(n.end, enginetest.Datagram{From: netip.AddrPortFrom(n.addr, n.ports[d.Via]), To: d.Peer, Proto: proto, Data: d.Data})
	}
	for _, e := range n.out.Events {
		switch e := e.(type) {
		case NetworkUp:
			n.network = &e.Network
		case NetworkDown:
			n.network = nil
		case Down:
			n.down = &e
		case Question:
			n.question = e
			n.questions++
		case Data:
			n.data = append(n.data, e.Packet)
		case StageDone:
			n.stages = append(n.stages, e.Stage)
			n.stageTime[e.Stage] = n.sim.Now()
		}
	}
	deadline := n.conn.Deadline()
	if p := n.conn.Polling(); p > 0 {
		if t := n.sim.Now().Add(p); deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	n.timer.Set(deadline)
}

func (n *node) receive(_ time.Time, d enginetest.Datagram) {
	for via, port := range n.ports {
		if (via == ProtoESP) == (d.Proto == enginetest.ProtoESP) && (via == ProtoESP || d.To.Port() == port) {
			n.call(func(now time.Time, out *Output) { n.conn.Handle(now, Datagram{via, d.From, d.Data}, out) })
			return
		}
	}
}

// send puts an IP packet through the data plane; it says whether there was one.
func (n *node) send(ip []byte) bool {
	p := n.conn.Path()
	if p == nil || !p.Network {
		return false
	}
	b := packet.NewBatch(1)
	b[0].Set(ip)
	if p.Seal(n.sim.Now(), b) != nil || b[0].Len() == 0 {
		return false
	}
	d := enginetest.Datagram{From: netip.AddrPortFrom(n.addr, n.ports[Port4500]), To: p.Peer, Proto: enginetest.ProtoUDP, Data: b[0].Bytes()}
	switch p.Encapsulation {
	case dataplane.Plain:
		d.From = netip.AddrPortFrom(n.addr, n.ports[Port1701])
	case dataplane.ESP:
		d.From, d.Proto = netip.AddrPortFrom(n.addr, 0), enginetest.ProtoESP
	}
	n.link.Send(n.end, d)
	return true
}

// world is a client, a gateway and what is between them.
type world struct {
	sim             *enginetest.Sim
	client, gateway *node
	link            *enginetest.Link
}

type worldConfig struct {
	seed       uint64
	conditions enginetest.Conditions
	nat        bool
	change     func(client, gateway *Config)
}

func newWorld(cfg worldConfig) *world {
	w := &world{sim: enginetest.New(cfg.seed)}
	lc := enginetest.LinkConfig{ToA: cfg.conditions, ToB: cfg.conditions}
	seen := netip.AddrPortFrom(clientAddr, 40500)
	if cfg.nat {
		lc.NAT = enginetest.NewNAT(w.sim, enginetest.NATConfig{Address: natAddr})
		seen = netip.AddrPortFrom(natAddr, 0)
	}
	cc := Config{Role: Client, IPsec: true, Local: netip.AddrPortFrom(clientAddr, 40500), Remote: netip.AddrPortFrom(gatewayAddr, 500), InnerPort: 50123}
	cc.PPP = ppp.Config{User: "alice", Password: secret.Secret("correct horse"), Auth: []ppp.AuthMethod{ppp.MSCHAPv2}, EchoInterval: 30 * time.Second, EchoFailures: 4}
	gc := Config{Role: Gateway, IPsec: true, Local: netip.AddrPortFrom(gatewayAddr, 500), Remote: seen}
	gc.PPP = ppp.Config{Name: "gateway", Auth: []ppp.AuthMethod{ppp.MSCHAPv2}, Local: innerServer, Peer: innerClient,
		DNS: [2]netip.Addr{innerServer}, EchoInterval: 30 * time.Second, EchoFailures: 4,
		Lookup: func(user string) (secret.Secret, bool) { return secret.Secret("correct horse"), user == "alice" }}
	for _, c := range []*Config{&cc, &gc} {
		c.Rand = w.sim.Rand()
		// Small groups: a thousand handshakes in a second.
		c.IKE = ike.Config{PSK: secret.Secret("lab-psk"), Phase1: suite.MustPhase1("aes128-sha1-ecp256"), Phase2: suite.MustPhase2("aes128-sha1")}
		c.L2TP = l2tp.Config{HostName: "test"}
	}
	if cfg.change != nil {
		cfg.change(&cc, &gc)
	}
	w.client = &node{addr: clientAddr, end: enginetest.A, ports: map[Via]uint16{Port500: 40500, Port4500: 40501, ProtoESP: 0, Port1701: 40502}}
	w.gateway = &node{addr: gatewayAddr, end: enginetest.B, ports: map[Via]uint16{Port500: 500, Port4500: 4500, ProtoESP: 0, Port1701: 1701}}
	lc.A, lc.B = w.client.receive, w.gateway.receive
	w.link = enginetest.NewLink(w.sim, lc)
	for n, c := range map[*node]Config{w.client: cc, w.gateway: gc} {
		n.sim, n.link, n.stageTime = w.sim, w.link, map[failure.Stage]time.Time{}
		n.conn = New(c)
		n.timer = w.sim.Timer(func(time.Time) { n.call(n.conn.Advance) })
	}
	w.gateway.call(w.gateway.conn.Start)
	return w
}

// connect starts the client and waits until both ends are up.
func (w *world) connect(t testing.TB, within time.Duration) {
	t.Helper()
	w.client.call(w.client.conn.Start)
	if !w.sim.RunUntil(func() bool {
		return w.client.network != nil && w.gateway.network != nil || w.client.down != nil
	}, w.sim.Now().Add(within)) || w.client.down != nil {
		var f error
		if w.client.down != nil {
			f = w.client.down.Failure
		}
		t.Fatalf("not connected after %v of virtual time: client at %v (%v), gateway at %v, failure %v",
			within, w.client.conn.stage, w.client.stages, w.gateway.conn.stage, f)
	}
}

// disconnect closes the client's end and waits for the gateway's.
func (w *world) disconnect(t testing.TB) {
	t.Helper()
	w.client.call(w.client.conn.Close)
	if !w.sim.RunUntil(func() bool { return w.client.down != nil && w.gateway.network == nil }, w.sim.Now().Add(5*time.Second)) {
		t.Fatalf("after five seconds: client down %v, gateway's network %v", w.client.down != nil, w.gateway.network)
	}
	if w.client.down.Failure != nil {
		t.Fatalf("an orderly end is a failure: %v", w.client.down.Failure)
	}
}
