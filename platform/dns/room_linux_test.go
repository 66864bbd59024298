package dns

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/culvert-vpn/culvert/platform/internal/testnet"
)

// The trees that rooms are made of: Debian's own packages, unpacked once. The
// two resolvconf programs exclude each other and systemd-resolved.
var trees = map[string][]string{
	"main":       {"--variant=minbase", "--include=dbus-daemon,systemd-resolved,network-manager,dnsmasq-base,libnss-resolve"},
	"openresolv": {"--variant=extract", "--include=openresolv"},
	"resolvconf": {"--variant=extract", "--include=resolvconf"},
}

func cache() string {
	if dir := os.Getenv("CULVERT_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/culvert-lab"
}

// tree is the directory of a tree, made when there is none yet, in a minute or
// two.
func tree(t *testing.T, name string) string {
	t.Helper()
	const suite = "bookworm"
	args := append([]string{"--quiet", "--mode=root", "--components=main", "--aptopt=Acquire::Retries \"5\"",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"}, trees[name]...)
	sum := sha256.Sum256([]byte(suite + strings.Join(args, " ")))
	dir := filepath.Join(cache(), fmt.Sprintf("dns-%s-%x", name, sum[:6]))
	must(t, os.MkdirAll(cache(), 0o755))
	lock, err := os.Create(filepath.Join(cache(), "dns-lock"))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Fatal("mmdebstrap is missing, which makes the tree with systemd-resolved and NetworkManager: packaging/linux/need unit installs it")
	}
	t.Logf("making %s, once", dir)
	must(t, os.RemoveAll(dir+".part"))
	out, err := exec.Command("mmdebstrap", append(args, suite, dir+".part")...).CombinedOutput()
	if err != nil {
		t.Fatalf("mmdebstrap: %v\n%s", err, out)
	}
	must(t, os.Rename(dir+".part", dir))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// room is a system of its own in a directory, with the network
//
//	eth0 192.0.2.10 ----------- 192.0.2.53  the server outside
//	culvert0 10.99.0.10 ------- 10.99.0.1   the server inside, over a real TUN
//
// in namespaces. Programs run in it by chroot(2), so nothing of the machine is
// touched and nothing has to be mounted.
type room struct {
	t    *testing.T
	dir  string
	opts Options
}

// Who answered is seen from the address: both servers know www.example.
const (
	wwwOutside = "203.0.113.1"
	wwwInside  = "203.0.113.99"
	filesIn    = "10.20.0.7"
	outside    = "192.0.2.53"
)

var inside = netip.MustParseAddr("10.99.0.1")

func full() Config {
	return Config{Interface: "culvert0", Servers: []netip.Addr{inside}, Search: []string{"corp.example"}}
}

func some() Config {
	return Config{Interface: "culvert0", Servers: []netip.Addr{inside}, Domains: []string{"corp.example"}}
}

func newRoom(t *testing.T) *room {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test runs system services in a root and a network of their own: run it as root")
	}
	main := tree(t, "main")
	sweep(t)
	dir, err := os.MkdirTemp(cache(), fmt.Sprintf("room%d-", os.Getpid()))
	must(t, err)
	t.Cleanup(func() {
		eventually(t, "the end of all in the room", func() bool { return endAll(t, dir) == 0 })
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	must(t, os.Chmod(dir, 0o755))
	r := &room{t: t, dir: dir, opts: Options{Root: dir}}
	// Nobody writes below /usr; the rest is a copy.
	command(t, "cp", "-al", filepath.Join(main, "usr"), dir)
	for _, d := range []string{"bin", "dev", "etc", "lib", "lib64", "sbin", "var", "tmp"} {
		command(t, "cp", "-a", filepath.Join(main, d), dir)
	}
	must(t, os.MkdirAll(r.path("/run/dbus"), 0o755))
	must(t, os.MkdirAll(r.path("/proc"), 0o555))
	r.write("/etc/nsswitch.conf", "hosts: files dns\n")
	must(t, os.Remove(r.path(confPath)))
	r.network()
	return r
}

// endAll kills the processes whose root is dir, services that services started,
// and gives how many there were.
func endAll(t *testing.T, dir string) int {
	t.Helper()
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	must(t, err)
	n := 0
	for _, root := range roots {
		at, err := os.Readlink(root)
		if err != nil || at != dir {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(root)))
		must(t, err)
		n++
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Errorf("kill %d: %v", pid, err)
		}
	}
	return n
}

// sweep removes rooms of tests that were killed.
func sweep(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache(), "room*-*"))
	must(t, err)
	for _, dir := range left {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "room%d-", &pid); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			eventually(t, "the end of all in an old room", func() bool { return endAll(t, dir) == 0 })
			must(t, os.RemoveAll(dir))
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func ip(t *testing.T, args string) { t.Helper(); command(t, "ip", strings.Fields(args)...) }

func (r *room) path(p string) string { return r.opts.path(p) }

func (r *room) write(path, text string) {
	r.t.Helper()
	must(r.t, os.MkdirAll(filepath.Dir(r.path(path)), 0o755))
	must(r.t, os.WriteFile(r.path(path), []byte(text), 0o644))
}

func (r *room) read(path string) string {
	r.t.Helper()
	text, err := os.ReadFile(followed(r.dir, path))
	must(r.t, err)
	return string(text)
}

// network makes both namespaces, the cable, the tunnel and the servers. The
// test stays in the machine's namespace.
func (r *room) network() {
	t := r.t
	testnet.New(t)
	far, err := netns.Get()
	must(t, err)
	defer far.Close()
	ip(t, "link add router0 type veth peer name eth0")
	ip(t, "link set router0 up")
	ip(t, "addr add 192.0.2.53/24 dev router0")
	farTun := openTUN(t, "far0")
	ip(t, "addr add 10.99.0.1/32 dev far0")
	ip(t, "link set far0 up")
	ip(t, "route add 10.99.0.10/32 dev far0")
	r.serve("inside", "10.99.0.1", "--address=/www.example/"+wwwInside, "--address=/files.corp.example/"+filesIn)
	r.serve("outside", outside, "--address=/www.example/"+wwwOutside, "--local=/corp.example/")

	testnet.New(t)
	near, err := netns.Get()
	must(t, err)
	defer near.Close()
	must(t, netns.Set(far))
	eth0, err := netlink.LinkByName("eth0")
	must(t, err)
	must(t, netlink.LinkSetNsFd(eth0, int(near)))
	must(t, netns.Set(near))
	nearTun := openTUN(t, "culvert0")
	ip(t, "addr add 10.99.0.10/32 dev culvert0")
	ip(t, "link set culvert0 up")
	ip(t, "route add 10.99.0.1/32 dev culvert0")
	ip(t, "link set eth0 up")
	ip(t, "addr add 192.0.2.10/24 dev eth0")

	var pumps sync.WaitGroup
	pumps.Go(func() { pump(nearTun, farTun) })
	pumps.Go(func() { pump(farTun, nearTun) })
	t.Cleanup(func() {
		nearTun.Close()
		farTun.Close()
		pumps.Wait()
	})
}

// pump moves packets until a side is closed.
func pump(to io.Writer, from io.Reader) {
	b := make([]byte, 2048)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil && errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

func openTUN(t *testing.T, name string) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	must(t, err)
	ifr, err := unix.NewIfreq(name)
	must(t, err)
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	must(t, unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr))
	return os.NewFile(uintptr(fd), name)
}

// serve starts a DNS server.
func (r *room) serve(name, address string, zone ...string) {
	r.t.Helper()
	args := []string{"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces", "--except-interface=lo",
		"--listen-address=" + address, "--user=root", "--group=root", "--log-facility=-", "--log-queries"}
	p := r.start("/usr/sbin/dnsmasq", append(args, zone...)...)
	p.await(r.t, "the server "+name, "dnsmasq[", "started,")
}

// process is a program in the room. It ends with the test.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex // guards log
	log strings.Builder
}

// start starts a program; what it says is shown when the test fails.
func (r *room) start(name string, args ...string) *process {
	r.t.Helper()
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.dir, Pdeathsig: syscall.SIGKILL}
	p.cmd.Dir = "/"
	p.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = time.Second // D-Bus starts services that hold the output
	must(r.t, p.cmd.Start())
	r.t.Cleanup(func() {
		p.stop()
		if r.t.Failed() {
			r.t.Logf("--- %s %s\n%s", filepath.Base(name), strings.Join(args, " "), p.text())
		}
	})
	return p
}

// Write keeps what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// stop kills the process; at its end or twice it does nothing.
func (p *process) stop() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// await waits until one line the process said has all of the words.
func (p *process) await(t *testing.T, what string, words ...string) {
	t.Helper()
	eventually(t, what, func() bool {
		lines := bufio.NewScanner(strings.NewReader(p.text()))
		for lines.Scan() {
			n := 0
			for _, w := range words {
				if strings.Contains(lines.Text(), w) {
					n++
				}
			}
			if n == len(words) {
				return true
			}
		}
		return false
	})
}

// eventually waits until ok, for half a minute: the machine may be busy.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(30 * time.Second)
	defer end.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: waited in vain", what)
		}
	}
}

// startBus starts the system's D-Bus.
func (r *room) startBus() *process {
	r.t.Helper()
	p := r.start("/usr/bin/dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1")
	p.await(r.t, "D-Bus", "unix:path=")
	return p
}

// awaitName waits for a service on the bus.
func (r *room) awaitName(name string) {
	r.t.Helper()
	eventually(r.t, name, func() bool {
		ok := false
		ctx, cancel := r.opts.bound(context.Background())
		defer cancel()
		must(r.t, onBus(ctx, r.opts, func(b bus) (err error) {
			ok, err = b.running(ctx, name)
			return err
		}))
		return ok
	})
}

// startResolved starts systemd-resolved as its unit does. There is no /proc in
// the room, from which it would take the host's name for LLMNR.
func (r *room) startResolved(settings ...string) *process {
	r.t.Helper()
	r.write("/etc/systemd/resolved.conf", "[Resolve]\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\n"+strings.Join(settings, "\n")+"\n")
	must(r.t, os.MkdirAll(r.path("/run/systemd/resolve"), 0o755))
	r.run("chown", "systemd-resolve:", "/run/systemd/resolve")
	p := r.start("/lib/systemd/systemd-resolved")
	r.awaitName(resolveManager.name)
	return p
}

// run runs a program in the room.
func (r *room) run(name string, args ...string) string {
	r.t.Helper()
	out, err := r.try(name, args...)
	if err != nil {
		r.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (r *room) try(name string, args ...string) (string, error) {
	cmd := exec.Command("/usr/bin/env", append([]string{name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.dir}
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// answer is the address that programs of the room get for a name, by libc.
func (r *room) answer(name string) string {
	out, err := r.try("getent", "ahostsv4", name)
	if f := strings.Fields(out); err == nil && len(f) != 0 {
		return f[0]
	}
	return "none"
}

// lookup checks what names are.
func (r *room) lookup(when string, want map[string]string) {
	r.t.Helper()
	for name, address := range want {
		if got := r.answer(name); got != address {
			r.t.Errorf("%s: %s is %s, want %s", when, name, got, address)
		}
	}
}

// What the resolver says in each state; "files" is found by the search list.
var (
	asBefore = map[string]string{"www.example": wwwOutside, "files.corp.example": "none", "files": "none"}
	asFull   = map[string]string{"www.example": wwwInside, "files.corp.example": filesIn, "files": filesIn}
	asSplit  = map[string]string{"www.example": wwwOutside, "files.corp.example": filesIn, "files": "none"}
)
