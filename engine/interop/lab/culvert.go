//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Profile is what a profile of a test says beyond what every one says: keys with
// their table's name in front ("ipsec.phase2") and values as TOML writes them.
type Profile map[string]string

// List is a list of strings as TOML writes it.
func List(values ...string) string { return `["` + strings.Join(values, `", "`) + `"]` }

// Secrets is what the secrets file says; empty ones are what the gateway expects.
type Secrets struct{ PSK, Password string }

// text is the profile as a file.
func (p Profile) text(inside string) string {
	all := Profile{
		"version": "1", "name": `"Test"`, "servers": List(Server.String()), "user": `"` + User + `"`,
		// Only the host inside: a test's own way to the gateway stays as it is.
		"routing.mode": `"split"`, "routing.include": List(inside + "/32"),
		// The resolver's configuration is the machine's, not the namespace's.
		"dns.mode": `"off"`,
	}
	maps.Copy(all, p)
	tables := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		table, name, ok := strings.Cut(key, ".")
		if !ok {
			table, name = "", key
		}
		tables[table] = append(tables[table], name+" = "+all[key])
	}
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		if table != "" {
			fmt.Fprintf(&b, "\n[%s]\n", table)
		}
		b.WriteString(strings.Join(tables[table], "\n") + "\n")
	}
	return b.String()
}

// Event is one line of the program's output; what is absent is zero.
type Event struct {
	Time      time.Time
	Type      string
	Stage     string
	State     string
	MS        int64
	Detail    map[string]string
	Address   string
	Address6  string
	Peer      string
	DNS       []string
	MTU       int
	Suite     string
	Interface string
	Server    string
	Routes    []string
	Search    []string
	Code      string
	Title     string
	Advice    string
	Evidence  []string
	Level     string
	Msg       string
}

// Connection is a running culvert up.
type Connection struct {
	// Status is the program's exit status, once it ended.
	Status int

	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer // to be read once ended

	mu      sync.Mutex // guards what follows
	lines   []string
	events  []Event
	invalid error         // a line that was no event
	more    chan struct{} // closed and replaced with each event
}

// limit is how long anything may take that a test waits for, on a busy machine.
const limit = 60 * time.Second

// culvert builds the program, once a bed.
func (b *bed) culvert(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(b.dir, "culvert")
	if _, err := os.Stat(path); err != nil {
		b.build(tb, "culvert", "./app/cmd/culvert")
	}
	return path
}

// Up starts culvert up on a host. It ends with the test at the latest.
func (g *Gateway) Up(tb testing.TB, from *Host, p Profile, s Secrets) *Connection {
	tb.Helper()
	if s.PSK == "" {
		s.PSK = PSK
	}
	if s.Password == "" {
		s.Password = Password
	}
	dir := tb.TempDir()
	profile, secrets := filepath.Join(dir, "profile.toml"), filepath.Join(dir, "secrets.toml")
	for path, text := range map[string]string{
		profile: p.text(g.Inside.String()),
		secrets: fmt.Sprintf("psk = %q\npassword = %q\n", s.PSK, s.Password),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	c := &Connection{
		cmd:   from.Command(g.bed.culvert(tb), "up", "--direct", profile, "--secrets", secrets, "--json"),
		ended: make(chan struct{}), more: make(chan struct{}),
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	c.cmd.Stderr = &c.stderr
	if err := c.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go c.read(out)
	tb.Cleanup(func() { c.cleanUp(tb) })
	return c
}

// read collects the events until the program ends.
func (c *Connection) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e Event
		err := json.Unmarshal(lines.Bytes(), &e)
		c.mu.Lock()
		c.lines = append(c.lines, lines.Text())
		if err != nil || e.Type == "" || e.Time.IsZero() {
			c.invalid = errors.Join(c.invalid, err, fmt.Errorf("not an event: %s", lines.Text()))
		}
		c.events = append(c.events, e)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		c.Status = exit.ExitCode() // -1 after a signal
	}
	close(c.ended)
}

func (c *Connection) cleanUp(tb testing.TB) {
	select {
	case <-c.ended:
	default:
		c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.ended:
		case <-time.After(10 * time.Second):
			c.Kill()
		}
	}
	if c.invalid != nil {
		tb.Errorf("culvert up --json: %v", c.invalid)
	}
	if tb.Failed() {
		tb.Logf("culvert up, status %d:\n%s\n%s", c.Status, strings.Join(c.lines, "\n"), c.stderr.String())
	}
}

// Events is what the program has said so far.
func (c *Connection) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// Until waits for the first event, from the one with index from on, that
// matches, and returns it and the index of the next one.
func (c *Connection) Until(tb testing.TB, from int, what string, match func(Event) bool) (Event, int) {
	tb.Helper()
	timeout := time.After(limit)
	for {
		c.mu.Lock()
		events, more := c.events, c.more
		c.mu.Unlock()
		for ; from < len(events); from++ {
			if match(events[from]) {
				return events[from], from + 1
			}
		}
		select {
		case <-more:
		case <-c.ended:
			if len(c.Events()) == from {
				tb.Fatalf("culvert up ended with status %d before %s", c.Status, what)
			}
		case <-timeout:
			tb.Fatalf("no %s after %v", what, limit)
		}
	}
}

// Connected waits for the connection.
func (c *Connection) Connected(tb testing.TB) Event {
	tb.Helper()
	e, _ := c.Until(tb, 0, "connection", func(e Event) bool {
		return e.Type == "state" && e.State == "connected" || e.Type == "failure"
	})
	if e.Type == "failure" {
		tb.Fatalf("not connected: %s: %s: %s", e.Stage, e.Code, e.Evidence)
	}
	return e
}

// Fails waits for the end, which must come with that exit status and failure.
func (c *Connection) Fails(tb testing.TB, status int, code string) {
	tb.Helper()
	c.wait(tb)
	var got Event
	for _, e := range c.Events() {
		if e.Type == "failure" {
			got = e
		}
	}
	if got.Code != code || c.Status != status {
		tb.Errorf("ended with status %d and failure %q %q, want %d and %q", c.Status, got.Code, got.Evidence, status, code)
	}
	if got.Code != "" && (got.Title == "" || got.Advice == "") {
		tb.Errorf("failure %s has no words: title %q, advice %q", got.Code, got.Title, got.Advice)
	}
}

// Close disconnects in order.
func (c *Connection) Close(tb testing.TB) {
	tb.Helper()
	c.cmd.Process.Signal(syscall.SIGTERM)
	c.wait(tb)
	if c.Status != 0 {
		tb.Errorf("culvert up ended with status %d after SIGTERM, want 0", c.Status)
	}
}

func (c *Connection) wait(tb testing.TB) {
	tb.Helper()
	select {
	case <-c.ended:
	case <-time.After(limit):
		tb.Fatalf("culvert up did not end within %v", limit)
	}
}

// Kill ends the program without giving it a chance.
func (c *Connection) Kill() {
	c.cmd.Process.Kill()
	<-c.ended
}
