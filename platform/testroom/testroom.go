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

// Ours: how often a condition is looked at.
const often = 5 * time.Millisecond

// await waits until ok; false: it took too long. It looks often, but spends no
// more than half of the time on that.
func await(ok func() bool) bool {
	for end := time.Now().Add(Patience); ; {
		began := time.Now()
		if ok() {
			return true
		}
		if began.After(end) {
			return false
		}
		<-time.After(max(often, time.Since(began)))
	}
}
