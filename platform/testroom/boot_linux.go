package testroom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// BootOptions are what a room is made of that its own systemd boots. What is
// further down lies on top.
type BootOptions struct {
	Tree   *Tree             // the system, with systemd in it
	Layers []string          // directories with files of it
	Files  map[string]string // text by path
}

// Boot makes a room with processes, users, mounts, a network and control groups
// of its own, and boots its systemd. The kernel is the machine's, and the
// sandbox of a service does there what it does anywhere.
func Boot(t testing.TB, o BootOptions) *Room {
	t.Helper()
	dir := t.TempDir()
	top := &Room{Network: Here(t), Dir: filepath.Join(dir, "top")}
	for path, text := range o.Files {
		top.Write(path, text)
	}
	// What sets the kernel's variables would set the machine's.
	Must(t, os.MkdirAll(top.Path("/etc/systemd/system"), 0o755))
	for _, unit := range []string{"systemd-sysctl.service", "systemd-modules-load.service", "systemd-remount-fs.service", "console-getty.service"} {
		Must(t, os.Symlink("/dev/null", top.Path("/etc/systemd/system/"+unit)))
	}
	for i, layer := range append([]string{o.Tree.Dir(t)}, o.Layers...) {
		Must(t, os.Symlink(layer, filepath.Join(dir, fmt.Sprintf("layer%d", i))))
	}

	t.Cleanup(func() { Must(t, sweepGroups()) })
	cmd := top.Network.Command("/proc/self/exe")
	cmd.Env = append(cmd.Env, roomVar+"="+dir)
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	cmd.SysProcAttr.Setsid = true
	network := NewNetwork(t)
	console := network.Launch(cmd) // at its end the kernel ends all in there
	r := &Room{Network: network, Dir: top.Dir, init: console.PID()}
	t.Cleanup(func() {
		if t.Failed() {
			journal, err := r.Try("journalctl", "--no-pager", "--no-hostname", "-n", "150")
			t.Logf("--- journal\n%s%v", journal, err)
		}
	})
	Eventually(t, "the boot", func() bool {
		if console.Ended() {
			t.Fatal("the room has ended")
		}
		out, _ := r.Try("systemctl", "is-system-running") // it fails while that is not so
		return slices.Contains([]string{"running", "degraded"}, strings.TrimSpace(out))
	})
	return r
}

// roomVar says in the environment of a copy of a test that it is to become the
// systemd of a room; its value is a directory with the layers of its root.
const roomVar = "CULVERT_TEST_ROOM"

// A copy must never run the tests: so no test has to ask whether it is one.
func init() {
	if dir := os.Getenv(roomVar); dir != "" {
		fmt.Fprintln(os.Stderr, "room:", enter(dir))
		os.Exit(1)
	}
}

// enter makes the room, in namespaces that are new, and becomes its systemd. It
// returns only an error.
func enter(dir string) error {
	if err := Private(); err != nil {
		return err
	}
	const root = "/sys"
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	for _, d := range []string{"up", "work", "m", "groups"} {
		if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	if err := ownGroup(filepath.Join(root, "groups")); err != nil {
		return err
	}
	// In layers, for nobody writes to the tree.
	layers, err := filepath.Glob(filepath.Join(dir, "layer*"))
	if err != nil {
		return err
	}
	slices.Reverse(layers)
	if err := mountSystem(filepath.Join(root, "m"), fmt.Sprintf("lowerdir=%s,upperdir=%[2]s/up,workdir=%[2]s/work",
		strings.Join(append([]string{filepath.Join(dir, "top")}, layers...), ":"), root)); err != nil {
		return err
	}
	if err := errors.Join(unix.Sethostname([]byte("room")), os.Chdir(filepath.Join(root, "m")), pivot()); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	const systemd = "/lib/systemd/systemd"
	return syscall.Exec(systemd, []string{systemd, "--log-target=journal", "--unit=multi-user.target"},
		append([]string{"container=culvert"}, environ...))
}

// mountSystem mounts a system's files, and all that a system has besides.
func mountSystem(root, overlay string) error {
	for _, m := range []struct{ kind, to, data string }{
		{"overlay", "/", overlay},
		{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"cgroup2", "/sys/fs/cgroup", ""},
		{"tmpfs", "/run", "mode=755"}, {"tmpfs", "/dev", "mode=755"},
		{"devpts", "/dev/pts", "newinstance,ptmxmode=0666"}, {"tmpfs", "/dev/shm", "mode=1777"},
	} {
		to := filepath.Join(root, m.to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, to, m.kind, 0, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.to, err)
		}
	}
	return errors.Join(devices(filepath.Join(root, "dev")), os.WriteFile(filepath.Join(root, "etc/machine-id"), nil, 0o444))
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

// Private gives the goroutine mounts of its own: what it mounts from now on
// nobody else sees but the program that it becomes or starts. It keeps its
// thread, which ends with it.
func Private() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mounts of its own: %w", err)
	}
	var root, here int
	err := errors.Join(openDir("/", &root), openDir(".", &here), toRoot())
	if err != nil {
		return err
	}
	defer unix.Close(root)
	defer unix.Close(here)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	return errors.Join(unix.Fchdir(root), unix.Chroot("."), unix.Fchdir(here))
}

// pivot makes the working directory the root, and forgets the one outside. It
// takes Private.
func pivot() error {
	var here int
	if err := errors.Join(openDir(".", &here), toRoot()); err != nil {
		return err
	}
	defer unix.Close(here)
	err := unix.Fchdir(here)
	if err == nil {
		err = unix.PivotRoot(".", ".") // the old one is now on top of the new one
	}
	if err == nil {
		err = unix.Unmount(".", unix.MNT_DETACH)
	}
	if err == nil {
		err = os.Chdir("/")
	}
	return err
}

func openDir(path string, fd *int) (err error) {
	*fd, err = unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return err
}

// toRoot leaves a chroot, whose root is no mount: who enters mounts, if only its
// own again, is at their root.
func toRoot() error {
	ns, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(ns)
	if err := unix.Setns(ns, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("leave the chroot: %w", err)
	}
	return nil
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

// sweepGroups removes the control groups of rooms that are over, also of tests
// that were killed.
func sweepGroups() error {
	done := make(chan error)
	go func() {
		err := Private()
		if err == nil {
			err = unix.Mount("cgroup2", "/sys", "cgroup2", 0, "") // gone with the thread
		}
		if err == nil {
			err = removeGroups("/sys")
		}
		done <- err
	}()
	return <-done
}

func removeGroups(top string) error {
	groups, err := filepath.Glob(filepath.Join(top, strings.ReplaceAll(groupName, "%d", "*")))
	if err != nil {
		return err
	}
	for _, group := range groups {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(group), groupName, &pid); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		gone := await(func() bool {
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
		if !gone {
			return fmt.Errorf("testroom: somebody stays in %s", group)
		}
	}
	return nil
}
