package dns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	confPath = "/etc/resolv.conf"
	// keptPath is the original, the very file or symbolic link: with its mode,
	// owner, times and labels.
	keptPath = "/etc/resolv.conf.before-culvert"
	newPath  = "/etc/.resolv.conf.culvert"
)

// marker is the first line of every resolv.conf of ours.
const marker = "# Made by Culvert for a VPN tunnel. The file from before comes back when the tunnel ends.\n"

// filePart replaces /etc/resolv.conf.
//
// Set links the original to keptPath and moves a new file over it; clear moves
// keptPath back. So there is a whole resolv.conf at every moment, also when the
// power goes.
type filePart struct {
	opts   Options
	Absent bool     `json:"absent,omitempty"` // there was no file
	Ours   []string `json:"ours,omitempty"`   // SHA-256 of what may be ours, the last one set last

	// In a container the file is often a mount of its own, which can be written
	// to and not replaced.
	InPlace bool   `json:"in_place,omitempty"`
	Content []byte `json:"content,omitempty"` // the original then
}

func (p *filePart) kind() string { return kindFile }

// found is what is at a path.
type found struct {
	info fs.FileInfo // nil: nothing
	text []byte      // of a file; a link is never ours
}

func (p *filePart) find(path string) (found, error) {
	info, err := os.Lstat(p.opts.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return found{}, nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return found{info: info}, err
	}
	text, err := os.ReadFile(p.opts.path(path))
	return found{info, text}, err
}

// ours reports whether what is there was written by this part.
func (p *filePart) ours(f found) bool {
	return f.info != nil && f.info.Mode().IsRegular() && slices.Contains(p.Ours, digest(f.text))
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (p *filePart) set(_ context.Context, cfg Config, note func() error) error {
	if cfg.split() {
		return fmt.Errorf("%w: libc knows no such thing", ErrNoSplit)
	}
	have, err := p.find(confPath)
	if err != nil {
		return err
	}
	want := []byte(marker + confText(cfg))
	first := !p.ours(have)
	if first {
		p.Absent, p.InPlace, p.Content, p.Ours = have.info == nil, false, nil, nil
		// The marker alone: a process that kept no journal was killed.
		if have.info != nil && bytes.HasPrefix(have.text, []byte(marker)) {
			kept, err := p.find(keptPath)
			if err != nil {
				return err
			}
			p.Absent, first = kept.info == nil, false
		}
	}
	if d := digest(want); !slices.Contains(p.Ours, d) {
		p.Ours = append(p.Ours, d)
	}
	if err := note(); err != nil {
		return err
	}
	if first {
		if err := p.keep(have, note); err != nil {
			return err
		}
	}
	return p.write(want, have, note)
}

// keep links the original to keptPath. One that is there already is older than
// the present file and nobody's.
func (p *filePart) keep(have found, note func() error) error {
	kept := p.opts.path(keptPath)
	if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if have.info == nil {
		return nil
	}
	err := os.Link(p.opts.path(confPath), kept)
	if errors.Is(err, unix.EXDEV) && have.info.Mode().IsRegular() {
		p.InPlace, p.Content = true, have.text
		return note()
	}
	return err
}

func (p *filePart) write(want []byte, have found, note func() error) error {
	path := p.opts.path(confPath)
	if p.InPlace {
		return os.WriteFile(path, want, 0o644)
	}
	err := replaceFile(path, p.opts.path(newPath), want, 0o644, path)
	if errors.Is(err, unix.EBUSY) && have.info != nil && have.info.Mode().IsRegular() && !bytes.HasPrefix(have.text, []byte(marker)) {
		p.InPlace, p.Content = true, have.text
		if err := note(); err != nil {
			return err
		}
		return os.WriteFile(path, want, 0o644)
	}
	return err
}

// replaceFile writes text to the path temp and moves it to path, on the disk
// before it returns. The new file gets the SELinux label of the file like.
func replaceFile(path, temp string, text []byte, mode fs.FileMode, like string) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode)) // whatever the umask
	label := make([]byte, 1024)
	if n, e := unix.Getxattr(like, "security.selinux", label); e == nil {
		err = errors.Join(err, unix.Fsetxattr(int(f.Fd()), "security.selinux", label[:n], 0))
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (p *filePart) verify(_ context.Context, cfg Config) error {
	have, err := p.find(confPath)
	if err != nil {
		return err
	}
	if have.info == nil || !have.info.Mode().IsRegular() || !strings.HasPrefix(string(have.text), marker) || !parseConf(string(have.text)).asks(cfg) ||
		!slices.Equal(parseConf(string(have.text)).search, cfg.Search) {
		return fmt.Errorf("%w: /etc/resolv.conf is not what was written", ErrNotTaken)
	}
	return nil
}

func (p *filePart) clear(context.Context) error {
	if len(p.Ours) == 0 {
		return nil
	}
	have, err := p.find(confPath)
	if err != nil {
		return err
	}
	if p.InPlace {
		return p.writeBack(have)
	}
	kept, err := p.find(keptPath)
	if err != nil {
		return err
	}
	path, keptAt := p.opts.path(confPath), p.opts.path(keptPath)
	switch {
	case p.ours(have) && p.Absent:
		err = os.Remove(path)
	case p.ours(have) && kept.info == nil:
		return fmt.Errorf("%s is gone: nothing to restore %s from", keptPath, confPath)
	case p.ours(have):
		err = os.Rename(keptAt, path)
	case kept.info == nil:
		// Undone already, or never done.
	case have.info != nil && os.SameFile(have.info, kept.info):
		err = os.Remove(keptAt) // ended before the new file was in place
	default:
		if err = os.Remove(keptAt); err == nil {
			err = &ChangedError{kindFile, confPath}
		}
	}
	if e := os.Remove(p.opts.path(newPath)); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeBack is clear for a file that could not be replaced.
func (p *filePart) writeBack(have found) error {
	switch {
	case p.ours(have):
		return os.WriteFile(p.opts.path(confPath), p.Content, have.info.Mode().Perm())
	case bytes.Equal(have.text, p.Content):
		return nil
	}
	return &ChangedError{kindFile, confPath}
}
