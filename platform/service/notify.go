//go:build !windows

package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// notifier tells systemd how the service goes (sd_notify(3)): each message is a
// datagram to a socket that systemd names in the environment.
type notifier struct {
	conn  *net.UnixConn // nil: nobody wants to know
	every time.Duration // of the watchdog; 0: there is none
}

// newNotifier reads the environment, and forgets what it found there: a child
// must not speak for the service.
func newNotifier() (*notifier, error) {
	socket, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("service: %w", err)
		}
	}
	n := &notifier{}
	if socket == "" {
		return n, nil
	}
	// A path, or with an at sign a name in the abstract namespace.
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") {
		return nil, fmt.Errorf("service: NOTIFY_SOCKET=%q is not a Unix socket", socket)
	}
	if usec != "" && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		us, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || us <= 0 || us > int64(time.Duration(1<<63-1)/time.Microsecond) {
			return nil, fmt.Errorf("service: WATCHDOG_USEC=%q is not a number of microseconds", usec)
		}
		// Half of it, as sd_watchdog_enabled(3) advises.
		n.every = max(time.Duration(us)*time.Microsecond/2, time.Millisecond)
	}
	var err error
	if n.conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"}); err != nil {
		return nil, fmt.Errorf("service: NOTIFY_SOCKET: %w", err)
	}
	return n, nil
}

// notify sends one message, if anybody wants to know.
func (n *notifier) notify(state string) error {
	if n.conn == nil {
		return nil
	}
	// systemd reads its socket in one loop with all else; it is never busy for long.
	if err := n.conn.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return fmt.Errorf("service: NOTIFY_SOCKET: %w", err)
	}
	if _, err := n.conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("service: tell systemd %s: %w", state, err)
	}
	return nil
}

// watch tells the watchdog that all is well, until over is closed. A message
// that does not arrive is followed by another one in time.
func (n *notifier) watch(over <-chan struct{}, healthy func() bool) {
	if n.conn == nil || n.every == 0 {
		return
	}
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	for {
		if healthy == nil || healthy() {
			if errors.Is(n.notify("WATCHDOG=1"), net.ErrClosed) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

func (n *notifier) close() {
	if n.conn != nil {
		n.conn.Close()
	}
}
