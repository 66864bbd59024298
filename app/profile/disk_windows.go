package profile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// userFolder is below %AppData%.
const userFolder = "Culvert"

// machineFolder is for everybody: only administrators write to what installers
// make there.
func machineFolder() string {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return ""
	}
	return data + `\Culvert\profiles`
}

// tryLock takes the lock of an open file, unless somebody has it.
func tryLock(f *os.File) (held bool, err error) {
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

// A file that another program reads at this moment cannot be replaced: it is
// tried so often, with a pause in between.
const (
	renameTries = 50
	renamePause = 20 * time.Millisecond
)

// rename replaces a file, at once and as a whole.
func rename(from, to string) error {
	var err error
	for range renameTries {
		err = os.Rename(from, to)
		if !errors.Is(err, windows.ERROR_SHARING_VIOLATION) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return err
		}
		time.Sleep(renamePause)
	}
	return err
}

// syncDir is nothing here: NTFS writes names to its journal, and a folder cannot
// be flushed without administrator rights.
func syncDir(string) error { return nil }
