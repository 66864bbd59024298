package firewall

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// childEnv names the journal of a child that sets rules until it is killed.
const childEnv = "CULVERT_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if journal := os.Getenv(childEnv); journal != "" {
		fmt.Fprintln(os.Stderr, setForever(journal))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// closed are states that never let anything to the flood's servers.
func closed() []Config {
	all := connected()
	all.LocalNetwork, all.Inbound = true, true
	return []Config{{KillSwitch: true}, connecting(), connected(), all}
}

// setForever goes from state to state, and says so after each.
func setForever(journal string) error {
	runtime.LockOSThread()
	m, err := New(func(rec []byte) error {
		if err := os.WriteFile(journal+".new", rec, 0o600); err != nil {
			return err
		}
		return os.Rename(journal+".new", journal)
	})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := m.Set(context.Background(), closed()[i%4]); err != nil {
			return err
		}
		if _, err := fmt.Println("set"); err != nil {
			return err
		}
	}
}

// flood sends to the servers from two threads, as fast as it may, until stop is
// called; that waits, and gives the number of tries.
func (l *lab) flood(t *testing.T) (stop func() int64) {
	t.Helper()
	var wg sync.WaitGroup
	var end atomic.Bool
	var sent atomic.Int64
	for _, kinds := range [][]packet{
		{{to: server4, proto: protoUDP, port: 9999}, {to: server6, proto: protoICMPv6}, {to: server4, proto: protoTCP, port: 443}},
		{{to: server6, proto: protoUDP, port: 53}, {to: server4, proto: protoICMP}, {to: server4, proto: protoUDP, port: 4500, mark: DefaultMark}},
	} {
		wg.Go(func() {
			l.client.Do(func() {
				for i := 0; !end.Load(); i++ {
					if err := kinds[i%len(kinds)].send("flood"); err != nil && !refusal(err) && !errors.Is(err, unix.ECONNREFUSED) {
						t.Errorf("flood: %v", err)
						return
					}
					sent.Add(1)
				}
			})
		})
	}
	done := false
	stop = func() int64 {
		if !done {
			done = true
			end.Store(true)
			wg.Wait()
		}
		return sent.Load()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// leaks is what came out for the servers, after all that was sent did.
func (l *lab) leaks(t *testing.T) int {
	t.Helper()
	l.settle(t)
	return l.out.count(to(server4, server6))
}

// No packet passes in between two states, over hundreds of changes. The last
// part shows that the flood would find a gap.
func TestNoLeakInBetween(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	set(t, m, closed()[0])
	stop := l.flood(t)
	const changes = 300
	for i := range changes {
		set(t, m, closed()[i%4])
	}
	sent := stop()
	if sent < changes {
		t.Errorf("a flood of %d packets in %d changes shows nothing", sent, changes)
	}
	if n := l.leaks(t); n != 0 {
		t.Errorf("%d of %d packets leaked in %d changes", n, sent, changes)
	}
	t.Logf("%d packets in %d changes", sent, changes)

	stop = l.flood(t)
	for i := 0; i < 5 || l.leaks(t) == 0 && i < 1000; i++ {
		if err := m.Clear(); err != nil {
			t.Fatal(err)
		}
		set(t, m, closed()[i%4])
	}
	stop()
	if n := l.leaks(t); n == 0 {
		t.Error("no packet was caught in a gap: this test tests nothing")
	}
}

// A policy that fails to be set leaves the one before: the batch is whole or
// not at all.
func TestFailedSetChangesNothing(t *testing.T) {
	l := newLab(t)
	m := newSystemManager(t)
	set(t, m, connected())
	before := run(t, "nft list ruleset")
	stop := l.flood(t)
	for range 20 {
		n := &nft{}
		err := n.send(plan(Config{BlockDNS: true}), func(c *nftables.Conn) {
			c.AddTable(table)
			c.FlushTable(table)
			c.DelChain(&nftables.Chain{Table: table, Name: "nonesuch"})
		})
		if err == nil {
			t.Fatal("a batch with an impossible change in it was taken")
		}
	}
	stop()
	if n := l.leaks(t); n != 0 {
		t.Errorf("%d packets leaked", n)
	}
	if got := run(t, "nft list ruleset"); got != before {
		t.Errorf("got\n%s\nwant\n%s", got, before)
	}
}

// child starts a process that sets rules, and waits for its first ones.
func child(t *testing.T, journal string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), childEnv+"="+journal)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the child ended: %v: %s", c.Wait(), stderr.String())
	}
	return c, lines
}

// The process that made the rules is killed anywhere in its work. The rules
// stay whole, the next process takes over, and what the last one left behind is
// cleaned up by its journal.
func TestKilled(t *testing.T) {
	l := newLab(t)
	before := run(t, "nft list ruleset")
	journal := filepath.Join(t.TempDir(), "journal")
	var stop func() int64
	for i := range 25 {
		c, lines := child(t, journal)
		if stop == nil {
			stop = l.flood(t) // from the first rules on
		}
		for range rand.IntN(4) {
			lines.Scan()
		}
		// Anywhere in a change, which takes a few milliseconds.
		<-time.After(rand.N(10 * time.Millisecond))
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended with %v", err)
		}
		if !oneOf(t, closed()) {
			t.Fatalf("kill %d: what is left is no state:\n%s", i, run(t, "nft list ruleset"))
		}
	}
	// A new process takes over what was left.
	m := newSystemManager(t)
	for i := range 20 {
		set(t, m, closed()[i%4])
	}
	sent := stop()
	if n := l.leaks(t); n != 0 || sent == 0 {
		t.Errorf("%d of %d packets leaked", n, sent)
	}
	rec, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := CleanUp(rec); err != nil {
			t.Fatal(err)
		}
		if got := run(t, "nft list ruleset"); got != before {
			t.Errorf("after CleanUp:\n%s\nwant\n%s", got, before)
		}
	}
	if got, err := l.went(t, probes["server UDP"]); got != outside {
		t.Errorf("after CleanUp: went %s (%v), want %s", got, err, outside)
	}
}

// oneOf tells whether exactly one of these is in force.
func oneOf(t *testing.T, cfgs []Config) bool {
	t.Helper()
	n := 0
	for _, c := range cfgs {
		ok, err := (&nft{}).intact(plan(c))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			n++
		}
	}
	return n == 1
}

// A mark takes privilege: no ordinary program passes for the helper.
func TestMarkTakesPrivilege(t *testing.T) {
	newLab(t)
	p := probes["gateway 4500"]
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had, none [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		t.Fatal(err)
	}
	for i := range none { // of this thread, and may be taken back
		none[i] = unix.CapUserData{Permitted: had[i].Permitted, Inheritable: had[i].Inheritable}
	}
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	pretend := p.send("pretend")
	p.mark = 0
	ordinary := p.send("ordinary")
	if err := unix.Capset(&header, &had[0]); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(pretend, unix.EPERM) {
		t.Errorf("an ordinary program sets the mark: %v", pretend)
	}
	if ordinary != nil {
		t.Errorf("without the mark: %v", ordinary)
	}
}
