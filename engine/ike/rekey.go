package ike

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// Ours.
const (
	// A lifetime's share after which the relation's initiator renews an SA,
	// less a jitter. The responder is later, to come first only if the
	// initiator does not care.
	rekeyShare          = 0.85
	rekeyShareResponder = 0.95
	rekeyJitter         = 0.08
	rekeyJitterResp     = 0.03
	// An ISAKMP SA that the peer started is the peer's to renew: strongSwan does
	// so at 0.82 to 0.91 of its life. Renewals should not cross; see crossed.
	rekeySharePeers = 0.98

	// A responder does not renew by itself what the peer wants to be so short.
	leastRekeyed = 30 * time.Second
	// What the gateway deletes sooner was not too old, but unwanted.
	leastLearned = 15 * time.Second

	rekeyRetry = 30 * time.Second // after a rekey that failed

	// How long a successor is in use before what it replaces is deleted.
	// Windows deletes late as well, after the new SA is up.
	deleteAfter = 5 * time.Second
	// In case the client, whose task it is, does not.
	deleteBackstop = 60 * time.Second
	// Two Main Modes within this time crossed each other.
	crossing = 30 * time.Second
	// A peer that deletes an ISAKMP SA deletes its children before or after.
	goneLinger = 10 * time.Second
)

// rekeyAfter is when an SA of that lifetime is to be renewed from this end.
func (c *Conn) rekeyAfter(life time.Duration) time.Duration {
	share, jitter := rekeyShare, rekeyJitter
	if c.cfg.Role == Responder {
		share, jitter = rekeyShareResponder, rekeyJitterResp
	}
	part := float64(binary.BigEndian.Uint16(c.random(2))) / 65536
	return time.Duration(float64(life) * (share - jitter*part))
}

// rekeyAt is when an SA of that lifetime is to be renewed from this end, own being
// what this end had asked for; never by a responder whose peer wants it so short
// that it must see to that itself.
func (c *Conn) rekeyAt(now time.Time, life, own time.Duration) time.Time {
	if c.cfg.Role == Responder && life < min(leastRekeyed, own) {
		return time.Time{}
	}
	return now.Add(c.rekeyAfter(life))
}

// rekeyPhase1At is rekeyAt for an ISAKMP SA.
func (c *Conn) rekeyPhase1At(now time.Time, sa *ikeSA) time.Time {
	if c.cfg.Role == Initiator && !sa.initiator {
		return now.Add(time.Duration(float64(sa.life) * rekeySharePeers))
	}
	return c.rekeyAt(now, shorter(c.life1, sa.life), c.cfg.Phase1Lifetime)
}

// learn takes note of how long the gateway lets an SA live. Libreswan agrees to
// any lifetime and keeps its own, of which only its own offers tell, and its
// Deletes. Nor can it renew phase 1 itself with a client on another port than 500.
func (c *Conn) learn(learned *time.Duration, life time.Duration) {
	if c.cfg.Role == Initiator && life >= leastLearned {
		*learned = shorter(*learned, life)
	}
}

// RekeyPhase1 renews the ISAKMP SA now. It does nothing while that is in
// progress or while there is none.
func (c *Conn) RekeyPhase1(now time.Time, out *Output) {
	if c.state == stateUp && c.run == nil {
		c.startMain(now, true, out)
	}
	c.settle(out)
}

// supersede plans the end of the ISAKMP SAs before sa. strongSwan holds each
// child under one of them, and forgets it with that one, without a word. So the
// client deletes only what it has renewed itself, undisturbed, for then the
// children are under sa. The others are the gateway's to delete, or expire.
func (c *Conn) supersede(now time.Time, sa *ikeSA) {
	for _, old := range c.sas {
		if old == sa || old.stage != stageUp || !old.deleteAt.IsZero() {
			continue
		}
		old.rekeyAt = time.Time{}
		switch {
		case c.cfg.Role == Responder && (!sa.initiator || now.Sub(old.born) <= crossing):
			old.deleteAt = now.Add(deleteBackstop)
		case sa.initiator && !c.crossed(sa):
			old.deleteAt = now.Add(deleteAfter)
		}
	}
}

// crossed says whether the peer had a Main Mode of its own in progress, or just
// done, while this one of ours went on. Which of the two the peer regards as the
// newer one, with all that hangs on it, cannot be told from here.
func (c *Conn) crossed(sa *ikeSA) bool {
	return c.cfg.Role == Initiator && slices.ContainsFunc(c.sas, func(other *ikeSA) bool {
		return !other.initiator && other.born.After(sa.born.Add(-crossing))
	})
}

// advancePhase1 does what is due on ISAKMP SAs.
func (c *Conn) advancePhase1(now time.Time, out *Output) {
	c.advanceAttempt(now, out)
	for _, sa := range slices.Clone(c.sas) {
		if c.state == stateClosed || !slices.Contains(c.sas, sa) {
			continue
		}
		switch sa.stage {
		case stageUp:
			c.advanceSA(now, sa, out)
		case stageGone:
			if due(sa.deleteAt, now) {
				c.removeSA(sa)
			}
		default:
			c.advanceMain(now, sa, out)
		}
	}
}

// advanceMain does what is due on a Main Mode.
func (c *Conn) advanceMain(now time.Time, sa *ikeSA, out *Output) {
	switch {
	case due(sa.deadline, now) && sa.run != nil:
		c.stageExpired(now, sa, out)
	case due(sa.deadline, now):
		c.halfOpenExpired(now, sa)
	case sa.resend.due(now):
		c.send(now, sa, sa.resend.msgs, out)
	}
}

// advanceSA does what is due on an authenticated ISAKMP SA.
func (c *Conn) advanceSA(now time.Time, sa *ikeSA, out *Output) {
	switch {
	case due(sa.expiresAt, now):
		c.deleteSA(now, sa, out)
	case due(sa.deleteAt, now):
		newest := c.newest()
		switch {
		case slices.ContainsFunc(sa.quicks, func(q *quick) bool { return q.stage != quickDone }):
			sa.deleteAt = now.Add(time.Second)
		case c.cfg.Role == Responder && sa.usedAt.After(newest.usedAt) && now.Sub(sa.usedAt) < deleteBackstop:
			sa.deleteAt = now.Add(deleteBackstop) // the client's newest is another than ours
		default:
			c.deleteSA(now, sa, out)
		}
	case due(sa.rekeyAt, now):
		sa.rekeyAt = time.Time{}
		if sa == c.newest() && c.run == nil {
			c.startMain(now, true, out)
		}
	}
}

// deleteSA ends an ISAKMP SA at both ends. Its children live on.
func (c *Conn) deleteSA(now time.Time, sa *ikeSA, out *Output) {
	c.sendDeleteIKE(now, sa, out)
	c.abandonQuicks(now, sa, out)
	c.removeSA(sa)
	c.lostSA(now, out)
}

// lostSA sees to it that a client always has an ISAKMP SA, or is getting one.
func (c *Conn) lostSA(now time.Time, out *Output) {
	if c.newest() != nil {
		return
	}
	if c.cfg.Role == Initiator {
		if c.run == nil && c.mayMake(now) {
			c.startMain(now, true, out)
		}
	} else if len(c.children) == 0 {
		c.idleAt = now.Add(halfOpenTime)
	}
}

// phase1Deadline takes the SAs' times into account.
func (c *Conn) phase1Deadline(at *time.Time) {
	if c.run != nil {
		earliest(at, c.run.verdictAt)
		earliest(at, c.run.probeAt)
	}
	for _, sa := range c.sas {
		switch sa.stage {
		case stageUp:
			earliest(at, sa.expiresAt)
			earliest(at, sa.deleteAt)
			earliest(at, sa.rekeyAt)
		case stageGone:
			earliest(at, sa.deleteAt)
		default:
			earliest(at, sa.deadline)
			earliest(at, sa.resend.at)
		}
	}
}

// sendDeleteIKE tells the peer that an ISAKMP SA is no more, under that SA:
// strongSwan ignores it under another.
func (c *Conn) sendDeleteIKE(now time.Time, sa *ikeSA, out *Output) {
	d := isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPIs: [][]byte{sa.spi()}}
	c.informational(now, sa, []isakmp.Payload{{Type: isakmp.PayloadDelete, Body: d.Append(nil)}}, out)
}

// sendDeleteESP tells the peer that nothing is received on these SPIs any more.
func (c *Conn) sendDeleteESP(now time.Time, sa *ikeSA, spis []uint32, out *Output) {
	if sa == nil || len(spis) == 0 {
		return
	}
	d := isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP}
	for _, spi := range spis {
		d.SPIs = append(d.SPIs, binary.BigEndian.AppendUint32(nil, spi))
	}
	c.informational(now, sa, []isakmp.Payload{{Type: isakmp.PayloadDelete, Body: d.Append(nil)}}, out)
}
