package testroom

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Process is a program that ends with the test. What it says is in the test's
// log when that fails.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	out   *os.File
	ended chan struct{}
	err   error // once it has ended
}

// environ is what programs have in their environment.
var environ = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}

// Command prepares a program of the machine's for Launch and Finish.
func (n *Network) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = "/", append([]string(nil), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd
}

// Launch starts a program in the network.
func (n *Network) Launch(cmd *exec.Cmd) *Process {
	n.t.Helper()
	p := n.begin(cmd)
	n.t.Cleanup(func() {
		p.Kill()
		if n.t.Failed() {
			n.t.Logf("--- %s, the last of what it said:\n%s", p, tail(p.Said(), 150))
		}
		p.out.Close()
	})
	return p
}

// Start starts a program of the machine's in the network.
func (n *Network) Start(name string, args ...string) *Process {
	n.t.Helper()
	return n.Launch(n.Command(name, args...))
}

// Finish runs a program in the network to its end and gives all that it says.
// One that takes too long is killed.
func (n *Network) Finish(cmd *exec.Cmd) (string, error) {
	n.t.Helper()
	p := n.begin(cmd)
	defer p.out.Close()
	late := time.NewTimer(Patience)
	defer late.Stop()
	select {
	case <-p.ended:
		return p.Said(), p.err
	case <-late.C:
		p.Kill()
		return p.Said(), fmt.Errorf("%s is not done after %v", p, Patience)
	}
}

// Try runs a program of the machine's in the network to its end.
func (n *Network) Try(name string, args ...string) (string, error) {
	n.t.Helper()
	return n.Finish(n.Command(name, args...))
}

// Run runs a program of the machine's in the network, which has to succeed.
func (n *Network) Run(name string, args ...string) string {
	n.t.Helper()
	return n.succeed(n.Command(name, args...))
}

func (n *Network) succeed(cmd *exec.Cmd) string {
	n.t.Helper()
	out, err := n.Finish(cmd)
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return out
}

// starter starts programs, one after the other. They die with the thread that
// started them (Pdeathsig), and any other may end before its process does: with a
// goroutine that made it a stranger's, such as Private.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread() // for ever
		for start := range work {
			start()
		}
	}()
	return work
})

func (n *Network) begin(cmd *exec.Cmd) *Process {
	n.t.Helper()
	if cmd.Err != nil {
		n.t.Fatalf("%v: packaging/linux/need unit installs it", cmd.Err)
	}
	// No pipe: what the program has started may hold it when the program is gone.
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	Must(n.t, err)
	p := &Process{t: n.t, cmd: cmd, out: os.NewFile(uintptr(fd), "output"), ended: make(chan struct{})}
	_, err = unix.FcntlInt(p.out.Fd(), unix.F_SETFL, unix.O_APPEND)
	Must(n.t, err)
	if cmd.Stdout == nil {
		cmd.Stdout = p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.out
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // however this process ends
	var at netns.NsHandle
	n.Do(func() { at, err = netns.Get() })
	Must(n.t, err)
	defer at.Close()
	started := make(chan error)
	starter() <- func() {
		err := netns.Set(at)
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}
	if err := <-started; err != nil {
		n.t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	go func() { // until the program ends
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p
}

func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// String is the program's name.
func (p *Process) String() string { return filepath.Base(p.cmd.Path) }

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Said is all that it has said so far.
func (p *Process) Said() string {
	info, err := p.out.Stat()
	Must(p.t, err)
	b := make([]byte, info.Size())
	n, _ := p.out.ReadAt(b, 0) // never at the place where the program writes
	return string(b[:n])
}

// Says waits until it has said a line with all of the words, and gives that
// line.
func (p *Process) Says(words ...string) string {
	p.t.Helper()
	var said string
	Eventually(p.t, fmt.Sprintf("%q from %s", words, p), func() bool {
		ended := p.Ended()
		for said = range strings.Lines(p.Said()) {
			if containsAll(said, words) {
				return true
			}
		}
		if ended {
			p.t.Fatalf("%s has ended (%v) without %q", p, p.err, words)
		}
		return false
	})
	return said
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// Ended says whether it has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Wait waits for its end, and gives what exec.Cmd.Wait says of that.
func (p *Process) Wait() error {
	p.t.Helper()
	late := time.NewTimer(Patience)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		p.t.Fatalf("%s does not end", p)
	}
	return p.err
}

// Status waits for its end, and gives its exit status; -1: a signal ended it.
func (p *Process) Status() int {
	p.t.Helper()
	_ = p.Wait() // the state tells
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends it a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	Must(p.t, p.cmd.Process.Signal(s))
}

// Term asks it to end, and waits for that.
func (p *Process) Term() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	_ = p.Wait() // the program may call that a failure
}

// Kill ends it without giving it a chance, if it has not ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
