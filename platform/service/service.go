// Package service runs a program under the system's service manager, and
// installs it there: systemd, launchd, the Service Control Manager of Windows.
package service

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

var (
	// ErrUnsupported is a system on which services come with packages: Linux.
	ErrUnsupported = errors.New("service: not installed by programs on this system")
	// ErrDefinition is a Definition that cannot be installed.
	ErrDefinition = errors.New("service: not a definition")
)

// Event is what the service manager tells while the service runs.
type Event uint8

// The events. Only Windows sends them: elsewhere platform/netmon watches sleep.
const (
	Suspend Event = iota + 1 // the machine goes to sleep now
	Resume                   // it is awake again
)

// String is the event's name.
func (e Event) String() string {
	switch e {
	case Suspend:
		return "suspend"
	case Resume:
		return "resume"
	}
	return "unknown event"
}

// eventQueue is how many events may wait. When it is full the oldest is
// dropped: the last one says how things are.
const eventQueue = 8

// Main is a service's work. It calls ready once it can be used, and returns
// soon after ctx is done.
type Main func(ctx context.Context, ready func(), events <-chan Event) error

// Service is a program that a service manager runs.
type Service struct {
	Name string // Windows: as installed
	Main Main
	// Healthy is asked before the watchdog is told that all is well. While it
	// says no, the watchdog is told nothing, and restarts the service in the end.
	// It must not wait; nil is always yes.
	Healthy func() bool
}

// Run runs main as the service name: see Service.
func Run(ctx context.Context, name string, main Main) error {
	return Service{Name: name, Main: main}.Run(ctx)
}

// Run calls Main, tells the service manager how it goes, and ends Main's
// context when ctx ends, when the manager says so, and on SIGINT and SIGTERM.
// Started by hand, it does the same in the foreground. Its error is Main's, but
// nil when that is no more than the end of the context.
func (s Service) Run(ctx context.Context) error { return s.run(ctx) }

// NoDumps keeps what this process has in its memory out of files, whatever ends
// it. It is called before there are secrets.
func NoDumps() error { return noDumps() }

// ended is what Run gives for Main's err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Definition is a service to install.
type Definition struct {
	Name        string // letters, digits, "." and "-"; macOS: the label of the job
	DisplayName string // Windows
	Description string // Windows
	Program     string // absolute path
	Arguments   []string
}

// Install makes the service known to the system, in place of an earlier one of
// that name, and starts it now and whenever the machine starts. When it fails,
// the earlier one is as it was. It takes root, or an administrator.
func Install(ctx context.Context, d Definition) error {
	if err := d.check(); err != nil {
		return err
	}
	return install(ctx, d)
}

// Remove stops the service and makes the system forget it. It is no error if
// there is none.
func Remove(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return remove(ctx, name)
}

func (d Definition) check() error {
	if err := checkName(d.Name); err != nil {
		return err
	}
	if !filepath.IsAbs(d.Program) {
		return fmt.Errorf("%w: the program %q is not an absolute path", ErrDefinition, d.Program)
	}
	return nil
}

// checkName keeps a name out of other directories and other commands.
func checkName(name string) error {
	bad := func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-')
	}
	if name == "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%w: the name %q", ErrDefinition, name)
	}
	return nil
}
