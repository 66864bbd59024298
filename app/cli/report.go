package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/logging"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/version"
)

var reportCommand = &command{
	name: "report", args: "[PROFILE] [--output FILE]", short: "print all that support needs to know, without secrets", takes: aProfile,
	long: "Versions, the system, the state, the profile (else the one that was connected last) and the helper's log. User\n" +
		"names, this computer's name and home directory are taken out; names and addresses of gateways stay: read it before\n" +
		"you hand it on.",
	options: []option{{"output", "FILE", "write a new FILE, which only you can read, instead of standard output"}},
	run: func(ctx context.Context, c *call) int {
		var ref string
		if !c.parseSome(0, &ref) {
			return exitUsage
		}
		r := &report{c: c}
		if ref != "" {
			e, err := c.profile(ref)
			if err != nil {
				return c.noProfile(err)
			}
			r.profile = e.Profile
		}
		text := r.text(ctx)
		file, ok := c.given["output"]
		if !ok || file == "-" {
			fmt.Fprint(c.Out, text)
			return exitDone
		}
		if err := writeNew(file, text); err != nil {
			c.say("%v", err)
			return exitInternal
		}
		fmt.Fprintf(c.Out, "%s is written: read it before you hand it on.\n", file)
		return exitDone
	},
}

// writeNew writes a file that was not there, for its owner alone.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// report is one bundle for support.
type report struct {
	c       *call
	profile *profile.Profile // nil: the one of the helper's state
	b       strings.Builder
}

// text is the whole report, with what tells of the person taken out.
func (r *report) text(ctx context.Context) string {
	r.part("culvert report")
	fmt.Fprintf(&r.b, "Secrets, user names, this computer's name and home directory are taken out: %s.\n"+
		"Names and addresses of gateways and networks stay.\n", logging.Masked)
	r.part("versions")
	fmt.Fprintf(&r.b, "time     %s\nculvert  %s\n", time.Now().UTC().Format(time.RFC3339), version.Text())
	if v, err := r.c.helper.Version(ctx); err == nil {
		fmt.Fprintf(&r.b, "helper   %s\n", v)
	} else {
		fmt.Fprintf(&r.b, "helper   %v\n", err)
	}
	fmt.Fprintf(&r.b, "system   %s\n", systemName())
	r.state(ctx)
	r.settings()
	r.part("checks")
	for _, k := range r.c.checks(ctx, false) {
		fmt.Fprintf(&r.b, "%s %s\n", marks[k.Verdict], k.Found)
	}
	r.log(ctx)
	return r.redacted(r.b.String())
}

func (r *report) part(name string) {
	if r.b.Len() > 0 {
		r.b.WriteByte('\n')
	}
	fmt.Fprintf(&r.b, "== %s ==\n", name)
}

func (r *report) state(ctx context.Context) {
	r.part("state")
	s, err := r.c.helper.State(ctx)
	if err != nil {
		fmt.Fprintf(&r.b, "%v\n", err)
		return
	}
	k, _ := r.c.helper.Stats(ctx) // without it they are zero
	printStatus(&r.b, time.Now(), s, k)
	for _, stage := range s.Stages {
		if stage.MS != nil {
			fmt.Fprintf(&r.b, "  stage %v: %v after %d ms %v\n", stage.Stage, stage.State, *stage.MS, stage.Detail)
		} else {
			fmt.Fprintf(&r.b, "  stage %v: %v\n", stage.Stage, stage.State)
		}
	}
	if r.profile == nil && s.Profile.ID != "" {
		if e, err := r.c.store.Find(s.Profile.ID); err == nil {
			r.profile = e.Profile
		}
	}
}

func (r *report) settings() {
	r.part("profile")
	if r.profile == nil {
		r.b.WriteString("none: culvert report PROFILE names one\n")
		return
	}
	text, err := r.profile.Text()
	if err != nil {
		text = []byte(err.Error() + "\n")
	}
	r.b.Write(text)
}

func (r *report) log(ctx context.Context) {
	r.part("log")
	err := r.c.helper.Log(ctx, false, func(at time.Time, e api.LogEvent) bool {
		fmt.Fprintf(&r.b, "%s %s\n", at.UTC().Format("2006-01-02T15:04:05.000Z"), e.Message)
		return true
	})
	if err != nil {
		fmt.Fprintf(&r.b, "%v\n", err)
	}
}

// redacted is text without what tells of the person.
func (r *report) redacted(text string) string {
	if p := r.profile; p != nil {
		return logging.Anonymous(text, p.Login(), p.User, p.Domain)
	}
	return logging.Anonymous(text)
}

// systemName is the operating system with its version.
func systemName() string {
	name := runtime.GOOS + "/" + runtime.GOARCH
	if v := release(); v != "" {
		name += ", " + v
	}
	return name
}
