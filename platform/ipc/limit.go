package ipc

import (
	"fmt"
	"net"
	"sync"
)

// Limits are how many connections there may be at a time. Those of root do not
// count: whoever may end the helper need not wear it out.
type Limits struct {
	User int // of one user
	All  int // of all users together
}

// DefaultLimits are ours: a window, a tray and a few shells take one or two
// connections each.
var DefaultLimits = Limits{User: 64, All: 384}

// Limit closes at once what l accepts beyond the limits; l is a listener of this
// package. On Windows, where a client is known only once it said something, All
// is the limit of a user as well.
func Limit(l net.Listener, m Limits) net.Listener {
	return &limiter{Listener: l, limits: m, users: map[string]int{}}
}

// limiter is a listener that counts.
type limiter struct {
	net.Listener
	limits Limits

	mu    sync.Mutex // guards what follows
	all   int
	users map[string]int
}

// Accept waits for a connection within the limits.
func (l *limiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn, ok := c.(*Conn)
		if !ok {
			return c, nil
		}
		if l.enter(conn) {
			return conn, nil
		}
		conn.Close()
	}
}

// enter counts a connection until it is closed; not ok: there are too many.
func (l *limiter) enter(c *Conn) (ok bool) {
	user, counts := c.user()
	if !counts {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.limits.All || user != "" && l.users[user] >= l.limits.User {
		return false
	}
	l.all++
	l.users[user]++
	c.left = func() { l.leave(user) } // nobody else has c yet
	return true
}

func (l *limiter) leave(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.users[user]--; l.users[user] == 0 {
		delete(l.users, user)
	}
}

// user names the user of a connection as far as the system told by itself, and
// says whether there is a limit for it.
func (c *Conn) user() (name string, counts bool) {
	switch u := c.peer.Unix; {
	case u == nil:
		return "", true
	case u.UID == 0:
		return "", false
	default:
		return fmt.Sprint(u.UID), true
	}
}
