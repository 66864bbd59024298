package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// available looks for a session bus. Without one, the D-Bus library would start
// a bus of its own, which outlives this program and has no secret store.
func available() error { return findBus(fmt.Sprintf("/run/user/%d", os.Getuid())) }

// findBus looks where the D-Bus library does: into the environment, then into
// the user's runtime directory.
func findBus(runtimeDir string) error {
	if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" && a != "autolaunch:" {
		return nil
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(runtimeDir, name)); err == nil {
			return nil
		}
	}
	return errors.New("no session bus")
}
