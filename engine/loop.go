package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/dhcp"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/slaac"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// run is the control goroutine: it alone calls the connection's methods.
func (s *Session) run() {
	l := &loop{Session: s, timer: time.NewTimer(time.Hour), buf: packet.New(packet.ControlSize)}
	defer l.timer.Stop()
	l.call(s.conn.Start)
	closing, aborting := s.closing, s.aborting
	for !l.down {
		l.setTimer()
		select {
		case m := <-s.control:
			l.message(m)
		case <-l.timer.C:
			l.call(s.conn.Advance)
			if l.dhcp != nil {
				l.callDHCP(l.dhcp.Advance)
			}
			if l.six != nil {
				l.callIPv6(l.six.Advance)
			}
		case <-closing:
			closing, l.ending = nil, true
			l.stopAsking()
			l.call(s.conn.Close)
		case <-aborting:
			aborting, l.ending = nil, true
			l.stopAsking()
			l.call(s.conn.Abort)
		}
	}
	s.finish(l.failure)
}

// finish stops the other goroutines and waits for them.
func (s *Session) finish(f *failure.Failure) {
	s.cancel()
	if d := s.device.Load(); d != nil {
		d.Close()
	}
	s.closeLinks()
	// What Device is still making belongs to nobody else.
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	for waiting := true; waiting; {
		select {
		case m := <-s.control:
			m.discard()
		case <-done:
			waiting = false
		}
	}
	s.drain()
	if f != nil {
		s.err = f
	}
	close(s.ended)
	s.drain()
}

// drain discards what was told last.
func (s *Session) drain() {
	for {
		select {
		case m := <-s.control:
			m.discard()
		default:
			return
		}
	}
}

// discard undoes what came too late.
func (m message) discard() {
	m.code.Zero()
	if m.device != nil && m.device.device != nil {
		m.device.device.Close()
	}
}

// loop is the state of the control goroutine.
type loop struct {
	*Session
	timer   *time.Timer
	out     stack.Output
	buf     *packet.Buffer
	down    bool
	failure *failure.Failure
	network *stack.Network // what Device was told; nil: it was not called yet
	ending  bool
	asked   int        // how many questions there were
	dhcp    *dhcp.Conn // the question at work; nil: none
	dhcpOut dhcp.Output
	link6   *stack.Network6Up // IPV6CP is opened; nil: it is not
	six     *slaac.Conn       // at work; nil: it is not
	sixOut  slaac.Output

	sixKnown bool // Learned6 was told something
}

// call calls one method of the connection and does what it says.
func (l *loop) call(f func(time.Time, *stack.Output)) {
	now := time.Now()
	l.out.Reset()
	f(now, &l.out)
	// The Path first: an answer to what is sent now must find it.
	l.publish(l.conn.Path())
	for _, d := range l.out.Datagrams {
		l.send(d)
	}
	for _, e := range l.out.Events {
		l.event(now, e)
	}
}

func (l *loop) send(d stack.Datagram) {
	k := l.links[d.Via]
	if k == nil && d.Via == stack.ProtoESP {
		k = l.openESP()
	}
	if k == nil || !l.buf.Set(d.Data) {
		return
	}
	_ = k.write.Write([]*packet.Buffer{l.buf}) // repeated by its protocol
}

// openESP opens the raw socket of a gateway without NAT traversal.
func (l *loop) openESP() *link {
	if _, err := l.open(stack.ProtoESP, 0, 0); err != nil {
		l.fail(failure.Phase2, failure.OSPermission, err)
		return nil
	}
	k := l.links[stack.ProtoESP]
	l.wg.Go(func() { l.receive(k) })
	return k
}

// fail ends the connection for a reason of this machine's.
func (l *loop) fail(at failure.Stage, code failure.Code, err error) {
	if l.ending {
		return // for another reason
	}
	if l.failure == nil {
		var f *failure.Failure
		if !errors.As(err, &f) {
			f = &failure.Failure{Stage: at, Code: code, Evidence: []string{err.Error()}, Err: err}
		}
		l.failure = f
	}
	l.closeOnce.Do(func() { close(l.closing) })
}

func (l *loop) message(m message) {
	switch {
	case m.device != nil:
		l.deviceMade(m.device)
	case m.broken != nil:
		l.fail(failure.Connected, failure.NetworkChanged, m.broken)
	case m.err != nil:
		l.call(func(now time.Time, out *stack.Output) { l.conn.Unreachable(now, m.err, out) })
	case m.asked != 0:
		if m.asked == l.asked {
			l.call(func(now time.Time, out *stack.Output) { l.conn.Answer(now, m.code, out) })
		}
		m.code.Zero()
	case m.sent:
		l.call(l.conn.Advance)
	case m.dhcp:
		if l.dhcp != nil {
			l.callDHCP(func(now time.Time, out *dhcp.Output) { l.dhcp.Handle(now, m.data, out) })
		}
	case m.link6:
		if l.six != nil {
			l.callIPv6(func(now time.Time, out *slaac.Output) { l.six.Handle(now, m.data, out) })
		}
	case m.l2tp:
		l.call(func(now time.Time, out *stack.Output) { l.conn.HandleL2TP(now, m.data, m.from, out) })
	default:
		d := stack.Datagram{Via: m.via, Peer: l.links[m.via].remote, Data: m.data}
		l.call(func(now time.Time, out *stack.Output) { l.conn.Handle(now, d, out) })
	}
}

func (l *loop) setTimer() {
	wait := time.Hour
	if d := l.conn.Deadline(); !d.IsZero() {
		wait = max(0, time.Until(d))
	}
	if p := l.conn.Polling(); p > 0 {
		wait = min(wait, p)
	}
	if l.dhcp != nil {
		wait = min(wait, max(0, time.Until(l.dhcp.Deadline())))
	}
	if l.six != nil {
		if d := l.six.Deadline(); !d.IsZero() {
			wait = min(wait, max(0, time.Until(d)))
		}
	}
	if l.conn.AwaitsData() {
		l.awaits.Store(true)
		if l.conn.DataSent() { // before anybody was asked to say so
			wait = 0
		}
	}
	l.timer.Reset(wait)
}

func (l *loop) event(now time.Time, e stack.Event) {
	switch e := e.(type) {
	case stack.NetworkUp:
		l.tellEvent(now, e)
		l.networkUp(now, e.Network)
		return
	case stack.Question:
		l.asked++
		if l.cfg.Ask != nil {
			l.cfg.Ask(now, l.ask(e, l.asked))
		}
	case stack.Network6Up:
		l.network6(&e)
	case stack.Network6Down:
		l.network6(nil)
	case stack.Trace:
		if up, ok := e.Event.(ike.Phase1Up); ok {
			l.phase1 = up.Suite
		}
	case stack.Down:
		l.down = true
		if l.failure == nil {
			l.failure = e.Failure
		}
		e.Failure = l.failure
		l.tellEvent(now, e)
		return
	}
	l.tellEvent(now, e)
}

func (l *loop) tellEvent(now time.Time, e stack.Event) {
	if l.cfg.Events != nil {
		l.cfg.Events(now, e)
	}
}

// networkUp has the device made, once: after a renegotiation it goes on, unless
// the gateway has given us another address meanwhile.
func (l *loop) networkUp(now time.Time, n stack.Network) {
	switch {
	case l.network == nil:
		l.network = &n
		l.tellEvent(now, stack.StageStarted{Stage: failure.Routes})
		l.wg.Go(func() { l.makeDevice(n) })
	case l.network.Local != n.Local:
		l.fail(failure.Connected, failure.GatewayRestarted, fmt.Errorf("the gateway gave %v, then %v", l.network.Local, n.Local))
	}
}

// makeDevice has the device made away from the control goroutine: it may take
// the system a while.
func (s *Session) makeDevice(n stack.Network) {
	d, err := s.cfg.Device(s.ctx, n)
	s.tellSurely(message{device: &deviceResult{d, err}})
}

func (l *loop) deviceMade(r *deviceResult) {
	switch {
	case r.err != nil:
		l.fail(failure.Routes, failure.OSTUN, r.err)
		return
	case l.ending:
		r.device.Close()
		return
	}
	l.device.Store(&deviceBox{r.device})
	l.wg.Go(func() { l.transmit(r.device) })
	l.tellEvent(time.Now(), stack.StageDone{Stage: failure.Routes})
	close(l.up)
	l.inform()
	l.network6(l.link6)
}

var _ dataplane.Device = (*deviceBox)(nil)
