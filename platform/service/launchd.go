package service

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
)

// launchDaemons is where launchd finds the jobs of the machine.
const launchDaemons = "/Library/LaunchDaemons/"

// exitTime is how long launchd waits, in seconds, before it kills a job that
// was told to end: routes, DNS and firewall are put back meanwhile.
const exitTime = 30

// Plist is the text of the launchd job d (launchd.plist(5)): started with the
// machine, and again when it fails.
func Plist(d Definition) []byte {
	var b bytes.Buffer
	text := func(s string) string {
		var e bytes.Buffer
		_ = xml.EscapeText(&e, []byte(s)) // a Buffer takes everything
		return e.String()
	}
	b.WriteString(xml.Header)
	b.WriteString("<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n")
	b.WriteString("<plist version=\"1.0\">\n<dict>\n")
	fmt.Fprintf(&b, "\t<key>Label</key>\n\t<string>%s</string>\n", text(d.Name))
	b.WriteString("\t<key>ProgramArguments</key>\n\t<array>\n")
	for _, s := range append([]string{d.Program}, d.Arguments...) {
		fmt.Fprintf(&b, "\t\t<string>%s</string>\n", text(s))
	}
	b.WriteString("\t</array>\n\t<key>RunAtLoad</key>\n\t<true/>\n")
	b.WriteString("\t<key>KeepAlive</key>\n\t<dict>\n\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>\n")
	// Background jobs are throttled, and packets pass through this one.
	b.WriteString("\t<key>ProcessType</key>\n\t<string>Interactive</string>\n")
	fmt.Fprintf(&b, "\t<key>ExitTimeOut</key>\n\t<integer>%d</integer>\n", exitTime)
	b.WriteString("</dict>\n</plist>\n")
	return b.Bytes()
}

// jobAction is one change that Install or Remove makes.
type jobAction uint8

const (
	writePlist jobAction = iota + 1
	removePlist
	enable
	bootstrap
	bootout // and wait until it is gone
)

// jobOp is a change of a launchd job.
type jobOp struct {
	do    jobAction
	label string
	plist []byte // writePlist
}

// arguments are launchctl's for the op; nil: it is one of files.
func (o jobOp) arguments() []string {
	switch o.do {
	case enable:
		return []string{"enable", "system/" + o.label}
	case bootstrap:
		return []string{"bootstrap", "system", o.path()}
	case bootout:
		return []string{"bootout", "system/" + o.label}
	}
	return nil
}

func (o jobOp) path() string { return launchDaemons + o.label + ".plist" }

// jobRunner does what Install and Remove want.
type jobRunner interface {
	do(ctx context.Context, o jobOp) error
	// state is the job's plist, nil if there is none, and whether launchd has
	// loaded it.
	state(ctx context.Context, label string) (plist []byte, loaded bool, err error)
}

// jobInstall installs d. When a step fails, what there was before is put back.
func jobInstall(ctx context.Context, r jobRunner, d Definition) error {
	old, loaded, err := r.state(ctx, d.Name)
	if err != nil {
		return fmt.Errorf("service: %s: %w", d.Name, err)
	}
	var done []jobAction
	step := func(a jobAction, plist []byte) {
		if err != nil {
			return
		}
		if err = r.do(ctx, jobOp{do: a, label: d.Name, plist: plist}); err != nil {
			err = fmt.Errorf("service: %s: %w", d.Name, err)
		}
		done = append(done, a)
	}
	if loaded {
		step(bootout, nil)
	}
	step(writePlist, Plist(d))
	step(enable, nil) // launchd remembers a job that somebody disabled
	step(bootstrap, nil)
	if err != nil {
		jobRestore(context.WithoutCancel(ctx), r, d.Name, old, loaded, done)
	}
	return err
}

// jobRestore puts back what was there before the steps that were done. Its own
// errors say less than the one that led to it.
func jobRestore(ctx context.Context, r jobRunner, label string, old []byte, loaded bool, done []jobAction) {
	for _, a := range done {
		if a == writePlist && old == nil {
			_ = r.do(ctx, jobOp{do: removePlist, label: label})
		} else if a == writePlist {
			_ = r.do(ctx, jobOp{do: writePlist, label: label, plist: old})
		}
	}
	if loaded {
		_ = r.do(ctx, jobOp{do: bootstrap, label: label})
	}
}

// jobRemove removes the job.
func jobRemove(ctx context.Context, r jobRunner, label string) error {
	plist, loaded, err := r.state(ctx, label)
	if err != nil {
		return fmt.Errorf("service: %s: %w", label, err)
	}
	var errs []error
	if loaded {
		errs = append(errs, r.do(ctx, jobOp{do: bootout, label: label}))
	}
	if plist != nil {
		errs = append(errs, r.do(ctx, jobOp{do: removePlist, label: label}))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("service: %s: %w", label, err)
	}
	return nil
}
