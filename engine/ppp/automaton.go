package ppp

import (
	"bytes"
	"time"
)

// State is a state of the option negotiation automaton (RFC 1661, 4.2).
type State uint8

// The states, numbered as in RFC 1661, 4.1.
const (
	Initial  State = 0
	Starting State = 1
	Closed   State = 2
	Stopped  State = 3
	Closing  State = 4
	Stopping State = 5
	ReqSent  State = 6
	AckRcvd  State = 7
	AckSent  State = 8
	Opened   State = 9
)

var stateNames = [...]string{"Initial", "Starting", "Closed", "Stopped", "Closing", "Stopping", "Req-Sent", "Ack-Rcvd", "Ack-Sent", "Opened"}

func (s State) String() string { return name(stateNames[:], int(s)) }

// Trigger is an event of the automaton (RFC 1661, 4.3).
type Trigger uint8

// The events, in the order of RFC 1661, 4.1.
const (
	onUp Trigger = iota
	onDown
	onOpen
	onClose
	onTimeoutMore // TO+
	onTimeoutLast // TO-
	onRCRGood     // RCR+
	onRCRBad      // RCR-
	onRCA
	onRCN
	onRTR
	onRTA
	onRUC
	onRXJGood // RXJ+
	onRXJBad  // RXJ-
	onRXR
)

var triggerNames = [...]string{"Up", "Down", "Open", "Close", "TO+", "TO-", "RCR+", "RCR-", "RCA", "RCN", "RTR", "RTA", "RUC", "RXJ+", "RXJ-", "RXR"}

func (t Trigger) String() string { return name(triggerNames[:], int(t)) }

// action is an action of the automaton (RFC 1661, 4.4).
type action uint8

const (
	tlu action = iota + 1 // This-Layer-Up
	tld                   // This-Layer-Down
	tls                   // This-Layer-Started: the layers below are there already
	tlf                   // This-Layer-Finished
	irc                   // Initialize-Restart-Count
	zrc                   // Zero-Restart-Count
	scr                   // Send-Configure-Request
	sca                   // Send-Configure-Ack
	scn                   // Send-Configure-Nak or -Reject
	str                   // Send-Terminate-Request
	sta                   // Send-Terminate-Ack
	scj                   // Send-Code-Reject
	ser                   // Send-Echo-Reply, or nothing for Echo-Reply and Discard-Request
)

// cell is a field of the table: actions, then the next state.
type cell struct {
	legal   bool // not "-"
	actions []action
	next    State
}

func to(next State, actions ...action) cell { return cell{true, actions, next} }

var none = cell{}

// transitions is the table of RFC 1661, 4.1, columns in its order: Initial,
// Starting, Closed, Stopped, Closing, Stopping, Req-Sent, Ack-Rcvd, Ack-Sent,
// Opened. The order of the actions is kept: in Opened our request goes out
// before the Ack, or two ends that follow the table chase each other for ever.
var transitions = [16][10]cell{
	onUp:    {to(2), to(6, irc, scr), none, none, none, none, none, none, none, none},
	onDown:  {none, none, to(0), to(1, tls), to(0), to(1), to(1), to(1), to(1), to(1, tld)},
	onOpen:  {to(1, tls), to(1), to(6, irc, scr), to(3), to(5), to(5), to(6), to(7), to(8), to(9)},
	onClose: {to(0), to(0, tlf), to(2), to(2), to(4), to(4), to(4, irc, str), to(4, irc, str), to(4, irc, str), to(4, tld, irc, str)},

	onTimeoutMore: {none, none, none, none, to(4, str), to(5, str), to(6, scr), to(6, scr), to(8, scr), none},
	onTimeoutLast: {none, none, none, none, to(2, tlf), to(3, tlf), to(3, tlf), to(3, tlf), to(3, tlf), none},

	onRCRGood: {none, none, to(2, sta), to(8, irc, scr, sca), to(4), to(5), to(8, sca), to(9, sca, tlu), to(8, sca), to(8, tld, scr, sca)},
	onRCRBad:  {none, none, to(2, sta), to(6, irc, scr, scn), to(4), to(5), to(6, scn), to(7, scn), to(6, scn), to(6, tld, scr, scn)},
	onRCA:     {none, none, to(2, sta), to(3, sta), to(4), to(5), to(7, irc), to(6, scr), to(9, irc, tlu), to(6, tld, scr)},
	onRCN:     {none, none, to(2, sta), to(3, sta), to(4), to(5), to(6, irc, scr), to(6, scr), to(8, irc, scr), to(6, tld, scr)},

	onRTR: {none, none, to(2, sta), to(3, sta), to(4, sta), to(5, sta), to(6, sta), to(6, sta), to(6, sta), to(5, tld, zrc, sta)},
	onRTA: {none, none, to(2), to(3), to(2, tlf), to(3, tlf), to(6), to(6), to(8), to(6, tld, scr)},

	onRUC:     {none, none, to(2, scj), to(3, scj), to(4, scj), to(5, scj), to(6, scj), to(7, scj), to(8, scj), to(9, scj)},
	onRXJGood: {none, none, to(2), to(3), to(4), to(5), to(6), to(6), to(8), to(9)},
	onRXJBad:  {none, none, to(2, tlf), to(3, tlf), to(2, tlf), to(3, tlf), to(3, tlf), to(3, tlf), to(3, tlf), to(5, tld, irc, str)},

	onRXR: {none, none, to(2), to(3), to(4), to(5), to(6), to(7), to(8), to(9, ser)},
}

// From the specification (RFC 1661, 4.6).
const (
	restartTimer = 3 * time.Second
	maxConfigure = 10
	maxTerminate = 2
	maxFailure   = 5
)

// Ours.
const (
	// What is heard again of a request within this time of its Ack is a copy,
	// or our Ack was lost: it is acknowledged again. RFC 1661 would restart.
	copyTime = 2 * restartTimer
	// A peer that has our Ack is Opened once it has our request: one more copy
	// of that request makes pppd start all over. So it waits for a round trip.
	settleTime = 400 * time.Millisecond
	// A peer's request calls forth ours at most this often.
	promptGap = 50 * time.Millisecond
	// Naks of our requests, in a row, before negotiation is given up.
	maxNaks = 10
)

// earlyRepeats come before those of the Restart timer and do not count for
// Max-Configure, but for the last: pppd hears nothing in its first 100 ms.
var earlyRepeats = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond}

// lookupRepeats are those of the network protocols. The peer hears by then, but
// SoftEther asks a DHCP server for our address first, and takes up to another
// 300 ms for each copy that waits meanwhile.
var lookupRepeats = []time.Duration{time.Second, 2100 * time.Millisecond}

// layer is what an automaton negotiates for: LCP, IPCP or IPV6CP.
type layer interface {
	// request appends the options of our next Configure-Request.
	request(dst []byte) []byte
	// judge says what we think of the peer's options and remembers them when good.
	judge(now time.Time, opts []option, out *Output) verdict
	// naked takes over what the peer would have, rejected leaves out what it
	// does not want. Either may end the link.
	naked(now time.Time, opts []option, out *Output)
	rejected(now time.Time, opts []option, out *Output)
	up(now time.Time, out *Output)                      // tlu
	down(now time.Time, out *Output)                    // tld
	finished(now time.Time, on Trigger, out *Output)    // tlf
	exhausted(now time.Time, out *Output)               // maxNaks, or nothing left to reject
	other(now time.Time, p packet, out *Output) handled // codes that are not of every NCP
}

// handled is what a layer says of a code of its own.
type handled uint8

const (
	unknownCode handled = iota
	done
	exchange // Echo-Request, Echo-Reply, Discard-Request: RXR
)

// automaton is the option negotiation automaton of RFC 1661, 4.
type automaton struct {
	conn     *Conn
	layer    layer
	protocol uint16
	prompt   bool // a peer's request calls forth ours even when that was sent just now
	state    State

	options             []byte // of our latest Configure-Request
	id                  uint8  // its identifier
	answered            bool   // it has been answered: further answers are copies
	everAnswered        bool   // any of them has been
	firstSent, lastSent time.Time
	promptedAt          time.Time // when it was last repeated because of the peer's
	repeats             int       // of that request, by the timer
	restarts            int       // Restart counter
	restartAt           time.Time // Restart timer; zero: stopped
	naks                int       // of our requests, in a row
	failures            int       // Naks of ours, in a row (Max-Failure)
	otherID             uint8     // of Terminate-Requests and Rejects
	seen                seen      // the peer's latest Configure-Request
	in                  packet    // the packet being handled; a view
	answer              packet    // the answer to it
}

// seen is the peer's latest Configure-Request and what was answered.
type seen struct {
	options []byte
	answer  packet // code zero: there is none
	at      time.Time
}

// fire takes an event to its cell of the table.
func (a *automaton) fire(now time.Time, on Trigger, out *Output) {
	c := transitions[on][a.state]
	if !c.legal {
		out.emit(Drop{a.protocol, DropState})
		return
	}
	from := a.state
	if a.state = c.next; from != a.state {
		out.emit(Transition{a.protocol, from, a.state, on})
	}
	if on == onRCA || on == onRTR {
		a.restartAt = now.Add(restartTimer) // Ack-Rcvd and Stopping wait for the peer
	}
	for _, do := range c.actions {
		a.do(now, do, c, on, out)
		if a.conn.phase == PhaseOver {
			return
		}
	}
	switch a.state {
	case Initial, Starting, Closed, Stopped, Opened: // RFC 1661, 4.2: the Restart timer does not run
		a.restartAt = time.Time{}
	}
}

func (a *automaton) do(now time.Time, do action, c cell, on Trigger, out *Output) {
	switch do {
	case tlu:
		a.naks, a.failures = 0, 0
		a.layer.up(now, out)
	case tld:
		a.layer.down(now, out)
	case tlf:
		a.layer.finished(now, on, out)
	case irc:
		a.restarts = maxConfigure
		if c.next == Closing || c.next == Stopping {
			a.restarts = maxTerminate
		}
	case zrc:
		a.restarts = 0
	case scr:
		a.sendConfigureRequest(now, on == onTimeoutMore, out)
	case sca, scn:
		a.sendAnswer(now, out)
	case str:
		a.restarts--
		a.restartAt = now.Add(restartTimer)
		a.otherID++
		out.send(a.protocol, packet{code: terminateRequest, id: a.otherID})
	case sta:
		p := packet{code: terminateAck, id: a.in.id}
		if a.in.code != terminateRequest { // RFC 1661, 5.5: otherwise any identifier
			a.otherID++
			p.id = a.otherID
		}
		out.send(a.protocol, p)
	case scj:
		a.otherID++
		out.send(a.protocol, packet{code: codeReject, id: a.otherID, data: a.conn.clip(appendPacket(nil, a.in))})
	case ser:
		if a.answer.code == echoReply {
			out.send(a.protocol, a.answer)
		}
	}
}

// sendConfigureRequest is scr. A repeat keeps the identifier and so is the
// same packet: its first answer answers all of its copies.
func (a *automaton) sendConfigureRequest(now time.Time, repeat bool, out *Output) {
	if !repeat {
		a.id++
		a.options = a.layer.request(a.options[:0])
		a.repeats, a.firstSent, a.promptedAt = 0, now, time.Time{}
	} else {
		a.repeats++
	}
	if a.repeats == 0 || a.repeats >= len(a.early()) {
		a.restarts--
	}
	a.transmit(now, out)
	a.restartAt = now.Add(a.interval())
}

func (a *automaton) transmit(now time.Time, out *Output) {
	a.answered, a.lastSent = false, now
	out.send(a.protocol, packet{configureRequest, a.id, a.options})
}

// interval is the time until the next repeat: two round trips at least, once
// a round trip is known.
func (a *automaton) interval() time.Duration {
	d := restartTimer
	if early := a.early(); a.repeats < len(early) {
		d = early[a.repeats]
	}
	if a.state == AckSent {
		d = max(d, settleTime)
	}
	return min(max(d, 2*a.conn.rtt), restartTimer)
}

// early is short again once the peer has its address to give: SoftEther looks
// at our last request when the next frame comes.
func (a *automaton) early() []time.Duration {
	if a.prompt || a.state == AckSent {
		return earlyRepeats
	}
	return lookupRepeats
}

// repeatAtOnce is called when the peer's Configure-Request arrives, before its
// answer goes out: whoever asks now hears now, and may have been deaf before
// (pppd in its first 100 ms). Request first, Ack after: see settleTime.
func (a *automaton) repeatAtOnce(now time.Time, out *Output) {
	since := a.lastSent
	// One that has answered is not deaf, and SoftEther takes 300 ms for every
	// packet that waits behind another.
	if a.prompt && !a.everAnswered {
		since = a.promptedAt
	}
	if a.answered || a.state != ReqSent && a.state != AckSent || now.Sub(since) < promptGap {
		return
	}
	a.promptedAt = now
	a.transmit(now, out)
	a.restartAt = now.Add(a.interval())
}

// sendAnswer is sca or scn: the judgement has been made.
func (a *automaton) sendAnswer(now time.Time, out *Output) {
	out.send(a.protocol, a.answer)
	if a.answer.code == configureAck {
		a.failures = 0
	}
	if a.state == AckSent && !a.answered {
		if at := now.Add(a.interval()); a.restartAt.Before(at) {
			a.restartAt = at
		}
	}
}

// advance fires the Restart timer.
func (a *automaton) advance(now time.Time, out *Output) {
	if a.restartAt.IsZero() || now.Before(a.restartAt) {
		return
	}
	a.in = packet{}
	if a.restarts > 0 {
		a.fire(now, onTimeoutMore, out)
		return
	}
	a.fire(now, onTimeoutLast, out)
}

// receive handles a control packet of the automaton's protocol.
func (a *automaton) receive(now time.Time, p packet, out *Output) {
	a.in, a.answer = p, packet{}
	switch p.code {
	case configureRequest:
		a.receiveRequest(now, p, out)
	case configureAck, configureNak, configureReject:
		a.receiveAnswer(now, p, out)
	case terminateRequest:
		a.fire(now, onRTR, out)
	case terminateAck:
		a.fire(now, onRTA, out)
	case codeReject:
		// A peer that does not know these codes cannot be talked to.
		if len(p.data) >= 1 && p.data[0] >= configureRequest && p.data[0] <= codeReject {
			a.fire(now, onRXJBad, out)
			return
		}
		a.fire(now, onRXJGood, out)
	default:
		switch a.layer.other(now, p, out) {
		case unknownCode:
			a.fire(now, onRUC, out)
		case exchange:
			a.fire(now, onRXR, out)
		}
	}
	a.in = packet{} // it was borrowed
}

func (a *automaton) receiveRequest(now time.Time, p packet, out *Output) {
	opts, err := parseOptions(p.data)
	if err != nil {
		out.emit(Drop{a.protocol, DropMalformed})
		return
	}
	same := a.seen.answer.code != 0 && a.seen.answer.id == p.id && bytes.Equal(a.seen.options, p.data)
	if same && now.Sub(a.seen.at) < copyTime {
		if a.state == Opened {
			out.send(a.protocol, a.seen.answer)
			return
		}
		if a.state >= ReqSent {
			a.again(now, out)
			return
		}
	}
	if a.state != Stopped && a.state < ReqSent { // nothing is judged where no option is answered
		a.fire(now, onRCRGood, out)
		return
	}
	v := a.layer.judge(now, opts, out)
	if v.fatal {
		return
	}
	if len(v.reject) == 0 && len(v.nak) > 0 {
		if a.failures++; a.failures > maxFailure {
			if v.harden(opts); v.good() {
				a.layer.exhausted(now, out)
				return
			}
		}
	}
	a.answer = packet{configureAck, p.id, bytes.Clone(p.data)}
	switch {
	case len(v.reject) > 0:
		a.answer.code, a.answer.data = configureReject, v.reject
	case len(v.nak) > 0:
		a.answer.code, a.answer.data = configureNak, v.nak
	}
	a.seen = seen{bytes.Clone(p.data), a.answer, now}
	a.again(now, out)
}

// again answers the request last seen, once more or for the first time.
func (a *automaton) again(now time.Time, out *Output) {
	a.answer = a.seen.answer
	a.repeatAtOnce(now, out)
	if a.answer.code == configureAck {
		a.fire(now, onRCRGood, out)
		return
	}
	a.fire(now, onRCRBad, out)
}

func (a *automaton) receiveAnswer(now time.Time, p packet, out *Output) {
	if a.state < ReqSent { // the table has its answer for each of them
		a.fire(now, onRCA, out)
		return
	}
	if p.id != a.id || a.answered {
		out.emit(Drop{a.protocol, DropIdentifier})
		return
	}
	on := onRCA
	if p.code == configureAck {
		if !bytes.Equal(p.data, a.options) {
			out.emit(Drop{a.protocol, DropMismatch})
			return
		}
	} else {
		opts, err := parseOptions(p.data)
		if err != nil {
			out.emit(Drop{a.protocol, DropMalformed})
			return
		}
		on = onRCN
		if a.naks++; a.naks > maxNaks {
			a.layer.exhausted(now, out)
			return
		}
		if p.code == configureNak {
			a.layer.naked(now, opts, out)
		} else {
			a.layer.rejected(now, opts, out)
		}
	}
	if a.conn.phase == PhaseOver {
		return
	}
	a.answered, a.everAnswered = true, true
	a.conn.roundTrip(now.Sub(a.firstSent))
	a.fire(now, on, out)
}
