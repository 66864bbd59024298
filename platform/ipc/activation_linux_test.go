package ipc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// playActivated listens, and says what its children would inherit.
func playActivated(args []string, say func(string) error) error {
	l, err := Listen(args[0])
	if err != nil {
		return err
	}
	defer l.Close()
	for fd := firstPassed; fd < firstPassed+8; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			return fmt.Errorf("descriptor %d is open to children", fd)
		}
	}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "LISTEN_") {
			return fmt.Errorf("children would see %s", e)
		}
	}
	return say("listening at " + l.Addr().String())
}

// activate starts a child as systemd does, with files from descriptor 3 on. pid
// is a shell's word for LISTEN_PID.
func activate(t *testing.T, pid, count, address string, files ...*os.File) *child {
	t.Helper()
	script := fmt.Sprintf(`export LISTEN_PID=%s LISTEN_FDS=%s LISTEN_FDNAMES=a:b; exec "$0"`, pid, count)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", script, exe)
	cmd.ExtraFiles = files
	return start(t, cmd, "activated", address)
}

// fileOf is a socket as a descriptor to pass on.
func fileOf(t *testing.T, s interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	f, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestActivation(t *testing.T) {
	path := place(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	unixListener := func(name string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	datagram, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path + ".datagram", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	other, ours := fileOf(t, unixListener(path+".other")), fileOf(t, unixListener(path))
	wrong := []*os.File{fileOf(t, datagram), fileOf(t, tcp.(*net.TCPListener))}

	for _, c := range []struct {
		name, pid, count string
		files            []*os.File
		want             string
	}{
		{"one socket", "$$", "1", []*os.File{ours}, "listening at " + path},
		{"ours behind others", "$$", "4", append(wrong, other, ours), "listening at " + path},
		{"ours before others", "$$", "2", []*os.File{ours, other}, "listening at " + path},
		{"under another name", "$$", "1", []*os.File{other}, "listening at " + path + ".other"},
		{"no socket of this kind", "$$", "2", wrong, "error: ipc: none of the 2 sockets passed is a Unix socket that listens"},
		{"closed descriptors", "$$", "3", nil, "error: ipc: none of the 3 sockets passed is a Unix socket that listens"},
		{"no number", "$$", "many", nil, `error: ipc: LISTEN_FDS="many" is not a number up to 64`},
		{"too many", "$$", "65", nil, `error: ipc: LISTEN_FDS="65" is not a number up to 64`},
		{"for another process", "1", "1", []*os.File{other}, "error: " + ErrInUse.Error()}, // makes its own, where ours is
	} {
		t.Run(c.name, func(t *testing.T) {
			helper := activate(t, c.pid, c.count, path, c.files...)
			if helper.said != c.want {
				t.Fatalf("said %q, want %q", helper.said, c.want)
			}
			at, ok := strings.CutPrefix(c.want, "listening at ")
			if !ok {
				return
			}
			conn, err := Dial(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			helper.end()
			if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
				t.Error("the helper took systemd's socket away")
			}
		})
	}
}
