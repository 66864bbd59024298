package enginetest

import (
	"math/rand/v2"
	"time"
)

// Ours.
const (
	// defaultQueue is what a slow line keeps: as much as a home router.
	defaultQueue = time.Second
	// minOvertaking is how late a reordered packet is where nothing is delayed.
	minOvertaking = time.Millisecond
)

// Conditions are those of one direction. The zero value is a perfect line:
// nothing is lost and nothing takes time.
type Conditions struct {
	Loss      float64 // probability that a packet is lost, 0 to 1
	Duplicate float64 // probability that it arrives twice
	Reorder   float64 // probability that it is overtaken by those behind it

	Delay  time.Duration // of each packet
	Jitter time.Duration // up to so much more, without reordering

	// MTU drops what is larger, in octets as the payload counts them; 0 lets
	// everything pass.
	MTU int
	// Rate is the line's speed in bits a second; 0 is no limit. Queue is the
	// longest that a packet waits for it before it is dropped; 0 is one second.
	Rate  int
	Queue time.Duration
}

// Payload is what a pipe carries.
type Payload[T any] interface {
	Size() int // octets on the line
	Clone() T  // shares no memory with the original
}

// Frame is octets as a payload: of a machine whose packets have no addresses.
type Frame []byte

// Size is its length.
func (f Frame) Size() int { return len(f) }

// Clone is a copy of its own.
func (f Frame) Clone() Frame { return append(Frame(nil), f...) }

// Stats count the packets of a pipe.
type Stats struct {
	Sent       int // by the sender
	Delivered  int // to the receiver, repetitions included
	Lost       int // by chance or by the filter
	TooBig     int // dropped for the MTU
	Overflowed int // dropped for the queue
	Duplicated int
	Reordered  int
}

// Pipe carries packets in one direction.
type Pipe[T Payload[T]] struct {
	// Conditions may be changed at any time, for packets sent from then on.
	Conditions Conditions
	// Filter, if any, sees each packet as it is sent: it may change it, which
	// the sender does not notice, or have it lost.
	Filter func(now time.Time, p T) (T, bool)
	// Stats is what happened so far.
	Stats Stats

	sim     *Sim
	rng     *rand.Rand
	deliver func(now time.Time, p T)
	free    time.Time // when the line has sent what is queued
	last    time.Time // the latest arrival in order
}

// NewPipe makes a pipe that hands what arrives to deliver.
func NewPipe[T Payload[T]](s *Sim, c Conditions, deliver func(now time.Time, p T)) *Pipe[T] {
	return &Pipe[T]{
		Conditions: c,
		sim:        s,
		rng:        rand.New(rand.NewPCG(s.rng.Uint64(), s.rng.Uint64())),
		deliver:    deliver,
	}
}

// Send puts a packet on the line and copies it: the sender may go on using its
// memory, and each receiver gets a copy that it may scribble on.
func (p *Pipe[T]) Send(v T) {
	p.Stats.Sent++
	v = v.Clone()
	if p.Filter != nil {
		var pass bool
		if v, pass = p.Filter(p.sim.now, v); !pass {
			p.Stats.Lost++
			return
		}
	}
	c := &p.Conditions
	if c.MTU > 0 && v.Size() > c.MTU {
		p.Stats.TooBig++
		return
	}
	sent, room := p.transmit(v.Size())
	if !room {
		p.Stats.Overflowed++
		return
	}
	// All dice are thrown for each packet: a change of one probability leaves
	// the fate of the packets by the others as it was.
	lost, twice, late := p.rng.Float64(), p.rng.Float64(), p.rng.Float64()
	first, second := p.jitter(), p.jitter()
	if lost < c.Loss {
		p.Stats.Lost++
		return
	}
	if late < c.Reorder {
		p.Stats.Reordered++
		overtaking := max(2*(c.Delay+c.Jitter), minOvertaking)
		p.arrive(sent.Add(c.Delay+first+overtaking), v)
	} else {
		p.arrive(p.inOrder(sent.Add(c.Delay+first)), v)
	}
	if twice < c.Duplicate {
		p.Stats.Duplicated++
		p.arrive(p.inOrder(sent.Add(c.Delay+second)), v.Clone())
	}
}

// transmit says when a packet of size octets has left the sender, or that the
// queue in front of the line is full.
func (p *Pipe[T]) transmit(size int) (sent time.Time, room bool) {
	now := p.sim.now
	if p.Conditions.Rate <= 0 {
		return now, true
	}
	longest := p.Conditions.Queue
	if longest == 0 {
		longest = defaultQueue
	}
	if p.free.Before(now) {
		p.free = now
	}
	if p.free.Sub(now) > longest {
		return time.Time{}, false
	}
	p.free = p.free.Add(time.Duration(float64(size) * 8 / float64(p.Conditions.Rate) * float64(time.Second)))
	return p.free, true
}

func (p *Pipe[T]) jitter() time.Duration {
	d := p.rng.Float64()
	return time.Duration(d * float64(p.Conditions.Jitter))
}

// inOrder is the time at, or that of the latest arrival if that is later.
func (p *Pipe[T]) inOrder(at time.Time) time.Time {
	if at.After(p.last) {
		p.last = at
	}
	return p.last
}

func (p *Pipe[T]) arrive(at time.Time, v T) {
	p.sim.At(at, func(now time.Time) {
		p.Stats.Delivered++
		p.deliver(now, v)
	})
}
