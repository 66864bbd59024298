//go:build unix

package profile

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests run themselves once more, as a program that is killed or runs out
// of disk: what is left is what another program finds.
const (
	childFolder = "CULVERT_TEST_FOLDER"
	childDoes   = "CULVERT_TEST_DOES"
	childStep   = "CULVERT_TEST_STEP" // at which it is killed
)

// actions change the profile called Office, or make another one.
var actions = map[string]func(s *Store) error{
	"save": func(s *Store) error {
		e, err := s.Find("Office")
		if err != nil {
			return err
		}
		e.Profile.User = strings.Repeat("bob", 50)
		_, err = s.Save(e)
		return err
	},
	"create": func(s *Store) error {
		p, err := New("vpn.example.com", "alice")
		if err != nil {
			return err
		}
		p.Name = "Home"
		_, err = s.Create(p)
		return err
	},
	"remove": func(s *Store) error {
		e, err := s.Find("Office")
		if err != nil {
			return err
		}
		_, err = s.Remove(e)
		return err
	},
	"order": func(s *Store) error { return s.SetOrder([]string{strings.Repeat("x", 200)}) },
}

// TestChild is the program that the other tests start; by itself it does nothing.
func TestChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		return
	}
	s := NewStore(Folders{User: dir})
	step := os.Getenv(childStep)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	s.step = func(at string) {
		switch {
		case at == step:
			_ = unix.Kill(unix.Getpid(), unix.SIGKILL)
			select {} // it comes
		case at == "write" && step == "disk full":
			signal.Ignore(unix.SIGXFSZ)
			if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100, Max: limit.Max}); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := actions[os.Getenv(childDoes)](s)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if want := step == "disk full"; errors.Is(err, unix.EFBIG) != want || err != nil && !want {
		t.Fatalf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), tempPrefix) {
		t.Errorf("%v names a file that nobody knows", err)
	}
}

// child runs an action in a process of its own, and says whether it was killed.
func child(t *testing.T, dir, does, step string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childFolder+"="+dir, childDoes+"="+does, childStep+"="+step)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ProcessState.Sys().(interface{ Signaled() bool }).Signaled() {
		return true
	}
	if err != nil {
		t.Fatalf("%s, %s: %v\n%s", does, step, err, out)
	}
	return false
}

// A process that is killed at any step leaves the old file or the new one, whole,
// and nothing that hinders the next.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		does  string
		steps []string
	}{
		{"save", []string{"create", "write", "sync", "put", "sync folder"}},
		{"create", []string{"create", "write", "sync", "put", "sync folder"}},
		{"order", []string{"create", "write", "sync", "put", "sync folder"}},
		{"remove", []string{"remove"}},
	} {
		for _, step := range c.steps {
			t.Run(c.does+" "+step, func(t *testing.T) {
				s, _ := newTestStore(t)
				before := mustCreate(t, s, "Office")
				if !child(t, s.folders.User, c.does, step) {
					t.Fatal("it was not killed: there is no such step")
				}
				e, err := s.Find("Office")
				if err != nil {
					t.Fatal(err)
				}
				was := reflect.DeepEqual(e.Profile, before.Profile)
				if step != "sync folder" && !was || step == "sync folder" && c.does == "save" && was {
					t.Errorf("afterwards it is %+v", e.Profile)
				}
				if list, err := s.List(); err != nil || list[0].Err != nil || len(list) != 1 && (c.does != "create" || step != "sync folder") {
					t.Errorf("afterwards there is %+v, %v", list, err)
				}
				// The next one finds no lock, and sweeps.
				e.Profile.Domain = "CORP"
				if _, err := s.Save(e); err != nil {
					t.Fatal(err)
				}
				if got := files(t, s); strings.Contains(got, tempPrefix) {
					t.Errorf("there is %s", got)
				}
			})
		}
	}
}

// A disk that is full in the middle of a file leaves all as it was.
func TestDiskFull(t *testing.T) {
	for _, does := range []string{"save", "create", "order"} {
		t.Run(does, func(t *testing.T) {
			s, _ := newTestStore(t)
			before := mustCreate(t, s, "Office")
			child(t, s.folders.User, does, "disk full")
			list, err := s.List()
			if err != nil || !reflect.DeepEqual(list, []Entry{before}) {
				t.Errorf("afterwards there is %+v, %v", list, err)
			}
			if got := files(t, s); got != "office.toml" {
				t.Errorf("there is %s", got)
			}
		})
	}
}

// Another program with the lock is waited for, and not for ever.
func TestLocked(t *testing.T) {
	s, f := newTestStore(t)
	mustCreate(t, s, "Office")
	hold := func() *os.File {
		t.Helper()
		lock, err := os.OpenFile(filepath.Join(f.User, lockFile), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := tryLock(lock); !held || err != nil {
			t.Fatalf("tryLock = %t, %v", held, err)
		}
		return lock
	}
	lock := hold()
	time.AfterFunc(3*lockPoll, func() { lock.Close() })
	if err := actions["save"](s); err != nil {
		t.Errorf("a lock that is let go of: %v", err)
	}
	kept := hold()
	defer kept.Close()
	s.patience = 5 * lockPoll
	began := time.Now()
	if err := actions["remove"](s); !errors.Is(err, ErrLocked) || time.Since(began) < s.patience {
		t.Errorf("a lock that is kept: %v after %v, want ErrLocked", err, time.Since(began))
	}
	if got := names(t, s); got != "Office" {
		t.Errorf("there is %q", got)
	}
}
