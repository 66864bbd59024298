package helper

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHoldNothing: without a wish there is nothing to hold, and nothing is
// written. What it does with one is tested with the service (packaging/linux).
func TestHoldNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := Hold(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory was made")
	}
}
