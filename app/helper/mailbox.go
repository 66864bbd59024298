package helper

import (
	"sync"

	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
)

// request is an input and what goes with it.
type request struct {
	in      supervisor.Input // nil: a sign of life is all that is wanted
	secrets *profile.Secrets // of Connect and Answer
	answer  chan<- error     // room for one; nil: nobody waits
}

// mailbox is the queue to the loop. It has no bound, for results of the engine
// must neither wait nor be lost; what people ask for is bounded by the server.
type mailbox struct {
	mu    sync.Mutex
	queue []request
	ready chan struct{} // a token when there is something
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) put(r request) {
	m.mu.Lock()
	m.queue = append(m.queue, r)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// take gives all that waits.
func (m *mailbox) take() []request {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}
