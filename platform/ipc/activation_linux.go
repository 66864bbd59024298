package ipc

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// From the specification (sd_listen_fds(3)).
const firstPassed = 3

// maxPassed is ours: far more sockets than a unit of ours has.
const maxPassed = 64

// activated is the socket that systemd made and passed to this process, if it
// did: one at address, else the first Unix socket that listens. No child of this
// process inherits anything that was passed.
func activated(address string) (net.Listener, error) {
	n, err := passed()
	if n == 0 || err != nil {
		return nil, err
	}
	var found net.Listener
	for fd := firstPassed; fd < firstPassed+n; fd++ {
		l, err := passedListener(fd)
		switch {
		case err != nil:
			continue // no socket of this kind
		case found == nil:
			found = l
		case found.Addr().String() != address && l.path == address:
			found.Close()
			found = l
		default:
			l.Close()
		}
	}
	if found == nil {
		return nil, fmt.Errorf("ipc: none of the %d sockets passed is a Unix socket that listens", n)
	}
	return found, nil
}

// passed is how many descriptors systemd passed to this very process. It
// forgets the variables, so that a child does not take them for its own, and
// closes every descriptor on exec.
func passed() (int, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return 0, fmt.Errorf("ipc: %w", err)
		}
	}
	if fds == "" || pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 0 || n > maxPassed {
		return 0, fmt.Errorf("ipc: LISTEN_FDS=%q is not a number up to %d", fds, maxPassed)
	}
	return n, closeOnExec()
}

// closeOnExec marks all descriptors but the standard ones: Go does so for its
// own, and what was passed has to be marked.
func closeOnExec() error {
	err := unix.CloseRange(firstPassed, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil || !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	dir, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return fmt.Errorf("ipc: %w", err)
	}
	for _, e := range dir {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= firstPassed {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// passedListener makes a listener of a descriptor, which it takes. One of
// another kind stays as it is: it may not have been passed at all, but be one
// of Go's own.
func passedListener(fd int) (*listener, error) {
	for _, want := range []struct{ option, value int }{
		{unix.SO_DOMAIN, unix.AF_UNIX}, {unix.SO_TYPE, unix.SOCK_STREAM}, {unix.SO_ACCEPTCONN, 1},
	} {
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, want.option)
		if err != nil {
			return nil, fmt.Errorf("ipc: descriptor %d: %w", fd, err)
		}
		if got != want.value {
			return nil, fmt.Errorf("ipc: descriptor %d is not a Unix socket that listens", fd)
		}
	}
	f := os.NewFile(uintptr(fd), "passed")
	defer f.Close() // FileListener makes its own
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("ipc: descriptor %d: %w", fd, err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("ipc: descriptor %d is %T", fd, l)
	}
	u.SetUnlinkOnClose(false) // systemd keeps it for the next start
	return &listener{UnixListener: u, path: u.Addr().String()}, nil
}
