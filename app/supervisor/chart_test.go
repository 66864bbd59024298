package supervisor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/engine/failure"
)

var update = flag.Bool("update", false, "write the golden files anew")

// situations are what a machine can be in, each made from a new one.
var situations = []struct {
	name string
	make func(b *bench, p *profile.Profile)
}{
	{"disconnected, never anything else", func(b *bench, _ *profile.Profile) { b.in(Start{}) }},
	{"connecting", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}, Stage{Attempt: 1, Stage: failure.Phase1})
	}},
	{"connecting, no network", func(b *bench, p *profile.Profile) { b.in(Start{}, Route{Online: false}, Connect{p}) }},
	{"connecting, network not applied yet", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}, Server{1, server, ""}, Up{1, network(10)})
	}},
	{"waiting for approval", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}, Stage{Attempt: 1, Stage: failure.Authenticate}, Waiting{1, 90 * time.Second, "", ""})
	}},
	{"waiting for a code", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}, Stage{Attempt: 1, Stage: failure.Authenticate}, Waiting{1, 90 * time.Second, api.OTP, ""})
	}},
	{"failed on a wrong password", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}).down(failure.PPPBadCredentials)
	}},
	{"failed on a disabled account", func(b *bench, p *profile.Profile) {
		b.in(Start{}, Route{true, "wlan0"}, Connect{p}).down(failure.PPPAccountDisabled)
	}},
	{"connected for a minute", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute) }},
	{"connected for a minute, network away for a second", func(b *bench, p *profile.Profile) {
		b.connected(p).after(time.Minute).in(Route{Online: false}).after(time.Second)
	}},
	{"reconnecting, trying", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute).down(failure.PathDead) }},
	{"reconnecting, waiting for its time", func(b *bench, p *profile.Profile) {
		b.connected(p).after(time.Minute).down(failure.PathDead).down(failure.IKENoAnswer)
	}},
	{"reconnecting, no network", func(b *bench, p *profile.Profile) {
		b.connected(p).after(time.Minute).in(Route{Online: false}).after(10 * time.Second).down("")
	}},
	{"reconnecting, stopping the engine of another network", func(b *bench, p *profile.Profile) {
		b.connected(p).after(time.Minute).in(Route{true, "eth0"})
	}},
	{"asleep, engine stopping", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute).in(Sleep{}) }},
	{"asleep, engine down", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute).in(Sleep{}).down("") }},
	{"disconnecting", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute).in(Disconnect{}) }},
	{"disconnecting, to connect Home then", func(b *bench, p *profile.Profile) {
		b.connected(p).after(time.Minute).in(Disconnect{}, Connect{home()})
	}},
	{"ending", func(b *bench, p *profile.Profile) { b.connected(p).after(time.Minute).in(Shutdown{}) }},
}

// happenings are what can happen in each.
var happenings = []struct {
	name string
	do   func(b *bench, p *profile.Profile)
}{
	{"Connect Office", func(b *bench, p *profile.Profile) { b.in(Connect{p}) }},
	{"Connect Home", func(b *bench, _ *profile.Profile) { b.in(Connect{home()}) }},
	{"Disconnect", func(b *bench, _ *profile.Profile) { b.in(Disconnect{}) }},
	{"Answer", func(b *bench, _ *profile.Profile) { b.in(Answer{}) }},
	{"Shutdown", func(b *bench, _ *profile.Profile) { b.in(Shutdown{}) }},
	{"kill switch switched", func(b *bench, p *profile.Profile) {
		q := *p
		q.Routing.KillSwitch = !p.Routing.KillSwitch
		b.in(ProfileChanged{p.ID, &q})
	}},
	{"profile removed", func(b *bench, p *profile.Profile) { b.in(ProfileChanged{p.ID, nil}) }},
	{"a person is waited for", func(b *bench, _ *profile.Profile) { b.in(Waiting{b.attempt(), time.Minute, "", ""}) }},
	{"the login goes on", func(b *bench, _ *profile.Profile) { b.in(Stage{Attempt: b.attempt(), Stage: failure.Network}) }},
	{"up", func(b *bench, _ *profile.Profile) { b.in(Up{b.attempt(), network(11)}) }},
	{"pushed routes", func(b *bench, _ *profile.Profile) { b.in(pushed(b.attempt(), 1)) }},
	{"applied", func(b *bench, _ *profile.Profile) { b.in(Applied{b.attempt()}) }},
	{"not applied", func(b *bench, _ *profile.Profile) {
		b.in(ApplyFailed{b.attempt(), &failure.Failure{Stage: failure.Routes, Code: failure.OSRoutes}})
	}},
	{"down path.dead", func(b *bench, _ *profile.Profile) { b.down(failure.PathDead) }},
	{"down gateway.closed", func(b *bench, _ *profile.Profile) { b.down(failure.GatewayClosed) }},
	{"down ppp.bad-credentials", func(b *bench, _ *profile.Profile) { b.down(failure.PPPBadCredentials) }},
	{"down ppp.account-disabled", func(b *bench, _ *profile.Profile) { b.down(failure.PPPAccountDisabled) }},
	{"down", func(b *bench, _ *profile.Profile) { b.down("") }},
	{"network lost", func(b *bench, _ *profile.Profile) { b.in(Route{Online: false}) }},
	{"network by eth0", func(b *bench, _ *profile.Profile) { b.in(Route{true, "eth0"}) }},
	{"network by wlan0", func(b *bench, _ *profile.Profile) { b.in(Route{true, "wlan0"}) }},
	{"Sleep", func(b *bench, _ *profile.Profile) { b.in(Sleep{}) }},
	{"Wake", func(b *bench, _ *profile.Profile) { b.in(Wake{}) }},
	{"time", func(b *bench, _ *profile.Profile) {
		if d := b.m.Deadline(); !d.IsZero() {
			b.after(d.Sub(b.now))
		} else {
			b.out.Reset()
		}
	}},
}

// TestChart writes down the whole machine: what each happening does in each
// situation. A review of a change reads the difference of the file.
func TestChart(t *testing.T) {
	for _, how := range []string{"", "ks", "nodrop"} {
		name := "plain"
		p := office()
		if how != "" {
			name, p = how, office(how)
		}
		t.Run(name, func(t *testing.T) {
			compare(t, filepath.Join("testdata", "chart-"+name+".txt"), chart(t, p))
		})
	}
}

func chart(t *testing.T, p *profile.Profile) string {
	var s strings.Builder
	for _, sit := range situations {
		b := newBench(t)
		sit.make(b, p)
		fmt.Fprintf(&s, "%s (%s)\n", sit.name, shortStatus(b))
		for _, h := range happenings {
			b := newBench(t)
			sit.make(b, p)
			before := shortStatus(b)
			h.do(b, p)
			after, said := shortStatus(b), b.said()
			switch {
			case b.err != nil:
				fmt.Fprintf(&s, "  %-24s  %s\n", h.name, errText(b.err))
			case said != "" || after != before:
				fmt.Fprintf(&s, "  %-24s  %s: %s\n", h.name, after, said)
			}
		}
		s.WriteString("\n")
	}
	return s.String()
}

// shortStatus is a Status in a line.
func shortStatus(b *bench) string {
	st := b.m.Status(b.now)
	s := string(st.State)
	if st.Attempt > 0 {
		s += fmt.Sprintf(" try %d", st.Attempt)
	}
	if !st.NextAttempt.IsZero() {
		s += fmt.Sprintf(" in %v", st.NextAttempt.Sub(b.now))
	}
	if st.Offline {
		s += " offline"
	}
	if len(st.Ask) > 0 {
		s += fmt.Sprintf(" asks %v", st.Ask)
	}
	if st.SecondsLeft > 0 {
		s += fmt.Sprintf(" for %d s", st.SecondsLeft)
	}
	if st.Failure != nil {
		s += " after " + string(st.Failure.Code)
	}
	return s
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(text), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("%s:%d differs:\n  got  %s\n  want %s\n(-update writes it anew)", file, i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
	}
	if strings.Count(got, "\n") != strings.Count(string(text), "\n") {
		t.Fatalf("%s has %d lines, the machine %d (-update writes it anew)", file, strings.Count(string(text), "\n"), strings.Count(got, "\n"))
	}
}
