package ike

import (
	"encoding/binary"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// Ours: RFC 3706, 5.4 leaves the times open. A roam between networks takes a
// few seconds, so the peer is given fifteen.
const (
	dpdTries   = 5
	dpdHinted  = 3 // when something says that the peer has lost its SAs
	dpdFirst   = time.Second
	dpdMax     = 5 * time.Second
	hintPause  = 10 * time.Second // between probes that unauthenticated hints cause
	dpdWindow  = 64               // how far an acknowledgement may lag
	dpdDataLen = 4
)

// dpd is the state of dead peer detection (RFC 3706).
type dpd struct {
	seq    uint32 // of the last R-U-THERE
	tries  int    // sent without an answer, 0 when none is waited for
	since  time.Time
	at     time.Time // of the next one, or of the verdict
	wait   time.Duration
	hinted bool
}

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
	c.dpd = dpd{seq: c.dpd.seq, since: now, wait: dpdFirst}
	c.sendProbe(now, out)
}

// dpdSA is the ISAKMP SA to ask under.
func (c *Conn) dpdSA() *ikeSA {
	if sa := c.newest(); sa != nil && sa.dpd {
		return sa
	}
	return nil
}

func (c *Conn) sendProbe(now time.Time, out *Output) {
	sa := c.dpdSA()
	if sa == nil {
		c.dpd = dpd{seq: c.dpd.seq}
		return
	}
	c.dpd.seq++
	c.dpd.tries++
	c.dpd.at = now.Add(c.dpd.wait)
	c.dpd.wait = min(2*c.dpd.wait, dpdMax)
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
	return c.lastIn.Add(c.cfg.DPDInterval)
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
		c.dpd = dpd{seq: c.dpd.seq} // something authenticated came meanwhile
	case c.dpd.tries >= limit:
		c.down(&Error{Phase: 1, Reason: PeerDead, Detail: "no answer to dead peer detection"}, out)
	default:
		c.sendProbe(now, out)
	}
}

// handleDPD takes an authenticated R-U-THERE or its acknowledgement, and says
// whether it was a fresh one.
func (c *Conn) handleDPD(now time.Time, sa *ikeSA, n isakmp.Notification, out *Output) (fresh bool) {
	if len(n.Data) != dpdDataLen {
		return false
	}
	seq := binary.BigEndian.Uint32(n.Data)
	if n.Type == isakmp.RUThereAck {
		if c.dpd.tries == 0 || c.dpd.seq-seq >= uint32(min(c.dpd.tries, dpdWindow)) {
			return false
		}
		c.dpd = dpd{seq: c.dpd.seq}
		return true
	}
	fresh = !sa.peerDPDSet || int32(seq-sa.peerDPD) > 0
	if fresh {
		sa.peerDPD, sa.peerDPDSet = seq, true
	}
	sa.infoReply = c.informational(now, sa, []isakmp.Payload{sa.dpdPayload(isakmp.RUThereAck, seq)}, out)
	return fresh
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
