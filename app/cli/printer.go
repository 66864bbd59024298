package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/engine/suite"
)

// printer shows events.
type printer interface {
	print(at time.Time, e api.Event)
}

func newPrinter(s Streams, asJSON bool) printer {
	if asJSON {
		return jsonPrinter{s.Out}
	}
	return newHumanPrinter(s)
}

// jsonPrinter prints one object a line.
type jsonPrinter struct{ w io.Writer }

func (p jsonPrinter) print(at time.Time, e api.Event) {
	_ = api.Encode(p.w, at, e) // whoever read it has gone: the connection stays
}

// humanPrinter prints one line a stage, and failures in words.
type humanPrinter struct {
	out, err io.Writer
	live     bool // out is a terminal: show the stage in work, too
	open     bool // a line without its end is on the terminal
	waiting  bool // for a person, who knows by now
	asking   bool // a question is on the terminal

	began     time.Time // when connecting began
	stage     api.Stage // the one in work, and when it started
	since     time.Time
	connected bool
	last      api.Status // of the helper
	told      api.Code   // of the last failure since it was connected
	ending    bool       // as asked
	had6      bool       // it was told that IPv6 goes through the tunnel
}

func newHumanPrinter(s Streams) *humanPrinter {
	return &humanPrinter{out: s.Out, err: s.Err, live: isTerminal(s.Out)}
}

// clearLine goes back to the start of the line and empties it (ECMA-48, 8.3.41).
const clearLine = "\r\x1b[K"

func (p *humanPrinter) print(at time.Time, e api.Event) {
	if p.open {
		fmt.Fprint(p.out, clearLine)
		p.open = false
	}
	switch e := e.(type) {
	case api.StageEvent:
		p.stageLine(at, e)
	case api.StateEvent:
		p.stateLine(at, e)
	case api.Status:
		p.status(at, e)
	case api.FailureEvent:
		p.failure(at, e)
	case api.LogEvent:
		fmt.Fprintf(p.out, "  %s\n", clean(e.Message))
	case api.SummaryEvent:
		p.summary(e)
	}
}

func (p *humanPrinter) stageLine(at time.Time, e api.StageEvent) {
	p.waiting = false
	if e.State == api.Started {
		p.stage, p.since = e.Stage, at
		if p.live {
			fmt.Fprintf(p.out, "  … %s", diagnosis.StageName(e.Stage))
			p.open = true
		}
		return
	}
	var ms int64
	if e.MS != nil {
		ms = *e.MS
	}
	line := fmt.Sprintf("  ✓ %-11s%6d ms", diagnosis.StageName(e.Stage), ms)
	if d := describe(e); d != "" {
		line += "  " + d
	}
	fmt.Fprintln(p.out, line)
}

// shown is what people see of what was agreed; everything is in the JSON.
var shown = map[api.Stage][]struct{ key, label string }{
	failure.Resolve:      {{"address", ""}},
	failure.Phase1:       {{"suite", ""}},
	failure.Phase2:       {{"suite", ""}, {"encapsulation", "in "}},
	failure.Tunnel:       {{"host", ""}, {"vendor", ""}},
	failure.Link:         {{"mru", "MRU "}},
	failure.Authenticate: {{"method", ""}, {"message", ""}},
	failure.Network:      {{"address", ""}, {"dns", "DNS "}},
	failure.Routes:       {{"interface", ""}},
}

func describe(e api.StageEvent) string {
	s := ""
	for _, k := range shown[e.Stage] {
		v := e.Detail[k.key]
		if v == "" || v == "none" {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += k.label + clean(v)
		if k.key == "suite" && weak(v) {
			s += " (outdated)"
		}
	}
	return s
}

// weak says that a suite rests on what is broken or too short today.
func weak(name string) bool {
	if s, err := suite.ParsePhase1(name); err == nil {
		return s.Weak()
	}
	s, err := suite.ParsePhase2(name)
	return err == nil && s.Weak()
}

func (p *humanPrinter) stateLine(at time.Time, e api.StateEvent) {
	switch e.State {
	case api.Connecting:
		p.began = at
	case api.Connected:
		if had := p.had6; p.connected && (len(e.Routes)+len(e.Search) > 0 || had || e.Address6.IsValid()) {
			p.had6 = e.Address6.IsValid()
			fmt.Fprintln(p.out, clean(pushed(e)))
			return
		}
		p.connected = true
		fmt.Fprintf(p.out, "\nConnected to %s after %d ms: address %s", e.Server, at.Sub(p.began).Milliseconds(), e.Address)
		if e.Interface != "" {
			fmt.Fprintf(p.out, " on %s", e.Interface)
		}
		fmt.Fprintf(p.out, ", %s, packets of up to %d octets.\n", e.Suite, e.MTU)
	case api.Waiting:
		if p.asking = len(e.Ask) > 0; p.asking {
			p.asks(e.SecondsLeft, e.Prompt)
			return
		}
		if !p.waiting {
			fmt.Fprintf(p.out, "  … The server takes its time: somebody may have to approve the login on a phone (%d s left).\n", e.SecondsLeft)
		}
		p.countdown(e.SecondsLeft)
	case api.Disconnecting:
		p.ending = true
		if p.connected {
			fmt.Fprintln(p.out, "Disconnecting.")
		} else {
			fmt.Fprintln(p.out, "Stopped before it was connected; telling the server. Once more ends at once.")
		}
	case api.Disconnected:
		if p.ending && p.connected { // else a failure or the line above has said so
			fmt.Fprintln(p.out, "Disconnected.")
		}
	}
}

// asks tells what the gateway asks, in its own words where it has any.
func (p *humanPrinter) asks(left int, prompt string) {
	p.waiting = true
	if prompt == "" {
		fmt.Fprintf(p.out, "  … The gateway asks for more, for %d s.\n", left)
		return
	}
	fmt.Fprintf(p.out, "  … The gateway asks “%s”, for %d s.\n", clean(prompt), left)
}

// countdown keeps a person on a terminal informed who knows what is waited for.
func (p *humanPrinter) countdown(left int) {
	if p.waiting && p.live && !p.asking {
		fmt.Fprintf(p.out, "  … %s: %d s left", diagnosis.StageName(failure.Authenticate), left)
		p.open = true
	}
	p.waiting = true
}

// status is stateLine for the helper's whole state, which may come again with
// little changed.
func (p *humanPrinter) status(at time.Time, s api.Status) {
	before := p.last
	p.last = s
	p.asking = len(s.Ask) > 0
	changed := s.State != before.State
	switch s.State {
	case api.Connecting, api.Reconnecting:
		switch {
		case changed && s.State == api.Reconnecting:
			fmt.Fprintln(p.out, "Connecting again.")
		case before.State == api.Disconnected || before.State == api.Blocked:
			p.began = at // with what a person has given meanwhile
		}
		p.pause(at, s, before)
	case api.Waiting:
		if p.asking && (changed || s.Prompt != before.Prompt || !slices.Equal(s.Ask, before.Ask)) {
			p.asks(s.SecondsLeft, s.Prompt)
			return
		}
		p.stateLine(at, api.StateEvent{State: s.State, SecondsLeft: s.SecondsLeft})
	case api.Connected:
		if !changed && s.Network.Address == before.Network.Address {
			if a := s.Address6; a != before.Address6 {
				fmt.Fprintln(p.out, pushed(api.StateEvent{Address6: a}))
			}
			return
		}
		if before.State == "" && s.Since.Before(p.began) {
			p.connected = true
			fmt.Fprintf(p.out, "Connected already, since %s.\n", clock(at, s.Since))
			return
		}
		if before.State == api.Reconnecting {
			p.began = before.Since
		}
		p.told, p.had6 = "", false
		n := s.Network
		p.stateLine(at, api.StateEvent{State: s.State, Address: n.Address, MTU: n.MTU, Suite: n.Suite, Interface: n.Interface, Server: n.Server})
	case api.Disconnected:
		if changed && p.connected && !p.ending && s.Failure == nil {
			fmt.Fprintln(p.out, "Disconnected.") // somebody else wanted it
		}
		fallthrough
	default:
		if changed {
			p.stateLine(at, api.StateEvent{State: s.State})
		}
	}
}

// pause says why there is no try at work.
func (p *humanPrinter) pause(at time.Time, s, before api.Status) {
	switch {
	case s.Offline && !before.Offline:
		fmt.Fprintln(p.out, "  … There is no network; it goes on when there is one.")
	case !s.NextAttempt.IsZero() && !s.NextAttempt.Equal(before.NextAttempt):
		fmt.Fprintf(p.out, "  … The next try is in %d s.\n", int(s.NextAttempt.Sub(at).Round(time.Second)/time.Second))
	}
}

// clock is a time of day, with its date unless that is today's.
func clock(now, t time.Time) string {
	now, t = now.Local(), t.Local()
	if now.Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// failure prints what happened, why and what to do, then the code and what was
// seen.
func (p *humanPrinter) failure(at time.Time, e api.FailureEvent) {
	again := p.last.State == api.Reconnecting && e.Code == p.told
	p.told = e.Code
	if again { // it may be every minute
		fmt.Fprintf(p.err, "  ✗ %s.\n", diagnosis.Lookup(e.Code).Title)
		return
	}
	if e.Stage != 0 && e.Stage == p.stage {
		fmt.Fprintf(p.out, "  ✗ %-11s%6d ms\n", diagnosis.StageName(e.Stage), at.Sub(p.since).Milliseconds())
	}
	d := diagnosis.Lookup(e.Code)
	fmt.Fprintf(p.err, "\n%s.\n%s\n%s\n\n", d.Title, d.Cause, d.Advice)
	fmt.Fprintf(p.err, "  code      %s", e.Code)
	if d.Windows != 0 {
		fmt.Fprintf(p.err, " (in Windows: error %d)", d.Windows)
	}
	fmt.Fprintln(p.err)
	printEvidence(p.err, e.Evidence)
}

// clean takes the control characters out of what a gateway said: they would
// reach the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

func (p *humanPrinter) summary(e api.SummaryEvent) {
	verified := "every octet arrived as it was sent"
	if !e.Verified {
		verified = "not everything arrived as it was sent"
	}
	fmt.Fprintf(p.out, "\nThrough the tunnel: %s down at %s, %s up at %s; %s.\n",
		octets(e.DownBytes), rate(e.DownBitsPerSec), octets(e.UpBytes), rate(e.UpBitsPerSec), verified)
}

func octets(n uint64) string {
	if n < 10_000_000 {
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}

func rate(bits uint64) string {
	switch {
	case bits < 1_000_000:
		return fmt.Sprintf("%d kbit/s", bits/1000)
	case bits < 1_000_000_000:
		return fmt.Sprintf("%d Mbit/s", bits/1_000_000)
	}
	return fmt.Sprintf("%.2f Gbit/s", float64(bits)/1e9)
}
