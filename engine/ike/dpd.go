package ike

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// From the specification: a sequence number is all the data (RFC 3706, 5.3).
const dpdDataLen = 4

// Ours: RFC 3706, 5.4 leaves the times open. A roam between networks takes a
// few seconds, so the peer is given fifteen.
const (
	dpdTries  = 5
	dpdHinted = 3 // when something says that the peer has lost its SAs
	dpdFirst  = time.Second
	dpdMax    = 5 * time.Second
	hintPause = 10 * time.Second // between probes that unauthenticated hints cause

	// A peer that leaves data unanswered has most likely restarted, and many say
	// nothing to what they do not know any more. Somebody waits, so it is asked
	// soon and not for long: all in all it is given up within some seven seconds.
	vainAfter = 2 * time.Second
	vainMax   = 800 * time.Millisecond
)

// dpd is the state of dead peer detection (RFC 3706).
type dpd struct {
	seq    uint32 // of the last R-U-THERE
	tries  int    // sent without an answer, 0 when none is waited for
	since  time.Time
	at     time.Time // of the next one, or of the verdict
	wait   time.Duration
	hinted bool

	vain time.Time // when data was sent that nothing had come after; zero: none was
}

// done is d once the peer has answered.
func (d dpd) done() dpd { return dpd{seq: d.seq} }

// Probe asks the peer whether it lives. Without an answer within some 15 s
// the relation ends. It does nothing when the peer does not speak RFC 3706, or
// while it is being asked.
func (c *Conn) Probe(now time.Time, out *Output) {
	if c.state == stateUp && c.dpd.tries == 0 {
		c.startProbe(now, out)
	}
	c.settle(out)
}

func (c *Conn) startProbe(now time.Time, out *Output) {
	if c.dpdSA() == nil {
		return
	}
	if c.dpd.seq == 0 {
		c.dpd.seq = binary.BigEndian.Uint32(c.random(4)) >> 2 // RFC 3706, 6.3: random, and room to grow
	}
	c.dpd = dpd{seq: c.dpd.seq, since: now, wait: dpdFirst, vain: c.dpd.vain}
	c.sendProbe(now, out)
}

// dpdSA is the ISAKMP SA to ask under: the newest one first. The peer may have
// deleted that and its Delete been lost, so the others have their turns.
func (c *Conn) dpdSA() *ikeSA {
	var able []*ikeSA
	for _, sa := range slices.Backward(c.sas) {
		if sa.stage == stageUp && sa.dpd {
			able = append(able, sa)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return able[c.dpd.tries%len(able)]
}

func (c *Conn) sendProbe(now time.Time, out *Output) {
	sa := c.dpdSA()
	if sa == nil {
		c.dpd = c.dpd.done()
		return
	}
	c.dpd.seq++
	c.dpd.tries++
	most := dpdMax
	if c.unanswered() {
		most = vainMax
	}
	c.dpd.at = now.Add(min(c.dpd.wait, most))
	c.dpd.wait *= 2
	c.informational(now, sa, []isakmp.Payload{sa.dpdPayload(isakmp.RUThere, c.dpd.seq)}, out)
}

func (sa *ikeSA) dpdPayload(t isakmp.NotifyType, seq uint32) isakmp.Payload {
	n := isakmp.Notification{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: t, SPI: sa.spi(), Data: binary.BigEndian.AppendUint32(nil, seq)}
	return isakmp.Payload{Type: isakmp.PayloadNotification, Body: n.Append(nil)}
}

// dpdAt is when the next question or the verdict is due.
func (c *Conn) dpdAt() time.Time {
	if c.dpd.tries > 0 {
		return c.dpd.at
	}
	if c.state != stateUp || c.cfg.DPDInterval <= 0 || c.dpdSA() == nil {
		return time.Time{}
	}
	at := c.lastIn.Add(c.cfg.DPDInterval)
	if c.unanswered() {
		earliest(&at, c.dpd.vain.Add(vainAfter))
	}
	return at
}

// unanswered says that data was sent and nothing has come since.
func (c *Conn) unanswered() bool { return !c.dpd.vain.IsZero() && !c.lastIn.After(c.dpd.vain) }

// AwaitsData says that Deadline depends on when data is sent next: the Conn should
// be told at once by Sent, and not only before Advance.
func (c *Conn) AwaitsData() bool {
	return c.cfg.Role == Initiator && c.dpd.tries == 0 && !c.unanswered() && !c.dpdAt().IsZero()
}

// advanceDPD asks an idle peer, and gives one up that does not answer.
func (c *Conn) advanceDPD(now time.Time, out *Output) {
	if c.state != stateUp || !due(c.dpdAt(), now) {
		return
	}
	limit := dpdTries
	if c.dpd.hinted {
		limit = dpdHinted
	}
	switch {
	case c.dpd.tries == 0:
		c.startProbe(now, out)
	case c.lastIn.After(c.dpd.since):
		c.dpd = c.dpd.done() // something authenticated came meanwhile
	case c.dpd.tries >= limit:
		c.down(&Error{Phase: 1, Reason: PeerDead, Detail: "no answer to dead peer detection"}, out)
	default:
		c.sendProbe(now, out)
	}
}

// freshDPD says whether there is a question or an answer among the payloads that
// cannot have been recorded earlier: the peer is where it came from, now.
func (c *Conn) freshDPD(sa *ikeSA, payloads []isakmp.Payload) bool {
	for _, p := range payloads {
		if p.Type != isakmp.PayloadNotification {
			continue
		}
		n, err := isakmp.ParseNotification(p.Body)
		if err != nil || len(n.Data) != dpdDataLen {
			continue
		}
		seq := binary.BigEndian.Uint32(n.Data)
		if n.Type == isakmp.RUThere && (!sa.peerDPDSet || int32(seq-sa.peerDPD) > 0) || n.Type == isakmp.RUThereAck && c.dpd.asked(seq) {
			return true
		}
	}
	return false
}

// asked says whether an acknowledgement answers a question that is still open.
func (d *dpd) asked(seq uint32) bool { return d.tries > 0 && d.seq-seq < uint32(d.tries) }

// handleDPD takes an authenticated R-U-THERE or its acknowledgement.
func (c *Conn) handleDPD(now time.Time, sa *ikeSA, n isakmp.Notification, out *Output) {
	if len(n.Data) != dpdDataLen {
		return
	}
	seq := binary.BigEndian.Uint32(n.Data)
	if n.Type == isakmp.RUThereAck {
		if c.dpd.asked(seq) {
			c.dpd = c.dpd.done()
		}
		return
	}
	if !sa.peerDPDSet || int32(seq-sa.peerDPD) > 0 {
		sa.peerDPD, sa.peerDPDSet = seq, true
	}
	sa.infoReply = c.informational(now, sa, []isakmp.Payload{sa.dpdPayload(isakmp.RUThereAck, seq)}, out)
}

// hint answers an unauthenticated notification with a question of our own, but
// not each one.
func (c *Conn) hint(now time.Time, t isakmp.NotifyType, out *Output) {
	out.emit(Hint{t})
	if c.state != stateUp {
		return
	}
	if c.dpd.tries > 0 {
		c.dpd.hinted = c.dpd.hinted || t == isakmp.InvalidCookie
		return
	}
	if now.Before(c.hintAt) {
		return
	}
	c.hintAt = now.Add(hintPause)
	c.startProbe(now, out)
}
