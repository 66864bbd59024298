package ike

import "time"

// Ours: what an authenticated peer may make this end do. Nobody renews a child
// or an ISAKMP SA that often; each costs Diffie-Hellman, up to 50 ms with the
// largest groups, and a gateway has other clients.
const (
	budgetMost  = 16
	budgetEvery = 500 * time.Millisecond // one more
	// maxUp is how many authenticated ISAKMP SAs are kept: renewals that crossed,
	// and what they replace.
	maxUp = 8
)

// budget counts exchanges of the peer's. Its zero value is a full one.
type budget struct {
	spent int
	since time.Time // when spent was right
}

// refill gives back what has come since.
func (b *budget) refill(now time.Time) {
	n := int(min(now.Sub(b.since)/budgetEvery, budgetMost))
	if b.spent -= n; b.spent <= 0 {
		b.spent, b.since = 0, now
		return
	}
	b.since = b.since.Add(time.Duration(n) * budgetEvery)
}

// left says whether one more exchange is allowed.
func (b *budget) left(now time.Time) bool {
	b.refill(now)
	return b.spent < budgetMost
}

// spend counts an exchange that has been authenticated.
func (b *budget) spend(now time.Time) {
	b.refill(now)
	b.spent++
}

// mayMake says whether this end may make an SA in place of a deleted one at once.
// A peer that deletes each of them makes it wait.
func (c *Conn) mayMake(now time.Time) bool {
	c.againAt = time.Time{}
	if !c.again.left(now) {
		c.againAt = now.Add(budgetEvery)
		return false
	}
	c.again.spend(now)
	return true
}

// limitUp forgets the oldest authenticated ISAKMP SAs beyond maxUp, and tells
// the peer.
func (c *Conn) limitUp(now time.Time, out *Output) {
	for {
		n := 0
		var oldest *ikeSA
		for _, sa := range c.sas {
			if sa.stage >= stageUp {
				if n++; oldest == nil {
					oldest = sa
				}
			}
		}
		if n <= maxUp {
			return
		}
		if oldest.stage == stageUp {
			c.sendDeleteIKE(now, oldest, out)
		}
		c.abandonQuicks(now, oldest, out)
		c.removeSA(oldest)
	}
}
