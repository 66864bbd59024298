package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Ours.
const (
	maxStem   = 60 // octets of a file's name: far below any system's limit
	maxCopies = 1000
)

// Save writes an Entry of List or Find back after its Profile was changed. What
// a person wrote by hand stays as it is where the change allows it, comments and
// order: see edit; otherwise the file is written anew. The file keeps its name.
// The error is ErrReadOnly, ErrChanged, ErrLocked, a *NameTakenError, a *Error
// with the faults of the profile, or the system's; the file is then as it was.
func (s *Store) Save(e Entry) (Entry, error) {
	switch {
	case e.ReadOnly:
		return e, fmt.Errorf("profile: %s %w", e.Path, ErrReadOnly)
	case e.Profile == nil:
		return e, e.Err
	}
	text, err := e.newText()
	if err != nil {
		return e, err
	}
	err = s.locked(func() error {
		if err := s.unchanged(e); err != nil || bytes.Equal(text, e.text) {
			return err
		}
		if was, err := Parse(e.Path, e.text); err == nil && was.Name != e.Profile.Name {
			list, _ := s.List() // the names that can be read
			if err := taken(list, e.Profile.Name, e.Path); err != nil {
				return err
			}
		}
		return s.replace(e.Path, text)
	})
	if err != nil {
		return e, err
	}
	return readEntry(e.Path, false), nil
}

// SaveText writes another text into the file of an Entry, one with faults as well.
// The error is ErrReadOnly, ErrChanged, ErrLocked, a *NameTakenError, a *Error with
// every fault of the text, or the system's; the file is then as it was. A profile
// keeps its id, by which its secrets are found.
func (s *Store) SaveText(e Entry, text []byte) (Entry, error) {
	if e.ReadOnly {
		return e, fmt.Errorf("profile: %s %w", e.Path, ErrReadOnly)
	}
	p, err := parse(e.Path, text, func() string { return fileID(e.Path, false) })
	if err != nil {
		return e, err
	}
	if e.Profile != nil && !strings.EqualFold(p.ID, e.Profile.ID) {
		return e, newError([]Fault{{File: e.Path, Key: "id", Message: fmt.Sprintf("must stay %q: its secrets are found by it", e.Profile.ID)}})
	}
	err = s.locked(func() error {
		if err := s.unchanged(e); err != nil || bytes.Equal(text, e.text) {
			return err
		}
		list, _ := s.List() // the profiles that can be read
		for _, o := range list {
			if o.Path != e.Path && strings.EqualFold(o.id(), p.ID) {
				return newError([]Fault{twinFault(e.Path, o.Path)})
			}
		}
		if e.Profile == nil || e.Profile.Name != p.Name {
			if err := taken(list, p.Name, e.Path); err != nil {
				return err
			}
		}
		return s.replace(e.Path, text)
	})
	if err != nil {
		return e, err
	}
	return readEntry(e.Path, false), nil
}

// newText is what the file has to say.
func (e Entry) newText() ([]byte, error) {
	text, err := e.Profile.checked()
	if err != nil {
		return nil, err
	}
	if kept, ok := edit(e.text, e.Profile); ok {
		return kept, nil
	}
	return text, nil
}

// Create saves a new profile. Its file is named after it. It gets an id when it
// has none, or one that there is already. The error is ErrLocked, a
// *NameTakenError, a *Error with the faults of the profile, or the system's.
func (s *Store) Create(p *Profile) (Entry, error) {
	own := *p
	if own.ID == "" {
		own.ID = newID()
	}
	text, err := own.checked()
	if err != nil {
		return Entry{}, err
	}
	return s.create(&own, text)
}

// create saves p as a new file; text is what it says, but for the id.
func (s *Store) create(p *Profile, text []byte) (Entry, error) {
	var path string
	err := s.locked(func() error {
		list, _ := s.List() // the names that can be read
		if err := taken(list, p.Name, ""); err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(e Entry) bool { return strings.EqualFold(e.id(), p.ID) }) {
			p.ID = newID()
			var ok bool
			if text, ok = edit(text, p); !ok {
				return fmt.Errorf("profile: %q cannot be given another id", p.Name)
			}
		}
		var err error
		path, err = s.place(safeStem(p.Name), text)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	return readEntry(path, false), nil
}

// Duplicate saves a copy of a profile, the machine's as well, as the person's own
// and with an id of its own. The name may be empty: then it is FreeName's.
func (s *Store) Duplicate(e Entry, name string) (Entry, error) {
	if e.Profile == nil {
		return e, e.Err
	}
	if name == "" {
		name = s.FreeName(e.Profile.Name)
	}
	p := *e.Profile
	p.ID, p.Name = newID(), name
	text, err := Entry{Profile: &p, Path: e.Path, text: e.text}.newText()
	if err != nil {
		return e, err
	}
	return s.create(&p, text)
}

// Rename saves a profile under another name. Its file keeps its own, so that
// there is never a moment with two files, or none.
func (s *Store) Rename(e Entry, name string) (Entry, error) {
	if e.Profile == nil {
		return e, e.Err
	}
	p := *e.Profile
	p.Name = name
	renamed := e
	renamed.Profile = &p
	saved, err := s.Save(renamed)
	if err != nil {
		return e, err
	}
	return saved, nil
}

// FreeName is name, or the first of "name 2", "name 3" and so on that no profile
// has.
func (s *Store) FreeName(name string) string {
	list, _ := s.List() // the names that can be read
	free := name
	for n := 2; taken(list, free, "") != nil; n++ {
		free = name + " " + strconv.Itoa(n)
	}
	return free
}

// taken refuses a name that a profile other than path's has: they are found by it.
func taken(list []Entry, name, path string) error {
	for _, e := range list {
		if e.Path != path && e.Profile != nil && strings.EqualFold(e.Profile.Name, name) {
			return &NameTakenError{Name: e.Profile.Name, Path: e.Path}
		}
	}
	return nil
}

// Removed is what Remove took away, for Restore.
type Removed struct {
	ID, Name string // of the profile, for its secrets; the ID is empty if it could not be used
	File     string // its name in the folder
	Text     []byte
}

// Remove deletes the file of a profile, one with faults as well. The error is
// ErrReadOnly, ErrChanged, ErrLocked, or the system's.
func (s *Store) Remove(e Entry) (Removed, error) {
	if e.ReadOnly {
		return Removed{}, fmt.Errorf("profile: %s %w", e.Path, ErrReadOnly)
	}
	err := s.locked(func() error {
		if err := s.unchanged(e); err != nil {
			return err
		}
		s.at("remove")
		if err := os.Remove(e.Path); err != nil {
			return fmt.Errorf("profile: %s: %w", e.Path, reason(err))
		}
		return syncDir(filepath.Dir(e.Path))
	})
	if err != nil {
		return Removed{}, err
	}
	return Removed{ID: e.id(), Name: e.Name(), File: filepath.Base(e.Path), Text: e.text}, nil
}

// Restore undoes a Remove: the same text, id and place in the order, and the same
// file unless there is another one by now.
func (s *Store) Restore(r Removed) (Entry, error) {
	var path string
	err := s.locked(func() error {
		var err error
		path, err = s.place(strings.TrimSuffix(filepath.Base(r.File), fileSuffix), r.Text)
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	return readEntry(path, false), nil
}

// SetOrder puts the profiles with these ids first, in this order.
func (s *Store) SetOrder(ids []string) error {
	return s.locked(func() error {
		return s.replace(filepath.Join(s.folders.User, orderFile), []byte(strings.Join(ids, "\n")+"\n"))
	})
}

// unchanged refuses to go on when the file is not as it was read.
func (s *Store) unchanged(e Entry) error {
	now, err := os.ReadFile(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && e.text == nil && e.Err != nil:
		return nil // it could not be read before either
	case err != nil:
		return fmt.Errorf("profile: %s: %w", e.Path, reason(err))
	case bytes.Equal(now, e.text):
		return nil
	}
	return fmt.Errorf("profile: %s %w", e.Path, ErrChanged)
}

// place writes a new file with that name, or the next one that is free.
func (s *Store) place(stem string, text []byte) (string, error) {
	for n := 1; n <= maxCopies; n++ {
		name := stem
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		path := filepath.Join(s.folders.User, name+fileSuffix)
		err := s.add(path, text)
		if !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
	return "", fmt.Errorf("profile: %s: every name like %q is taken", s.folders.User, stem)
}

// reserved are the names that Windows has for devices, whatever their ending.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true}

// safeStem is the name of a file that every system takes, after a profile's name.
func safeStem(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case b.Len() >= maxStem:
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	stem := strings.Trim(b.String(), "-.")
	device, _, _ := strings.Cut(stem, ".")
	if port := strings.TrimRight(device, "0123456789"); reserved[device] || len(port) < len(device) && (port == "com" || port == "lpt") {
		stem = "profile-" + stem
	}
	if stem == "" {
		stem = "profile"
	}
	return stem
}
