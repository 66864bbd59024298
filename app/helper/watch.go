package helper

import (
	"fmt"

	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/platform/netmon"
)

// Network is a network's default routes in the supervisor's words.
func Network(s netmon.State) supervisor.Route {
	return supervisor.Route{Online: s.Online(), Way: fmt.Sprint(s.IPv4, s.IPv6)}
}

// Watch tells the helper of each event, until there are no more.
func (h *Helper) Watch(events <-chan netmon.Event) {
	for e := range events {
		if e.Changes&netmon.Sleep != 0 {
			h.Tell(supervisor.Sleep{})
			h.afterSleepIsPrepared(e.Ready)
		}
		if e.Changes&netmon.Wake != 0 {
			h.Tell(supervisor.Wake{})
		}
		h.Tell(Network(e.State))
	}
}

// afterSleepIsPrepared calls ready once the engine is down, or the loop has done
// what it can.
func (h *Helper) afterSleepIsPrepared(ready func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.working {
		ready()
		return
	}
	h.whenDown = append(h.whenDown, ready)
}

// engineWorks is told by the loop when an engine starts, and when it has ended.
func (h *Helper) engineWorks(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.working = yes
	if !yes {
		for _, ready := range h.whenDown {
			ready()
		}
		h.whenDown = nil
	}
}
