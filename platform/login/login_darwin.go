package login

import (
	"os"
	"path/filepath"
)

// path is that of the job, in the user's own library.
func path() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "LaunchAgents", agentLabel+".plist"), err
}

// On says whether the program starts.
func (e *Entry) On() bool {
	p, err := path()
	return err == nil && exists(p)
}

// Set has it start, or not, from the next time on.
func (e *Entry) Set(on bool) error {
	p, err := path()
	switch {
	case err != nil:
		return err
	case on:
		return write(p, LaunchAgent(e.program, e.args...))
	}
	return remove(p)
}
