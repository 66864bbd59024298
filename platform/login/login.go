// Package login has a program start when the user signs in: a file of the session
// on Linux, a LaunchAgent on macOS, a value of the Run key on Windows.
package login

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Entry is the start of one program.
type Entry struct {
	program string // its absolute path
	args    []string
}

// New is the entry of a program. It changes nothing yet.
func New(program string, args ...string) *Entry { return &Entry{program, args} }

// write replaces a file of the user's own.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("login: %w", errors.Join(err, os.Remove(tmp)))
	}
	return nil
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("login: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
