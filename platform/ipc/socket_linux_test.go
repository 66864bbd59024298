package ipc

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func mustListen(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		name    string
		umask   int
		prepare func(dir string) error
	}{
		{"nothing there", 0o022, nil},
		{"a umask that keeps all others out", 0o077, nil},
		{"no umask", 0, nil},
		{"a directory that all may write", 0, func(dir string) error { return os.Mkdir(dir, 0o777) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := place(t)
			defer syscall.Umask(syscall.Umask(c.umask))
			if c.prepare != nil {
				if err := c.prepare(filepath.Dir(path)); err != nil {
					t.Fatal(err)
				}
			}
			l := mustListen(t, path)
			if got := l.Addr().String(); got != path {
				t.Errorf("Addr = %s, want %s", got, path)
			}
			for name, want := range map[string]fs.FileMode{
				filepath.Dir(path): fs.ModeDir | 0o755, path: fs.ModeSocket | 0o666, path + ".lock": 0o600,
			} {
				info, err := os.Lstat(name)
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode() != want {
					t.Errorf("%s has mode %v, want %v", filepath.Base(name), info.Mode(), want)
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Close the socket is still there: %v", err)
			}
		})
	}
}

func TestUnsafePlaces(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(dir, path string) error
	}{
		{"another's directory", func(dir, _ string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 65534, 65534))
		}},
		{"a link to a directory", func(dir, _ string) error { return os.Symlink(filepath.Dir(dir), dir) }},
		{"a file for a directory", func(dir, _ string) error { return os.WriteFile(dir, nil, 0o644) }},
		{"a file for a socket", func(dir, path string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(path, []byte("precious"), 0o644))
		}},
		{"a link for a socket", func(dir, path string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.Symlink("/etc/passwd", path))
		}},
		{"a link for the lock", func(dir, path string) error {
			return errors.Join(os.Mkdir(dir, 0o755), os.Symlink("/etc/passwd", path+".lock"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := place(t)
			if err := c.prepare(filepath.Dir(path), path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			l, err := Listen(path)
			if !errors.Is(err, ErrUnsafe) {
				t.Errorf("Listen = %v, %v, want ErrUnsafe", l, err)
			}
			if after, _ := os.Lstat(path); before != nil && (after == nil || !os.SameFile(before, after)) {
				t.Error("what was in the socket's place is gone")
			}
		})
	}
}

func TestStaleSocket(t *testing.T) {
	path := place(t)
	dead := run(t, "listen", path)
	if dead.said != "listening" {
		t.Fatal(dead.said)
	}
	if l, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Fatalf("while a helper lives: %v, %v, want ErrInUse", l, err)
	}
	dead.kill(t)
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the dead helper left no socket behind: %v", err)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial to a dead helper: %v, want ErrNotRunning", err)
	}
	mustListen(t, path)
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestLiveSocketWithoutLock has one listen that does not know of the lock, as
// systemd does.
func TestLiveSocketWithoutLock(t *testing.T) {
	path := place(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	live, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("Listen = %v, %v, want ErrInUse", l, err)
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("the living socket is gone: %v", err)
	}
}

// TestFullQueue has a helper that is too busy to accept: it is no dead one.
func TestFullQueue(t *testing.T) {
	path := place(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	full := false
	for range 16 {
		c, err := net.Dial("unix", path)
		if err != nil {
			full = true
			break
		}
		defer c.Close()
	}
	if !full {
		t.Fatal("the queue does not fill")
	}
	if l, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("Listen = %v, %v, want ErrInUse", l, err)
	}
}

// TestManyStart starts helpers at once over a stale socket: one gets it.
func TestManyStart(t *testing.T) {
	path := place(t)
	run(t, "listen", path).kill(t)
	for range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var got []net.Listener
		for range 8 {
			wg.Go(func() {
				l, err := Listen(path)
				if err != nil && !errors.Is(err, ErrInUse) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					got = append(got, l)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("%d of 8 helpers listen, want 1", len(got))
		}
		c, err := Dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := got[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCloseLeavesOthers has the socket replaced by another's before Close.
func TestCloseLeavesOthers(t *testing.T) {
	path := place(t)
	l := mustListen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("Close took another's socket away: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, path := range []string{"culvertd.sock", "@culvertd", filepath.Join(place(t), "../../nowhere/at/all/s")} {
		if l, err := Listen(path); err == nil {
			l.Close()
			t.Errorf("Listen(%q) does", path)
		}
	}
	long := filepath.Join(filepath.Dir(place(t)), strings.Repeat("x", 100))
	if l, err := Listen(long); err == nil {
		l.Close()
		t.Errorf("Listen(%q) does", long)
	}
	if _, err := Dial(t.Context(), place(t)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial where nothing is: %v, want ErrNotRunning", err)
	}
}
