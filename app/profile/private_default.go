//go:build !windows

package profile

import (
	"fmt"
	"io/fs"
)

// checkPrivate refuses a file whose mode lets group or others in.
func checkPrivate(path string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s: %w (mode %04o); run: chmod 600 %s", path, ErrReadable, mode, path)
	}
	return nil
}
