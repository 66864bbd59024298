package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/app/doctor"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/platform/keyring"
)

// socketVariable names another place of the helper's socket.
const socketVariable = "CULVERT_SOCKET"

// around is what commands reach besides their streams: faked in tests.
type around struct {
	machine  machine
	helper   *client.Client
	store    *profile.Store
	keys     keychain
	terminal terminal                                     // nil: there is nobody to ask
	editor   func(ctx context.Context, file string) error // lets a person change a file
	checks   func(ctx context.Context, wanted bool) []doctor.Check
}

// keychain is the person's secret store; *keyring.Keyring is one.
type keychain interface {
	Set(ctx context.Context, profile string, kind keyring.Kind, value []byte) error
	Get(ctx context.Context, profile string, kind keyring.Kind) ([]byte, error)
	Delete(ctx context.Context, profile string, kind keyring.Kind) error
	DeleteProfile(ctx context.Context, profile string) error
}

func realAround(s Streams) *around {
	a := &around{machine: thisMachine(), helper: client.New(os.Getenv(socketVariable)), keys: keyring.New(), terminal: newTerminal(s), checks: doctor.Machine}
	folders, err := profile.StandardFolders()
	if err != nil {
		folders.Machine = "" // without a home there are no profiles but files
	}
	a.store = profile.NewStore(folders)
	a.editor = func(ctx context.Context, file string) error { return runEditor(ctx, file, s) }
	return a
}

// runEditor runs the person's editor and waits for its end.
func runEditor(ctx context.Context, file string, s Streams) error {
	cmd := editorCommand(ctx, file)
	if cmd == nil {
		return errors.New("no editor is known: set VISUAL or EDITOR")
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor: %w", err)
	}
	return nil
}

// editorCommand is VISUAL or EDITOR, which may have arguments, or the first usual
// one that is there; nil: none.
func editorCommand(ctx context.Context, file string) *exec.Cmd {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if line := os.Getenv(name); line != "" {
			return shellCommand(ctx, line, file)
		}
	}
	for _, name := range usualEditors {
		if path, err := exec.LookPath(name); err == nil {
			return exec.CommandContext(ctx, path, file)
		}
	}
	return nil
}
