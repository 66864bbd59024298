package firewall

import (
	"context"
	"os/exec"
	"strings"
)

func newSystem() (system, error) { return &pf{ctl: command{}}, nil }

// command is the pfctl of the system.
type command struct{}

func (command) run(ctx context.Context, stdin string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "/sbin/pfctl", args...)
	c.Stdin = strings.NewReader(stdin)
	c.Env = []string{"LC_ALL=C"}
	out, err := c.CombinedOutput()
	return string(out), err
}
