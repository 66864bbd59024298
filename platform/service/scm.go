package service

import (
	"context"
	"fmt"
	"time"
)

// request is what the Service Control Manager of Windows asks of a service.
type request uint8

const (
	interrogate request = iota + 1
	halt                // stop, or the machine shuts down
	suspend
	resume
)

// From the specification (Windows, WM_POWERBROADCAST).
const (
	powerSuspend         = 0x04
	powerResumeSuspend   = 0x07 // a person did something; after powerResumeAutomatic
	powerResumeAutomatic = 0x12
)

// powerRequest is what a power event means; 0: nothing to us. The resume that
// follows on a person's doing is the second of the same one.
func powerRequest(eventType uint32) request {
	switch eventType {
	case powerSuspend:
		return suspend
	case powerResumeAutomatic:
		return resume
	}
	return 0
}

// phase is how far a service is.
type phase uint8

const (
	starting phase = iota + 1
	running
	stopping
)

func (p phase) String() string { return [...]string{"?", "starting", "running", "stopping"}[p] }

// status is what the manager is told. A service accepts requests only while it
// runs.
type status struct {
	phase      phase
	checkpoint uint32        // grows while it starts or stops
	hint       time.Duration // until the next checkpoint, at most
}

// pendingHint is how long the manager waits for the next checkpoint of a
// service that starts or stops; pendingTick is how often it gets one.
const (
	pendingHint = 10 * time.Second
	pendingTick = 2 * time.Second
)

// manager is the Service Control Manager, as a running service sees it.
type manager struct {
	requests <-chan request
	report   func(status)
	tick     <-chan time.Time // every pendingTick
}

// serve runs main for the manager, until main returns.
func (m manager) serve(parent context.Context, main Main) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	events := make(chan Event, eventQueue)
	ready := make(chan struct{}, 1)
	result := make(chan error, 1)
	// main's goroutine: it ends when main returns, and serve waits for that.
	go func() {
		result <- main(ctx, func() {
			select {
			case ready <- struct{}{}:
			default: // the second time
			}
		}, events)
	}()

	now := status{phase: starting, hint: pendingHint}
	m.report(now)
	done := ctx.Done()
	toStop := func() {
		done = nil
		cancel()
		now = status{phase: stopping, hint: pendingHint}
		m.report(now)
	}
	for {
		select {
		case <-ready:
			if now.phase == starting {
				now = status{phase: running}
				m.report(now)
			}
		case r := <-m.requests:
			switch r {
			case interrogate:
				m.report(now)
			case halt:
				if now.phase != stopping {
					toStop()
				}
			case suspend:
				push(events, Suspend)
			case resume:
				push(events, Resume)
			}
		case <-done:
			toStop()
		case <-m.tick:
			if now.phase != running {
				now.checkpoint++
				m.report(now)
			}
		case err := <-result:
			return ended(ctx, err)
		}
	}
}

// push adds an event, and drops the oldest if there is no room. serve is the
// only one that sends.
func push(events chan Event, e Event) {
	for {
		select {
		case events <- e:
			return
		default:
		}
		select {
		case <-events:
		default:
		}
	}
}

// scmAction is one change that Install or Remove makes.
type scmAction uint8

const (
	scmCreate scmAction = iota + 1
	scmConfigure
	scmRecover // what happens when it dies
	scmStart
	scmStop // and wait until it has
	scmDelete
)

// scmOp is a change to the manager's database, or to a service in it.
type scmOp struct {
	do  scmAction
	def Definition // scmStart, scmStop, scmDelete: only its name
}

// String is the op in words.
func (o scmOp) String() string {
	verb := [...]string{"?", "create", "configure", "restart on failure", "start", "stop", "delete"}[o.do]
	if o.do == scmCreate || o.do == scmConfigure {
		return fmt.Sprintf("%s %s: %s %q", verb, o.def.Name, o.def.Program, o.def.Arguments)
	}
	return verb + " " + o.def.Name
}

// scmRunner does what Install and Remove want.
type scmRunner interface {
	do(ctx context.Context, o scmOp) error
	// state is the service as it is installed; not known: not installed.
	state(name string) (def Definition, known, runs bool, err error)
}

// scmInstall installs d. When a step fails, what there was before is put back.
func scmInstall(ctx context.Context, r scmRunner, d Definition) (err error) {
	old, known, runs, err := r.state(d.Name)
	if err != nil {
		return fmt.Errorf("service: %s: %w", d.Name, err)
	}
	name := Definition{Name: d.Name}
	var steps, back []scmOp
	switch {
	case runs:
		steps = []scmOp{{scmStop, name}, {scmConfigure, d}}
		back = []scmOp{{scmConfigure, old}, {scmStart, name}}
	case known:
		steps, back = []scmOp{{scmConfigure, d}}, []scmOp{{scmConfigure, old}}
	default:
		steps, back = []scmOp{{scmCreate, d}}, []scmOp{{scmDelete, name}}
	}
	steps = append(steps, scmOp{scmRecover, name}, scmOp{scmStart, name})
	for i, o := range steps {
		if err := r.do(ctx, o); err != nil {
			err = fmt.Errorf("service: %v: %w", o, err)
			if i == 0 && !runs {
				return err // nothing was changed
			}
			for _, b := range back {
				_ = r.do(context.WithoutCancel(ctx), b) // the first error is the one to tell
			}
			return err
		}
	}
	return nil
}

// scmRemove removes the service.
func scmRemove(ctx context.Context, r scmRunner, name string) error {
	_, known, runs, err := r.state(name)
	if err != nil {
		return fmt.Errorf("service: %s: %w", name, err)
	}
	if !known {
		return nil
	}
	ops := []scmOp{{scmDelete, Definition{Name: name}}}
	if runs {
		ops = append([]scmOp{{scmStop, Definition{Name: name}}}, ops...)
	}
	for _, o := range ops {
		if err := r.do(ctx, o); err != nil {
			return fmt.Errorf("service: %v: %w", o, err)
		}
	}
	return nil
}
