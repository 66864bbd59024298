// Package enginetest is a world for protocol machines in tests: virtual time,
// links that lose, repeat, delay and reorder what they carry, NATs, and
// recorded exchanges with real peers. All of it is deterministic: the same seed
// and the same calls give the same run.
//
//	sim := enginetest.New(seed)
//	timer := sim.Timer(func(now time.Time) { conn.Advance(now, &out); flush() })
//	link := enginetest.NewLink(sim, enginetest.LinkConfig{
//		ToB: enginetest.Conditions{Loss: 0.1, Delay: 20 * time.Millisecond},
//		B:   func(now time.Time, d enginetest.Datagram) { conn.Handle(now, d.Data, &out); flush() },
//	})
//	// flush sends what is in out with link.Send and calls timer.Set(conn.Deadline()).
//	sim.RunUntil(connected, sim.Now().Add(time.Minute))
//
// Nothing here is safe for more than one goroutine.
package enginetest

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// maxAtOnce events at one instant mean a machine that does not get past its
// deadline, or two that answer each other without end.
const maxAtOnce = 1_000_000

// Sim is a clock that nobody waits for, and what is to happen by it.
type Sim struct {
	now    time.Time
	rng    *rand.Rand
	events queue
	count  uint64 // of all events so far: those of one instant happen in order
}

// New makes a simulation. The seed decides all that is left to chance.
func New(seed uint64) *Sim {
	return &Sim{
		now: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC),
		rng: rand.New(rand.NewPCG(seed, 0)),
	}
}

// Now is the virtual time.
func (s *Sim) Now() time.Time { return s.now }

// At calls f at the time t, or at once when t has passed.
func (s *Sim) At(t time.Time, f func(now time.Time)) { s.add(&event{f: f}, t) }

// After calls f when d has passed.
func (s *Sim) After(d time.Duration, f func(now time.Time)) { s.At(s.now.Add(d), f) }

// Run lets everything happen up to the time until, that included, which is the
// time then.
func (s *Sim) Run(until time.Time) {
	s.RunUntil(func() bool { return false }, until)
}

// RunUntil lets things happen until done says so, asked after each event, or
// until limit has passed. It reports whether done did.
func (s *Sim) RunUntil(done func() bool, limit time.Time) bool {
	if done() {
		return true
	}
	atOnce := 0
	for len(s.events) > 0 && !s.events[0].at.After(limit) {
		e := heap.Pop(&s.events).(*event)
		if atOnce++; e.at.After(s.now) {
			s.now, atOnce = e.at, 0
		}
		if atOnce == maxAtOnce {
			panic(fmt.Sprintf("enginetest: %d events at %v: a machine does not get past its deadline", atOnce, s.now))
		}
		e.f(s.now)
		if done() {
			return true
		}
	}
	if limit.After(s.now) {
		s.now = limit
	}
	return false
}

// Pending is the number of events to come.
func (s *Sim) Pending() int { return len(s.events) }

// Rand is a new source of octets for a machine, which the seed decides too.
func (s *Sim) Rand() io.Reader {
	var seed [32]byte
	for i := 0; i < len(seed); i += 8 {
		binary.BigEndian.PutUint64(seed[i:], s.rng.Uint64())
	}
	return rand.NewChaCha8(seed)
}

// Timer is the one timer of a machine: at the time of the latest Set it calls
// its function once.
type Timer struct {
	sim *Sim
	e   event
}

// Timer makes a timer that is not set.
func (s *Sim) Timer(f func(now time.Time)) *Timer {
	return &Timer{sim: s, e: event{f: f, index: -1}}
}

// Set sets the timer to the time t in place of what it was set to. The zero
// time switches it off: what a machine's Deadline returns fits.
func (t *Timer) Set(at time.Time) {
	if t.e.index >= 0 {
		heap.Remove(&t.sim.events, t.e.index)
	}
	if !at.IsZero() {
		t.sim.add(&t.e, at)
	}
}

func (s *Sim) add(e *event, t time.Time) {
	if t.Before(s.now) {
		t = s.now
	}
	s.count++
	e.at, e.order = t, s.count
	heap.Push(&s.events, e)
}

// event is something to come.
type event struct {
	at    time.Time
	order uint64
	f     func(now time.Time)
	index int // in the queue; -1: not there
}

// queue is a heap of events, the next one first.
type queue []*event

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*event)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.index = -1
	return e
}
