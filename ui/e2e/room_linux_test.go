package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// room is a machine with the helper on it: the helper has a root directory of its
// own, and the desktop sees the machine's files: fonts, OpenGL. Of the helper it
// sees the socket. See newRoom for its network.
type room struct {
	t             *testing.T
	dir           string // the helper's root
	home          string // the person's
	socket        string
	client, world netns.NsHandle
}

// root makes the helper's root directory.
func (r *room) root() {
	t := r.t
	t.Helper()
	r.dir, r.home = t.TempDir(), t.TempDir()
	must(t, os.Chmod(r.dir, 0o755))
	for _, d := range []string{"dev/net", "etc", "run", "tmp", "usr/sbin", "var/lib", "proc"} {
		must(t, os.MkdirAll(filepath.Join(r.dir, d), 0o755))
	}
	for _, d := range []struct {
		path         string
		major, minor uint32
	}{{"dev/null", 1, 3}, {"dev/urandom", 1, 9}, {"dev/net/tun", 10, 200}} {
		must(t, unix.Mknod(filepath.Join(r.dir, d.path), unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor)))) //nolint:gosec // a device's numbers
	}
	must(t, os.WriteFile(filepath.Join(r.dir, "etc/resolv.conf"), []byte("nameserver 198.51.100.1\n"), 0o644))
	r.socket = filepath.Join(r.dir, "run/culvert/culvertd.sock")
}

// here is the network of the test itself.
const here = netns.NsHandle(-1)

// in calls f in a network. What f starts stays there.
func in(t *testing.T, ns netns.NsHandle, f func()) {
	t.Helper()
	if ns == here {
		f()
		return
	}
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

// eventually waits until ok: the machine may be busy.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyEvery(t, 20*time.Millisecond, what, ok)
}

// eventuallyEvery looks that often, for what is measured.
func eventuallyEvery(t *testing.T, pause time.Duration, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(30 * time.Second)
	defer end.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: waited in vain", what)
		}
	}
}

// output is what a process says.
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

// process is a program that ends with the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once it has ended
	out   output
}

// start starts a program; a change of the command may be nil.
func start(t *testing.T, ns netns.NsHandle, environ []string, change func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: packaging/linux/need unit", err)
	}
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // however this process ends
	p.cmd.Dir = "/"
	p.cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, environ...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if change != nil {
		change(p.cmd)
	}
	in(t, ns, func() { must(t, p.cmd.Start()) })
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Logf("--- %s:\n%s", filepath.Base(name), p.out.String())
		}
	})
	return p
}

// says waits until the process has said something, and gives all it said.
func (p *process) says(t *testing.T, words string) string {
	t.Helper()
	eventually(t, fmt.Sprintf("%q from %s", words, filepath.Base(p.cmd.Path)), func() bool { return strings.Contains(p.out.String(), words) })
	return p.out.String()
}

// build makes a program.
func build(t *testing.T, cgo bool, dir, name string) string {
	t.Helper()
	args := []string{"build", "-buildvcs=false", "-o", dir + "/"} // one version, whatever is committed meanwhile
	enabled := "CGO_ENABLED=0"
	if cgo { // as make desktop does, so that its C is compiled once
		enabled = "CGO_ENABLED=1"
		args = append(args, "-tags", "migrated_fynedo no_emoji")
	}
	cmd := exec.Command("go", append(args, "github.com/culvert-vpn/culvert/app/cmd/"+name)...)
	cmd.Env = append(cmd.Environ(), enabled)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", name, err, out)
	}
	return filepath.Join(dir, name)
}
