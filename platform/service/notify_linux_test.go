package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// systemd is the socket that a service speaks to.
type systemd struct{ conn *net.UnixConn }

// listenAs makes the socket and names it in the environment.
func listenAs(t *testing.T, name string) *systemd {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", name)
	return &systemd{conn}
}

// next is the next datagram.
func (s *systemd) next(t *testing.T) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := s.conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// skip reads datagrams up to want, and says how many there were before it.
func (s *systemd) skip(t *testing.T, want string) (n int) {
	t.Helper()
	for s.next(t) != want {
		n++
	}
	return n
}

func TestNotify(t *testing.T) {
	for name, socket := range map[string]string{
		"a path":              filepath.Join(t.TempDir(), "notify"),
		"an abstract address": fmt.Sprintf("@culvert-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			s := listenAs(t, socket)
			t.Setenv("WATCHDOG_USEC", "20000")
			t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
			began := time.Now() // some may wait to be read
			result := make(chan error, 1)
			go func() {
				result <- Run(t.Context(), "culvertd", func(ctx context.Context, ready func(), _ <-chan Event) error {
					for _, e := range os.Environ() {
						if strings.HasPrefix(e, "NOTIFY_") || strings.HasPrefix(e, "WATCHDOG_") {
							t.Errorf("children would see %s", e)
						}
					}
					ready()
					ready() // is said once
					<-ctx.Done()
					return ctx.Err()
				})
			}()
			s.skip(t, "READY=1")
			// Half of the time, twice: neither much more often nor too late.
			for range 5 {
				if got := s.next(t); got != "WATCHDOG=1" {
					t.Errorf("said %q, want WATCHDOG=1", got)
				}
			}
			if took := time.Since(began); took < 30*time.Millisecond {
				t.Errorf("5 signs of life in %v, want one each 10 ms", took)
			}
			// As systemctl stop does.
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			s.skip(t, "STOPPING=1")
			if err := <-result; err != nil {
				t.Errorf("Run = %v, want nil: it was told to stop", err)
			}
		})
	}
}

// TestUnhealthy has a service say that it is not well: the watchdog hears
// nothing until it is again.
func TestUnhealthy(t *testing.T) {
	s := listenAs(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "2000")
	var asked atomic.Int32
	well := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		result <- Service{Name: "culvertd", Main: func(ctx context.Context, ready func(), _ <-chan Event) error {
			<-ctx.Done()
			return nil
		}, Healthy: func() bool {
			if asked.Add(1) == 10 {
				close(well)
			}
			return asked.Load() > 10
		}}.Run(ctx)
	}()
	<-well
	if got := s.next(t); got != "WATCHDOG=1" || asked.Load() < 11 {
		t.Errorf("said %q when asked %d times, want WATCHDOG=1 from the 11th on", got, asked.Load())
	}
	cancel()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestNotifierEnvironment(t *testing.T) {
	me, socket := fmt.Sprint(os.Getpid()), filepath.Join(t.TempDir(), "notify")
	for _, c := range []struct {
		name, socket, usec, pid string
		every                   time.Duration
		fails                   bool
	}{
		{"no systemd", "", "", "", 0, false},
		{"no systemd, a watchdog", "", "1000000", me, 0, false},
		{"no watchdog", socket, "", "", 0, false},
		{"a watchdog", socket, "3000000", me, 1500 * time.Millisecond, false},
		{"a watchdog for whoever it is", socket, "3000000", "", 1500 * time.Millisecond, false},
		{"another's watchdog", socket, "3000000", "1", 0, false},
		{"hardly any time", socket, "1", me, time.Millisecond, false},
		{"no number", socket, "soon", me, 0, true},
		{"no time", socket, "0", me, 0, true},
		{"more than there is", socket, "9223372036854775807", me, 0, true},
		{"nobody there", socket + "-gone", "", "", 0, true},
		{"a virtual machine's", "vsock:2:1234", "", "", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.socket == socket {
				os.Remove(socket)
				listenAs(t, socket)
			}
			t.Setenv("NOTIFY_SOCKET", c.socket)
			t.Setenv("WATCHDOG_USEC", c.usec)
			t.Setenv("WATCHDOG_PID", c.pid)
			n, err := newNotifier()
			if (err != nil) != c.fails {
				t.Fatalf("newNotifier: %v, want an error: %v", err, c.fails)
			}
			if err != nil {
				return
			}
			defer n.close()
			if n.every != c.every {
				t.Errorf("every %v, want %v", n.every, c.every)
			}
			if err := n.notify("STATUS=well"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRunEnds(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		main func(ctx context.Context, cancel func()) error
		want error
	}{
		{"by itself", func(context.Context, func()) error { return nil }, nil},
		{"by itself, badly", func(context.Context, func()) error { return broken }, broken},
		{"told to", func(ctx context.Context, cancel func()) error { cancel(); <-ctx.Done(); return ctx.Err() }, nil},
		{"told to, badly", func(ctx context.Context, cancel func()) error { cancel(); <-ctx.Done(); return broken }, broken},
		{"a context of its own", func(context.Context, func()) error { return context.Canceled }, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := listenAs(t, filepath.Join(t.TempDir(), "notify"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := Run(ctx, "culvertd", func(ctx context.Context, _ func(), _ <-chan Event) error { return c.main(ctx, cancel) })
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Run = %v, want %v", err, c.want)
			}
			if got := s.next(t); got != "STOPPING=1" {
				t.Errorf("said %q, want STOPPING=1 and no READY=1", got)
			}
		})
	}
}

// TestSystemdGone has systemd's socket go before the service is ready: it would
// wait for that in vain.
func TestSystemdGone(t *testing.T) {
	s := listenAs(t, filepath.Join(t.TempDir(), "notify"))
	err := Run(t.Context(), "culvertd", func(ctx context.Context, ready func(), _ <-chan Event) error {
		s.conn.Close()
		ready()
		<-ctx.Done()
		return ctx.Err()
	})
	if err == nil || !strings.Contains(err.Error(), "READY=1") {
		t.Errorf("Run = %v, want what could not be told", err)
	}
}
