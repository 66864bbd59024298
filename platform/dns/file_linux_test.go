package dns

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
)

// plain is a root with nothing but /etc, and a resolv.conf of one kind.
func plain(t *testing.T, prepare func(etc string)) Options {
	t.Helper()
	root := t.TempDir()
	etc := filepath.Join(root, "etc")
	must(t, os.Mkdir(etc, 0o755))
	prepare(etc)
	return Options{Root: root}
}

const original = "# by hand\nnameserver 192.0.2.53\noptions timeout:3\n"

// originals are the ways in which the file may be there.
var originals = map[string]func(etc string){
	"file": func(etc string) {
		path := filepath.Join(etc, "resolv.conf")
		err := errors.Join(os.WriteFile(path, []byte(original), 0o640), os.Chmod(path, 0o640), os.Chown(path, 12, 34),
			os.Chtimes(path, time.Unix(1e9, 0), time.Unix(1e9, 0)))
		if err != nil {
			panic(err)
		}
	},
	"link": func(etc string) {
		err := errors.Join(os.WriteFile(filepath.Join(etc, "elsewhere"), []byte(original), 0o644),
			os.Symlink("../etc/elsewhere", filepath.Join(etc, "resolv.conf")))
		if err != nil {
			panic(err)
		}
	},
	"dangling link": func(etc string) {
		if err := os.Symlink("/nowhere/at all", filepath.Join(etc, "resolv.conf")); err != nil {
			panic(err)
		}
	},
	"none": func(string) {},
}

// state is all of a root that must be the same again.
func state(t *testing.T, o Options) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(filepath.Join(o.Root, "etc"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		text, _ := os.ReadFile(path)
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d:%d inode %d %v -> %q %q\n", d.Name(), info.Mode(), st.Uid, st.Gid, st.Ino, info.ModTime(), target, text)
		return nil
	}))
	return b.String()
}

func TestFile(t *testing.T) {
	for name, prepare := range originals {
		t.Run(name, func(t *testing.T) {
			o := plain(t, prepare)
			before := state(t, o)
			stopped(t, o)
			if got := state(t, o); got != before {
				t.Errorf("after a Set that was stopped:\n%s\nwant\n%s", got, before)
			}
			var j journal
			m := newManager(t, o, j.write)
			must(t, m.Set(t.Context(), full()))
			backend(t, m, "resolv.conf")
			text, err := os.ReadFile(o.path(confPath))
			if want := marker + "search corp.example\nnameserver 10.99.0.1\n"; err != nil || string(text) != want {
				t.Errorf("resolv.conf = %q, %v, want %q", text, err, want)
			}
			during := state(t, o)
			must(t, m.Set(t.Context(), full()))
			if got := state(t, o); got != during {
				t.Errorf("Set twice is not once:\n%s\nwant\n%s", got, during)
			}
			cfg := full()
			cfg.Search = nil
			must(t, m.Set(t.Context(), cfg))
			must(t, m.Verify(t.Context()))
			must(t, m.Clear())
			must(t, m.Clear())
			if got := state(t, o); got != before {
				t.Errorf("after Clear:\n%s\nwant\n%s", got, before)
			}
			// Every record ever written undoes what comes after it.
			must(t, m.Set(t.Context(), full()))
			record := j.last()
			for range 2 {
				must(t, CleanUp(record))
				if got := state(t, o); got != before {
					t.Errorf("after CleanUp:\n%s\nwant\n%s", got, before)
				}
			}
			// A process without a journal was killed; the next one goes on from
			// what was there before it.
			must(t, newManager(t, o, nil).Set(t.Context(), cfg))
			m = newManager(t, o, nil)
			must(t, m.Set(t.Context(), full()))
			must(t, m.Clear())
			if got := state(t, o); got != before {
				t.Errorf("after a second process:\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// A power cut between any two steps.
func TestFileCrash(t *testing.T) {
	steps := []string{"journal", "linked", "written", "moved"}
	for name, prepare := range originals {
		for _, last := range steps {
			t.Run(name+"/"+last, func(t *testing.T) {
				o := plain(t, prepare)
				before := state(t, o)
				var j journal
				m := newManager(t, o, j.write)
				must(t, m.Set(t.Context(), full()))
				record := j.last()
				ours, err := os.ReadFile(o.path(confPath))
				must(t, err)
				must(t, m.Clear())
				for _, s := range steps {
					switch s {
					case "linked":
						if err := os.Link(o.path(confPath), o.path(keptPath)); err != nil && name != "none" {
							t.Fatal(err)
						}
					case "written":
						must(t, os.WriteFile(o.path(newPath), ours, 0o644))
					case "moved":
						must(t, os.Rename(o.path(newPath), o.path(confPath)))
					}
					if s == last {
						break
					}
				}
				for range 2 {
					must(t, CleanUp(record))
					if got := state(t, o); got != before {
						t.Errorf("after CleanUp:\n%s\nwant\n%s", got, before)
					}
				}
			})
		}
	}
}

// Somebody else's file stays, is noticed, and is what a later Set goes back to.
func TestFileChanged(t *testing.T) {
	const theirs = "nameserver 192.0.2.77\n"
	inPlace := func(path string) error { return os.WriteFile(path, []byte(theirs), 0o644) }
	changes := map[string]func(path string) error{
		"written": inPlace,
		"moved":   func(path string) error { return errors.Join(inPlace(path+".x"), os.Rename(path+".x", path)) },
		"linked":  func(path string) error { return errors.Join(os.Remove(path), os.Symlink("elsewhere", path)) },
		"removed": os.Remove,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			o := plain(t, originals["file"])
			var j journal
			m := newManager(t, o, j.write)
			must(t, m.Set(t.Context(), full()))
			must(t, change(o.path(confPath)))
			if err := m.Verify(t.Context()); !errors.Is(err, ErrNotTaken) {
				t.Errorf("Verify = %v", err)
			}
			record := j.last()
			var changed *ChangedError
			if err := m.Clear(); !errors.As(err, &changed) || changed.Backend != "resolv.conf" {
				t.Errorf("Clear = %v, want a ChangedError", err)
			}
			must(t, m.Clear())
			if j.last() != nil {
				t.Errorf("journal: %s", j.last())
			}
			must(t, CleanUp(record))
			if got := state(t, o); strings.Contains(got, "by hand") || strings.Contains(got, "Culvert") {
				t.Errorf("left:\n%s", got)
			}
		})
		t.Run(name+", then set again", func(t *testing.T) {
			o := plain(t, originals["file"])
			m := newManager(t, o, nil)
			must(t, m.Set(t.Context(), full()))
			must(t, change(o.path(confPath)))
			during := state(t, plainCopy(t, o))
			must(t, m.Set(t.Context(), full()))
			must(t, m.Verify(t.Context()))
			must(t, m.Clear())
			if got := state(t, o); names(got) != names(during) {
				t.Errorf("after Clear:\n%s\nwant\n%s", got, during)
			}
		})
	}
}

// plainCopy is the root without what we keep.
func plainCopy(t *testing.T, o Options) Options {
	t.Helper()
	dir := t.TempDir()
	testroom.Here(t).Run("cp", "-a", filepath.Join(o.Root, "etc"), dir)
	must(t, os.Remove(filepath.Join(dir, keptPath)))
	return Options{Root: dir}
}

// names is a state without inodes and times.
func names(state string) string {
	var b strings.Builder
	for line := range strings.Lines(state) {
		f := strings.Fields(line)
		_, rest, _ := strings.Cut(line, " -> ")
		b.WriteString(f[0] + " " + f[1] + " " + rest)
	}
	return b.String()
}

// What cannot be written is an error that names the backend, and changes
// nothing.
func TestFileRefused(t *testing.T) {
	o := plain(t, originals["file"])
	before := state(t, o)
	must(t, os.MkdirAll(filepath.Join(o.Root, newPath, "in the way"), 0o755))
	m := newManager(t, o, nil)
	err := m.Set(t.Context(), full())
	var own *Error
	if !errors.As(err, &own) || own.Backend != "resolv.conf" {
		t.Errorf("Set = %v", err)
	}
	must(t, os.RemoveAll(filepath.Join(o.Root, newPath)))
	if err := m.Clear(); err != nil {
		t.Error(err)
	}
	if got := state(t, o); got != before {
		t.Errorf("after a Set that failed:\n%s\nwant\n%s", got, before)
	}
	if err := m.Set(t.Context(), some()); !errors.Is(err, ErrNoSplit) {
		t.Errorf("Set of some domains = %v, want ErrNoSplit", err)
	}
}

// In a container resolv.conf is a mount, which can only be written to. The
// mount is made in a mount namespace, where this test runs once more.
func TestFileMounted(t *testing.T) {
	const variable = "CULVERT_DNS_TEST_ROOT"
	root := os.Getenv(variable)
	if root == "" {
		o := plain(t, originals["file"])
		must(t, os.WriteFile(filepath.Join(o.Root, "outside"), []byte(original), 0o644))
		script := `mount --bind "$1/outside" "$1/etc/resolv.conf" && { "$2" -test.run='^TestFileMounted$' -test.v; s=$?; umount "$1/etc/resolv.conf"; exit $s; }`
		// Where / is no mount itself, in a chroot, its mounts cannot be told to
		// keep to themselves; this one goes at the end either way.
		var out []byte
		var err error
		for _, propagation := range []string{"private", "unchanged"} {
			cmd := exec.Command("unshare", "--mount", "--propagation", propagation, "sh", "-c", script, "sh", o.Root, os.Args[0])
			cmd.Env = append(os.Environ(), variable+"="+o.Root)
			if out, err = cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "cannot change root filesystem propagation") {
				break
			}
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestFileMounted") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	o := Options{Root: root}
	text := func() string {
		b, err := os.ReadFile(o.path(confPath))
		must(t, err)
		return string(b)
	}
	var j journal
	m := newManager(t, o, j.write)
	for range 2 {
		must(t, m.Set(t.Context(), full()))
		must(t, m.Set(t.Context(), full()))
		if got := text(); !strings.HasPrefix(got, marker) {
			t.Errorf("resolv.conf = %q", got)
		}
		cfg := full()
		cfg.Search = nil
		must(t, m.Set(t.Context(), cfg))
		must(t, m.Clear())
		if got := text(); got != original {
			t.Errorf("after Clear: %q", got)
		}
	}
	must(t, m.Set(t.Context(), full()))
	for range 2 {
		must(t, CleanUp(j.last()))
		if got := text(); got != original {
			t.Errorf("after CleanUp: %q", got)
		}
	}
	if _, err := os.Lstat(o.path(keptPath)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", keptPath, err)
	}
}

// Nobody keeps the file: libc itself finds the tunnel's server.
func TestFileLookups(t *testing.T) {
	r := newRoom(t)
	r.Write(confPath, original)
	m := newManager(t, r.opts, nil)
	r.lookup("before", asBefore)
	must(t, m.Set(t.Context(), full()))
	backend(t, m, "resolv.conf")
	r.lookup("full", asFull)
	must(t, m.Clear())
	r.lookup("after", asBefore)
}

// A bus that takes connections and says nothing costs the deadline and no more.
func TestFrozenBus(t *testing.T) {
	o := plain(t, func(etc string) {
		must(t, os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver 127.0.0.53\n"), 0o644))
	})
	before := state(t, o)
	socket := filepath.Join(o.Root, "bus")
	l, err := net.Listen("unix", socket)
	must(t, err)
	defer l.Close()
	o.Bus, o.Timeout = "unix:path="+socket, 300*time.Millisecond
	m := newManager(t, o, nil)
	start := time.Now()
	err = m.Set(t.Context(), full())
	var own *Error
	if !errors.As(err, &own) || own.Backend != "systemd-resolved" || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("Set = %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	if got := state(t, o); got != before {
		t.Errorf("after a Set that failed:\n%s\nwant\n%s", got, before)
	}
}
