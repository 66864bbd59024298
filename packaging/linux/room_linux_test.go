package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// room is a Linux system of its own, booted by its own systemd: its processes,
// users, mounts, network and control groups are not the machine's. The kernel is
// the same, and the sandbox of a service does there what it does anywhere.
//
//	gateway's network                        the room's
//	g0 198.51.100.1 ----------------------- eth0 198.51.100.3
type room struct {
	t    *testing.T
	init int // the PID of its systemd, out here
}

// in is the room for a part of the test.
func (r *room) in(t *testing.T) *room { return &room{t, r.init} }

// roomVar says in the environment of a copy of this program that it is to become
// the systemd of a room; its value is a directory with the layers of its root.
const roomVar = "CULVERT_TEST_ROOM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(roomVar); dir != "" {
		fmt.Fprintln(os.Stderr, "room:", enter(dir))
		os.Exit(1)
	}
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests install the helper and boot a systemd: run them as root")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// packages is what the system in the room is made of, with Debian's resolvconf,
// which excludes systemd-resolved, beside it in /opt.
var packages = []string{"--variant=minbase",
	"--include=systemd,systemd-resolved,dbus,polkitd,libpam-systemd,curl,nftables,iproute2",
	`--customize-hook=cd "$1"/opt && apt-get download -qq resolvconf && dpkg-deb -x resolvconf_*.deb resolvconf && rm resolvconf_*.deb`}

func cache() string {
	if dir := os.Getenv("CULVERT_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/culvert-lab"
}

// tree is the directory of that system, made when there is none yet, in half a
// minute.
func tree(t *testing.T) string {
	t.Helper()
	args := append([]string{"--quiet", "--mode=root", "--components=main", "--aptopt=Acquire::Retries \"5\"",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"}, packages...)
	dir := filepath.Join(cache(), fmt.Sprintf("systemd-%x", sha256.Sum256([]byte(strings.Join(args, " "))))[:20])
	must(t, os.MkdirAll(cache(), 0o755))
	lock, err := os.Create(filepath.Join(cache(), "systemd-lock"))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Fatal("mmdebstrap is missing, which makes the system of the room: packaging/linux/need unit installs it")
	}
	t.Logf("making %s, once", dir)
	must(t, os.RemoveAll(dir+".part"))
	out, err := exec.Command("mmdebstrap", append(args, "bookworm", dir+".part")...).CombinedOutput()
	if err != nil {
		t.Fatalf("mmdebstrap: %v\n%s", err, out)
	}
	must(t, os.Rename(dir+".part", dir))
	return dir
}

// newRoom boots a room: its system is the tree, what lies in the directory
// installed, and files on top of them.
func newRoom(t *testing.T, installed string, files map[string]string) *room {
	t.Helper()
	lower := tree(t)
	dir := t.TempDir()
	top := filepath.Join(dir, "top")
	// What sets the kernel's variables would set the machine's.
	for _, unit := range []string{"systemd-sysctl.service", "systemd-modules-load.service", "systemd-remount-fs.service", "console-getty.service"} {
		must(t, os.MkdirAll(filepath.Join(top, "etc/systemd/system"), 0o755))
		must(t, os.Symlink("/dev/null", filepath.Join(top, "etc/systemd/system", unit)))
	}
	for path, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(top, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(top, path), []byte(text), 0o644))
	}
	// In layers, for nobody writes to the tree.
	must(t, os.Symlink(lower, filepath.Join(dir, "tree")))
	must(t, os.Symlink(installed, filepath.Join(dir, "installed")))

	r := &room{t: t}
	var console bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roomVar + "=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNET,
		Setsid:     true, Pdeathsig: syscall.SIGKILL,
	}
	must(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- journal\n%s", r.text("journalctl", "--no-pager", "--no-hostname", "-n", "150"))
		}
		_ = cmd.Process.Kill() // and the kernel all that is in there
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("--- console\n%s", &console)
		}
		sweep(t)
	})
	r.init = cmd.Process.Pid
	r.eventually("the boot", func() bool {
		out, _ := r.try("systemctl", "is-system-running")
		return strings.TrimSpace(out) == "running" || strings.TrimSpace(out) == "degraded"
	})
	return r
}

// enter makes the room, in namespaces that are new, and becomes its systemd. It
// returns only an error.
func enter(dir string) error {
	runtime.LockOSThread() // the control group's namespace is of this thread
	// On top of /sys: that is a mount of its own in a chroot as well, where the
	// root is none, and can be kept from telling others of what is mounted here.
	const root = "/sys"
	if err := unix.Mount("", root, "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%s: %w", root, err)
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	at := func(path string) string { return filepath.Join(root, "m", path) }
	for _, d := range []string{"up", "work", "m", "groups"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	if err := ownGroup(filepath.Join(root, "groups")); err != nil {
		return err
	}
	layers := fmt.Sprintf("lowerdir=%[1]s/top:%[1]s/installed:%[1]s/tree,upperdir=%[2]s/up,workdir=%[2]s/work", dir, root)
	for _, m := range []struct{ what, kind, to, data string }{
		{"overlay", "overlay", "/", layers},
		{"proc", "proc", "/proc", ""}, {"sysfs", "sysfs", "/sys", ""}, {"cgroup2", "cgroup2", "/sys/fs/cgroup", ""},
		{"tmpfs", "tmpfs", "/run", "mode=755"}, {"tmpfs", "tmpfs", "/dev", "mode=755"},
		{"devpts", "devpts", "/dev/pts", "newinstance,ptmxmode=0666"}, {"tmpfs", "tmpfs", "/dev/shm", "mode=1777"},
	} {
		if m.to != "/" {
			if err := os.MkdirAll(at(m.to), 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount(m.what, at(m.to), m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.to, err)
		}
	}
	if err := devices(at("/dev")); err != nil {
		return err
	}
	if err := os.WriteFile(at("/etc/machine-id"), nil, 0o444); err != nil {
		return err
	}
	if err := errors.Join(unix.Sethostname([]byte("room")), os.Chdir(at("/")), leave()); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	const systemd = "/lib/systemd/systemd"
	return syscall.Exec(systemd, []string{systemd, "--log-target=journal", "--unit=multi-user.target"},
		[]string{"container=culvert", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"})
}

// leave makes the working directory the root, and forgets the one outside. In a
// chroot, which cannot be forgotten, it is one more chroot.
func leave() error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if errors.Is(err, unix.EINVAL) {
		return unix.Chroot(".")
	}
	if err == nil {
		err = unix.PivotRoot(".", ".") // the old one is now on top of the new one
	}
	if err == nil {
		err = unix.Unmount(".", unix.MNT_DETACH)
	}
	return err
}

// groupName is the control group of a room with that PID, in the root of the
// hierarchy.
const groupName = "culvert-room-%d"

// ownGroup moves this process into a new control group, and its view with it.
func ownGroup(dir string) error {
	if err := unix.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount cgroup2: %w", err)
	}
	self, err := os.Readlink("/proc/self") // its PID outside, where /proc is from
	if err != nil {
		return err
	}
	group := filepath.Join(dir, strings.ReplaceAll(groupName, "%d", self))
	err = os.Mkdir(group, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0)
	}
	if err == nil {
		err = unix.Unshare(unix.CLONE_NEWCGROUP)
	}
	return errors.Join(err, unix.Unmount(dir, 0))
}

// sweep removes the control groups of rooms that are over, also of tests that
// were killed.
func sweep(t *testing.T) {
	t.Helper()
	top := t.TempDir()
	must(t, unix.Mount("cgroup2", top, "cgroup2", 0, ""))
	defer func() { must(t, unix.Unmount(top, unix.MNT_DETACH)) }()
	groups, err := filepath.Glob(filepath.Join(top, strings.ReplaceAll(groupName, "%d", "*")))
	must(t, err)
	for _, group := range groups {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(group), groupName, &pid); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		eventually(t, "the end of all in a room", func() bool {
			var dirs []string
			_ = filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for _, d := range slices.Backward(dirs) {
				_ = os.Remove(d) // there may be somebody in it yet
			}
			_, err := os.Stat(group)
			return errors.Is(err, fs.ErrNotExist)
		})
	}
}

// devices are those that every system has, and the TUN.
func devices(dev string) error {
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "net/tun"} {
		to := filepath.Join(dev, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, nil, 0o666); err != nil {
			return err
		}
		if err := unix.Mount("/dev/"+name, to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("/dev/%s: %w", name, err)
		}
	}
	return errors.Join(os.Symlink("pts/ptmx", filepath.Join(dev, "ptmx")), os.Symlink("/proc/self/fd", filepath.Join(dev, "fd")))
}

// patience is for a command in the room, and for what comes by itself.
const patience = 30 * time.Second

// try runs a program in the room.
func (r *room) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := r.command(ctx, args...).CombinedOutput()
	return string(out), err
}

func (r *room) command(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"-t", fmt.Sprint(r.init), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "/usr/bin/env", "-i", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// run runs a program that has to succeed.
func (r *room) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// text is what a program says, whether it succeeds or not.
func (r *room) text(args ...string) string {
	out, err := r.try(args...)
	if err != nil {
		out += err.Error()
	}
	return out
}

// sh runs a script of the shell.
func (r *room) sh(script string) string {
	r.t.Helper()
	return r.run("sh", "-ec", script)
}

// path is a file of the room, as seen from outside.
func (r *room) path(p string) string { return fmt.Sprintf("/proc/%d/root%s", r.init, p) }

func (r *room) eventually(what string, ok func() bool) {
	r.t.Helper()
	eventually(r.t, what, ok)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: waited in vain", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
