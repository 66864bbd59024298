package testnet

import (
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// New puts the test into a new network namespace, with a loopback that is up,
// and takes it out again at its end. The test's goroutine keeps its thread
// until then, and what it starts inherits the namespace. It takes root.
func New(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test makes a network namespace, interfaces and routes: run it as root")
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := netns.Set(before); err != nil {
			t.Fatal(err) // the thread stays locked and ends with the test
		}
		ns.Close()
		before.Close()
		runtime.UnlockOSThread()
	})
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatal(err)
	}
}
