package ipc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// childVar says in the environment of a copy of this program which part it is
// to play.
const childVar = "CULVERT_IPC_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(childVar); part != "" {
		f := strings.Fields(part)
		if err := play(f[0], f[1:]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getuid() != 0 {
		fmt.Println("these tests start programs of other users: run them as root")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// play is what a child does. It says what it has to say in one line, and stays
// until its input ends.
func play(part string, args []string) error {
	say := func(line string) error {
		fmt.Println(line)
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	switch part {
	case "listen": // PATH: as a helper
		l, err := Listen(args[0])
		if err != nil {
			return err
		}
		defer l.Close()
		return say("listening")
	case "listen-as": // UID PATH: somebody in the helper's place
		if err := become(args[0]); err != nil {
			return err
		}
		l, err := net.Listen("unix", args[1])
		if err != nil {
			return err
		}
		defer l.Close()
		return say("listening")
	case "dial": // UID PATH GROUP...
		if err := become(args[0], args[2:]...); err != nil {
			return err
		}
		c, err := Dial(limited(), args[1])
		if err != nil {
			return err
		}
		defer c.Close()
		p, err := c.Peer()
		if err != nil {
			return err
		}
		return say(p.String())
	case "dial-many": // UID PATH NUMBER: how many are served
		if err := become(args[0]); err != nil {
			return err
		}
		conns, served, err := dialMany(args[1], args[2])
		if err != nil {
			return err
		}
		defer closeAll(conns)
		return say(fmt.Sprint(served))
	case "dial-and-die": // PATH
		_, err := Dial(limited(), args[0])
		return err
	case "activated":
		return playActivated(args, say)
	}
	return fmt.Errorf("no such part: %s", part)
}

// dialMany connects to a listener that greets whom it accepts.
func dialMany(path, number string) (conns []net.Conn, served int, err error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, 0, err
	}
	for range n {
		c, err := Dial(limited(), path)
		if err != nil {
			return conns, served, err
		}
		conns = append(conns, c)
		switch n, err := c.Read(make([]byte, 1)); {
		case n == 1:
			served++
		case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET):
			return conns, served, err
		}
	}
	return conns, served, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// become gives up root for good.
func become(uid string, groups ...string) error {
	var gids []int
	for _, g := range groups {
		n, err := strconv.Atoi(g)
		if err != nil {
			return err
		}
		gids = append(gids, n)
	}
	n, err := strconv.Atoi(uid)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups(gids); err != nil {
		return err
	}
	if err := syscall.Setgid(n); err != nil {
		return err
	}
	return syscall.Setuid(n)
}

// child is a running copy of this program.
type child struct {
	cmd   *exec.Cmd
	said  string // its line
	stdin io.Closer
}

// start runs a child and waits for its line; an "error:" is one as well.
func start(t *testing.T, cmd *exec.Cmd, part string, args ...string) *child {
	t.Helper()
	// The race detector would have each child wait a second at its end.
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0", childVar+"="+strings.Join(append([]string{part}, args...), " "))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, stdin: stdin}
	t.Cleanup(c.end)
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	c.said = strings.TrimSpace(line)
	return c
}

// run starts a child that is to be no more than this program again.
func run(t *testing.T, part string, args ...string) *child {
	t.Helper()
	return start(t, exec.Command("/proc/self/exe"), part, args...)
}

// end lets the child end and waits for it.
func (c *child) end() {
	c.stdin.Close()
	_ = c.cmd.Wait()
}

// kill ends the child without its doing anything more.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait()
}

// place is a path for a socket in a directory that is not there yet, and that
// every user can get to.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ipc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "run", "culvertd.sock")
}
