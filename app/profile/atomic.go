package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Ours.
const (
	lockFile   = ".lock"
	tempPrefix = ".writing-"
	// Another program holds the lock for one change: far less than this.
	lockWait = 5 * time.Second
	lockPoll = 20 * time.Millisecond
)

// locked runs f while no other Culvert changes the person's folder, which it
// makes when it is not there.
func (s *Store) locked(f func() error) error {
	dir := s.folders.User
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("profile: %s: %w", dir, reason(err))
	}
	path := filepath.Join(dir, lockFile)
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("profile: %s: %w", path, reason(err))
	}
	defer lock.Close() // lets go of it
	for end := time.Now().Add(s.patience); ; time.Sleep(lockPoll) {
		held, err := tryLock(lock)
		switch {
		case err != nil:
			return fmt.Errorf("profile: %s: %w", path, err)
		case held:
			s.sweep()
			return f()
		case time.Now().After(end):
			return fmt.Errorf("profile: %s %w", dir, ErrLocked)
		}
	}
}

// sweep removes what a crash has left: nobody else is writing.
func (s *Store) sweep() {
	files, _ := os.ReadDir(s.folders.User)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), tempPrefix) {
			_ = os.Remove(filepath.Join(s.folders.User, f.Name())) // next time, then
		}
	}
}

// at tells a test what comes next.
func (s *Store) at(step string) {
	if s.step != nil {
		s.step(step)
	}
}

// replace puts text in the place of a file: at every moment, and after a power
// cut, the one or the other is there, whole. Of a symbolic link it replaces what
// that leads to.
func (s *Store) replace(path string, text []byte) error {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	return s.write(path, text, rename)
}

// add is replace for a file that must not be there: fs.ErrExist.
func (s *Store) add(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("profile: %s: %w", path, fs.ErrExist)
	}
	return s.write(path, text, func(temp, path string) error {
		err := os.Link(temp, path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			_ = os.Remove(temp) // sweep does
			return err
		}
		// A file system without links, as on a memory stick.
		return rename(temp, path)
	})
}

// write writes a temporary file beside path, and has it put there once all of it
// is on the disk.
func (s *Store) write(path string, text []byte, put func(temp, path string) error) (err error) {
	dir := filepath.Dir(path)
	defer func() {
		if err != nil {
			err = fmt.Errorf("profile: %s: %w", path, reason(err))
		}
	}()
	s.at("create")
	f, err := os.CreateTemp(dir, tempPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	temp := f.Name()
	s.at("write")
	_, err = f.Write(text)
	if err == nil {
		s.at("sync")
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		s.at("put")
		err = put(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // sweep does
		return err
	}
	s.at("sync folder")
	return syncDir(dir)
}
