//go:build linux

package lab

import (
	"bufio"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var hold = flag.Bool("hold", false, "keep the bed of a failed test until an interrupt, to look at it")

// beds is where the directories of beds are. Short, for the sockets in them.
const beds = "/run/culvert-bed"

// bed is a directory and what runs on its behalf; see scripts/lib.sh. A keeper
// process ends all of it when this program ends, however that happens.
type bed struct{ dir string }

// newBed makes a bed that lives until the end of the test.
func newBed(tb testing.TB) *bed {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Fatal("the test bed needs root: it makes network namespaces")
	}
	if err := os.MkdirAll(beds, 0o755); err != nil {
		tb.Fatal(err)
	}
	if out, err := sweep(); err != nil {
		tb.Fatalf("sweep: %v\n%s", err, out)
	} else if out != "" {
		tb.Log(out)
	}
	dir, err := os.MkdirTemp(beds, "")
	if err != nil {
		tb.Fatal(err)
	}
	b := &bed{dir}
	b.keep(tb)
	b.build(tb, "inside", "./engine/interop/inside")
	return b
}

// sweep ends what earlier runs left behind when they were killed together with
// their keepers.
var sweep = sync.OnceValues(func() (string, error) {
	out, err := exec.Command(script("sweep"), beds).CombinedOutput()
	return string(out), err
})

// keep starts the keeper, which stops the bed at the end of the test and at the
// end of this process alike: when its standard input closes.
func (b *bed) keep(tb testing.TB) {
	tb.Helper()
	cmd := b.command(script("keep"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt at the terminal is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if *hold && tb.Failed() {
			b.waitForInterrupt(tb)
		}
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the bed did not stop in order: %v", err)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		tb.Fatalf("keeper: %q, %v", line, err)
	}
}

func (b *bed) waitForInterrupt(tb testing.TB) {
	fmt.Fprintf(os.Stderr, "\n%s failed; its bed stays until an interrupt: %s\n"+
		"Enter a namespace: nsenter --net --target $(cut -d' ' -f1 %s/pids/net-direct)\n", tb.Name(), b.dir, b.dir)
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	signal.Stop(c)
}

// command is a command that knows the bed. It dies with this process: then the
// keeper stops the bed, and nothing may add to it or hold on to its namespaces.
func (b *bed) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "BED="+b.dir, "LAB_USER="+User, "LAB_PASSWORD="+Password, "LAB_PSK="+PSK)
	return cmd
}

// script runs one of the bed's scripts.
func (b *bed) script(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	cmd := b.command(script(name), args...)
	var out strings.Builder
	cmd.Stdout = &out
	cmd.Stderr = &out
	// What a script starts may keep its output open.
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out.String())
	}
	return strings.TrimSpace(out.String())
}

// logs is where each log file of the bed ends now, to tell what comes later.
func (b *bed) logs() map[string]int64 {
	ends := map[string]int64{}
	files, _ := filepath.Glob(filepath.Join(b.dir, "log", "*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			ends[f] = info.Size()
		}
	}
	return ends
}

// since is what the bed's log files say beyond the given ends, in their last
// lines.
func (b *bed) since(ends map[string]int64) string {
	var text strings.Builder
	files, _ := filepath.Glob(filepath.Join(b.dir, "log", "*"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil || int64(len(data)) <= ends[f] {
			continue
		}
		const tail = 100
		lines := strings.SplitAfter(string(data[ends[f]:]), "\n")
		fmt.Fprintf(&text, "--- %s\n%s", filepath.Base(f), strings.Join(lines[max(0, len(lines)-tail):], ""))
	}
	return text.String()
}

// Host is a network namespace to run programs in.
type Host struct {
	bed  *bed
	name string
}

// Command is a command that will run on the host.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	pid, err := os.ReadFile(filepath.Join(h.bed.dir, "pids", "net-"+h.name))
	if err != nil {
		panic("lab: no such host: " + err.Error())
	}
	id, _, _ := strings.Cut(string(pid), " ")
	return h.bed.command("nsenter", append([]string{"--target", id, "--net", "--", name}, args...)...)
}

// Run is the output of a command that has to succeed.
func (h *Host) Run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := h.Command(name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("on %s: %s %s: %v\n%s", h.name, name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// State is everything about the host's network that a client may change: its
// addresses, routes, rules, filters and interfaces. Two texts are equal when
// nothing changed.
func (h *Host) State(tb testing.TB) string {
	tb.Helper()
	var text strings.Builder
	for _, args := range []string{
		"-4 route show table all", "-6 route show table all", "-4 rule", "-6 rule",
		"-oneline address", "xfrm state", "xfrm policy",
	} {
		fmt.Fprintf(&text, "# ip %s\n%s", args, h.Run(tb, "ip", strings.Fields(args)...))
	}
	fmt.Fprintf(&text, "# nft\n%s", h.Run(tb, "nft", "list", "ruleset"))
	return text.String()
}

// inGuest runs a bash script in a guest.
func (h *Host) inGuest(tb testing.TB, guest netip.Addr, text string) (output string, ok bool) {
	tb.Helper()
	cmd := h.Command(filepath.Join(h.bed.dir, "inside"), "run", "http://"+guest.String()+":9999")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// script is the path of one of the scripts.
func script(name string) string { return filepath.Join(source(), "scripts", name) }

// source is the directory of this package.
func source() string { return filepath.Join(moduleRoot(), "engine", "interop", "lab") }

// moduleRoot is found upwards from where the test runs, in its package's
// directory.
var moduleRoot = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			panic("lab: outside the module")
		}
		dir = filepath.Dir(dir)
	}
})

// build puts a program of this module into the bed, without cgo: it may have to
// run in a guest.
func (b *bed) build(tb testing.TB, name, pkg string) {
	tb.Helper()
	cmd := exec.Command("go", "build", "-o", filepath.Join(b.dir, name), pkg)
	cmd.Dir = moduleRoot()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
}
