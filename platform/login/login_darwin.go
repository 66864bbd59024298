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

// fileText is what the file says.
func fileText(program string, args ...string) string { return LaunchAgent(program, args...) }
