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

// newTestStore is a store in folders of its own.
func newTestStore(t *testing.T) (*Store, Folders) {
	t.Helper()
	dir := t.TempDir()
	f := Folders{User: filepath.Join(dir, "user", "profiles"), Machine: filepath.Join(dir, "machine")}
	return NewStore(f), f
}

// put writes a file as a person would.
func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustNew(t *testing.T, name string) *Profile {
	t.Helper()
	p, err := New("vpn.example.com", "alice")
	if err != nil {
		t.Fatal(err)
	}
	p.Name = name
	return p
}

func mustCreate(t *testing.T, s *Store, name string) Entry {
	t.Helper()
	e, err := s.Create(mustNew(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func names(t *testing.T, s *Store) string {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return strings.Join(out, ", ")
}

// files is what is in the person's folder, the lock aside.
func files(t *testing.T, s *Store) string {
	t.Helper()
	entries, err := os.ReadDir(s.folders.User)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.Name() != lockFile {
			out = append(out, e.Name())
		}
	}
	return strings.Join(out, ", ")
}

func TestListEmpty(t *testing.T) {
	s, f := newTestStore(t)
	if got := names(t, s); got != "" {
		t.Errorf("List = %s", got)
	}
	if _, err := os.Stat(f.User); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List made a folder: %v", err)
	}
	if got := names(t, NewStore(Folders{User: f.User})); got != "" {
		t.Errorf("List without a machine's folder = %s", got)
	}
}

// One bad file hides no other, and its faults are told with its name.
func TestListFaults(t *testing.T) {
	s, f := newTestStore(t)
	put(t, f.User, "good.toml", minimal)
	bad := put(t, f.User, "bad.toml", minimal+"[kill]\nswitch = true\n")
	put(t, f.User, "UPPER.TOML", "name = \"upper\"\n"+minimal)
	put(t, f.User, ".hidden.toml", "x")
	put(t, f.User, "notes.txt", "x")
	dir := put(t, filepath.Join(f.User, "folder.toml"), "x", "x")
	large := put(t, f.User, "large.toml", "#"+strings.Repeat("x", maxFile))
	gone := filepath.Join(f.User, "gone.toml")
	if err := os.Symlink("nowhere", gone); err != nil {
		t.Fatal(err)
	}
	put(t, f.Machine, "office.toml", "name = \"Office\"\n"+minimal)
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range list {
		switch {
		case (e.Profile == nil) != (e.Err != nil):
			t.Errorf("%s: profile %v and error %v", e.Path, e.Profile, e.Err)
		case e.Err != nil:
			got[e.Path] = e.Err.Error()
		default:
			got[e.Path] = e.Profile.Name
		}
		if e.ReadOnly != strings.HasPrefix(e.Path, f.Machine) {
			t.Errorf("%s: ReadOnly = %t", e.Path, e.ReadOnly)
		}
	}
	want := map[string]string{
		filepath.Join(f.User, "good.toml"):      "vpn.example.com",
		filepath.Join(f.User, "UPPER.TOML"):     "upper",
		filepath.Join(f.Machine, "office.toml"): "Office",
		bad:                                     bad + ":3: kill: unknown key; allowed: version, id, name, preset, servers, user, domain, ask_password, [ipsec], [l2tp], [ppp], [routing], [dns], [reconnect]",
		filepath.Dir(dir):                       "profile: " + filepath.Dir(dir) + " is not a file",
		large:                                   "profile: " + large + " is larger than 1048576 octets",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("List = %v\nwant %v", got, want)
	}
}

// A file without an id has the same one each time, and two files never the same.
func TestMadeIDs(t *testing.T) {
	s, f := newTestStore(t)
	a := put(t, f.User, "a.toml", minimal)
	put(t, f.Machine, "a.toml", minimal)
	put(t, f.User, "b.toml", minimal+withID)
	twin := put(t, f.User, "c.toml", minimal+"id = \"6F1C2A34-5b6d-4e7f-8a9b-0c1d2e3f4a5b\"\n")
	first, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.List()
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("List changes: %v, %v", first, again)
	}
	seen := map[string]string{}
	for _, e := range first {
		if e.Path == twin {
			if want := twin + ": id: is also that of " + filepath.Join(f.User, "b.toml") + "; leave it out to have another one made"; e.Err == nil || e.Err.Error() != want {
				t.Errorf("the copy of a file says %v, want %s", e.Err, want)
			}
			continue
		}
		if e.Err != nil || !uuid.MatchString(e.Profile.ID) || seen[e.Profile.ID] != "" {
			t.Errorf("%s has the id %q, as has %q; %v", e.Path, e.id(), seen[e.id()], e.Err)
		}
		seen[e.id()] = e.Path
	}
	// It stays the same when it is written down.
	e, err := s.Find(fileID(a, false))
	if err != nil {
		t.Fatal(err)
	}
	id := e.Profile.ID
	e.Profile.User = "bob"
	if e, err = s.Save(e); err != nil || e.Profile.ID != id {
		t.Fatalf("Save = %v, %v, want the id %s", e.id(), err, id)
	}
	if want := strings.Replace(minimal, "\"alice\"", "'bob'", 1) + "id = '" + id + "'\n"; read(t, a) != want {
		t.Errorf("the file is\n%s\nwant\n%s", read(t, a), want)
	}
}

func TestFind(t *testing.T) {
	s, f := newTestStore(t)
	const id = "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"
	put(t, f.User, "work.toml", withID+"name = \"Office\"\n"+minimal)
	put(t, f.User, "second.toml", "name = \"office 2\"\n"+minimal)
	put(t, f.User, "third.toml", "name = \"OFFICE 2\"\n"+minimal)
	put(t, f.User, "broken.toml", "x")
	put(t, f.Machine, "lab.toml", "name = \"Überlingen\"\n"+minimal)
	for _, c := range []struct{ ref, want string }{
		{id, "Office"}, {strings.ToUpper(id), "Office"}, {"Office", "Office"}, {"office", "Office"}, {"work", "Office"}, {"wo", "Office"}, {"6f1c2a", "Office"},
		{"office 2", "office 2"}, {"OFFICE 2", "OFFICE 2"}, {"Office 2", "ambiguous"}, {"off", "ambiguous"}, {"sec", "office 2"},
		{"Über", "Überlingen"}, {"über", "Überlingen"}, {"LAB", "Überlingen"}, {"broken", "fault"}, {"brok", "fault"}, {"nothing", "none"}, {"", "none"}, {"Officer", "none"},
	} {
		e, err := s.Find(c.ref)
		var ambiguous *AmbiguousError
		var none *NotFoundError
		var fault *Error
		got := e.Name()
		switch {
		case errors.As(err, &ambiguous) && len(ambiguous.Paths) >= 2:
			got = "ambiguous"
		case errors.As(err, &none) && len(none.Names) == 5:
			got = "none"
		case errors.As(err, &fault):
			got = "fault"
		case err != nil:
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Find(%q) = %s (%v), want %s", c.ref, got, err, c.want)
		}
	}
	_, err := NewStore(Folders{User: filepath.Join(t.TempDir(), "none")}).Find("x")
	if err == nil || err.Error() != `profile: there is none called "x", nor any other` {
		t.Errorf("Find in nothing = %v", err)
	}
}

func TestCreate(t *testing.T) {
	s, f := newTestStore(t)
	p := mustNew(t, "Office")
	e, err := s.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e.Profile, p) || e.Path != filepath.Join(f.User, "office.toml") || e.ReadOnly {
		t.Errorf("Create = %+v, want %+v", e, p)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]fs.FileMode{e.Path: 0o600, f.User: 0o700 | fs.ModeDir} {
			if info, err := os.Stat(path); err != nil || info.Mode() != want {
				t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	}
	var taken *NameTakenError
	if _, err := s.Create(mustNew(t, "OFFICE")); !errors.As(err, &taken) || taken.Path != e.Path {
		t.Errorf("the same name again: %v, want a NameTakenError", err)
	}
	// The same profile under another name, as an import may have it.
	p.Name = "Office?"
	second, err := s.Create(p)
	if err != nil || second.Profile.ID == e.Profile.ID || filepath.Base(second.Path) != "office-2.toml" {
		t.Errorf("with an id that is there: %+v, %v", second, err)
	}
	var faults *Error
	if _, err := s.Create(&Profile{Name: "x"}); !errors.As(err, &faults) {
		t.Errorf("Create of nothing = %v, want its faults", err)
	}
	if got := files(t, s); got != "office-2.toml, office.toml" {
		t.Errorf("there are %s", got)
	}
}

func TestSafeStem(t *testing.T) {
	for name, want := range map[string]string{
		"Office": "office", "vpn.example.com": "vpn.example.com", "../../etc/passwd": "etc-passwd", "a/b\\c:d*e?f\"g<h>i|j": "a-b-c-d-e-f-g-h-i-j",
		"": "profile", "...": "profile", "-": "profile", "CON": "profile-con", "con.x": "profile-con.x", "COM1": "profile-com1", "lpt¹": "lpt", "com": "com", "console": "console",
		" Zürich 2 ": "zürich-2", "日本": "日本", ".hidden": "hidden", "a.": "a", strings.Repeat("x", 300): strings.Repeat("x", maxStem), "a\x00b": "a-b", "emoji 🚀!": "emoji",
	} {
		if got := safeStem(name); got != want {
			t.Errorf("safeStem(%q) = %q, want %q", name, got, want)
		}
	}
}

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
