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
