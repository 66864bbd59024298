package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody runs f, which must not end the test, without root's right to everything.
func nobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	// The thread is not given back to the others.
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if _, _, e := unix.Syscall(unix.SYS_SETFSUID, 65534, 0, 0); e != 0 {
			err = e
		} else {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A folder that may not be written to: it is said, and all is as it was.
func TestReadOnlyFolder(t *testing.T) {
	s, f := newTestStore(t)
	before := mustCreate(t, s, "Office")
	for _, dir := range []string{filepath.Dir(filepath.Dir(filepath.Dir(f.User))), filepath.Dir(filepath.Dir(f.User)), filepath.Dir(f.User)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(before.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.User, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(f.User, 0o755) })
	for _, lock := range []fs.FileMode{0o600, 0o666} { // not even the lock, or no more than it
		if err := os.Chmod(filepath.Join(f.User, lockFile), lock); err != nil {
			t.Fatal(err)
		}
		nobody(t, func() {
			if lock == 0o600 && os.Geteuid() != 0 {
				return // it is our own
			}
			for does, action := range actions {
				err := action(s)
				if !errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), tempPrefix) {
					t.Errorf("%s with the lock %v: %v, want a denial", does, lock, err)
				}
			}
		})
	}
	list, err := s.List()
	if err != nil || !reflect.DeepEqual(list, []Entry{before}) {
		t.Errorf("afterwards there is %+v, %v", list, err)
	}
}

// Files and folders that may not be read hide no others.
func TestUnreadable(t *testing.T) {
	s, f := newTestStore(t)
	put(t, f.User, "good.toml", minimal)
	bad := put(t, f.User, "secret.toml", minimal)
	if err := os.Chmod(bad, 0); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(f.User, "pipe.toml")
	if err := unix.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(f.Machine, 0); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(filepath.Dir(filepath.Dir(f.User))), filepath.Dir(filepath.Dir(f.User)), filepath.Dir(f.User)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(f.Machine, 0o700) })
	nobody(t, func() {
		list, err := s.List()
		if !errors.Is(err, fs.ErrPermission) || len(list) != 3 {
			t.Errorf("List = %+v, %v", list, err)
		}
		for _, e := range list {
			switch e.Path {
			case bad:
				if !errors.Is(e.Err, fs.ErrPermission) {
					t.Errorf("%s: %v", e.Path, e.Err)
				}
			case pipe:
				if e.Err == nil || e.Profile != nil {
					t.Errorf("a pipe is a profile: %+v", e)
				}
			default:
				if e.Err != nil {
					t.Errorf("%s: %v", e.Path, e.Err)
				}
			}
		}
		if e, err := s.Find("good"); err != nil || e.Profile == nil {
			t.Errorf("Find = %v", err)
		}
	})
}
