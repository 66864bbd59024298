package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"
)

const launchctl = "/bin/launchctl"

// Ours: how often a job that is to go is looked at, and for how long.
const (
	gonePoll = 100 * time.Millisecond
	goneTime = (exitTime + 5) * time.Second
)

func install(ctx context.Context, d Definition) error { return jobInstall(ctx, launchd{}, d) }

func remove(ctx context.Context, name string) error { return jobRemove(ctx, launchd{}, name) }

// launchd is the system's own.
type launchd struct{}

func (launchd) state(ctx context.Context, label string) (plist []byte, loaded bool, err error) {
	plist, err = os.ReadFile(jobOp{label: label}.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	err = exec.CommandContext(ctx, launchctl, "print", "system/"+label).Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return plist, false, ctx.Err() // launchctl says that there is none
	}
	return plist, err == nil, err
}

func (l launchd) do(ctx context.Context, o jobOp) error {
	switch o.do {
	case writePlist:
		return writeFile(o.path(), o.plist)
	case removePlist:
		if err := os.Remove(o.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	out, err := exec.CommandContext(ctx, launchctl, o.arguments()...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("launchctl %v: %w: %s", o.arguments(), err, bytes.TrimSpace(out))
	}
	if o.do == bootout {
		return l.gone(ctx, o.label)
	}
	return nil
}

// gone waits until launchd has let go of the job: it refuses to load it before.
func (l launchd) gone(ctx context.Context, label string) error {
	ctx, cancel := context.WithTimeout(ctx, goneTime)
	defer cancel()
	tick := time.NewTicker(gonePoll)
	defer tick.Stop()
	for {
		_, loaded, err := l.state(ctx, label)
		if err != nil || !loaded {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeFile writes a file that others may read, all of it or nothing. launchd
// takes no job from a file that others may write.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(launchDaemons, ".culvert-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
