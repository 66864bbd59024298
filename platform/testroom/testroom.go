// Package testroom gives tests networks and machines of their own: namespaces,
// roots with programs in them, a D-Bus, a whole systemd. Nothing of the machine
// is touched, it also works in a chroot, and all ends with the test, however
// that ends. Only tests import it.
package testroom

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what comes by itself or runs to its
// end: much longer than that takes on a machine with other things to do.
const Patience = time.Minute

// Must fails the test at an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until ok, and fails the test when that takes too long.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !await(ok) {
		t.Fatalf("%s: waited in vain", what)
	}
}

// Ours: how often a condition is looked at, at the most and at the least.
const (
	atFirst = time.Millisecond
	later   = 50 * time.Millisecond
)

// await waits until ok; false: it took too long. It looks often enough to tell
// the time to a fiftieth, but spends no more than half of it on that.
func await(ok func() bool) bool {
	for start := time.Now(); ; {
		began := time.Now()
		if ok() {
			return true
		}
		if began.Sub(start) > Patience {
			return false
		}
		<-time.After(max(atFirst, min(time.Since(start)/50, later), time.Since(began)))
	}
}
