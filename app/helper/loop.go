package helper

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
)

// loop is the one goroutine that calls the supervisor and does what it says.
type loop struct {
	*Helper
	machine  *supervisor.Machine
	out      supervisor.Output
	next     []supervisor.Input // results of effects, before anything else
	secrets  *profile.Secrets   // that are held
	unmask   []func()           // what has the log mask them
	engine   *attempt           // at work; nil: none
	killed   bool               // the kill switch is closed
	finder   finder
	finished bool
}

func newLoop(h *Helper) *loop {
	return &loop{Helper: h, machine: supervisor.New(supervisor.Config{Rand: h.cfg.Rand}), secrets: &profile.Secrets{}}
}

// run takes inputs until the machine has ended.
func (l *loop) run(ctx context.Context) {
	defer l.secrets.Zero()
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	var giveUp <-chan time.Time
	for !l.finished {
		if d := l.machine.Deadline(); d.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, time.Until(d)))
		}
		select {
		case <-l.inputs.ready:
			for _, r := range l.inputs.take() {
				l.take(r)
			}
		case <-timer.C:
			l.out.Reset()
			l.machine.Advance(time.Now(), &l.out)
			l.execute()
		case <-done:
			done = nil
			giveUp = time.After(shutdownTime)
			l.step(supervisor.Shutdown{})
		case <-giveUp:
			l.cfg.Log.Error("the engine did not end in time")
			return
		}
	}
}

// take is step for what somebody sent.
func (l *loop) take(r request) {
	l.pulse.beats.Add(1)
	if r.in == nil {
		l.pulse.asked.Store(false)
		return
	}
	now := time.Now()
	switch in := r.in.(type) {
	case supervisor.Route:
		l.follow()
		l.finder.byDefault = in
		r.in = l.route()
	case supervisor.Server:
		l.using(&in)
		r.in = in
	case supervisor.Down:
		if l.stranded(in) {
			l.step(supervisor.Route{})
		}
	}
	l.out.Reset()
	err := l.lacking(now, r)
	if err == nil {
		err = l.machine.Handle(now, r.in, &l.out)
	}
	if err == nil && r.secrets != nil {
		if _, fresh := r.in.(supervisor.Connect); fresh {
			l.secrets.Zero()
			l.secrets = &profile.Secrets{}
		}
		l.unmask = append(l.unmask, l.cfg.Log.Secrets.Add(r.secrets.PSK, r.secrets.Password, r.secrets.TunnelSecret))
		l.secrets.Take(r.secrets)
	} else if r.secrets != nil {
		r.secrets.Zero()
	}
	if err == nil {
		l.execute()
	}
	if _, again := r.in.(supervisor.Connect); again && err == nil && len(l.secrets.OTP) > 0 && l.asked(time.Now()) == api.OTP {
		l.step(supervisor.Answer{}) // the code came for the question that is open
	}
	if r.answer != nil {
		r.answer <- err
	}
}

// errNothingGiven is an answer without what is asked for.
var errNothingGiven = errors.New("helper: the answer lacks what is asked for")

// asked is what the gateway asks for at present; "": nothing.
func (l *loop) asked(now time.Time) api.SecretName {
	if s := l.machine.Status(now); s.State == api.Waiting && len(s.Ask) > 0 {
		return s.Ask[0]
	}
	return ""
}

// lacking refuses an answer to the gateway that says nothing.
func (l *loop) lacking(now time.Time, r request) error {
	if _, ok := r.in.(supervisor.Answer); !ok || r.secrets == nil {
		return nil
	}
	if name := l.asked(now); name != "" && len(*r.secrets.Slot(name)) == 0 {
		return errNothingGiven
	}
	return nil
}

// step gives the machine one input of our own.
func (l *loop) step(in supervisor.Input) { l.take(request{in: in}) }

// execute does what the machine said, and gives it the results.
func (l *loop) execute() {
	for {
		effects := append([]supervisor.Effect(nil), l.out.Effects...)
		for _, e := range effects {
			l.do(e)
		}
		if len(l.next) == 0 {
			break
		}
		in := l.next[0]
		l.next = l.next[1:]
		l.out.Reset()
		if err := l.machine.Handle(time.Now(), in, &l.out); err != nil {
			l.cfg.Log.Error("a result was refused", "error", err)
		}
	}
	l.hub.set(l.machine.Status(time.Now()))
}

// do does one thing.
func (l *loop) do(e supervisor.Effect) {
	l.pulse.beats.Add(1)
	switch e := e.(type) {
	case supervisor.StartEngine:
		l.start(e)
	case supervisor.FindWay:
		l.next = append(l.next, l.route())
	case supervisor.StopEngine:
		if l.engine != nil && l.engine.number == e.Attempt {
			l.engine.stop(e.Orderly)
		}
	case supervisor.AnswerEngine:
		l.answer(e)
	case supervisor.ApplyNetwork:
		l.apply(e)
	case supervisor.CountTraffic:
		k := l.hub.stats()
		l.next = append(l.next, supervisor.Traffic{Attempt: e.Attempt, Packets: k.RxPackets + k.TxPackets})
	case supervisor.ClearNetwork:
		l.clear()
	case supervisor.SetFirewall:
		l.firewall(e)
	case supervisor.ForgetSecrets:
		l.forget(e.Only)
	case supervisor.Persist:
		if err := l.wish.write(e.Wish); err != nil {
			l.cfg.Log.Error("what is wanted could not be written down", "error", err)
		}
	case supervisor.Tell:
		l.tell(e.Event)
	case supervisor.Finished:
		l.finished = true
	}
}

// answer gives the engine the code that came with the request, which is not kept.
func (l *loop) answer(e supervisor.AnswerEngine) {
	code := l.secrets.OTP
	l.secrets.OTP = nil
	if l.engine == nil || l.engine.number != e.Attempt || e.Secret != api.OTP {
		code.Zero()
		return
	}
	l.engine.answer(code)
}

// tell logs an event and hands it to whoever watches.
func (l *loop) tell(e api.Event) {
	switch e := e.(type) {
	case api.Status:
		l.cfg.Log.Info("state", "state", string(e.State), "attempt", e.Attempt)
	case api.FailureEvent:
		l.cfg.Log.Warn("failure", "stage", e.Stage.String(), "code", string(e.Code), "evidence", e.Evidence)
	case api.StageEvent:
		about := []any{"stage", e.Stage.String(), "state", string(e.State)}
		for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
			about = append(about, k, e.Detail[k])
		}
		l.cfg.Log.Info("stage", about...)
	}
	l.hub.publish(time.Now(), e)
}

// forget overwrites secrets.
func (l *loop) forget(only []api.SecretName) {
	if only == nil {
		l.secrets.Zero()
		l.secrets = &profile.Secrets{}
		for _, remove := range l.unmask {
			remove()
		}
		l.unmask = nil
		return
	}
	l.secrets.Forget(only...)
}
