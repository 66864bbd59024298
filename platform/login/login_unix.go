//go:build !windows && !darwin

package login

import (
	"os"
	"path/filepath"
)

// path is that of the file, in the user's own configuration.
func path() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "autostart", "io.github.culvert.desktop"), err
}

// On says whether the program starts.
func (e *Entry) On() bool {
	p, err := path()
	return err == nil && exists(p)
}

// Set has it start, or not.
func (e *Entry) Set(on bool) error {
	p, err := path()
	switch {
	case err != nil:
		return err
	case on:
		return write(p, DesktopEntry(e.program, e.args...))
	}
	return remove(p)
}
