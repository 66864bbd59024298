package engine

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/secret"
	"github.com/culvert-vpn/culvert/engine/stack"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// controlQueue is how many control packets may wait: more than any handshake
// has in flight. When it is full the newest is dropped and counted; every
// protocol repeats.
const controlQueue = 256

// earlyWait is how long packets wait for the keys of their SA. Libreswan sends
// on a new one right behind its answer to Quick Mode.
const earlyWait = 50 * time.Millisecond

// A socket that gives nothing but errors is read this often in a row, then once
// in a while: it must not take a processor for itself.
const (
	patientErrors = 16
	errorPause    = 100 * time.Millisecond
)

// Session is a connection at work.
type Session struct {
	cfg   Config
	conn  *stack.Conn // the control goroutine's
	path  atomic.Pointer[dataplane.Path]
	links map[stack.Via]*link

	control   chan message
	published chan struct{} // a token when path has changed
	device    atomic.Pointer[deviceBox]
	awaits    atomic.Bool   // transmit is to say, once, that it has sent something
	question  atomic.Uint32 // whose answers are not for the device; 0: none is open
	wg        sync.WaitGroup

	ctx       context.Context // of Device: done when the session ends
	cancel    context.CancelFunc
	closeOnce sync.Once
	closing   chan struct{}
	abortOnce sync.Once
	aborting  chan struct{}
	up        chan struct{} // closed when packets flow
	ended     chan struct{} // closed when nothing runs any more
	err       error         // why; set before ended is closed
	phase1    suite.Phase1  // what was agreed; set before ended is closed
}

// deviceBox lets an interface value sit in an atomic.Pointer.
type deviceBox struct{ dataplane.Device }

// link is one socket and what the control goroutine writes with.
type link struct {
	via    stack.Via
	socket dataplane.Socket
	remote netip.AddrPort
	write  *dataplane.Writer
}

// message is what other goroutines tell the control goroutine.
type message struct {
	via    stack.Via
	data   []byte // a datagram, or with l2tp, dhcp or link6 set what the data plane opened
	l2tp   bool
	dhcp   bool   // an IP packet
	link6  bool   // an IPv6 packet of the link itself
	sent   bool   // by the data plane, which was asked to say so
	from   uint16 // inner UDP port
	code   secret.Secret
	asked  int   // the question that code answers
	err    error // the network said so
	broken error // the socket is of no use any more
	device *deviceResult
}

type deviceResult struct {
	device dataplane.Device
	err    error
}

// open makes the sockets and the connection.
func open(cfg Config, innerPort uint16) (*Session, error) {
	s := &Session{cfg: cfg, links: map[stack.Via]*link{}, control: make(chan message, controlQueue), published: make(chan struct{}, 1),
		closing: make(chan struct{}), aborting: make(chan struct{}), up: make(chan struct{}), ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	k := cfg.Stack
	k.Role, k.InnerPort = stack.Client, innerPort
	if k.IPsec {
		k.Remote = netip.AddrPortFrom(cfg.Gateway, cfg.IKEPort)
		k.IKE.RemoteNATT = netip.AddrPortFrom(cfg.Gateway, cfg.NATTPort)
		local, err := s.open(stack.Port500, cfg.IKEPort, portIKE)
		if err == nil {
			k.Local = local
			_, err = s.open(stack.Port4500, cfg.NATTPort, portNATT)
		}
		if err != nil {
			s.closeLinks()
			return nil, failure.OfSystem(failure.Phase1, failure.IKEUnreachable, err)
		}
	} else {
		k.Remote = netip.AddrPortFrom(cfg.Gateway, cfg.L2TPPort)
		local, err := s.open(stack.Port1701, cfg.L2TPPort, portL2TP)
		if err != nil {
			return nil, failure.OfSystem(failure.Tunnel, failure.L2TPNoAnswer, err)
		}
		k.Local = local
	}
	s.conn = stack.New(k)
	return s, nil
}

func (s *Session) open(via stack.Via, remotePort, standard uint16) (netip.AddrPort, error) {
	var localPort uint16
	if s.cfg.StandardPorts {
		localPort = standard
	}
	remote := netip.AddrPortFrom(s.cfg.Gateway, remotePort)
	sock, local, err := s.cfg.Network.Open(via, localPort, remote)
	if err != nil {
		return local, err
	}
	s.links[via] = &link{via, sock, remote, dataplane.NewWriter(sock, true)}
	return local, nil
}

func (s *Session) closeLinks() {
	for _, l := range s.links {
		l.socket.Close()
	}
}

func (s *Session) start() {
	for _, l := range s.links {
		s.wg.Go(func() { s.receive(l) })
	}
	go s.run()
}

// Close ends the session in order, tells the gateway, and waits for it: four
// seconds at most.
func (s *Session) Close() {
	s.closeOnce.Do(func() { close(s.closing) })
	<-s.ended
}

// Abort ends the session at once: the gateway is told, and not waited for.
func (s *Session) Abort() {
	s.abortOnce.Do(func() { close(s.aborting) })
	<-s.ended
}

// Wait waits for the end and says why it came: a *failure.Failure, or nil after
// Close.
func (s *Session) Wait() error {
	<-s.ended
	return s.err
}

// Ended is closed when the session is over.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Counters count the session's packets; they may be read at any time.
func (s *Session) Counters() *dataplane.Counters { return s.conn.Counters() }

// tellSurely gives m to the control goroutine, which also while it ends takes
// what is told: not for what others can make happen.
func (s *Session) tellSurely(m message) { s.control <- m }

// tell gives m to the control goroutine, or drops it when that is behind.
func (s *Session) tell(m message) {
	select {
	case s.control <- m:
	default:
		s.conn.Counters().DropControlFull.Add(1)
	}
}

// receive reads one socket until it is closed.
func (s *Session) receive(l *link) {
	size := packet.ControlSize
	if l.via == stack.ProtoESP { // of which the system joins none
		size = packet.Size
	}
	r := dataplane.NewReader(l.socket, size)
	var sealed []*packet.Buffer
	control := func(msg []byte, from uint16) {
		s.tell(message{via: l.via, data: append([]byte(nil), msg...), l2tp: true, from: from})
	}
	var tired uint32
	for failed := 0; ; {
		batch, err := r.Read()
		if err != nil {
			if failed++; !s.readError(l, err, failed) {
				return
			}
			continue
		}
		failed = 0
		sealed = sealed[:0]
		for _, b := range batch {
			if s.isData(l, b) {
				sealed = append(sealed, b)
			} else if b.Len() > 0 {
				s.tell(message{via: l.via, data: append([]byte(nil), b.Bytes()...)})
			}
		}
		if len(sealed) == 0 {
			continue
		}
		p := s.pathFor(sealed, &tired)
		if p == nil {
			continue
		}
		for _, b := range sealed {
			b.Peer = l.remote
		}
		p.Open(time.Now(), sealed, control)
		if xid := s.question.Load(); xid != 0 {
			s.divert(l, sealed, xid)
		}
		if p.Network6 {
			s.divert6(l, sealed)
		}
		if d := s.device.Load(); d != nil {
			// A packet that the device does not take is lost like any other.
			_ = d.Write(sealed)
		}
	}
}

// publish makes p the way that data takes from now on.
func (s *Session) publish(p *dataplane.Path) {
	if s.path.Swap(p) == p {
		return
	}
	select {
	case s.published <- struct{}{}:
	default:
	}
}

// pathFor is the Path to open a batch with. It waits for the one with the keys
// of an SA that is being agreed on, but once only: tired is the SPI that it has
// waited for in vain.
func (s *Session) pathFor(sealed []*packet.Buffer, tired *uint32) *dataplane.Path {
	p := s.path.Load()
	if p == nil {
		return nil
	}
	spi := p.Early(sealed)
	if spi == 0 || spi == *tired {
		return p
	}
	timeout := time.NewTimer(earlyWait)
	defer timeout.Stop()
	for p != nil && p.Early(sealed) == spi {
		select {
		case <-s.published:
			p = s.path.Load()
		case <-timeout.C:
			*tired = spi
			return p
		}
	}
	return p
}

// isData says that a datagram is for the data plane.
func (s *Session) isData(l *link, b *packet.Buffer) bool {
	switch l.via {
	case stack.ProtoESP, stack.Port1701:
		return true
	case stack.Port4500:
		class, _ := esp.Classify(b.Bytes())
		return class == esp.ClassESP
	}
	return false
}

// readError says whether to read on after the failed-th error in a row. What
// ICMP messages say comes as errors of many kinds, by each system's own numbers,
// and anybody can forge them: none of them ends the reading.
func (s *Session) readError(l *link, err error, failed int) bool {
	switch {
	case s.ctx.Err() != nil:
		return false
	case errors.Is(err, net.ErrClosed):
		s.tellSurely(message{via: l.via, broken: err})
		return false
	}
	s.tell(message{via: l.via, err: err})
	if failed < patientErrors {
		return true
	}
	pause := time.NewTimer(errorPause)
	defer pause.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-pause.C:
		return true
	}
}

// transmit reads the device until it is closed.
func (s *Session) transmit(d dataplane.Device) {
	batch := packet.NewBatch(dataplane.BatchSize)
	writers := map[stack.Via]*dataplane.Writer{}
	for {
		n, err := d.Read(batch)
		if err != nil {
			s.tellSurely(message{device: &deviceResult{err: err}})
			return
		}
		p := s.path.Load()
		if p == nil {
			continue
		}
		if p.Network6 {
			keepLink6(batch[:n])
		}
		// An exhausted sequence seals nothing; the control goroutine rekeys.
		if p.Seal(time.Now(), batch[:n]) != nil {
			continue
		}
		via := viaOf(p)
		w := writers[via]
		if w == nil {
			w = dataplane.NewWriter(s.links[via].socket, true)
			writers[via] = w
		}
		_ = w.Write(batch[:n]) // UDP: what is not sent is lost, and counted by those who miss it
		if s.awaits.Load() && s.awaits.CompareAndSwap(true, false) {
			s.tell(message{sent: true})
		}
	}
}

func viaOf(p *dataplane.Path) stack.Via {
	switch p.Encapsulation {
	case dataplane.ESP:
		return stack.ProtoESP
	case dataplane.Plain:
		return stack.Port1701
	}
	return stack.Port4500
}
