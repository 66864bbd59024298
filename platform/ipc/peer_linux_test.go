package ipc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limited is one that ends before the test's time does.
func limited() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	_ = cancel // the process ends soon
	return ctx
}

// accept is the next connection's peer.
func accept(t *testing.T, l net.Listener) Peer {
	t.Helper()
	if err := l.(*listener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p, err := c.(*Conn).Peer()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeer(t *testing.T) {
	var many []string
	for gid := range 300 { // more than there is room for at first
		many = append(many, strconv.Itoa(5000+gid))
	}
	for _, c := range []struct {
		name   string
		uid    uint32
		groups []string
	}{{"root", 0, nil}, {"nobody", 65534, nil}, {"of two groups", 65534, []string{"4", "5000"}}, {"of 300 groups", 65534, many}} {
		t.Run(c.name, func(t *testing.T) {
			path := place(t)
			l := mustListen(t, path)
			client := run(t, "dial", append([]string{fmt.Sprint(c.uid), path}, c.groups...)...)
			if want := fmt.Sprintf("pid %d uid 0 gid 0", os.Getpid()); client.said != want {
				t.Errorf("the client sees %q, want %q", client.said, want)
			}
			p := accept(t, l)
			if p.PID != client.cmd.Process.Pid || p.Unix.UID != c.uid || p.Unix.GID != c.uid {
				t.Errorf("peer %v, want pid %d uid %d gid %[3]d", p, client.cmd.Process.Pid, c.uid)
			}
			var groups []string
			for _, g := range p.Unix.Groups {
				groups = append(groups, fmt.Sprint(g))
			}
			if !slices.Equal(groups, c.groups) {
				t.Errorf("groups %q, want %q", groups, c.groups)
			}
			ps, err := exec.Command("cut", "-d", " ", "-f", "22", fmt.Sprintf("/proc/%d/stat", p.PID)).Output()
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSpace(string(ps)); fmt.Sprint(p.Unix.StartTime) != want {
				t.Errorf("start time %d, want %s", p.Unix.StartTime, want)
			}
			testProcess(t, p, client)
		})
	}
}

// testProcess has the peer's pidfd tell when the process ends.
func testProcess(t *testing.T, p Peer, client *child) {
	t.Helper()
	if !p.Process(func(int) {}) {
		t.Fatal("no pidfd, which Linux has since 6.5")
	}
	if p.Exited() {
		t.Error("the pidfd says that the client ended; it did not")
	}
	client.end()
	if !p.Exited() {
		t.Error("the pidfd does not say that the client ended")
	}
}

// TestDeadPeer has a client be gone before it is accepted: its credentials
// stay, and its PID is not taken for another's.
func TestDeadPeer(t *testing.T) {
	for _, c := range []struct {
		name   string
		reaped bool // if not, /proc still has it
	}{{"gone", true}, {"a zombie", false}} {
		t.Run(c.name, func(t *testing.T) {
			path := place(t)
			l := mustListen(t, path)
			dead := run(t, "dial-and-die", path)
			pid := dead.cmd.Process.Pid
			if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
				t.Fatal(err)
			}
			if c.reaped {
				dead.end()
			}
			p := accept(t, l)
			if p.Unix.UID != 0 || p.PID != pid || p.Unix.StartTime != 0 {
				t.Errorf("peer %v started at %d, want pid %d and no start time", p, p.Unix.StartTime, pid)
			}
		})
	}
}

func TestClosedPeer(t *testing.T) {
	path := place(t)
	l := mustListen(t, path)
	client, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.(*Conn).Peer()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if p.Process(func(int) { t.Error("called with a closed descriptor") }) {
		t.Error("Process of a closed connection says true")
	}
}

func TestDialRefused(t *testing.T) {
	t.Run("a closed directory", func(t *testing.T) {
		path := place(t)
		mustListen(t, path)
		if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if c := run(t, "dial", "65534", path); !strings.Contains(c.said, ErrNotAllowed.Error()) {
			t.Errorf("nobody's Dial said %q, want %q", c.said, ErrNotAllowed)
		}
	})
	t.Run("another in the helper's place", func(t *testing.T) {
		dir := filepath.Dir(filepath.Dir(place(t)))
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "squat.sock")
		if c := run(t, "listen-as", "65534", path); c.said != "listening" {
			t.Fatal(c.said)
		}
		if c, err := Dial(t.Context(), path); !errors.Is(err, ErrNotTrusted) {
			t.Errorf("Dial = %v, %v, want ErrNotTrusted", c, err)
		}
		if c := run(t, "dial", "65534", path); !strings.HasSuffix(c.said, "uid 65534 gid 65534") {
			t.Errorf("Dial to one's own helper said %q", c.said)
		}
	})
}

func TestHTTP(t *testing.T) {
	path := place(t)
	l := mustListen(t, path)
	server := &http.Server{ConnContext: ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := PeerFromContext(r.Context())
		fmt.Fprint(w, p, " ", err)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("pid %d uid 0 gid 0 <nil>", os.Getpid()); string(body) != want {
		t.Errorf("the handler sees %q, want %q", body, want)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

func TestParseStartTime(t *testing.T) {
	rest := " S" + strings.Repeat(" 1", 18) + " 4711 99"
	for _, c := range []struct {
		stat string
		want uint64
	}{
		{"7 (cat)" + rest, 4711},
		{"7 (a b)" + rest, 4711},
		{"7 (x) S" + strings.Repeat(" 2", 18) + " 1 )" + rest, 4711}, // a name that looks like the rest
		{"7 ()" + rest, 4711},
		{"7 (cat) S 1", 0},
		{"7 cat", 0},
		{"", 0},
		{"7 (cat) S" + strings.Repeat(" 1", 18) + " many", 0},
	} {
		if got := parseStartTime([]byte(c.stat)); got != c.want {
			t.Errorf("parseStartTime(%q) = %d, want %d", c.stat, got, c.want)
		}
	}
}
