package cli

import (
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
)

// Ours.
const (
	// eventQueue is how many events wait for a slow reader of our output.
	eventQueue = 256
	// readerPatience is how long the connection waits for that reader.
	readerPatience = time.Second
)

// stream hands events to a printer in a goroutine of its own, which end stops
// and waits for: a pipe that nobody reads must hold up neither a connection nor
// its end.
type stream struct {
	events chan timedEvent
	marks  chan chan<- struct{} // closed when what was sent before is printed
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once
}

type timedEvent struct {
	at time.Time
	e  api.Event
}

func newStream(p printer) *stream {
	s := &stream{events: make(chan timedEvent, eventQueue), marks: make(chan chan<- struct{}), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			select {
			case t := <-s.events:
				p.print(t.at, t.e)
			case mark := <-s.marks:
				s.drain(p)
				close(mark)
			case <-s.quit:
				s.drain(p)
				return
			}
		}
	}()
	return s
}

// drain prints what waits.
func (s *stream) drain(p printer) {
	for {
		select {
		case t := <-s.events:
			p.print(t.at, t.e)
		default:
			return
		}
	}
}

// send waits for room, but not forever: then the event is lost.
func (s *stream) send(at time.Time, e api.Event) {
	select {
	case s.events <- timedEvent{at, e}:
		return
	default:
	}
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	select {
	case s.events <- timedEvent{at, e}:
	case <-patience.C:
	}
}

// flush waits until what was sent is printed, but not forever.
func (s *stream) flush() {
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	mark := make(chan struct{})
	select {
	case s.marks <- mark:
	case <-s.quit:
		return
	case <-patience.C:
		return
	}
	select {
	case <-mark:
	case <-patience.C:
	}
}

// offer drops the event when there is no room.
func (s *stream) offer(at time.Time, e api.Event) {
	select {
	case s.events <- timedEvent{at, e}:
	default:
	}
}

// end waits until everything is printed, or nobody reads it. What is sent
// afterwards is lost.
func (s *stream) end() {
	s.once.Do(func() { close(s.quit) })
	patience := time.NewTimer(readerPatience)
	defer patience.Stop()
	select {
	case <-s.done:
	case <-patience.C:
	}
}
