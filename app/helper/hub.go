package helper

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/dataplane"
)

// Ours.
const (
	maxWatchers = 256
	// queued is how many lines a slow watcher may be behind before it is given
	// the whole state anew in their place.
	queued = 64
)

// hub has the state, and the watchers who are told of its changes.
type hub struct {
	mu       sync.Mutex // guards what follows
	status   api.Status
	counters *dataplane.Counters
	watchers map[*watcher]struct{}
	closed   bool
}

// watcher is somebody who listens.
type watcher struct {
	lines  chan []byte // closed at the end
	behind bool        // lines were lost; guarded by the hub
}

func newHub() *hub {
	return &hub{status: api.Status{State: api.Disconnected}, watchers: map[*watcher]struct{}{}}
}

// set keeps the state.
func (h *hub) set(s api.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = s
}

// state is the state as one line of the stream of events.
func (h *hub) state() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return line(time.Now(), h.status)
}

// count says whose packets are counted; nil: nobody's.
func (h *hub) count(c *dataplane.Counters) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counters = c
}

// stats are the counters at present.
func (h *hub) stats() api.StatsEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counters == nil {
		return api.StatsEvent{}
	}
	k := h.counters
	return api.StatsEvent{RxBytes: k.RxBytes.Load(), TxBytes: k.TxBytes.Load(), RxPackets: k.RxPackets.Load(), TxPackets: k.TxPackets.Load()}
}

// line is an event as one line; never nil, for every event can be one.
func line(at time.Time, e api.Event) []byte {
	var b bytes.Buffer
	if err := api.Encode(&b, at, e); err != nil {
		msg, _ := json.Marshal(err.Error())
		return append(append([]byte(`{"type":"log","level":"error","msg":`), msg...), "}\n"...)
	}
	return b.Bytes()
}

// publish tells everybody, those too who come from now on: their first line has it.
// It waits for nobody.
func (h *hub) publish(at time.Time, e api.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Hear(at, e)
	if len(h.watchers) == 0 {
		return
	}
	text := line(at, e)
	for w := range h.watchers {
		if w.behind {
			continue
		}
		select {
		case w.lines <- text:
		default:
			w.behind = true
		}
	}
}

// watch adds a watcher, whose first line is the state; nil: there are too many.
func (h *hub) watch() *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers || h.closed {
		return nil
	}
	w := &watcher{lines: make(chan []byte, queued)}
	w.lines <- line(time.Now(), h.status)
	h.watchers[w] = struct{}{}
	return w
}

// caughtUp is called by a watcher that has read all its lines: one that has lost
// some gets the state.
func (h *hub) caughtUp(w *watcher) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !w.behind || len(w.lines) > 0 {
		return nil
	}
	w.behind = false
	return line(time.Now(), h.status)
}

// leave removes a watcher.
func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// close ends all watching.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		close(w.lines)
		delete(h.watchers, w)
	}
}
