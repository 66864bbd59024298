package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/diagnosis"
)

var statusCommand = &command{
	name: "status", args: "[--json]", short: "what is connected, since when and how; and the last failure",
	options: []option{jsonOption},
	run: func(ctx context.Context, c *call) int {
		if !c.parse() {
			return exitUsage
		}
		s, err := c.helper.State(ctx)
		if err != nil {
			return c.noHelper(err)
		}
		k, err := c.helper.Stats(ctx)
		if err != nil {
			return c.noHelper(err)
		}
		if c.on(jsonOption.name) {
			p := newPrinter(c.Streams, true)
			p.print(time.Now(), s)
			if s.State == api.Connected {
				p.print(time.Now(), k)
			}
			return exitDone
		}
		printStatus(c.Out, time.Now(), s, k)
		return exitDone
	},
}

// stateNames are the states for people.
var stateNames = map[api.State]string{
	api.Disconnected: "Not connected", api.Connecting: "Connecting", api.Waiting: "Waiting for a person", api.Connected: "Connected",
	api.Reconnecting: "Connecting again", api.Disconnecting: "Disconnecting", api.Blocked: "Not connected, and the kill switch keeps the network closed",
}

// printStatus prints the state to be read at a glance.
func printStatus(w io.Writer, at time.Time, s api.Status, k api.StatsEvent) {
	head := stateNames[s.State]
	switch {
	case s.State == api.Disconnected && s.Failure == nil:
		fmt.Fprintf(w, "%s.\n", head)
		return
	case s.State == api.Disconnected, s.State == api.Blocked:
		fmt.Fprintf(w, "%s.\n", head)
	default:
		fmt.Fprintf(w, "%s: “%s”\n", head, clean(s.Profile.Name))
	}
	row := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s %s\n", label, fmt.Sprintf(format, args...))
	}
	if !s.Since.IsZero() && s.State != api.Disconnected {
		row("since", "%s (%s)", clock(at, s.Since), span(at.Sub(s.Since)))
	}
	if s.State == api.Connected {
		row("gateway", "%s", s.Server)
		row("address", "%v on %s, packets of up to %d octets", s.Address, s.Interface, s.MTU)
		if s.Address6.IsValid() {
			row("IPv6", "%v", s.Address6)
		}
		row("DNS", "%s", addresses(s.DNS))
		row("suite", "%s", s.Suite)
		row("traffic", "%s received, %s sent", amount(k.RxBytes), amount(k.TxBytes))
	}
	for i := len(s.Stages) - 1; i >= 0 && (s.State == api.Connecting || s.State == api.Reconnecting || s.State == api.Waiting); i-- {
		if s.Stages[i].State == api.Started {
			row("stage", "%s", diagnosis.StageName(s.Stages[i].Stage))
			break
		}
	}
	switch {
	case s.Offline:
		row("next", "when there is a network")
	case !s.NextAttempt.IsZero():
		row("next", "try %d at %s", s.Attempt+1, clock(at, s.NextAttempt))
	}
	if s.State == api.Waiting {
		row("waits", "%d s more", s.SecondsLeft)
	}
	if len(s.Ask) > 0 {
		row("asks for", "%s: culvert up %s", list(s.Ask), shellWord(s.Profile.Name))
		if s.Prompt != "" {
			row("it says", "“%s”", clean(s.Prompt))
		}
	}
	if s.Failure != nil {
		printLastFailure(w, s)
	}
}

// printLastFailure prints why the state is worse than it should be.
func printLastFailure(w io.Writer, s api.Status) {
	d := diagnosis.Lookup(s.Failure.Code)
	fmt.Fprintf(w, "\nThe last failure, of “%s”: %s.\n%s\n%s\n\n  code      %s\n", clean(s.Profile.Name), d.Title, d.Cause, d.Advice, s.Failure.Code)
	printEvidence(w, s.Failure.Evidence)
}

// printEvidence prints what was seen.
func printEvidence(w io.Writer, evidence []string) {
	label := "evidence"
	for _, line := range evidence {
		fmt.Fprintf(w, "  %-8s  %s\n", label, clean(line))
		label = ""
	}
}

func addresses(list []netip.Addr) string {
	if len(list) == 0 {
		return "as without the connection"
	}
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return strings.Join(out, ", ")
}

// span is a duration as people say it.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// amount is a number of octets as people say it.
func amount(n uint64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d octets", n)
	}
	f := float64(n) / 1000
	i := 0
	for ; f >= 999.95 && i < len(units)-1; i++ {
		f /= 1000
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
