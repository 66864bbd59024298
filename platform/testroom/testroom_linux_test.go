package testroom

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dying says in the environment of a copy of this test how it is to end.
const dying = "CULVERT_TESTROOM_DYING"

// TestDying has everything that a test may have and ends badly, in a copy of
// this process: nothing may be left.
func TestDying(t *testing.T) {
	if how := os.Getenv(dying); how != "" {
		die(t, how)
		return
	}
	for how, want := range map[string]string{"fails": "--- sleep, the last of what it said:", "panics": "panic: on purpose", "is killed": "signal: killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestDying$")
			cmd.Env = append(os.Environ(), dying+"="+how)
			out, err := cmd.CombinedOutput()
			if text := fmt.Sprintf("%s%v", out, err); err == nil || !strings.Contains(text, want) {
				t.Fatalf("no %q in: %s", want, text)
			}
			Must(t, sweep()) // as the next test does: whom nobody knew lives on behind one that was killed
			var dir string
			pids := 0
			for line := range strings.Lines(string(out)) {
				f := strings.Fields(line)
				switch {
				case len(f) == 2 && f[0] == "dir":
					dir = f[1]
				case len(f) == 2 && f[0] == "process":
					pids++
					pid, err := strconv.Atoi(f[1])
					Must(t, err)
					Eventually(t, "the end of "+f[1], func() bool { return unix.Kill(pid, 0) == unix.ESRCH })
				}
			}
			if pids != 3 || dir == "" {
				t.Fatalf("%d processes, and the directory %q:\n%s", pids, dir, out)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", dir, err)
			}
		})
	}
}

// small is a system with one program, which is all programs.
var small = &Tree{Name: "busybox", Options: []string{"--variant=extract", "--include=busybox-static"}}

const busybox = "/bin/busybox"

func die(t *testing.T, how string) {
	r := New(t, Options{Tree: small})
	fmt.Println("dir", r.Dir)
	fmt.Println("process", NewNetwork(t).Start("sleep", "1000").PID())
	fmt.Println("process", r.Start(busybox, "sleep", "1000").PID())
	// As a service that a service started: a child of nobody here.
	service := r.Start(busybox, "sh", "-c", busybox+" sleep 1000 & echo started $!").Says("started")
	fmt.Println("process", strings.Fields(service)[1])
	switch how {
	case "fails":
		t.Error("on purpose")
	case "panics":
		panic("on purpose")
	case "is killed":
		Must(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
}

// TestNetwork: two networks on a cable, neither of which is the machine's.
func TestNetwork(t *testing.T) {
	t.Parallel()
	near, far, other := NewNetwork(t), NewNetwork(t), NewNetwork(t)
	Cable(near, "eth0", far, "out0")
	far.IP("addr add 192.0.2.1/24 dev out0", "addr add 2001:db8::1/64 dev out0", "link set out0 up")
	near.IP("addr add 192.0.2.2/24 dev eth0", "addr add 2001:db8::2/64 dev eth0", "link set eth0 up", "-6 route add default via 2001:db8::1")
	near.AwaitUp("eth0")
	if got := near.IP("-o link"); strings.Count(got, "\n") != 2 || !strings.Contains(got, " eth0@") || !strings.Contains(got, "lo: <LOOPBACK,UP") {
		t.Errorf("interfaces:\n%s", got)
	}
	for _, address := range []string{"192.0.2.1", "2001:db8::1"} {
		var listener net.Listener
		var err error
		far.Do(func() { listener, err = net.Listen("tcp", net.JoinHostPort(address, "0")) })
		Must(t, err)
		defer listener.Close()
		other.Do(func() {
			if c, err := net.DialTimeout("tcp", listener.Addr().String(), Patience); err == nil {
				c.Close()
				t.Errorf("a network without a cable reaches %s", address)
			}
		})
		near.Do(func() {
			c, err := net.DialTimeout("tcp", listener.Addr().String(), Patience)
			Must(t, err)
			c.Close()
		})
	}
	if out := near.Run("nsenter", "--net="+far.File(), "ip", "-br", "link"); !strings.Contains(out, "out0") {
		t.Errorf("entered by its file, there is\n%s", out)
	}
	p := far.Start("sleep", "1000")
	if got := NetworkOf(t, p.PID()).IP("-o link"); !strings.Contains(got, "out0") {
		t.Errorf("the network of a process in it:\n%s", got)
	}
}

// TestDo: whatever f does, the goroutine is back where it was.
func TestDo(t *testing.T) {
	t.Parallel()
	where := func() string {
		at, err := os.Readlink("/proc/thread-self/ns/net")
		Must(t, err)
		return at
	}
	before := where()
	n := NewNetwork(t)
	var inside, deeper, back string
	n.Do(func() {
		inside = where()
		NewNetwork(t).Do(func() { deeper = where() })
		back = where()
	})
	if inside == before || deeper == inside || deeper == before || back != inside {
		t.Errorf("before %s, inside %s, deeper %s, and back %s", before, inside, deeper, back)
	}
	func() {
		defer func() { _ = recover() }()
		n.Do(func() { panic("on purpose") })
	}()
	if at := where(); at != before {
		t.Errorf("behind a panic: %s, want %s", at, before)
	}
	t.Run("own", func(t *testing.T) {
		Own(t).Do(func() { inside = where() })
		if at := where(); at != inside {
			t.Errorf("at %s, want its own, %s", at, inside)
		}
	})
	if at := where(); at != before {
		t.Errorf("at the end: %s, want %s", at, before)
	}
}

// TestRoom: programs see the room's files and nothing of the machine's.
func TestRoom(t *testing.T) {
	t.Parallel()
	r := New(t, Options{Tree: small})
	r.Write("/etc/some/file", "of the room")
	if got := r.Run(busybox, "cat", "/etc/some/file"); got != "of the room" {
		t.Errorf("the file says %q", got)
	}
	if out, err := r.Try(busybox, "ls", filepath.Join(r.Dir, "etc")); err == nil {
		t.Errorf("the machine's files are there: %s", out)
	}
	if out, err := r.Try(busybox, "sh", "-c", "echo out; echo err >&2; exit 3"); out != "out\nerr\n" || err == nil || err.Error() != "exit status 3" {
		t.Errorf("Try = %q, %v", out, err)
	}
	if got := r.Run(busybox, "env"); got != strings.Join(environ, "\n")+"\n" {
		t.Errorf("the environment:\n%s", got)
	}
	bare := New(t, Options{})
	entries, err := os.ReadDir(bare.Dir)
	Must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"dev", "etc", "proc", "run", "tmp", "usr", "var"}; !slices.Equal(names, want) {
		t.Errorf("a room without a tree has %q, want %q", names, want)
	}
	null, err := os.OpenFile(bare.Path("/dev/null"), os.O_RDWR, 0)
	Must(t, err)
	defer null.Close()
	if n, err := null.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("/dev/null says %d, %v", n, err)
	}
	if to, err := os.Readlink(bare.Path("/var/run")); err != nil || filepath.IsAbs(to) {
		t.Errorf("/var/run leads to %q, %v: out of the room", to, err)
	}
}

// TestProcess: what it says is there at once and whole, and it ends when it is told.
func TestProcess(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	p := n.Start("sh", "-c", "trap 'echo asked; exit 7' TERM; echo one two; while :; do sleep 0.05; done")
	if got := p.Says("two", "one"); got != "one two\n" {
		t.Errorf("Says gives %q", got)
	}
	if p.Ended() {
		t.Error("it has ended")
	}
	p.Term()
	if got := p.Said(); got != "one two\nasked\n" || !p.Ended() || p.Wait() == nil || p.Wait().Error() != "exit status 7" {
		t.Errorf("asked to end, it says %q and ends with %v", got, p.Wait())
	}
	p.Kill() // once more: nothing happens
	// One that leaves somebody behind who holds its output.
	began := time.Now()
	out := n.Run("sh", "-c", "sleep 30 & echo $!")
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("it was waited for who was left behind: %v", took)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	Must(t, err)
	Must(t, unix.Kill(pid, unix.SIGKILL))
}

// TestBus: services on it are seen, and nobody else's bus is used.
func TestBus(t *testing.T) {
	t.Parallel()
	b := NewBus(t, "", "")
	for range 2 {
		conn := b.Connect()
		reply, err := conn.RequestName("org.example.Test", 0)
		Must(t, err)
		if reply != 1 { // primary owner
			t.Errorf("RequestName = %d", reply)
		}
		b.Await("org.example.Test")
		b.Kill()
		<-conn.Context().Done()
		b.Restart()
	}
}

// TestPrivate: what is mounted there is not the machine's.
func TestPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seen := make(chan bool, 1)
	go func() {
		err := Private()
		if err == nil {
			err = unix.Mount("tmpfs", dir, "tmpfs", 0, "")
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
		_, err = os.Stat(filepath.Join(dir, "file"))
		seen <- err == nil
	}()
	if !<-seen {
		t.Error("the file is not there")
	}
	if _, err := os.Stat(filepath.Join(dir, "file")); !os.IsNotExist(err) {
		t.Errorf("out here: %v", err)
	}
}

// TestThreads: programs outlive the thread of who started them.
func TestThreads(t *testing.T) {
	t.Parallel()
	n := NewNetwork(t)
	for range 8 {
		started := make(chan *Process)
		var tid int
		go func() {
			runtime.LockOSThread() // and never unlock: the thread ends here
			tid = unix.Gettid()
			started <- n.Start("sleep", "1000")
		}()
		p := <-started
		Eventually(t, "the end of the thread", func() bool {
			return tid == os.Getpid() || unix.Tgkill(os.Getpid(), tid, 0) == unix.ESRCH
		})
		if p.Ended() {
			t.Fatal("it died with the thread")
		}
		Must(t, unix.Kill(p.PID(), 0))
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID())); err != nil || strings.Contains(string(state), ") Z ") {
			t.Errorf("it died with the thread: %s %v", state, err)
		}
	}
}
