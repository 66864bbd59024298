//go:build linux || darwin

package ipc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Ours. Whoever is on the machine may connect, and nobody but the helper may
// change what is there.
const (
	dirMode    = 0o755
	socketMode = 0o666
)

// probeTime is how long a helper may take that is asked whether it lives. A
// connection is made by the system, so that a busy one answers as well.
const probeTime = 2 * time.Second

func listen(address string) (net.Listener, error) {
	if l, err := activated(address); l != nil || err != nil {
		return l, err
	}
	return makeSocket(address)
}

// makeSocket listens at path, in place of what a dead helper left there.
//
// The order makes it free of races: the directory is nobody else's, so that its
// names are ours; a lock, which the system takes back from the dead, keeps other
// helpers away; the socket gets its mode and listens under another name before
// it is renamed to its own.
func makeSocket(path string) (_ net.Listener, err error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("ipc: %s is not an absolute path", path)
	}
	lock, err := lockDir(filepath.Dir(path), filepath.Base(path)+".lock")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ipc: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("ipc: %w", err)
	}
	l.SetUnlinkOnClose(false) // by then it has another name
	err = os.Chmod(temp, socketMode)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(temp)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		l.Close()
		return nil, errors.Join(fmt.Errorf("ipc: %w", err), os.Remove(temp))
	}
	return &listener{UnixListener: l, path: path, made: info, lock: lock}, nil
}

// lockDir makes the directory, sees to its mode, and takes the lock in it.
func lockDir(dir, name string) (*os.File, error) {
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("ipc: %w", err)
	}
	d, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnsafe, dir, err)
	}
	defer unix.Close(d)
	var st unix.Stat_t
	if err := unix.Fstat(d, &st); err != nil {
		return nil, fmt.Errorf("ipc: %s: %w", dir, err)
	}
	if int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%w: %s belongs to uid %d", ErrUnsafe, dir, st.Uid)
	}
	// Mkdir obeys the umask, which may keep everybody out.
	if st.Mode&0o7777 != dirMode {
		if err := unix.Fchmod(d, dirMode); err != nil {
			return nil, fmt.Errorf("ipc: %s: %w", dir, err)
		}
	}
	fd, err := unix.Openat(d, name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnsafe, filepath.Join(dir, name), err)
	}
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("ipc: lock %s: %w", filepath.Join(dir, name), err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// removeStale removes a socket that nobody listens at, and nothing else. One
// that is answered belongs to a helper that has no lock: systemd made it.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ipc: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%w: %s is there and is not a socket", ErrUnsafe, path)
	}
	c, err := net.DialTimeout("unix", path, probeTime)
	if err == nil {
		c.Close()
		return ErrInUse
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%w: %w", ErrInUse, err) // a full queue, perhaps: only a refusal is a proof
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ipc: %w", err)
	}
	return nil
}

// listener accepts connections with the credentials of their peers.
type listener struct {
	*net.UnixListener
	path  string      // as clients know it
	made  fs.FileInfo // what is to be removed; nil: not ours to remove
	lock  *os.File    // held while it lives; nil with made
	close sync.Once
	err   error // of Close
}

// Addr is the address as clients know it.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Accept waits for a client. One whose credentials the system does not tell is
// sent away.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		p, err := peerOf(c)
		if err != nil {
			c.Close()
			continue
		}
		return newConn(c, p), nil
	}
}

// Close stops listening and removes the socket, unless it is another's by now.
func (l *listener) Close() error {
	l.close.Do(func() {
		if l.made != nil {
			if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.made) {
				l.err = os.Remove(l.path)
			}
		}
		l.err = errors.Join(l.err, l.UnixListener.Close())
		if l.lock != nil {
			l.lock.Close() // the file stays: another helper may hold it already
		}
	})
	return l.err
}

func dial(ctx context.Context, address string) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", address)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	case err != nil:
		return nil, fmt.Errorf("ipc: %w", err)
	}
	p, err := peerOf(c.(*net.UnixConn))
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%w: %w", ErrNotTrusted, err)
	}
	if uid := p.Unix.UID; uid != 0 && int(uid) != os.Geteuid() {
		newConn(c, p).Close()
		return nil, fmt.Errorf("%w: %v listens at %s", ErrNotTrusted, p, address)
	}
	return newConn(c, p), nil
}

// control calls f with the socket's descriptor.
func control(c *net.UnixConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
