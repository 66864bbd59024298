package profile

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	fileSuffix = ".toml"
	orderFile  = "order" // an id a line, in the person's folder
)

// Folders are where profiles are kept.
type Folders struct {
	User    string // the person's own; made when the first is saved
	Machine string // for everybody, read-only; "": there are none
}

// StandardFolders are those of this system and this person. The error is that
// the person has no home.
func StandardFolders() (Folders, error) {
	home, err := os.UserConfigDir()
	if err != nil {
		return Folders{}, fmt.Errorf("profile: %w", err)
	}
	return Folders{User: filepath.Join(home, userFolder, "profiles"), Machine: machineFolder()}, nil
}

// Store is the profiles of a person, one file each. It keeps nothing in memory:
// every call reads the files, and other programs may change them at any time.
type Store struct {
	folders  Folders
	patience time.Duration // with another program that holds the lock
	step     func(string)  // of tests: called before each change; nil: not at all
}

// NewStore is the store in some folders, which need not be there.
func NewStore(f Folders) *Store { return &Store{folders: f, patience: lockWait} }

// Entry is a profile and its file.
type Entry struct {
	// Profile may be changed, and given back to Save. It is nil when the file
	// cannot be used, for the reason in Err: a *Error that lists every fault, or
	// that of reading it.
	Profile  *Profile
	Path     string
	ReadOnly bool // it belongs to the machine
	Err      error

	text []byte // as it was read
}

// Name is the profile's name, or that of a file that cannot be used.
func (e Entry) Name() string {
	if e.Profile != nil {
		return e.Profile.Name
	}
	return e.stem()
}

// stem is the file's name without its ending.
func (e Entry) stem() string { return strings.TrimSuffix(filepath.Base(e.Path), fileSuffix) }

// What callers tell apart; each comes wrapped with the name of the file.
var (
	// ErrReadOnly refuses to change what belongs to the machine.
	ErrReadOnly = errors.New("belongs to the machine and cannot be changed here: duplicate it")
	// ErrChanged is a file that is not as it was read, or gone. Nothing was
	// written: read it again.
	ErrChanged = errors.New("was changed by somebody else since it was read")
	// ErrLocked is another program that does not finish its own change.
	ErrLocked = errors.New("is held by another program")
)

// NotFoundError is no profile of that name.
type NotFoundError struct {
	Ref   string
	Names []string // that there are
}

// Error names what there is.
func (e *NotFoundError) Error() string {
	if len(e.Names) == 0 {
		return fmt.Sprintf("profile: there is none called %q, nor any other", e.Ref)
	}
	return fmt.Sprintf("profile: there is none called %q; there is: %s", e.Ref, strings.Join(e.Names, ", "))
}

// AmbiguousError is a name or a beginning that several profiles have.
type AmbiguousError struct {
	Ref   string
	Paths []string // of their files
}

// Error names their files.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("profile: %q may be any of %s: use the id, or more of the name", e.Ref, strings.Join(e.Paths, ", "))
}

// NameTakenError is a name that another profile has.
type NameTakenError struct{ Name, Path string }

// Error names the other one's file.
func (e *NameTakenError) Error() string {
	return fmt.Sprintf("profile: %s is called %q already", e.Path, e.Name)
}

// List is every profile, in the person's order: those of the order that was set,
// then the others by name, the person's own before the machine's. A file with a
// fault is in it, with Err, and hides no other. The error is a folder that cannot
// be read; what could be is returned nevertheless.
func (s *Store) List() ([]Entry, error) {
	own, err := readFolder(s.folders.User, false)
	machine, merr := readFolder(s.folders.Machine, true)
	list := append(own, machine...)
	markTwins(list)
	order := s.order()
	place := func(e Entry) int {
		if e.Profile != nil {
			if i := slices.Index(order, e.Profile.ID); i >= 0 {
				return i
			}
		}
		return len(order)
	}
	slices.SortStableFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(readOnly(a), readOnly(b)),
			strings.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name())), strings.Compare(a.Path, b.Path))
	})
	return list, errors.Join(err, merr)
}

func readOnly(e Entry) int {
	if e.ReadOnly {
		return 1
	}
	return 0
}

// readFolder reads every profile of a folder, which need not be there.
func readFolder(dir string, machine bool) ([]Entry, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []Entry
	for _, f := range files { // those before an error as well
		name := f.Name()
		if strings.HasPrefix(name, ".") || !strings.EqualFold(filepath.Ext(name), fileSuffix) {
			continue
		}
		if e := readEntry(filepath.Join(dir, name), machine); !errors.Is(e.Err, fs.ErrNotExist) {
			list = append(list, e) // it was not removed meanwhile
		}
	}
	if err != nil {
		return list, fmt.Errorf("profile: %s: %w", dir, reason(err))
	}
	return list, nil
}

func readEntry(path string, machine bool) Entry {
	e := Entry{Path: path, ReadOnly: machine}
	// A pipe would be waited for, and a device read without an end.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		e.Err = fmt.Errorf("profile: %s is not a file", path)
		return e
	}
	e.text, err = readFile(path, func(string, fs.FileInfo) error { return nil })
	if err != nil {
		e.Err = fmt.Errorf("profile: %w", err)
		return e
	}
	e.Profile, e.Err = parse(path, e.text, func() string { return fileID(path, machine) })
	return e
}

// fileID is the id of a file that has none, until it is saved: the same each
// time it is read (RFC 9562, 5.8). Secrets are found by it.
func fileID(path string, machine bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "culvert profile, machine %t: %s", machine, filepath.Base(path)))
	return formatUUID([16]byte(sum[:16]), 8)
}

// markTwins finds profiles with one id: a copy of a file, made by hand. The
// secrets of the one would be taken for the other's.
func markTwins(list []Entry) {
	first := map[string]string{}
	for i, e := range list {
		if e.Profile == nil {
			continue
		}
		id := strings.ToLower(e.Profile.ID)
		if other, twin := first[id]; twin {
			list[i].Profile, list[i].Err = nil, newError([]Fault{twinFault(e.Path, other)})
			continue
		}
		first[id] = e.Path
	}
}

// twinFault is the fault of a file with the id of another one.
func twinFault(path, other string) Fault {
	return Fault{File: path, Key: "id", Message: fmt.Sprintf("is also that of %s; leave it out to have another one made", other)}
}

// order is the ids that come first.
func (s *Store) order() []string {
	text, err := os.ReadFile(filepath.Join(s.folders.User, orderFile))
	if err != nil {
		return nil // without it they are sorted by name
	}
	return strings.Fields(string(text))
}

// Find is the profile that ref means: its id, its name, the name of its file, or
// a beginning of one of them that no other has; large and small letters are told
// apart only where that helps. The error is a *NotFoundError, an *AmbiguousError,
// or the reason why the file that was meant cannot be used.
func (s *Store) Find(ref string) (Entry, error) {
	list, err := s.List()
	if len(list) == 0 && err != nil {
		return Entry{}, err
	}
	for _, means := range []func(e Entry) bool{
		func(e Entry) bool { return e.Profile != nil && strings.EqualFold(e.Profile.ID, ref) },
		func(e Entry) bool { return e.Profile != nil && e.Profile.Name == ref },
		func(e Entry) bool { return e.Profile != nil && strings.EqualFold(e.Profile.Name, ref) },
		func(e Entry) bool { return e.stem() == ref },
		func(e Entry) bool { return e.hasPrefix(ref) },
	} {
		var found []Entry
		for _, e := range list {
			if ref != "" && means(e) {
				found = append(found, e)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], found[0].Err
		}
		a := &AmbiguousError{Ref: ref}
		for _, e := range found {
			a.Paths = append(a.Paths, e.Path)
		}
		return Entry{}, a
	}
	none := &NotFoundError{Ref: ref}
	for _, e := range list {
		none.Names = append(none.Names, e.Name())
	}
	return Entry{}, none
}

func (e Entry) hasPrefix(ref string) bool {
	for _, s := range []string{e.Name(), e.stem(), e.id()} {
		if len(ref) <= len(s) && strings.EqualFold(s[:len(ref)], ref) {
			return true
		}
	}
	return false
}

func (e Entry) id() string {
	if e.Profile == nil {
		return ""
	}
	return e.Profile.ID
}
