package service

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoDumps asks the kernel whether it would dump this process.
func TestNoDumps(t *testing.T) {
	was, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || was != 1 {
		t.Fatalf("before: dumpable %d, %v, want 1", was, err)
	}
	t.Cleanup(func() {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
	if err := NoDumps(); err != nil {
		t.Fatal(err)
	}
	if is, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || is != 0 {
		t.Errorf("dumpable %d, %v, want 0", is, err)
	}
}
