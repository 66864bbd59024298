// Package ipc connects unprivileged programs to the privileged helper: a Unix
// socket on Linux and macOS, a named pipe on Windows. Both sides learn from the
// system who the other one is.
package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
)

// What a caller branches on.
var (
	// ErrInUse is an address that a living helper listens at.
	ErrInUse = errors.New("ipc: a helper is running already")
	// ErrUnsafe is a directory or a file in the address's place that somebody
	// else made or could change.
	ErrUnsafe = errors.New("ipc: not a safe place")
	// ErrNotRunning is a Dial where nobody listens.
	ErrNotRunning = errors.New("ipc: the helper is not running")
	// ErrNotAllowed is a Dial that the system refused.
	ErrNotAllowed = errors.New("ipc: not allowed to reach the helper")
	// ErrNotTrusted is a Dial that was answered by somebody who is not the
	// helper: neither the system nor an administrator runs it.
	ErrNotTrusted = errors.New("ipc: what answers is not the helper")
	// ErrNoPeer is a connection whose other side is not known.
	ErrNoPeer = errors.New("ipc: the peer is not known")
	// ErrUnsupported is a system without a transport.
	ErrUnsupported = errors.New("ipc: not supported on this system")
)

// Peer is the process at the other end of a connection, as the system tells
// it. The zero value is nobody.
type Peer struct {
	PID     int // 0: not known
	Unix    *Unix
	Windows *Windows

	process *os.File // Linux: a pidfd, closed with the connection; nil: none
}

// Unix is what Linux and macOS say of a process, from when it connected.
type Unix struct {
	UID    uint32
	GID    uint32
	Groups []uint32 // the supplementary ones; macOS: 16 at most
	// StartTime is when the process began, in clock ticks since the machine
	// started (Linux, proc(5), field 22 of stat). With the PID it names the
	// process for good. 0: not known, or the process is gone.
	StartTime uint64
}

// Windows is what Windows says of the user of a process.
type Windows struct {
	SID           string // of the user, S-1-…
	System        bool   // the system itself
	Administrator bool   // elevated: an administrator's filtered token is not
	Interactive   bool   // logged on at a screen, here or by remote desktop
}

// String is for logs: numbers only, nothing that the peer chose.
func (p Peer) String() string {
	switch {
	case p.Unix != nil:
		return fmt.Sprintf("pid %d uid %d gid %d", p.PID, p.Unix.UID, p.Unix.GID)
	case p.Windows != nil:
		s := fmt.Sprintf("pid %d sid %s", p.PID, p.Windows.SID)
		for _, f := range []struct {
			is   bool
			name string
		}{{p.Windows.System, "system"}, {p.Windows.Administrator, "administrator"}, {p.Windows.Interactive, "interactive"}} {
			if f.is {
				s += " " + f.name
			}
		}
		return s
	}
	return "nobody"
}

// Process calls f with a file descriptor that stands for the process itself
// (pidfd_open(2)), whatever becomes of its PID. It says false, without calling
// f, where there is none: other systems, Linux before 6.5, a closed connection.
func (p Peer) Process(f func(pidfd int)) bool {
	if p.process == nil {
		return false
	}
	raw, err := p.process.SyscallConn()
	if err != nil {
		return false
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) }) == nil
}

// Exited says that the peer's process is known to have ended: its PID may be
// another's by now. Without a pidfd it is never known.
func (p Peer) Exited() (exited bool) {
	p.Process(func(pidfd int) { exited = hasExited(pidfd) })
	return exited
}

// Conn is a connection that knows its peer.
type Conn struct {
	net.Conn
	mu     sync.Mutex // guards what follows, and the handle against being closed meanwhile
	closed bool
	peer   Peer
	known  bool
	ask    func() (Peer, error) // finds out later; nil: peer is all there is
	left   func()               // called by Close; nil: nobody counts
}

// newConn is a connection of a known peer.
func newConn(c net.Conn, p Peer) *Conn { return &Conn{Conn: c, peer: p, known: true} }

// Peer is the other side. On Windows the system knows it once something was
// read from it, and says ErrNoPeer before.
func (c *Conn) Peer() (Peer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.peer, nil
	}
	if c.closed || c.ask == nil {
		return Peer{}, ErrNoPeer
	}
	p, err := c.ask()
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %w", ErrNoPeer, err)
	}
	c.peer, c.known = p, true
	return p, nil
}

// Close closes the connection; the second time it does nothing.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.peer.process != nil {
		c.peer.process.Close()
	}
	if c.left != nil {
		c.left()
	}
	return c.Conn.Close()
}

type connKey struct{}

// ConnContext puts the connection into the context of its requests: it is for
// http.Server's field of that name.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*Conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// PeerFromContext is who makes the request that ctx belongs to. Without
// ConnContext, or for a connection of another listener, it is ErrNoPeer.
func PeerFromContext(ctx context.Context) (Peer, error) {
	c, ok := ctx.Value(connKey{}).(*Conn)
	if !ok {
		return Peer{}, ErrNoPeer
	}
	return c.Peer()
}

// Listen is the helper's side, at address; empty: Address. Every connection it
// accepts is a *Conn. On Linux a socket that systemd passed is taken instead of
// making one.
//
// Everybody on the machine may connect: who may do what is decided by Peer.
func Listen(address string) (net.Listener, error) {
	if address == "" {
		address = Address
	}
	return listen(address)
}

// Dial connects to the helper at address; empty: Address. It gives no
// connection to one that neither the system nor an administrator runs; on Linux
// and macOS the own user will do as well.
func Dial(ctx context.Context, address string) (*Conn, error) {
	if address == "" {
		address = Address
	}
	return dial(ctx, address)
}
