package testnet

import (
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// Ours: the kernel tells of a carrier within a second, a busy machine later.
const upTimeout = 20 * time.Second

// Up waits until interfaces of the test's network run: after "link set up" a
// veth gets its carrier in the background.
func Up(t *testing.T, names ...string) {
	t.Helper()
	links := make(chan netlink.LinkUpdate, 16)
	done := make(chan struct{})
	defer func() {
		close(done)
		for range links { //nolint:revive // until the library has closed it
		}
	}()
	if err := netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ListExisting: true}); err != nil {
		t.Fatal(err)
	}
	for timeout := time.After(upTimeout); len(names) > 0; {
		select {
		case l := <-links:
			if l.Attrs().OperState == netlink.OperUp {
				names = slices.DeleteFunc(names, func(n string) bool { return n == l.Attrs().Name })
			}
		case <-timeout:
			t.Fatalf("%q do not come up", names)
		}
	}
}
