package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine"
	"github.com/culvert-vpn/culvert/engine/secret"
)

// errNobody is a question of the gateway's to which nobody can say anything.
var errNobody = errors.New("the gateway asks for a code: give otp with --secrets, or start this at a terminal")

// codes answers what the gateway asks a person while up --direct connects.
type codes struct {
	ask    func(ctx context.Context) (secret.Secret, error) // a person; nil: there is nobody
	giveUp context.CancelCauseFunc                          // of connecting

	mu      sync.Mutex // guards what follows
	stop    func()     // takes back the question that is open, and waits for that; nil: there is none
	stopped bool       // nothing is asked any more
}

// asked takes a question of the engine's, in place of the one before. It does not
// block.
func (d *directRun) asked(_ time.Time, q *engine.Question) {
	c := &d.codes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	before := c.stop
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.stop = func() {
		cancel()
		<-done
	}
	var code secret.Secret // of the secrets file: it answers the first question
	code, d.secrets.OTP = d.secrets.OTP, nil
	go func() { // ends with an answer, or when it is taken back
		defer close(done)
		if before != nil {
			before()
		}
		d.answer(ctx, q, code)
	}()
}

// answer gives the gateway the code, or what a person types.
func (d *directRun) answer(ctx context.Context, q *engine.Question, code secret.Secret) {
	if code == nil {
		d.state(api.StateEvent{State: api.Waiting, SecondsLeft: int((q.Left + time.Second - 1) / time.Second), Ask: []api.SecretName{api.OTP}, Prompt: q.Prompt})
		if d.codes.ask == nil {
			d.codes.giveUp(fmt.Errorf("%w (it says %q)", errNobody, q.Prompt))
			return
		}
		d.events.flush() // the question comes after that
		var err error
		if code, err = d.codes.ask(ctx); err != nil {
			if ctx.Err() == nil {
				d.codes.giveUp(err) // whoever is there does not want to
			}
			return
		}
	}
	q.Answer(code)
}

// end takes back what is being asked.
func (c *codes) end() {
	c.mu.Lock()
	c.stopped = true
	stop := c.stop
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		stop()
	}
}
