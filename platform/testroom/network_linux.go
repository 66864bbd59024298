package testroom

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Network is a network namespace. It has no name in the file system, and ends
// with the test and the last process in it.
type Network struct {
	t  testing.TB
	ns netns.NsHandle
}

// NewNetwork makes a network with a loopback that is up, where addresses are
// good at once, without a search for duplicates. It takes root.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces: run it as root")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := netns.Get()
	Must(t, err)
	defer before.Close()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	err = os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)
	lo, e := netlink.LinkByName("lo")
	if e == nil {
		e = netlink.LinkSetUp(lo)
	}
	err = errors.Join(err, e, netns.Set(before))
	return network(t, ns, err)
}

// NetworkOf is the network that a process is in.
func NetworkOf(t testing.TB, pid int) *Network {
	t.Helper()
	ns, err := netns.GetFromPid(pid)
	return network(t, ns, err)
}

func network(t testing.TB, ns netns.NsHandle, err error) *Network {
	t.Helper()
	Must(t, err)
	t.Cleanup(func() { ns.Close() })
	return &Network{t, ns}
}

// Do calls f in the network. What f opens and starts stays there.
func (n *Network) Do(f func()) {
	n.t.Helper()
	defer n.visit()()
	f()
}

// Enter has the test in the network from now on, until its end. The test's
// goroutine keeps its thread.
func (n *Network) Enter() {
	n.t.Helper()
	n.t.Cleanup(n.visit())
}

// Here is whatever network the test is in.
func Here(t testing.TB) *Network { return &Network{t, netns.None()} }

// visit takes the goroutine's thread into the network, and gives what takes it
// back.
func (n *Network) visit() (leave func()) {
	n.t.Helper()
	if !n.ns.IsOpen() {
		return func() {}
	}
	runtime.LockOSThread()
	before, err := netns.Get()
	Must(n.t, err)
	Must(n.t, netns.Set(n.ns))
	return func() {
		defer before.Close()
		if err := netns.Set(before); err != nil {
			n.t.Error(err)
			return // the thread stays locked, and ends with its goroutine
		}
		runtime.UnlockOSThread()
	}
}

// File is the network as a file, for programs that enter it.
func (n *Network) File() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.ns) }

// Own puts the test into a network of its own, until its end.
func Own(t testing.TB) *Network {
	t.Helper()
	n := NewNetwork(t)
	n.Enter()
	return n
}

// Cable makes a pair of interfaces (veth), one in each network. Both are down.
func Cable(a *Network, nameA string, b *Network, nameB string) {
	a.t.Helper()
	veth := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: nameB, PeerNamespace: netlink.NsFd(b.ns)}
	veth.Name = nameA
	a.Do(func() {
		if err := netlink.LinkAdd(veth); err != nil {
			a.t.Fatalf("a cable from %s to %s: %v", nameA, nameB, err)
		}
	})
}

// IP runs commands of ip(8) in the network, such as "addr add 192.0.2.1/24 dev
// eth0", and gives what they say.
func (n *Network) IP(commands ...string) string {
	n.t.Helper()
	var said strings.Builder
	n.Do(func() {
		for _, c := range commands {
			out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput()
			if err != nil {
				n.t.Fatalf("ip %s: %v: %s", c, err, out)
			}
			said.Write(out)
		}
	})
	return said.String()
}

// AwaitUp waits until interfaces run, and all addresses are good: after "link
// set up" a veth gets its carrier in the background, and then its link-local
// address, which is tentative for a moment, and each its route.
func (n *Network) AwaitUp(names ...string) {
	n.t.Helper()
	links := make(chan netlink.LinkUpdate, 16)
	done := make(chan struct{})
	defer func() {
		close(done)
		for range links { //nolint:revive // until the library has closed it
		}
	}()
	n.Do(func() {
		Must(n.t, netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{ListExisting: true}))
	})
	for timeout := time.After(Patience); len(names) > 0; {
		select {
		case l := <-links:
			if l.Attrs().OperState == netlink.OperUp {
				names = slices.DeleteFunc(names, func(name string) bool { return name == l.Attrs().Name })
			}
		case <-timeout:
			n.t.Fatalf("%q do not come up", names)
		}
	}
	Eventually(n.t, "good addresses", func() bool {
		var all []netlink.Addr
		var routes []netlink.Route
		n.Do(func() {
			var err error
			all, err = netlink.AddrList(nil, netlink.FAMILY_V6)
			Must(n.t, err)
			routes, err = netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
			Must(n.t, err)
		})
		return !slices.ContainsFunc(all, func(a netlink.Addr) bool {
			there := slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Dst != nil && r.Dst.IP.Equal(a.IP) })
			return a.Flags&unix.IFA_F_TENTATIVE != 0 || !there
		})
	})
}
