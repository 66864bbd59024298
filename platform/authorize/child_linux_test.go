package authorize

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/ipc"
	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
)

// childVar says in the environment of a copy of this program which part it is
// to play.
const childVar = "CULVERT_AUTHORIZE_TEST_PART"

func TestMain(m *testing.M) {
	if part := os.Getenv(childVar); part != "" {
		f := strings.Fields(part)
		var err error
		switch f[0] {
		case "polkitd": // DIRECTORY
			err = execPolkit(f[1])
		case "client": // UID PATH BUS GROUP...
			err = playClient(f[1], f[2], f[3], f[4:])
		}
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if os.Getuid() != 0 {
		fmt.Println("these tests start programs of other users: run them as root")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// playClient connects as another user and stays until its input ends. With a
// bus, it is its own authentication agent, and says what it hears.
func playClient(uid, path, bus string, groups []string) error {
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
	if err := syscall.Setgid(65534); err != nil {
		return err
	}
	if err := syscall.Setuid(n); err != nil {
		return err
	}
	if bus != "-" {
		if err := beAgent(bus); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := ipc.Dial(ctx, path)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("connected")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// agent is an authentication agent whose person never types the password.
type agent struct {
	cancel    sync.Once
	cancelled chan struct{}
}

// BeginAuthentication is called by polkitd; it answers when it is cancelled.
func (a *agent) BeginAuthentication(action, _, _ string, _ map[string]string, _ string, _ []subject) *dbus.Error {
	fmt.Println("asked for", action)
	<-a.cancelled
	return dbus.NewError("org.freedesktop.PolicyKit1.Error.Cancelled", nil)
}

// CancelAuthentication is called by polkitd when nobody wants to know any more.
func (a *agent) CancelAuthentication(string) *dbus.Error {
	a.cancel.Do(func() { // polkitd may say so twice: we took it back, and then went
		fmt.Println("cancelled")
		close(a.cancelled)
	})
	return nil
}

// beAgent registers an agent for this very process.
func beAgent(bus string) error {
	conn, err := dbus.Connect(bus)
	if err != nil {
		return err
	}
	const path = "/io/github/culvert/agent"
	err = conn.Export(&agent{cancelled: make(chan struct{})}, path, "org.freedesktop.PolicyKit1.AuthenticationAgent")
	if err != nil {
		return err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	started, err := strconv.ParseUint(strings.Fields(rest)[22-3], 10, 64)
	if err != nil {
		return err
	}
	self := subject{"unix-process", map[string]dbus.Variant{
		"pid": dbus.MakeVariant(uint32(os.Getpid())), "start-time": dbus.MakeVariant(started), "uid": dbus.MakeVariant(int32(os.Getuid())),
	}}
	return conn.Object(polkitName, polkitPath).Call(polkitInterface+".RegisterAuthenticationAgent", 0, self, "en_US.UTF-8", path).Err
}

// client is a process of another user that connected.
type client struct {
	peer  ipc.Peer
	cmd   *exec.Cmd
	lines *bufio.Reader
}

// connectAs has a process of another user connect to a socket of ours.
func connectAs(t *testing.T, uid int, bus string, groups ...string) *client {
	t.Helper()
	path := filepath.Join(testroom.Scratch(t), "run", "culvertd.sock")
	l, err := ipc.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &client{cmd: exec.Command("/proc/self/exe")}
	part := append([]string{"client", strconv.Itoa(uid), path, bus}, groups...)
	// The race detector would have each child wait a second at its end.
	c.cmd.Env = append(c.cmd.Environ(), "GORACE=atexit_sleep_ms=0", childVar+"="+strings.Join(part, " "))
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(testroom.Patience, func() { _ = c.cmd.Process.Kill() }) // who waits for its words gets none
	t.Cleanup(func() {
		late.Stop()
		stdin.Close()
		_ = c.cmd.Wait()
	})
	c.lines = bufio.NewReader(stdout)
	c.expect(t, "connected")
	conn := accept(t, l)
	t.Cleanup(func() { conn.Close() })
	if c.peer, err = conn.Peer(); err != nil {
		t.Fatal(err)
	}
	return c
}

func accept(t *testing.T, l net.Listener) *ipc.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*ipc.Conn)
}

// expect reads the client's next line.
func (c *client) expect(t *testing.T, want string) {
	t.Helper()
	got, err := c.lines.ReadString('\n')
	if strings.TrimSpace(got) != want {
		t.Fatalf("the client said %q, %v, want %q", got, err, want)
	}
}
