package ike

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/culvert-vpn/culvert/engine/isakmp"
)

// Ours: how long to go on after evidence that it will not work. What is in
// clear may be forged, so the real answer gets this long to come.
const (
	notifyGrace = 2 * time.Second
	notIKEGrace = 3 * time.Second
	mm5Grace    = 3 * time.Second // after MM5
	lateGrace   = time.Second     // after evidence that came later than that

	// Nothing at all on port 4500: ask it with a fresh MM1. An answer means
	// that the peer did get MM5 and could not read it.
	probeFirst = 5 * time.Second
	probeAgain = 7 * time.Second
	maxProbes  = 2
	// After an answer to a probe MM5 gets a few more tries.
	probeGrace = 3 * time.Second
)

// attempt is one Main Mode of ours, with all its branches.
type attempt struct {
	rekey   bool
	port    Port // of MM1
	offered string

	mm5At     time.Time // when MM5 was first sent
	repeats   int       // of MM4 since
	heard     bool      // something came on port 4500 since
	evidence  *Error
	verdictAt time.Time // when the evidence is believed

	probes  []isakmp.Cookie
	probeAt time.Time
}

// startMain begins a Main Mode: the first one on port 500, a rekey where the
// peer is now.
func (c *Conn) startMain(now time.Time, rekey bool, out *Output) {
	sa := &ikeSA{stage: stageMM2, initiator: true, to: c.cfg.Remote, port: Port500, born: now, deadline: now.Add(mm2Timeout)}
	if rekey {
		sa.to, sa.port = c.to, c.port
	}
	sa.ckyI = c.cookie()
	c.run = &attempt{rekey: rekey, port: sa.port, offered: suiteNames(c.cfg.Phase1)}
	sa.run = c.run
	msg, body := c.mm1(sa)
	sa.saBody = body
	c.sas = append(c.sas, sa)
	msgs := [][]byte{msg}
	sa.resend.start(now, msgs)
	c.send(now, sa, msgs, out)
}

// mm1 builds the first message, and the body of its SA payload.
func (c *Conn) mm1(sa *ikeSA) (msg, body []byte) {
	body = offerPhase1(c.cfg.Phase1, c.cfg.Phase1Lifetime).Append(nil)
	payloads := append([]isakmp.Payload{{Type: isakmp.PayloadSA, Body: body}}, offeredVendorIDs(c.cfg.Encapsulation != EncapESP)...)
	return sa.clear(isakmp.ExchangeIdentityProtection, 0, payloads), body
}

func (c *Conn) cookie() (cky isakmp.Cookie) {
	copy(cky[:], c.random(len(cky)))
	if cky.IsZero() {
		cky[0] = 1
	}
	return cky
}

// blame keeps evidence of why a Main Mode is going to fail, and believes it
// after a while unless the Main Mode succeeds. The first evidence stands.
func (c *Conn) blame(now time.Time, err *Error, grace time.Duration) {
	run := c.run
	if run == nil || run.evidence != nil {
		return
	}
	err.Phase, err.Offered = 1, ""
	if err.Reason == NoProposal {
		err.Offered = run.offered
	}
	run.evidence = err
	run.verdictAt = now.Add(grace)
}

// blameMM5 keeps evidence from the time after MM5.
func (c *Conn) blameMM5(now time.Time, err *Error) {
	if c.run == nil {
		return
	}
	grace := lateGrace
	if left := c.run.mm5At.Add(mm5Grace).Sub(now); left > grace {
		grace = left
	}
	c.blame(now, err, grace)
}

// notIKE notes that something other than IKEv1 answers.
func (c *Conn) notIKE(now time.Time, pkt Packet, err error) {
	if c.run != nil && !c.run.rekey && pkt.Port == Port500 && sameAddr(pkt.From, c.cfg.Remote) && c.waitingFor(stageMM2) {
		c.blame(now, &Error{Reason: NotIKE, Detail: err.Error()}, notIKEGrace)
	}
}

// heard notes that port 4500 is open.
func (c *Conn) heard(pkt Packet) {
	if c.run != nil && pkt.Port == Port4500 && sameAddr(pkt.From, c.cfg.RemoteNATT) {
		c.run.heard = true
	}
}

func sameAddr(a, b netip.AddrPort) bool { return a.Addr().Unmap() == b.Addr().Unmap() }

// waitingFor says whether a branch of our Main Mode is at this stage.
func (c *Conn) waitingFor(s stage) bool {
	for _, sa := range c.sas {
		if sa.run != nil && sa.run == c.run && sa.stage == s {
			return true
		}
	}
	return false
}

// evidenceFrom takes an unauthenticated notification as evidence against our
// Main Mode, and says whether it was about it.
func (c *Conn) evidenceFrom(now time.Time, m isakmp.Message, n isakmp.Notification, pkt Packet) bool {
	if c.run == nil || !n.Type.IsError() {
		return false
	}
	err := &Error{Reason: phase1Reason(n.Type), Notify: n.Type}
	if c.waitingFor(stageMM2) {
		// SoftEther refuses with a random initiator cookie and no other.
		if c.run.rekey || !sameAddr(pkt.From, c.cfg.Remote) || n.Type == isakmp.InvalidCookie || n.Type == isakmp.InvalidSPI {
			return false // those are about an earlier relation
		}
		grace := notifyGrace
		if err.Reason == Refused {
			grace = mm2Timeout // no reason to give up earlier
		}
		c.blame(now, err, grace)
		return true
	}
	for _, sa := range c.sas {
		if sa.run != c.run || sa.ckyI != m.Initiator {
			continue
		}
		if sa.stage == stageMM6 {
			if err.Reason == Refused {
				err.Reason = PSKMismatch
			}
			c.blameMM5(now, err)
		} else {
			c.blame(now, err, notifyGrace)
		}
		return true
	}
	return c.probeAnswered(now, m)
}

// probeAnswered says whether m answers one of our probes of port 4500.
func (c *Conn) probeAnswered(now time.Time, m isakmp.Message) bool {
	if c.run == nil {
		return false
	}
	for _, cky := range c.run.probes {
		if m.Initiator == cky {
			c.blameMM5(now, &Error{Reason: PSKMismatch, Detail: "peer answers on port 4500, but not what is encrypted"})
			c.run.verdictAt = now.Add(probeGrace)
			return true
		}
	}
	return false
}

// mm4Repeated takes a repeated MM4 as evidence that the peer cannot read MM5.
// On port 4500 it proves that MM5 arrived, elsewhere the second one makes it likely.
func (c *Conn) mm4Repeated(now time.Time, sa *ikeSA, pkt Packet) {
	if sa.run == nil || sa.run != c.run || sa.stage != stageMM6 {
		return
	}
	c.run.repeats++
	if (pkt.Port == Port4500 && c.run.port == Port500) || c.run.repeats >= 3 {
		c.blameMM5(now, &Error{Reason: PSKMismatch, Detail: "peer repeats the message before"})
	}
}

// advanceAttempt probes port 4500 and passes the verdict.
func (c *Conn) advanceAttempt(now time.Time, out *Output) {
	run := c.run
	if run == nil {
		return
	}
	if due(run.verdictAt, now) {
		c.attemptFailed(now, run.evidence, out)
		return
	}
	if due(run.probeAt, now) {
		run.probeAt = time.Time{}
		if len(run.probes) < maxProbes && run.evidence == nil {
			sa := &ikeSA{ckyI: c.cookie()}
			msg, _ := c.mm1(sa)
			c.sendTo(now, c.cfg.RemoteNATT, Port4500, [][]byte{msg}, out)
			run.probes = append(run.probes, sa.ckyI)
			run.probeAt = run.mm5At.Add(probeAgain)
		}
	}
}

// stageExpired ends a branch, and with the last one the attempt.
func (c *Conn) stageExpired(now time.Time, sa *ikeSA, out *Output) {
	c.removeSA(sa)
	for _, other := range c.sas {
		if other.run == sa.run {
			return
		}
	}
	err := sa.run.evidence
	switch {
	case err != nil:
	case sa.stage == stageMM2:
		err = &Error{Phase: 1, Reason: NoAnswer}
	case sa.stage == stageMM4:
		err = &Error{Phase: 1, Reason: NoAnswer, Detail: "peer chose a suite, then fell silent"}
	case sa.port == sa.run.port && !sa.run.rekey:
		err = &Error{Phase: 1, Reason: PSKMismatch, Detail: "peer falls silent when it is to authenticate"}
	case sa.run.heard:
		err = &Error{Phase: 1, Reason: PSKMismatch, Detail: "port 4500 is open, but peer does not answer what is encrypted"}
	case sa.run.rekey:
		err = &Error{Phase: 1, Reason: NoAnswer, Detail: "while rekeying"}
	default:
		err = &Error{Phase: 1, Reason: Port4500Blocked, Detail: fmt.Sprintf("%v answers, %v does not", c.cfg.Remote, c.cfg.RemoteNATT)}
	}
	c.attemptFailed(now, err, out)
}

// attemptFailed ends our Main Mode. The relation ends with it, unless another
// ISAKMP SA is there: then it is tried again later.
func (c *Conn) attemptFailed(now time.Time, err *Error, out *Output) {
	run := c.run
	c.run = nil
	for i := len(c.sas) - 1; i >= 0; i-- {
		if c.sas[i].run == run {
			c.removeSA(c.sas[i])
		}
	}
	if sa := c.newest(); sa != nil {
		sa.rekeyAt = now.Add(rekeyRetry)
		return
	}
	if c.cfg.Role == Responder {
		c.idleAt = now.Add(halfOpenTime) // the peer may come back by itself
		return
	}
	c.down(err, out)
}
