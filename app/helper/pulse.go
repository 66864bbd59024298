package helper

import "sync/atomic"

// pulse shows that the loop is alive: it beats with each request and each effect.
type pulse struct {
	beats atomic.Uint64
	asked atomic.Bool // an empty request is on its way
	seen  uint64      // beats at the last look; of the one goroutine that looks
}

// Healthy says whether the loop has done anything since it was last asked. It
// does not wait, and has an idle loop do something until the next time: so the
// time between two calls has to be longer than the longest effect. It is for one
// goroutine, such as that which feeds a watchdog.
func (h *Helper) Healthy() bool {
	n := h.pulse.beats.Load()
	alive := n != h.pulse.seen
	h.pulse.seen = n
	if !h.pulse.asked.Swap(true) {
		h.inputs.put(request{})
	}
	return alive
}
