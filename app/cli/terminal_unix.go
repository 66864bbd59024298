//go:build linux || darwin

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

func isConsole(f *os.File) bool {
	_, err := settings(f)
	return err == nil
}

// settings are the terminal's (termios(3)). They are asked for without Fd, which
// would make the file blocking.
func settings(f *os.File) (s *unix.Termios, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	if cerr := raw.Control(func(fd uintptr) { s, err = unix.IoctlGetTermios(int(fd), getSettings) }); cerr != nil {
		return nil, cerr
	}
	return s, err
}

// hideInput keeps what is typed off the screen until show is called.
func hideInput(f *os.File) (show func(), err error) {
	before, err := settings(f)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := setTermios(f, &hidden); err != nil {
		return nil, err
	}
	return func() { _ = setTermios(f, before) }, nil // a terminal that is gone shows nothing
}

func setTermios(f *os.File, s *unix.Termios) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = unix.IoctlSetTermios(int(fd), setSettings, s) }); cerr != nil {
		return cerr
	}
	return err
}
