package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/profile"
)

// Ours.
const (
	// statsInterval is how often the JSON has the counters.
	statsInterval = 5 * time.Second
	// requestTime bounds a request whose answer takes no work.
	requestTime = 10 * time.Second
	// maxAsked is how often a person is asked for a secret that was wrong: many a
	// gateway locks the account after a few.
	maxAsked = 2
)

var upCommand = &command{
	name: "up", args: "PROFILE [--wait] [--secrets FILE|-] [--json]\n--direct FILE [--secrets FILE|-] [--json]",
	short: "connect", takes: aProfile,
	long: "It connects through the helper and returns once it is connected, or has failed. What connects stays connected\n" +
		"until culvert down. With --wait it stays until the end of the connection, and Ctrl+C disconnects.\n" +
		"Secrets come from --secrets, then from the keychain, then from the terminal.\n\n" +
		"With --direct it connects in this process, which takes root or CAP_NET_ADMIN and no helper, stays in the\n" +
		"foreground, and puts everything back at the end. Name servers, the kill switch and connecting again are the\n" +
		"helper's: a profile that asks for them is refused, by the key.\n\n" +
		"Secrets are TOML with psk, password and, where the profile has l2tp.tunnel_auth, tunnel_secret. A code that the\n" +
		"gateway asks for is asked for at the terminal, unless otp has it: good once, it answers the first question.",
	options: []option{
		{"wait", "", "stay until the end of the connection"},
		{"secrets", "FILE", "read secrets from FILE, which others must not be able to read; - is standard input"},
		{"direct", "", "connect in this process, without the helper"},
		jsonOption,
	},
	run: func(ctx context.Context, c *call) int {
		var ref string
		switch {
		case !c.parse(&ref):
			return exitUsage
		case c.on("direct") && c.on("wait"):
			c.usage("--direct always stays until the end: leave --wait out")
			return exitUsage
		case c.on("direct"):
			return upDirect(ctx, c, ref)
		}
		return up(ctx, c, ref)
	},
}

// up connects through the helper.
func up(ctx context.Context, c *call, ref string) int {
	e, err := c.profile(ref)
	if err != nil {
		return c.noProfile(err)
	}
	p := e.Profile
	before, err := c.helper.State(ctx)
	if err != nil {
		return c.noHelper(err)
	}
	u := &upRun{c: c, p: p, printer: newPrinter(c.Streams, c.on("json")), wait: c.on("wait"), began: time.Now(),
		stages: map[api.Stage]api.StageState{}, answers: make(chan given, 1)}
	there := before.State == api.Connected && strings.EqualFold(before.Profile.ID, p.ID)
	s, err := c.gather(ctx, p, !there) // to change routes takes no person
	var lacks *missingError
	if there && errors.As(err, &lacks) {
		return u.follow(ctx)
	}
	if err != nil {
		return u.noSecrets(err)
	}
	if !p.IPsec.Enabled {
		u.printer.print(time.Now(), api.LogEvent{Level: "warn", Message: "ipsec.enabled = false: nothing on this connection is encrypted"})
	}
	if err := u.connect(ctx, s); err != nil {
		return c.noHelper(err)
	}
	return u.follow(ctx)
}

// upRun is one use of up through the helper.
type upRun struct {
	c       *call
	p       *profile.Profile
	printer printer
	wait    bool // until the end of the connection
	began   time.Time

	status    api.Status                   // the last one
	stages    map[api.Stage]api.StageState // that were printed of this try
	printed   bool                         // its failure was printed
	connected bool                         // it was, at some time
	stopping  bool                         // a person wants it so

	asked    int                // how often a person was asked
	question context.CancelFunc // of the one that is being asked; nil: none
	answers  chan given
}

// given is what a person said to a question.
type given struct {
	secrets api.Secrets
	err     error
}

func (u *upRun) noSecrets(err error) int {
	var lacks *missingError
	switch {
	case errors.Is(err, context.Canceled):
		return exitNotConnected
	case errors.As(err, &lacks):
		evidence := []string{lacks.Error()}
		if lacks.keychain != nil {
			evidence = append(evidence, fmt.Sprintf("the keychain was not reached: %v", lacks.keychain))
		} else {
			evidence = append(evidence, "culvert profiles secrets keeps them in the keychain")
		}
		u.printer.print(time.Now(), *outside(api.SecretMissing, evidence))
	default:
		u.printer.print(time.Now(), *outside(api.SecretMissing, faults(err)))
	}
	return exitUsage
}

// connect asks the helper to connect.
func (u *upRun) connect(ctx context.Context, s *profile.Secrets) error {
	text, err := u.p.Text()
	if err != nil {
		s.Zero()
		return err
	}
	u.began = time.Now()
	r := api.ConnectRequest{Profile: string(text), Secrets: api.Send(s)}
	defer r.Secrets.Zero()
	return u.c.helper.Connect(ctx, r)
}

// follow shows what happens until there is nothing to wait for.
func (u *upRun) follow(ctx context.Context) int {
	w := watch(u.c.helper)
	defer w.stop()
	defer u.noQuestion()
	tick := time.NewTicker(statsInterval)
	defer tick.Stop()
	stop := ctx.Done()
	for {
		select {
		case e, more := <-w.events:
			if !more {
				return u.c.noHelper(w.err)
			}
			if status, over := u.take(e.at, e.e); over {
				return status
			}
		case a := <-u.answers:
			if status, over := u.answer(a); over {
				return status
			}
		case <-tick.C:
			printStats(u.c, u.printer, u.status.State)
		case <-stop:
			stop = nil
			if status, over := u.disconnect(); over {
				return status
			}
		case <-u.c.hurry:
			return u.ended()
		}
	}
}

// disconnect is the wish to stop.
func (u *upRun) disconnect() (int, bool) {
	u.noQuestion()
	u.stopping = true
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	if err := u.c.helper.Disconnect(ctx); err != nil {
		return u.c.noHelper(err), true
	}
	return 0, false
}

// take takes an event; over says that it was the last, and with which status.
func (u *upRun) take(at time.Time, e api.Event) (status int, over bool) {
	switch e := e.(type) {
	case api.Status:
		return u.state(at, e)
	case api.StageEvent:
		u.stage(at, e)
	case api.FailureEvent:
		u.printed = true
		u.printer.print(at, e)
	default:
		u.printer.print(at, e)
	}
	return 0, false
}

// state takes the state, which at the start and after a hold-up also stands for
// the events before it.
func (u *upRun) state(at time.Time, s api.Status) (int, bool) {
	before := u.status
	u.status = s
	if s.Profile.ID != "" && !strings.EqualFold(s.Profile.ID, u.p.ID) {
		u.c.say("“%s” is being connected in the place of “%s”", clean(s.Profile.Name), clean(u.p.Name))
		return u.ended(), true
	}
	if before.State == "" {
		u.printer.print(u.began, api.StateEvent{State: api.Connecting})
	}
	if s.Attempt > before.Attempt { // at the end it is zero
		clear(u.stages)
	}
	if before.State == "" && s.State == api.Connected && !s.Since.After(u.began) { // it was connected already
		for _, stage := range s.Stages {
			u.stages[stage.Stage] = api.Done
		}
	}
	u.missed(s.Stages)
	if resting := s.State == api.Disconnected || s.State == api.Blocked; resting && !u.stopping {
		u.failure(at)
	}
	u.printer.print(at, s)
	if !slices.Equal(s.Ask, before.Ask) || s.State != before.State || s.Prompt != before.Prompt {
		u.noQuestion()
	}
	switch s.State {
	case api.Connected:
		u.connected, u.printed, u.asked = true, false, 0
		return exitDone, !u.wait
	case api.Waiting:
		if len(s.Ask) > 0 && u.question == nil {
			u.askFor(s.Ask)
		}
	case api.Reconnecting:
		if !u.connected && !u.wait && s.Failure != nil && !s.NextAttempt.IsZero() {
			u.failure(at)
			u.c.say("it is tried again by itself; culvert down ends that")
			return exitNotConnected, true
		}
	case api.Disconnected, api.Blocked:
		return u.rest()
	}
	return 0, false
}

// stage prints what a stage does. One that begins again is of another try.
func (u *upRun) stage(at time.Time, e api.StageEvent) {
	if e.State == api.Started && u.stages[e.Stage] == api.Done {
		clear(u.stages)
	}
	u.stages[e.Stage] = e.State
	u.printer.print(at, e)
}

// missed prints what stages have done while nobody listened.
func (u *upRun) missed(stages []api.StageStatus) {
	for _, s := range stages {
		was := u.stages[s.Stage]
		if was == "" {
			u.stage(s.Started, api.StageEvent{Stage: s.Stage, State: api.Started})
		}
		if was != api.Done && s.State == api.Done && s.MS != nil {
			end := s.Started.Add(time.Duration(*s.MS) * time.Millisecond)
			u.stage(end, api.StageEvent{Stage: s.Stage, State: api.Done, MS: s.MS, Detail: s.Detail})
		}
	}
}

// rest is a connection that ended, or never was: a person may know a better secret.
func (u *upRun) rest() (int, bool) {
	if !u.stopping && len(u.status.Ask) > 0 && u.c.terminal != nil {
		if u.question == nil && u.asked < maxAsked {
			u.asked++
			u.askFor(u.status.Ask)
		}
		if u.question != nil {
			return 0, false
		}
	}
	if u.status.State == api.Blocked {
		u.c.say("the kill switch keeps the network closed; culvert down opens it")
	}
	return u.ended(), true
}

// failure prints why the state is as it is, once.
func (u *upRun) failure(at time.Time) {
	if u.status.Failure != nil && !u.printed {
		u.printer.print(at, *u.status.Failure)
	}
	u.printed = true
}

// ended is the exit status of the end.
func (u *upRun) ended() int {
	switch {
	case !u.connected:
		return exitNotConnected
	case u.stopping || u.status.Failure == nil:
		return exitDone
	}
	return exitLost
}

// askFor asks a person for secrets, in a goroutine of its own: the connection goes
// on meanwhile. The answer comes through answers, unless noQuestion takes the
// question back.
func (u *upRun) askFor(names []api.SecretName) {
	if u.c.terminal == nil {
		u.printer.print(time.Now(), api.LogEvent{Level: "warn", Message: "asked for: " + list(names) + "; there is no terminal to ask at"})
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	u.question = func() {
		cancel()
		<-done
	}
	names = slices.Clone(names)
	go func() { // ends with an answer, or when it is taken back
		defer close(done)
		g := u.ask(ctx, names)
		if ctx.Err() != nil {
			g.secrets.Zero()
			return
		}
		u.answers <- g
	}()
}

func (u *upRun) ask(ctx context.Context, names []api.SecretName) given {
	var s profile.Secrets
	for _, name := range names {
		value, err := u.c.askSecret(ctx, name, u.p)
		if err != nil {
			s.Zero()
			return given{err: err}
		}
		if slot := s.Slot(name); slot != nil {
			*slot = value
		}
	}
	return given{secrets: api.Send(&s)}
}

// noQuestion takes back what is being asked.
func (u *upRun) noQuestion() {
	if u.question != nil {
		u.question()
		u.question = nil
	}
	select {
	case g := <-u.answers: // it came too late
		g.secrets.Zero()
	default:
	}
}

// answer hands on what a person said.
func (u *upRun) answer(g given) (int, bool) {
	defer g.secrets.Zero()
	u.noQuestion()
	if g.err != nil {
		return u.disconnectUnanswered()
	}
	u.printed = false
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	err := u.c.helper.Answer(ctx, g.secrets)
	var e *client.Error
	if err == nil || errors.As(err, &e) && e.Code == client.NotAsked {
		return 0, false // the gateway has gone on meanwhile
	}
	return u.c.noHelper(err), true
}

// disconnectUnanswered ends what waits for a person who does not want to answer.
func (u *upRun) disconnectUnanswered() (int, bool) {
	if u.status.State == api.Disconnected || u.status.State == api.Blocked {
		return u.ended(), true
	}
	return u.disconnect()
}
