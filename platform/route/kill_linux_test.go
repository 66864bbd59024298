package route

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// victim makes the test binary a process that gets killed: before the step of
// this number, a change or a word to the journal, it stops and waits.
const victim = "CULVERT_TEST_KILL_BEFORE"

func TestMain(m *testing.M) {
	if n := os.Getenv(victim); n != "" {
		beVictim(n)
	}
	os.Exit(m.Run())
}

// slow is the system, one change at a time.
type slow struct {
	kernel
	step func()
}

func (s *slow) do(ops []op) []error {
	errs := make([]error, len(ops))
	for i, o := range ops {
		s.step()
		errs[i] = s.kernel.do([]op{o})[0]
	}
	return errs
}

// beVictim sets and changes everything there is, and tells its parent, by an
// end of its output, when it waits to be killed.
func beVictim(n string) {
	last, err := strconv.Atoi(n)
	if err != nil {
		panic(err)
	}
	steps := 0
	step := func() {
		if steps == last {
			fmt.Println("waiting")
			select {} // to be killed
		}
		steps++
	}
	run := &slow{step: step}
	file := os.Getenv("CULVERT_TEST_JOURNAL")
	m := &Manager{run: run, journal: func(b []byte) error {
		step()
		if err := os.WriteFile(file+".new", b, 0o600); err != nil {
			return err
		}
		return os.Rename(file+".new", file)
	}}
	for i, cfg := range victimConfigs() {
		if err = m.Set(context.Background(), cfg); err != nil {
			break
		}
		if i == 0 {
			err = exec.Command("ip", "route", "replace", "default", "via", "192.0.2.3", "metric", "100").Run()
			if err == nil {
				err = m.Update(context.Background())
			}
		}
	}
	if err == nil {
		err = m.Clear()
	}
	fmt.Println("done", steps, err)
	os.Exit(0)
}

// victimConfigs go through all kinds of change: added, replaced, removed.
func victimConfigs() []Config {
	split := Config{Interface: "culvert0", Address: netip.MustParseAddr("10.99.0.10"), MTU: 1350,
		Routes: prefixes("10.0.0.0/8", "198.51.100.0/24"), Outside: prefixes("198.51.100.1/32"), Blocked: prefixes("2001:db8:66::/48")}
	both := full()
	both.Address, both.Address6, both.Blocked, both.Mark, both.CaptureLocal = netip.MustParseAddr("10.99.0.11"), netip.MustParseAddr("2001:db8:99::10"), nil, 9, true
	both.Routes = prefixes("0.0.0.0/0", "::/0", "10.0.0.0/8")
	return []Config{split, full(), both}
}

// Wherever a process is killed, CleanUp makes the machine what it was.
func TestSystemKilledAnywhere(t *testing.T) {
	inNamespace(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "journal")
	before := everything(t)
	left := 0
	for n := 0; ; n++ {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", victim, n), "CULVERT_TEST_JOURNAL="+file)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("the victim said %q: %v", line, err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // killed: its status says nothing
		ip(t, "route replace default via 192.0.2.1 dev eth0 metric 100")
		if everything(t) != before {
			left++
		}
		record, err := os.ReadFile(file)
		if err != nil && n > 0 {
			t.Fatal(err)
		}
		for range 2 {
			if err := CleanUp(record); err != nil {
				t.Fatalf("killed before step %d: %v", n, err)
			}
			same(t, fmt.Sprintf("killed before step %d, record %s", n, record), everything(t), before)
		}
		if t.Failed() {
			return
		}
		if strings.HasPrefix(line, "done ") {
			if want := fmt.Sprintf("done %d <nil>\n", n); line != want {
				t.Errorf("the victim said %q, want %q", line, want)
			}
			t.Logf("killed before each of %d steps; %d times something was left", n, left)
			if n < 50 || left < n*3/4 {
				t.Error("too little was changed: this test tests nothing")
			}
			return
		}
	}
}
