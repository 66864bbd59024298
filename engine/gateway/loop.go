package gateway

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/dataplane"
	"github.com/culvert-vpn/culvert/engine/esp"
	"github.com/culvert-vpn/culvert/engine/ike"
	"github.com/culvert-vpn/culvert/engine/packet"
	"github.com/culvert-vpn/culvert/engine/stack"
)

// message is what the receiving goroutines tell the control goroutine.
type message struct {
	via    stack.Via
	peer   netip.AddrPort
	data   []byte
	client *client // set: data is an L2TP packet that the data plane opened
	from   uint16  // inner UDP port of that
	link6  bool    // data is an IPv6 packet of the link itself instead
}

// tell gives the control goroutine what came from anybody; when that is behind,
// it is dropped.
func (g *Gateway) tell(m message) {
	if len(m.data) > maxMessage {
		g.Dropped.Add(1)
		return
	}
	m.data = append([]byte(nil), m.data...)
	select {
	case g.strangers <- m:
	default:
		g.Dropped.Add(1)
	}
}

// tellOf gives the control goroutine what the data plane has opened of a client's.
// A client has its share of the queue and no more.
func (g *Gateway) tellOf(c *client, m message) {
	if len(m.data) > maxMessage || c.queued.Add(1) > maxQueued {
		c.queued.Add(-1)
		g.Dropped.Add(1)
		return
	}
	m.client, m.data = c, append([]byte(nil), m.data...)
	select {
	case g.control <- m:
	default:
		c.queued.Add(-1)
		g.Dropped.Add(1)
	}
}

// loop is the control goroutine's.
type loop struct {
	*registry
	out     stack.Output
	buf     *packet.Buffer
	timer   *time.Timer
	closing <-chan struct{}
	giveUp  time.Time
	probe   bool // whoever else is at the endpoint of the client at hand
}

// run is the control goroutine: all clients' machines are its own.
func (g *Gateway) run() {
	l := &loop{registry: newRegistry(g), buf: packet.New(packet.ControlSize), timer: time.NewTimer(0), closing: g.closing}
	defer l.timer.Stop()
	for l.giveUp.IsZero() || len(l.clients) > 0 && time.Now().Before(l.giveUp) {
		select {
		case m := <-g.control:
			l.message(time.Now(), m)
		case m := <-g.strangers:
			l.message(time.Now(), m)
		case now := <-l.timer.C:
			l.advance(now)
		case <-l.closing:
			l.closing = nil
			l.giveUp = time.Now().Add(closeDeadline)
			for c := range l.clients {
				l.call(c, c.conn.Close)
			}
		}
		l.drain()
		l.setTimer()
	}
	g.stopServing()
	g.inner.Close()
	g.wg.Wait()
	close(g.ended)
}

// drain takes more of what waits, of either kind in turn: the timer looks at all
// clients, which is too much for each message of a flood.
func (l *loop) drain() {
	for range drainBatch {
		idle := true
		select {
		case m := <-l.control:
			l.message(time.Now(), m)
			idle = false
		default:
		}
		select {
		case m := <-l.strangers:
			l.message(time.Now(), m)
			idle = false
		default:
		}
		if idle {
			return
		}
	}
}

func (l *loop) message(now time.Time, m message) {
	if c := m.client; c != nil {
		c.queued.Add(-1)
		if _, ok := l.clients[c]; !ok {
			return
		}
		if m.link6 {
			l.handle6(now, c, m.data)
		} else {
			l.call(c, func(now time.Time, out *stack.Output) { c.conn.HandleL2TP(now, m.data, m.from, out) })
		}
		return
	}
	var c *client
	switch m.via {
	case stack.Port500, stack.Port4500:
		c = l.forIKE(now, m)
	case stack.Port1701:
		c = l.forPlain(now, m)
	}
	if c == nil || !l.giveUp.IsZero() {
		l.Dropped.Add(1)
		return
	}
	l.call(c, c.conn.Start) // the second time it does nothing
	d := stack.Datagram{Via: m.via, Peer: m.peer, Data: m.data}
	l.call(c, func(now time.Time, out *stack.Output) { c.conn.Handle(now, d, out) })
}

// advance lets every client do what is due.
func (l *loop) advance(now time.Time) {
	for c := range l.clients {
		switch {
		case !c.known && now.Sub(c.born) >= halfOpenTime:
			l.remove(c)
			continue
		case c.mustLogIn() && now.Sub(c.since) >= loginTime:
			c.ending = true
			l.call(c, c.conn.Close)
			continue
		}
		l.advertise(now, c)
		if d := l.due(c); !d.IsZero() && !now.Before(d) || c.conn.Polling() > 0 || c.conn.Counters().Moved.Load() != nil {
			l.call(c, c.conn.Advance)
		}
	}
}

// mustLogIn says that a client has nothing to stay for as yet.
func (c *client) mustLogIn() bool { return c.known && !c.up && !c.ending }

// due is when a client has something to do, at least to go.
func (l *loop) due(c *client) time.Time {
	d := c.conn.Deadline()
	gone := time.Time{}
	switch {
	case !c.known:
		gone = c.born.Add(halfOpenTime)
	case c.mustLogIn():
		gone = c.since.Add(loginTime)
	}
	for _, t := range []time.Time{gone, c.advertiseAt} {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	return d
}

// setTimer waits for the next deadline, a second at most: clients that moved
// are found by then.
func (l *loop) setTimer() {
	wait := time.Second
	for c := range l.clients {
		if d := l.due(c); !d.IsZero() {
			wait = min(wait, time.Until(d))
		}
		if p := c.conn.Polling(); p > 0 {
			wait = min(wait, p)
		}
	}
	l.timer.Reset(max(wait, 0))
}

// call calls one method of a client's connection and does what it says.
func (l *loop) call(c *client, f func(time.Time, *stack.Output)) {
	now := time.Now()
	l.out.Reset()
	f(now, &l.out)
	changed := c.path.Swap(c.conn.Path()) != c.conn.Path()
	down := false
	for _, e := range l.out.Events {
		if l.event(now, c, e) {
			down = true
		}
	}
	l.index(c)
	switch {
	case down:
		l.remove(c)
	case changed:
		l.publish()
	}
	for _, d := range l.out.Datagrams {
		if k := l.links[d.Via]; k != nil && l.buf.Set(d.Data) {
			l.buf.Peer = d.Peer
			_ = k.write.Write([]*packet.Buffer{l.buf}) // repeated by its protocol
		}
	}
	if l.cfg.Events != nil {
		for _, e := range l.out.Events {
			l.cfg.Events(now, Event{c.id, c.peer, e})
		}
	}
	if l.probe {
		l.probe = false
		l.probeAt(c)
	}
}

// event keeps what the gateway must know of a client; it says whether it was
// the last one.
func (l *loop) event(now time.Time, c *client, e stack.Event) (down bool) {
	switch e := e.(type) {
	case stack.PeerMoved:
		c.peer = e.To
	case stack.NetworkUp:
		c.up, c.known, c.since = true, true, now
	case stack.NetworkDown:
		c.up, c.since = false, now
	case stack.Network6Up:
		l.network6(now, c, e)
	case stack.Network6Down:
		c.router, c.advertiseAt = nil, time.Time{}
	case stack.StageDone:
		c.known = true // an authenticated phase 1, or a tunnel without IPsec
	case stack.Trace:
		if _, ok := e.Event.(ike.InitialContact); ok {
			c.contact, l.probe = true, true
		}
	case stack.Down:
		return true
	}
	return false
}

// probeAt asks the other clients at a client's endpoint whether they are there:
// it says that it is the only one, which may be a lie.
func (l *loop) probeAt(c *client) {
	for old := range l.clients {
		if old != c && old.known && old.peer == c.peer {
			l.call(old, old.conn.Probe)
		}
	}
}

// receive reads one socket until it is closed.
func (g *Gateway) receive(k *link) {
	r := dataplane.NewReader(k.socket, packet.ControlSize)
	a := newAnswerer(g)
	var run []*packet.Buffer
	for failed := 0; ; {
		batch, err := r.Read()
		if err != nil {
			if g.stopped.Load() {
				return
			}
			// ICMP messages about some client; a socket that gives nothing else must
			// not take a processor for itself.
			if failed++; failed >= patientErrors {
				<-time.After(errorPause)
			}
			continue
		}
		failed = 0
		t := g.table.Load()
		for i := 0; i < len(batch); {
			c := g.owner(t, k, batch[i])
			if c == nil {
				i++
				continue
			}
			run = append(run[:0], batch[i])
			for i++; i < len(batch) && g.owner(t, k, batch[i]) == c; i++ {
				run = append(run, batch[i])
			}
			g.open(k, c, run, a)
		}
	}
}

// owner is the client whose data a datagram is. What is no data goes to the
// control goroutine, what is nothing is dropped; both are nobody's.
func (g *Gateway) owner(t *table, k *link, b *packet.Buffer) *client {
	data := b.Bytes()
	if len(data) == 0 {
		return nil // seen before
	}
	switch k.via {
	case stack.Port1701:
		if c := t.byPeer[b.Peer]; c != nil {
			return c
		}
	case stack.ProtoESP:
		if len(data) >= 4 {
			if c := t.bySPI[binary.BigEndian.Uint32(data)]; c != nil {
				return c
			}
		}
		g.Dropped.Add(1)
		b.Drop()
		return nil
	case stack.Port4500:
		switch class, spi := esp.Classify(data); class {
		case esp.ClassESP:
			if c := t.bySPI[spi]; c != nil {
				return c
			}
			g.Dropped.Add(1)
			b.Drop()
			return nil
		case esp.ClassKeepalive, esp.ClassInvalid:
			b.Drop()
			return nil
		}
	}
	g.tell(message{via: k.via, peer: b.Peer, data: data})
	b.Drop()
	return nil
}

// open opens the packets of one client and hands them on, but for what a answers.
func (g *Gateway) open(k *link, c *client, run []*packet.Buffer, a *answerer) {
	p := c.path.Load()
	if p == nil {
		return
	}
	p.Open(time.Now(), run, func(msg []byte, from uint16) {
		g.tellOf(c, message{via: k.via, data: msg, from: from})
	})
	g.neighbours(k, c, run)
	t := g.table.Load()
	for _, b := range run {
		if b.Len() > 0 && !t.speaks(c, b.Bytes()) {
			g.Dropped.Add(1)
			b.Drop()
		}
	}
	a.answer(c, run)
	_ = g.inner.Write(run) // what the stack does not take is lost like any other packet
}

// writers are one goroutine's, for all links.
func (g *Gateway) writers() map[stack.Via]*dataplane.Writer {
	w := map[stack.Via]*dataplane.Writer{}
	for via, k := range g.links {
		w[via] = dataplane.NewWriter(k.socket, false)
	}
	return w
}

// transmit carries packets from the inner network to the clients.
func (g *Gateway) transmit() {
	batch := packet.NewBatch(dataplane.BatchSize)
	writers := g.writers()
	for {
		n, err := g.inner.Read(batch)
		if err != nil {
			return
		}
		t := g.table.Load()
		for i := 0; i < n; {
			c := destination(t, batch[i])
			j := i + 1
			for j < n && destination(t, batch[j]) == c {
				j++
			}
			g.seal(c, batch[i:j], writers)
			i = j
		}
	}
}

// speaks says whether a packet is in a client's own name, as all must be.
func (t *table) speaks(c *client, ip []byte) bool {
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return t.byAddr[netip.AddrFrom4([4]byte(ip[12:16]))] == c
	case len(ip) >= 40 && ip[0]>>4 == 6:
		return t.byNet[[8]byte(ip[8:16])] == c
	}
	return false
}

func destination(t *table, b *packet.Buffer) *client {
	switch ip := b.Bytes(); {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return t.byAddr[netip.AddrFrom4([4]byte(ip[16:20]))]
	case len(ip) >= 40 && ip[0]>>4 == 6:
		return t.byNet[[8]byte(ip[24:32])]
	}
	return nil
}

func (g *Gateway) seal(c *client, run []*packet.Buffer, writers map[stack.Via]*dataplane.Writer) {
	if c == nil {
		return
	}
	p := c.path.Load()
	if p == nil || p.Seal(time.Now(), run) != nil {
		return
	}
	if w := writers[viaOf(p)]; w != nil {
		_ = w.Write(run)
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
