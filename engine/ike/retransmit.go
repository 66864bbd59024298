package ike

import "time"

// Ours: a lost message is repeated soon, because the first thing a person does
// is wait for it; RFC 2408, 5.1 leaves the times open.
const (
	resendFirst = 500 * time.Millisecond
	resendMax   = 4 * time.Second
	// MM5 is repeated without backing off: many tries make sure that silence is
	// the peer's, and not the line's, before the key is blamed.
	resendMM5 = 500 * time.Millisecond

	// How long each stage may take.
	mm2Timeout   = 15500 * time.Millisecond // six tries and the wait of the last
	mm4Timeout   = 10 * time.Second
	mm6Timeout   = 10 * time.Second
	quickTimeout = 15 * time.Second
	halfOpenTime = 30 * time.Second // a responder's Main Mode
	quickLinger  = 30 * time.Second // a finished Quick Mode still answers repeats
)

// resend repeats a message until it is answered.
type resend struct {
	msgs      [][]byte
	at        time.Time
	wait, max time.Duration
}

// start arms the repetition of msgs, which have just been sent.
func (r *resend) start(now time.Time, msgs [][]byte) {
	*r = resend{msgs, now.Add(resendFirst), resendFirst, resendMax}
}

func (r *resend) stop() { *r = resend{} }

// due says whether the messages are to be sent again now, and sets the next time.
func (r *resend) due(now time.Time) bool {
	if !due(r.at, now) {
		return false
	}
	r.wait = min(2*r.wait, r.max)
	r.at = now.Add(r.wait)
	return true
}

// due says whether t is set and has come.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// earliest keeps in *at the earlier of the two, where zero is never.
func earliest(at *time.Time, t time.Time) {
	if !t.IsZero() && (at.IsZero() || t.Before(*at)) {
		*at = t
	}
}
