//go:build !windows

package cli

import (
	"context"
	"os/exec"
)

// usualEditors are looked for when the environment names none.
var usualEditors = []string{"sensible-editor", "editor", "nano", "vi"}

// shellCommand runs a command line with one more argument.
func shellCommand(ctx context.Context, line, file string) *exec.Cmd {
	return exec.CommandContext(ctx, "/bin/sh", "-c", line+` "$1"`, "sh", file)
}
