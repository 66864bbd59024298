//go:build !windows && !darwin

package login

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEntry(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	e := New("/usr/bin/culvert-desktop", "--hidden")
	if e.On() {
		t.Error("On before Set")
	}
	if err := e.Set(false); err != nil {
		t.Errorf("Set(false) of what is not there: %v", err)
	}
	for range 2 {
		if err := e.Set(true); err != nil || !e.On() {
			t.Fatalf("Set(true): %v, On = %v", err, e.On())
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "autostart", "io.github.culvert.desktop"))
	if err != nil || string(text) != DesktopEntry("/usr/bin/culvert-desktop", "--hidden") {
		t.Errorf("%s, %v", text, err)
	}
	if err := e.Set(false); err != nil || e.On() {
		t.Errorf("Set(false): %v, On = %v", err, e.On())
	}
}
