package testroom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Room is a machine: a root directory, and the network it is in. Programs run
// in it by chroot(2), so that nothing of the machine is touched and nothing has
// to be mounted; in one that was booted they are where its own systemd is.
type Room struct {
	*Network
	Dir  string // the root; in a room that was booted only its files
	init int    // the PID of its systemd, out here; 0: not booted
}

// Options are what a room is made of.
type Options struct {
	// Network is the one it is in; nil: a new one.
	Network *Network
	// Tree is the system in it; nil: no programs, and what a static one needs.
	Tree *Tree
}

// New makes a room, which lives until the end of the test with all in it.
func New(t testing.TB, o Options) *Room {
	t.Helper()
	if o.Network == nil {
		o.Network = NewNetwork(t)
	}
	r := &Room{Network: o.Network, Dir: Scratch(t)}
	if o.Tree != nil {
		copyTree(t, o.Tree.Dir(t), r.Dir)
	}
	for _, d := range []string{"dev/net", "etc", "proc", "run/dbus", "tmp", "usr/bin", "usr/sbin", "var/lib"} {
		Must(t, os.MkdirAll(r.Path(d), 0o755))
	}
	if o.Tree == nil {
		Must(t, os.Symlink("../run", r.Path("/var/run")))
	}
	for _, d := range []struct {
		path         string
		major, minor uint32
	}{{"dev/null", 1, 3}, {"dev/urandom", 1, 9}, {"dev/net/tun", 10, 200}} {
		err := unix.Mknod(r.Path(d.path), unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))) //nolint:gosec // a device's numbers
		if !errors.Is(err, unix.EEXIST) {
			Must(t, err)
		}
	}
	return r
}

// copyTree makes a system's root out of a tree. Nobody writes below /usr, so that
// its files may be the tree's own; the rest is a copy, without what was running.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	Must(t, err)
	for _, e := range entries {
		how := "-a"
		switch e.Name() {
		case "usr":
			how = "-al"
		case "proc", "run", "sys":
			continue
		}
		if out, err := exec.Command("cp", how, filepath.Join(from, e.Name()), to).CombinedOutput(); err != nil {
			t.Fatalf("cp %s %s: %v: %s", from, to, err, out)
		}
	}
}

// In is the room for a part of the test.
func (r *Room) In(t testing.TB) *Room {
	return &Room{Network: &Network{t, r.ns}, Dir: r.Dir, init: r.init}
}

// Path is a file of the room, as seen from outside.
func (r *Room) Path(p string) string {
	if r.init != 0 {
		return filepath.Join(fmt.Sprintf("/proc/%d/root", r.init), p)
	}
	return filepath.Join(r.Dir, p)
}

// Write writes a file of the room, and makes the directories above it.
func (r *Room) Write(path, text string) {
	r.t.Helper()
	Must(r.t, os.MkdirAll(filepath.Dir(r.Path(path)), 0o755))
	Must(r.t, os.WriteFile(r.Path(path), []byte(text), 0o644))
}

// Command prepares a program of the room's for Launch and Finish.
func (r *Room) Command(name string, args ...string) *exec.Cmd {
	if r.init != 0 {
		return r.Network.Command("nsenter", append([]string{"-t", fmt.Sprint(r.init), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", name}, args...)...)
	}
	if !strings.Contains(name, "/") { // looked for in there
		name, args = "/usr/bin/env", append([]string{name}, args...)
	}
	cmd := r.Network.Command(name, args...)
	cmd.SysProcAttr.Chroot = r.Dir
	return cmd
}

// Start starts a program of the room's.
func (r *Room) Start(name string, args ...string) *Process {
	r.t.Helper()
	return r.Launch(r.Command(name, args...))
}

// Try runs a program of the room's to its end.
func (r *Room) Try(name string, args ...string) (string, error) {
	r.t.Helper()
	return r.Finish(r.Command(name, args...))
}

// Run runs a program of the room's, which has to succeed.
func (r *Room) Run(name string, args ...string) string {
	r.t.Helper()
	return r.succeed(r.Command(name, args...))
}

// Sh runs a script of the room's shell, which has to succeed.
func (r *Room) Sh(script string) string {
	r.t.Helper()
	return r.Run("sh", "-ec", script)
}

// scratchName is a directory of a test in the process with that PID.
const scratchName = "room%d-"

// sweepOnce removes what tests left that were killed.
var sweepOnce = sync.OnceValue(sweep)

// Scratch is a directory for everybody to read, in which devices work, until
// the end of the test; programs that have it as their root end then, too.
func Scratch(t testing.TB) string {
	t.Helper()
	Must(t, sweepOnce())
	dir, err := makeScratch()
	Must(t, err)
	t.Cleanup(func() {
		if err := removeScratch(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func makeScratch() (string, error) {
	if err := os.MkdirAll(cache(), 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache(), fmt.Sprintf(scratchName, os.Getpid()))
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

func removeScratch(dir string) error {
	if !await(func() bool { return killRooted(dir) == 0 }) {
		return fmt.Errorf("testroom: somebody stays in %s", dir)
	}
	return os.RemoveAll(dir)
}

func sweep() error {
	left, err := filepath.Glob(filepath.Join(cache(), "room*-*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), scratchName, &pid); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if err := removeScratch(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // another one sweeps, too
			return err
		}
	}
	return nil
}

// killRooted kills the processes whose root is in dir, such as services that
// services started, and gives how many there were.
func killRooted(dir string) (n int) {
	roots, _ := filepath.Glob("/proc/[0-9]*/root") // the pattern is good
	for _, root := range roots {
		at, err := os.Readlink(root)
		if err != nil || at != dir && !strings.HasPrefix(at, dir+"/") {
			continue // or it has just ended
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(root))); err == nil {
			n++
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
	return n
}

// Main runs the tests of a package, all of which need root. Before them prepare
// makes what all of them share, in a directory that is removed behind them.
func Main(m *testing.M, prepare func(dir string) error) {
	status, err := runMain(m, prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func runMain(m *testing.M, prepare func(dir string) error) (int, error) {
	if os.Geteuid() != 0 {
		return 1, errors.New("these tests make namespaces, interfaces and routes: run them as root")
	}
	if err := sweepOnce(); err != nil {
		return 1, err
	}
	dir, err := makeScratch()
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
