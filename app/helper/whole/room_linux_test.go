package whole

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// room is a machine with the helper on it, and all that is outside of it:
//
//	client, a root directory of its own        world
//	  eth0  192.0.2.10   2001:db8::10  -------  out0  192.0.2.1  2001:db8::1
//	                                            lo    198.51.100.1  the gateway
//	                                                  203.0.113.9, 2001:db8:9::9  a server
//	                                                  203.0.113.53  a resolver
//
// Programs run in the client by chroot(2), so that nothing of the machine is
// touched and nothing has to be mounted.
type room struct {
	t             *testing.T
	dir           string // the client's root
	client, world netns.NsHandle
	servers       netns.NsHandle // where the servers are; of ours, the world
	captured      string         // the world's interface towards the client
	environ       []string       // of the helper, beyond the usual
}

// Addresses of the room.
var (
	gatewayAddr  = netip.MustParseAddr("198.51.100.1")
	server4      = netip.MustParseAddrPort("203.0.113.9:9999")
	server6      = netip.MustParseAddrPort("[2001:db8:9::9]:9999")
	resolverAddr = netip.MustParseAddrPort("203.0.113.53:53")
)

const resolvConf = "# as the machine had it\nnameserver 203.0.113.53\nsearch home.example\n"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newRoom makes a room, which lives until the end of the test.
func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, client: newNamespace(t), world: newNamespace(t), captured: "out0"}
	r.servers = r.world
	r.root()
	in(t, r.world, func() {
		ip(t, "link add out0 type veth peer name eth0")
		eth0, err := netlink.LinkByName("eth0")
		must(t, err)
		must(t, netlink.LinkSetNsFd(eth0, int(r.client)))
		for _, c := range []string{
			"addr add 192.0.2.1/24 dev out0", "addr add 192.168.77.1/24 dev out0", "addr add 2001:db8::1/64 dev out0 nodad", "link set out0 up",
			"addr add 198.51.100.1/32 dev lo", "addr add 203.0.113.9/32 dev lo", "addr add 203.0.113.53/32 dev lo", "addr add 2001:db8:9::9/128 dev lo",
		} {
			ip(t, c)
		}
	})
	in(t, r.client, func() {
		for _, c := range []string{
			"addr add 192.0.2.10/24 dev eth0", "addr add 2001:db8::10/64 dev eth0 nodad", "link set eth0 up",
			"route add default via 192.0.2.1", "-6 route add default via 2001:db8::1",
			// Of others: it has to stay.
			"route add 100.64.0.0/10 via 192.0.2.1", "rule add priority 1000 to 100.100.0.0/16 lookup main",
		} {
			ip(t, c)
		}
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = strings.NewReader("table inet filter {\n chain input { type filter hook input priority 0; policy accept; tcp dport 23 drop; }\n}\n")
		if out, err := nft.CombinedOutput(); err != nil {
			t.Fatalf("nft: %v\n%s", err, out)
		}
	})
	r.awaitSettled()
	return r
}

// root makes the client's root directory.
func (r *room) root() {
	t := r.t
	t.Helper()
	dir, err := os.MkdirTemp(cache(), fmt.Sprintf("%s%d-", roomPrefix, os.Getpid()))
	must(t, err)
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r.dir = dir
	must(t, os.Chmod(dir, 0o755))
	for _, d := range []string{"dev/net", "etc", "run", "tmp", "usr/sbin", "var/lib", "var/run/dbus", "proc"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for _, d := range []struct {
		path         string
		major, minor uint32
	}{{"dev/null", 1, 3}, {"dev/urandom", 1, 9}, {"dev/net/tun", 10, 200}} {
		must(t, unix.Mknod(filepath.Join(dir, d.path), unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor)))) //nolint:gosec // a device's numbers
	}
	must(t, os.WriteFile(filepath.Join(dir, "etc/resolv.conf"), []byte(resolvConf), 0o644))
	must(t, os.Link(culvertd, filepath.Join(dir, "usr/sbin/culvertd")))
}

// awaitSettled waits until the kernel has done what it does by itself with a new
// interface, so that what is compared later does not change for that reason.
func (r *room) awaitSettled() {
	r.t.Helper()
	last := ""
	eventually(r.t, "the interface eth0", func() bool {
		now := r.state()
		same := now == last && strings.Contains(now, "local fe80::") && strings.Contains(now, "local 2001:db8::10 ") && !strings.Contains(now, "linkdown") && !strings.Contains(now, "tentative")
		last = now
		return same
	})
}

// newNamespace is a network of the test's own, with its loopback up.
func newNamespace(t *testing.T) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := netns.Get()
	must(t, err)
	defer before.Close()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	t.Cleanup(func() { ns.Close() })
	// Good at once, without a search for duplicates.
	err = os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0)
	lo, e := netlink.LinkByName("lo")
	if e == nil {
		e = netlink.LinkSetUp(lo)
	}
	must(t, errors.Join(err, e, netns.Set(before)))
	return ns
}

// in calls f in a network. What f starts stays there.
func in(t *testing.T, ns netns.NsHandle, f func()) {
	t.Helper()
	runtime.LockOSThread()
	before, err := netns.Get()
	must(t, err)
	defer before.Close()
	must(t, netns.Set(ns))
	defer func() {
		if err := netns.Set(before); err != nil {
			t.Error(err)
			return // the thread stays locked, and ends with its goroutine
		}
		runtime.UnlockOSThread()
	}()
	f()
}

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// ip runs ip commands in the client's network.
func (r *room) ip(commands ...string) {
	r.t.Helper()
	in(r.t, r.client, func() {
		for _, c := range commands {
			ip(r.t, c)
		}
	})
}

// The parts of a client's state.
var stateCommands = []string{
	"ip -4 route show table all", "ip -6 route show table all", "ip -4 rule", "ip -6 rule", "ip -oneline address", "nft list ruleset",
}

// parts is all that the helper may change on the client, by what showed it.
func (r *room) parts() map[string]string {
	r.t.Helper()
	parts := map[string]string{"/etc": r.etc()}
	in(r.t, r.client, func() {
		for _, c := range stateCommands {
			words := strings.Fields(c)
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			if err != nil {
				r.t.Fatalf("%s: %v: %s", c, err, out)
			}
			parts[c] = string(out)
		}
	})
	return parts
}

// etc is what is in /etc, and resolv.conf's text.
func (r *room) etc() string {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, "etc"))
	must(r.t, err)
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		must(r.t, err)
		text, err := os.ReadFile(filepath.Join(r.dir, "etc", e.Name()))
		must(r.t, err)
		fmt.Fprintf(&b, "%s %v %v\n%s", e.Name(), info.Mode(), info.ModTime(), text)
	}
	return b.String()
}

// textOf is parts in one, in order, without those left out.
func textOf(parts map[string]string, without ...string) string {
	var b strings.Builder
	for _, name := range append([]string{"/etc"}, stateCommands...) {
		for _, w := range without {
			if w == name {
				name = ""
			}
		}
		if name != "" {
			fmt.Fprintf(&b, "# %s\n%s", name, parts[name])
		}
	}
	return b.String()
}

// state is all that the helper may change on the client. Two texts are equal when
// nothing has changed.
func (r *room) state() string { r.t.Helper(); return textOf(r.parts()) }

// same fails the test unless two states are equal; it shows the lines that differ.
func same(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: the machine is not as before:\n%s", when, difference(got, want))
	}
}

// difference is the lines that only one of two texts has.
func difference(got, want string) string {
	count := map[string]int{}
	for line := range strings.Lines(want) {
		count[line]++
	}
	var b strings.Builder
	for line := range strings.Lines(got) {
		if count[line]--; count[line] < 0 {
			b.WriteString("+ " + line)
		}
	}
	for line := range strings.Lines(want) {
		if count[line] > 0 {
			count[line]--
			b.WriteString("- " + line)
		}
	}
	if b.Len() == 0 {
		return "the same lines in another order:\n" + got
	}
	return b.String()
}

// eventually waits until ok, for half a minute: the machine may be busy.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(30 * time.Second)
	defer end.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: waited in vain", what)
		}
	}
}

// process is a program that ends with the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	out   output
}

// output is what a process says, for any number of readers.
type output struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var _ io.Writer = (*output)(nil)

// start starts a program in a network, and in a root if that is not empty.
func start(t *testing.T, ns netns.NsHandle, root, name string, args ...string) *process {
	t.Helper()
	return startWith(t, nil, ns, root, name, args...)
}

// startWith is start with more in the environment.
func startWith(t *testing.T, environ []string, ns netns.NsHandle, root, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	// It dies with this process, however that ends.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Pdeathsig: syscall.SIGKILL}
	p.cmd.Dir = "/"
	p.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	p.cmd.Env = append(p.cmd.Env, environ...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	in(t, ns, func() { must(t, p.cmd.Start()) })
	go func() {
		_ = p.cmd.Wait() // whoever waits looks at the state
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("--- %s, last of its output:\n%s", filepath.Base(name), tail(p.out.String(), 60))
		}
	})
	return p
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// kill ends the process without giving it a chance.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// term asks the process to end, and waits.
func (p *process) term(t *testing.T) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not end after SIGTERM", p.cmd.Path)
	}
}

// says waits until the process has said something.
func (p *process) says(t *testing.T, words string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q from %s", words, filepath.Base(p.cmd.Path)), func() bool { return strings.Contains(p.out.String(), words) })
}
