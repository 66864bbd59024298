package cli

import (
	"context"
	"os/exec"
	"strings"
)

// usualEditors are looked for when the environment names none.
var usualEditors = []string{"notepad.exe"}

// shellCommand runs a command line with one more argument. A path with spaces is a
// program of its own; else the words after the first are arguments.
func shellCommand(ctx context.Context, line, file string) *exec.Cmd {
	line = strings.Trim(line, `"`)
	if path, err := exec.LookPath(line); err == nil {
		return exec.CommandContext(ctx, path, file)
	}
	words := append(strings.Fields(line), file)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}
