//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Ours.
const (
	pollInterval = 5 * time.Millisecond // for what tells nobody that it is done
	startLimit   = 20 * time.Second     // until a tunnel carries packets
	stopLimit    = 6 * time.Second      // to end in order; culvert takes four seconds at most
	logTail      = 40                   // lines of a failure's log
)

// output is what a process has said so far.
type output struct {
	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	more chan struct{} // closed at the next octet
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(p)
}

// read is all of it, and a channel that closes when there is more.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.more
}

func (o *output) String() string {
	text, _ := o.read()
	return text
}

// process is a program at work. It dies with this one.
type process struct {
	name     string
	cmd      *exec.Cmd
	out, log *output // standard output; standard error
	ended    chan struct{}
	err      error // once ended is closed
}

// start starts a program; flags are namespaces to make for it. Only the main
// goroutine may call it: see init.
func start(name string, flags uintptr, argv ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), out: newOutput(), log: newOutput(), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	// A group of its own: an interrupt at the terminal is for this process, which
	// ends the others in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Cloneflags: flags}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() { // ends with the process
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process and what it has started.
func (p *process) kill() {
	select {
	case <-p.ended:
	default:
		_ = unix.Kill(-p.pid(), unix.SIGKILL) // gone already: just as well
		<-p.ended
	}
}

// stop asks the process to end, and kills it when it does not, or when ctx is
// done.
func (p *process) stop(ctx context.Context) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-ctx.Done():
	case <-time.After(stopLimit):
	}
	p.kill()
}

// wait waits for the end, which has to come within limit and with status 0.
func (p *process) wait(ctx context.Context, limit time.Duration) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(limit):
		return fmt.Errorf("%s did not end within %v", p.name, limit)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// until waits for a line of o, the process' out or log, that match knows.
func (p *process) until(ctx context.Context, o *output, what string, match func(line string) (bool, error)) error {
	limit := time.After(startLimit)
	for seen := 0; ; {
		text, more := o.read()
		for {
			line, _, whole := strings.Cut(text[seen:], "\n")
			if !whole {
				break
			}
			seen += len(line) + 1
			if ok, err := match(line); ok || err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-p.ended:
			if o.String() != text {
				continue
			}
			return fmt.Errorf("%s ended before its %s: %v", p.name, what, p.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("%s: no %s within %v", p.name, what, startLimit)
		}
	}
}

// tail is the last of what the process said.
func (p *process) tail() string {
	text := p.out.String() + p.log.String()
	if text == "" {
		return ""
	}
	lines := strings.SplitAfter(strings.TrimSpace(text), "\n")
	return fmt.Sprintf("--- %s\n%s\n", p.name, strings.Join(lines[max(0, len(lines)-logTail):], ""))
}

// poll waits until done says so.
func poll(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	limit := time.After(startLimit)
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("no %s within %v", what, startLimit)
		}
	}
}

// tree is the process pid and all that it has started and they in turn.
func tree(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, file := range stats {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		// The name, in brackets, may have anything in it; state and parent follow.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		child, err1 := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parent, err2 := strconv.Atoi(fields[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// cpu is the time that the process and its children have had of the CPU, user
// and system: what /proc has in ticks of 10 ms, by the clock behind it, in
// nanoseconds (clock_getcpuclockid(3)).
func (p *process) cpu() (time.Duration, error) {
	const perProcess = 2 // CPUCLOCK_SCHED, without CPUCLOCK_PERTHREAD_MASK
	pids, err := tree(p.pid())
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|perProcess), &t); err != nil {
			return 0, fmt.Errorf("CPU time of %s: %w", p.name, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// peak is the most memory that the process and its children have had, in octets.
func (p *process) peak() (int64, error) {
	pids, err := tree(p.pid())
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		_, rest, ok := strings.Cut(string(data), "VmHWM:")
		var kb int64
		if _, err := fmt.Sscan(rest, &kb); !ok || err != nil {
			return 0, fmt.Errorf("memory of %s: no VmHWM in its status", p.name)
		}
		sum += kb << 10
	}
	return sum, nil
}
