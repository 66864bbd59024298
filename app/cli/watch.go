package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/diagnosis"
)

// watching is the helper's stream of events, read by a goroutine of its own.
type watching struct {
	events chan timedEvent // closed at the end; a reader who is slow is waited for
	err    error           // why it ended; to be read after that
	stop   func()          // ends it, and waits for that
}

func watch(h *client.Client) *watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{events: make(chan timedEvent)}
	w.stop = func() {
		cancel()
		for range w.events { //nolint:revive // until it is closed
		}
	}
	go func() {
		defer close(w.events)
		w.err = h.Watch(ctx, func(at time.Time, e api.Event) bool {
			select {
			case w.events <- timedEvent{at, e}:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	return w
}

// printStats prints the counters of a connection, for programs.
func printStats(c *call, p printer, s api.State) {
	if s != api.Connected || !c.on(jsonOption.name) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	if k, err := c.helper.Stats(ctx); err == nil { // else the stream of events tells
		p.print(time.Now(), k)
	}
}

var downCommand = &command{
	name: "down", args: "[--json]", short: "disconnect, and open a network that the kill switch keeps closed",
	long:    "It returns once the gateway has been told and everything is put back.",
	options: []option{jsonOption},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		if err := c.helper.Disconnect(ctx); err != nil {
			return c.noHelper(err)
		}
		return c.untilDown(ctx)
	},
}

// untilDown waits for the end of the connection, which was asked for.
func (c *call) untilDown(ctx context.Context) int {
	p := newPrinter(c.Streams, c.on(jsonOption.name))
	w := watch(c.helper)
	defer w.stop()
	first := true
	for {
		select {
		case e, more := <-w.events:
			if !more {
				return c.noHelper(w.err)
			}
			s, ok := e.e.(api.Status)
			if c.on(jsonOption.name) {
				p.print(e.at, e.e)
			} else if ok && first && s.State == api.Disconnecting {
				fmt.Fprintln(c.Out, "Disconnecting.")
			}
			first = false
			switch {
			case !ok:
			case s.State == api.Disconnected:
				if !c.on(jsonOption.name) {
					fmt.Fprintln(c.Out, "Disconnected.")
				}
				return exitDone
			case s.State == api.Blocked:
				c.say("the network is still closed; culvert status says why")
				return exitInternal
			case s.State != api.Disconnecting:
				c.say("“%s” is being connected", clean(s.Profile.Name))
				return exitInternal
			}
		case <-ctx.Done():
			return exitInternal // it goes on in the helper
		}
	}
}

var watchCommand = &command{
	name: "watch", args: "[--answer] [--json]", short: "print what happens to the connection, a line each, until Ctrl+C",
	long: "The first line is the state as it is. With --json the counters come along, too, every five seconds.\n" +
		"With --answer the helper, when it was started anew and goes on with what was wanted before, gets the secrets\n" +
		"that it no longer has out of your keychain.",
	options: []option{{"answer", "", "give the helper its secrets again after a start of it"}, jsonOption},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		out := &readOutput{w: c.Out}
		var p printer = linePrinter{out}
		if c.on(jsonOption.name) {
			p = jsonPrinter{out}
		}
		w := watch(c.helper)
		defer w.stop()
		a := &answering{c: c, said: make(chan api.LogEvent)}
		answers, end := context.WithCancel(ctx)
		defer a.wg.Wait()
		defer end()
		tick := time.NewTicker(statsInterval)
		defer tick.Stop()
		var state api.State
		for {
			select {
			case e, more := <-w.events:
				if !more {
					return c.noHelper(w.err)
				}
				if s, ok := e.e.(api.Status); ok {
					state = s.State
					a.take(answers, s)
				}
				if p.print(e.at, e.e); out.gone {
					return exitDone
				}
			case line := <-a.said:
				p.print(time.Now(), line)
			case <-tick.C:
				printStats(c, p, state)
			case <-ctx.Done():
				return exitDone
			}
		}
	},
}

// answering gives the helper what it asks for, as far as nobody has to be there
// for it. A keychain may have to be unlocked first: it is asked beside the rest.
type answering struct {
	c    *call
	wg   sync.WaitGroup
	busy atomic.Bool
	said chan api.LogEvent // what came of it; whoever says it waits until it is taken
}

// take looks whether s asks for something. What it begins ends with ctx.
func (a *answering) take(ctx context.Context, s api.Status) {
	if !a.c.on("answer") || !client.ForTheAsking(s) || a.busy.Swap(true) {
		return
	}
	a.wg.Go(func() {
		done, err := a.c.helper.Supply(ctx, a.c.store, a.c.keys, s)
		line := api.LogEvent{Level: "warn", Message: "not every secret of “" + s.Profile.Name + "” is in this keychain"}
		switch {
		case err != nil:
			line.Message = "the helper was not given its secrets: " + err.Error()
		case done:
			line = api.LogEvent{Level: "info", Message: "the helper was given the secrets of “" + s.Profile.Name + "”"}
		}
		a.busy.Store(false)
		select {
		case a.said <- line:
		case <-ctx.Done():
		}
	})
}

// readOutput is an output that knows whether somebody reads it.
type readOutput struct {
	w    io.Writer
	gone bool
}

// Write writes, and notes when that fails.
func (o *readOutput) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	o.gone = o.gone || err != nil
	return n, err
}

// linePrinter prints an event as one line with its time.
type linePrinter struct{ w io.Writer }

func (p linePrinter) print(at time.Time, e api.Event) {
	if text := eventLine(at, e); text != "" {
		fmt.Fprintf(p.w, "%s  %s\n", at.Local().Format(time.TimeOnly), text)
	}
}

func eventLine(at time.Time, e api.Event) string {
	switch e := e.(type) {
	case api.Status:
		return stateText(at, e)
	case api.StageEvent:
		if e.State == api.Started {
			return ""
		}
		text := strings.ToLower(diagnosis.StageName(e.Stage)) + " done"
		if e.MS != nil {
			text += fmt.Sprintf(" after %d ms", *e.MS)
		}
		if d := describe(e); d != "" {
			text += ": " + d
		}
		return text
	case api.FailureEvent:
		return fmt.Sprintf("%s: %s. %s", e.Code, diagnosis.Lookup(e.Code).Title, diagnosis.Lookup(e.Code).Advice)
	case api.LogEvent:
		return clean(e.Message)
	}
	return ""
}

// stateText is a state in one line.
func stateText(at time.Time, s api.Status) string {
	text := string(s.State)
	if s.Profile.Name != "" && (s.State != api.Disconnected || s.Failure != nil) {
		text += " “" + clean(s.Profile.Name) + "”"
	}
	switch {
	case s.State == api.Connected:
		text += fmt.Sprintf(": address %v on %s, %s, gateway %s", s.Address, s.Interface, s.Suite, s.Server)
		if s.Address6.IsValid() {
			text += fmt.Sprintf(", IPv6 %v", s.Address6)
		}
	case s.Offline:
		text += ": no network"
	case !s.NextAttempt.IsZero():
		text += fmt.Sprintf(": the next try is at %s", clock(at, s.NextAttempt))
	case s.State == api.Waiting:
		text += fmt.Sprintf(": for a person, %d s left", s.SecondsLeft)
	}
	if len(s.Ask) > 0 {
		text += "; asks for " + list(s.Ask)
		if s.Prompt != "" {
			text += ": “" + clean(s.Prompt) + "”"
		}
	}
	return text
}

var logCommand = &command{
	name: "log", args: "[--follow] [--json]", short: "print the helper's log",
	long:    "There are no secrets in it. It is kept in memory, and goes with the helper; journalctl -u culvertd may have more.",
	options: []option{{"follow", "", "go on with what comes, until Ctrl+C"}, jsonOption},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		err := c.helper.Log(ctx, c.on("follow"), func(at time.Time, e api.LogEvent) bool {
			if c.on(jsonOption.name) {
				return api.Encode(c.Out, at, e) == nil
			}
			_, err := fmt.Fprintf(c.Out, "%s %s\n", at.Local().Format("2006-01-02 15:04:05.000"), e.Message)
			return err == nil // else whoever read it has gone
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			return c.noHelper(err)
		}
		return exitDone
	},
}
