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

// fileText is what the file says.
func fileText(program string, args ...string) string { return DesktopEntry(program, args...) }
