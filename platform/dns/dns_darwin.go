package dns

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

func supported() error { return nil }

// detect: macOS has one resolver.
func detect(_ context.Context, _ Options, _ Config) ([]part, string, error) {
	return []part{&scutilPart{run: program}}, "macOS has no other resolver", nil
}

func newPart(kind string, _ Options) (part, error) {
	if kind != kindScutil {
		return nil, fmt.Errorf("no such backend: %q", kind)
	}
	return &scutilPart{run: program}, nil
}

// program is the scutilRunner of this machine.
func program(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
