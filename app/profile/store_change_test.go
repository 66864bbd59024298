package profile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestSave(t *testing.T) {
	s, f := newTestStore(t)
	path := put(t, f.User, "office.toml", "# mine\n"+withID+minimal)
	e, err := s.Find("office")
	if err != nil {
		t.Fatal(err)
	}
	e.Profile.User = "bob"
	saved, err := s.Save(e)
	if err != nil {
		t.Fatal(err)
	}
	want := "# mine\n" + withID + strings.Replace(minimal, "\"alice\"", "'bob'", 1)
	if read(t, path) != want || !reflect.DeepEqual(saved.Profile, e.Profile) {
		t.Errorf("the file is\n%s\nwant\n%s", read(t, path), want)
	}
	// The old Entry is of the past, the new one is not.
	e.Profile.User = "carol"
	if _, err := s.Save(e); !errors.Is(err, ErrChanged) {
		t.Errorf("Save of an old entry = %v, want ErrChanged", err)
	}
	saved.Profile.User = "a\x00b"
	var faults *Error
	if _, err := s.Save(saved); !errors.As(err, &faults) || faults.Faults[0].Key != "user" {
		t.Errorf("Save of a bad value = %v, want its fault", err)
	}
	if read(t, path) != want {
		t.Errorf("a refused Save changed the file:\n%s", read(t, path))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	saved.Profile.User = "dave"
	if _, err := s.Save(saved); !errors.Is(err, ErrChanged) {
		t.Errorf("Save of a file that is gone = %v, want ErrChanged", err)
	}
	if got := files(t, s); got != "" {
		t.Errorf("there is %s", got)
	}
}

// Where keys cannot be edited one by one the file is written anew.
func TestSaveRewrites(t *testing.T) {
	s, f := newTestStore(t)
	put(t, f.User, "a.toml", minimal+withID+"dns = { mode = \"off\" } # gone\n")
	e, err := s.Find("a")
	if err != nil {
		t.Fatal(err)
	}
	e.Profile.DNS.Mode = Default().DNS.Mode
	saved, err := s.Save(e)
	if err != nil || !reflect.DeepEqual(saved.Profile, e.Profile) {
		t.Errorf("Save = %+v, %v", saved.Profile, err)
	}
}

func TestSaveKeepsSymlinks(t *testing.T) {
	s, f := newTestStore(t)
	to := put(t, filepath.Join(filepath.Dir(f.User), "dotfiles"), "vpn.toml", withID+minimal)
	if err := os.MkdirAll(f.User, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(f.User, "office.toml")
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
	e, err := s.Find("office")
	if err != nil {
		t.Fatal(err)
	}
	e.Profile.User = "bob"
	if _, err := s.Save(e); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || !strings.Contains(read(t, to), "bob") {
		t.Errorf("the link is %v, %v; it leads to\n%s", info.Mode(), err, read(t, to))
	}
}

func TestReadOnly(t *testing.T) {
	s, f := newTestStore(t)
	path := put(t, f.Machine, "office.toml", "# ours\nname = \"Office\"\n"+minimal)
	e, err := s.Find("Office")
	if err != nil || !e.ReadOnly {
		t.Fatalf("Find = %+v, %v", e, err)
	}
	_, serr := s.Save(e)
	_, rerr := s.Remove(e)
	_, nerr := s.Rename(e, "x")
	for _, err := range []error{serr, rerr, nerr} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("got %v, want ErrReadOnly", err)
		}
	}
	own, err := s.Duplicate(e, "")
	if err != nil || own.ReadOnly || own.Name() != "Office 2" || own.Profile.ID == e.Profile.ID || !strings.HasPrefix(string(own.text), "# ours\n") {
		t.Errorf("Duplicate = %+v, %v", own, err)
	}
	if got := read(t, path); !strings.HasPrefix(got, "# ours\nname = \"Office\"\n") {
		t.Errorf("the machine's is now\n%s", got)
	}
}

func TestRenameDuplicate(t *testing.T) {
	s, _ := newTestStore(t)
	e := mustCreate(t, s, "Office")
	mustCreate(t, s, "Home")
	var taken *NameTakenError
	if same, err := s.Rename(e, "home"); !errors.As(err, &taken) || same.Name() != "Office" || same.Profile.Name != "Office" {
		t.Errorf("Rename to a name that is taken = %s, %v", same.Name(), err)
	}
	r, err := s.Rename(e, "OFFICE") // its own
	if err == nil {
		r, err = s.Rename(r, "Work")
	}
	if err != nil || r.Name() != "Work" || r.Profile.ID != e.Profile.ID || r.Path != e.Path {
		t.Fatalf("Rename = %+v, %v", r, err)
	}
	d, err := s.Duplicate(r, "")
	if err != nil || d.Name() != "Work 2" || d.Profile.ID == r.Profile.ID || filepath.Base(d.Path) != "work-2.toml" {
		t.Errorf("Duplicate = %+v, %v", d, err)
	}
	if d, err = s.Duplicate(r, "Lab"); err != nil || d.Name() != "Lab" {
		t.Errorf("Duplicate = %+v, %v", d, err)
	}
	if _, err := s.Duplicate(r, "Lab"); !errors.As(err, &taken) {
		t.Errorf("Duplicate to a name that is taken = %v", err)
	}
	if got := s.FreeName("lab"); got != "lab 2" {
		t.Errorf("FreeName = %q", got)
	}
	if got := names(t, s); got != "Home, Lab, Work, Work 2" {
		t.Errorf("there are %s", got)
	}
}

func TestRemoveRestore(t *testing.T) {
	s, f := newTestStore(t)
	path := put(t, f.User, "mine.toml", "# mine\n"+withID+"name = \"Office\"\n"+minimal)
	e, err := s.Find("Office")
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Remove(e)
	if err != nil || r.ID != e.Profile.ID || r.Name != "Office" || files(t, s) != "" {
		t.Fatalf("Remove = %+v, %v", r, err)
	}
	if _, err := s.Remove(e); !errors.Is(err, ErrChanged) {
		t.Errorf("Remove again = %v, want ErrChanged", err)
	}
	back, err := s.Restore(r)
	if err != nil || back.Path != path || !reflect.DeepEqual(back, e) {
		t.Errorf("Restore = %+v, %v, want %+v", back, err, e)
	}
	// Somebody changed it, or took its place.
	if _, err = s.Remove(e); err != nil {
		t.Fatal(err)
	}
	put(t, f.User, "mine.toml", "name = \"New\"\n"+minimal)
	if back, err = s.Restore(r); err != nil || filepath.Base(back.Path) != "mine-2.toml" || back.Profile.ID != r.ID {
		t.Errorf("Restore beside another = %+v, %v", back, err)
	}
	put(t, f.User, "mine-2.toml", "name = \"Changed\"\n"+minimal)
	if _, err := s.Remove(back); !errors.Is(err, ErrChanged) {
		t.Errorf("Remove of what changed = %v, want ErrChanged", err)
	}
	// One with faults can be removed, and comes back as it was.
	bad := put(t, f.User, "bad.toml", "\xff")
	if e, err = s.Find("bad"); err == nil {
		t.Fatal("no fault")
	}
	if r, err = s.Remove(e); err != nil || r.ID != "" {
		t.Fatalf("Remove of a bad one = %+v, %v", r, err)
	}
	if _, err := s.Restore(r); err != nil || read(t, bad) != "\xff" {
		t.Errorf("Restore = %v", err)
	}
	if _, err := s.Save(e); !errors.As(err, new(*Error)) {
		t.Errorf("Save of a bad one = %v, want its faults", err)
	}
}

func TestOrder(t *testing.T) {
	s, f := newTestStore(t)
	var ids []string
	for _, n := range []string{"c", "B", "a", "D"} {
		ids = append(ids, mustCreate(t, s, n).Profile.ID)
	}
	put(t, f.Machine, "aa.toml", "name = \"AA\"\n"+minimal)
	if got := names(t, s); got != "a, B, c, D, AA" {
		t.Errorf("by name: %s", got)
	}
	if err := s.SetOrder([]string{ids[3], "unknown", fileID("aa.toml", true), ids[0]}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s); got != "D, AA, c, a, B" {
		t.Errorf("in order: %s", got)
	}
	if err := s.SetOrder(nil); err != nil || names(t, s) != "a, B, c, D, AA" {
		t.Errorf("no order: %s, %v", names(t, s), err)
	}
}

// Many writers: each that was told of no error is in the file or was read by the
// next, none is lost, and a reader never sees half of anything.
func TestConcurrentWriters(t *testing.T) {
	s, _ := newTestStore(t)
	e := mustCreate(t, s, "Office")
	const writers, rounds = 4, 15
	done := make(chan struct{})
	var reader, all sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if got, err := s.Find("Office"); err != nil || got.Profile.ID != e.Profile.ID {
				t.Errorf("a reader saw %+v, %v", got, err)
				return
			}
		}
	})
	var mu sync.Mutex // guards saved
	saved := 0
	for range writers {
		all.Go(func() {
			own := NewStore(s.folders)
			for done := 0; done < rounds; {
				e, err := own.Find("Office")
				if err != nil {
					t.Error(err)
					return
				}
				e.Profile.PPP.EchoFailures++
				switch _, err := own.Save(e); {
				case err == nil:
					done++
					mu.Lock()
					saved++
					mu.Unlock()
				case !errors.Is(err, ErrChanged):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	close(done)
	reader.Wait()
	got, err := s.Find("Office")
	if err != nil {
		t.Fatal(err)
	}
	if want := e.Profile.PPP.EchoFailures + saved; saved != writers*rounds || got.Profile.PPP.EchoFailures != want {
		t.Errorf("%d saves made %d, want %d", saved, got.Profile.PPP.EchoFailures, want)
	}
}

func TestStandardFolders(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "/x")
	t.Setenv("HOME", "/h")
	t.Setenv("AppData", `C:\x`)
	got, err := StandardFolders()
	want := map[string]Folders{
		"linux":   {"/x/culvert/profiles", "/etc/culvert/profiles.d"},
		"darwin":  {"/h/Library/Application Support/Culvert/profiles", "/Library/Application Support/Culvert/profiles"},
		"windows": {`C:\x\Culvert\profiles`, machineFolder()},
	}[runtime.GOOS]
	if err != nil || got != want {
		t.Errorf("StandardFolders = %+v, %v, want %+v", got, err, want)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("AppData", "")
	if _, err := StandardFolders(); err == nil {
		t.Error("without a home: no error")
	}
}

// A text that a person wrote is kept as it is, or refused with nothing changed.
func TestSaveText(t *testing.T) {
	s, f := newTestStore(t)
	e, other := mustCreate(t, s, "Office"), mustCreate(t, s, "Home")
	mine := "# mine\n" + read(t, e.Path) + "[ppp]\nmru = 1280 # small\n"
	e, err := s.SaveText(e, []byte(mine))
	if err != nil || read(t, e.Path) != mine || e.Profile.PPP.MRU != 1280 {
		t.Fatalf("SaveText: %v, and the file is\n%s", err, read(t, e.Path))
	}
	for _, c := range []struct {
		name, from, to, want string
	}{
		{"a fault", "mru = 1280", "mru = 7", "ppp.mru: 7 is out of range"},
		{"another id", e.Profile.ID, "00000000-0000-4000-8000-000000000001", "id: must stay"},
		{"no id", "id = '" + e.Profile.ID + "'\n", "", "id: must stay"},
		{"a name that is taken", "'Office'", "'home'", "is called \"Home\" already"},
	} {
		if _, err := s.SaveText(e, []byte(strings.Replace(mine, c.from, c.to, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: SaveText = %v, want %q", c.name, err, c.want)
		}
	}
	if got := read(t, e.Path); got != mine {
		t.Errorf("the file is now\n%s", got)
	}
	if _, err := s.SaveText(Entry{Path: e.Path, ReadOnly: true}, []byte(mine)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("SaveText of the machine's = %v, want ErrReadOnly", err)
	}

	// One with a fault is mended; it must not become another one's twin.
	put(t, f.User, "broken.toml", "servers = []\n")
	b, err := s.Find("broken")
	if err == nil {
		t.Fatal("a file without a server can be used")
	}
	if _, err := s.SaveText(b, []byte("id = \""+other.Profile.ID+"\"\n"+minimal)); err == nil || !strings.Contains(err.Error(), "is also that of "+other.Path) {
		t.Errorf("SaveText of a twin = %v", err)
	}
	if b, err = s.SaveText(b, []byte(minimal)); err != nil || b.Profile == nil {
		t.Errorf("SaveText of a mended file = %+v, %v", b, err)
	}
	e.text = []byte("as it was long ago")
	if _, err := s.SaveText(e, []byte(mine+"# more\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("SaveText of what was changed meanwhile = %v, want ErrChanged", err)
	}
}
