package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/profile"
	"github.com/culvert-vpn/culvert/app/supervisor"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/ipc"
)

// TestConnect connects, is told of every step, and disconnects; the machine is
// changed in the right order, and put back.
func TestConnect(t *testing.T) {
	b := newBench(t, t.TempDir())
	events := b.watch()
	until(t, events, `"state":"disconnected"`)
	if status, body := b.call("POST", "/v1/connect", connectBody(t, profileText)); status != 200 {
		t.Fatalf("connect: %d %s", status, body)
	}
	until(t, events, `"stage":"phase1","state":"done"`)
	until(t, events, `"state":"connected"`)
	_, body := b.call("GET", "/v1/state", "")
	var s api.Status
	if err := json.Unmarshal([]byte(body), &s); err != nil || s.State != api.Connected || s.Interface != "culvert0" || s.Profile.Name != "Office" || s.Address.String() != "10.99.0.10" {
		t.Errorf("state: %s, %v", body, err)
	}
	if got := b.sys.secrets; !slices.Equal(got, []string{`the key correct "horse" ä`}) {
		t.Errorf("the engine got the secrets %q", got)
	}
	if status, body := b.call("POST", "/v1/connect", connectBody(t, strings.Replace(profileText, "Office", "Home", 1))); status != 409 || !strings.Contains(body, "Office") {
		t.Errorf("a second connect: %d %s, want 409 and the name in the way", status, body)
	}
	if status, body := b.call("GET", "/v1/log", ""); status != 200 || !strings.Contains(body, `"type":"log","level":"info"`) || strings.Contains(body, "horse") {
		t.Errorf("log: %d %s", status, body)
	}
	if status, body := b.call("POST", "/v1/disconnect", ""); status != 200 {
		t.Fatalf("disconnect: %d %s", status, body)
	}
	until(t, events, `"state":"disconnected"`)
	b.stop()
	done := strings.Join(b.sys.done, "\n")
	for _, want := range []string{"connect to 198.51.100.1", "tunnel", "routes [0.0.0.0/0]", "dns [10.99.0.1]", "no dns", "no routes"} {
		i := strings.Index(done, want)
		if i < 0 {
			t.Fatalf("no %q, or not in its place, in what was done:\n%s", want, strings.Join(b.sys.done, "\n"))
		}
		done = done[i:]
	}
	for _, hidden := range []string{"the key", "horse"} {
		if strings.Contains(b.log.String(), hidden) {
			t.Errorf("%q is in the log", hidden)
		}
	}
}

// TestFailure tells why, and asks for the password again.
func TestFailure(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.sys.refuse = &failure.Failure{Stage: failure.Authenticate, Code: failure.PPPBadCredentials, Evidence: []string{"E=691"}}
	events := b.watch()
	b.call("POST", "/v1/connect", connectBody(t, profileText))
	line := until(t, events, `"type":"failure"`)
	if !strings.Contains(line, `"code":"ppp.bad-credentials"`) || !strings.Contains(line, `"advice":"`) {
		t.Errorf("failure: %s", line)
	}
	until(t, events, `"ask":["password"]`)
	b.sys.mu.Lock()
	b.sys.refuse = nil
	b.sys.mu.Unlock()
	if status, body := b.call("POST", "/v1/answer", `{"password":"another"}`); status != 200 {
		t.Fatalf("answer: %d %s", status, body)
	}
	until(t, events, `"state":"connected"`)
	if got := b.sys.secrets[len(b.sys.secrets)-1]; got != "the key another" {
		t.Errorf("the engine got %q, want the old key and the new password", got)
	}
}

// TestBadRequests: whatever comes, the answer says what is wrong, and no secret.
func TestBadRequests(t *testing.T) {
	b := newBench(t, t.TempDir())
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v1/connect", "", 400, "helper.bad-request"},
		{"POST", "/v1/connect", `{"profile": 7}`, 400, "helper.bad-request"},
		{"POST", "/v1/connect", `{"profile":"name = 1","secrets":{"psk":"hush"}}`, 422, "profile:1: name: must be a string"},
		{"POST", "/v1/connect", `{"profile":` + quoted(profileText) + `,"secrets":{"psk":"hush"}}`, 422, `"missing":["password"]`},
		{"POST", "/v1/connect", `{"profile":"` + strings.Repeat("x", maxBody) + `"}`, 413, "256 KB at most"},
		{"POST", "/v1/connect", `{"secrets":{"psk":7}}`, 400, "helper.bad-request"},
		{"POST", "/v1/answer", `{"password":"hush"}`, 409, "helper.not-asked"},
		{"GET", "/v1/nothing", "", 404, "helper.unknown-request"},
		{"GET", "/v1/connect", "", 404, ""},
	} {
		status, body := b.call(c.method, c.path, c.body)
		if status != c.status && (c.status != 404 || status != 405) || !strings.Contains(body, c.want) || strings.Contains(body, "hush") {
			t.Errorf("%s %s %.40s: %d %s, want %d and %q", c.method, c.path, c.body, status, body, c.status, c.want)
		}
	}
	if status, body := b.call("GET", "/v1/version", ""); status != 200 || !strings.Contains(body, `"version":"1.2.3"`) {
		t.Errorf("version: %d %s", status, body)
	}
}

func quoted(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}

// TestNotAllowed gives a stranger no reason.
func TestNotAllowed(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.stop()
	dir := t.TempDir()
	l, err := ipc.Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{Listener: l, Authorize: func(context.Context, ipc.Peer) error { return fmt.Errorf("not in the group %q", "hush") },
		System: func(*Journal) (System, error) { return &fakeSystem{}, nil }, StateDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	b.socket = filepath.Join(dir, "s")
	for _, path := range []string{"/v1/state", "/v1/events", "/v1/version", "/v1/stats"} {
		if status, body := b.call("GET", path, ""); status != 401 || !strings.Contains(body, "helper.not-allowed") || strings.Contains(body, "hush") {
			t.Errorf("%s: %d %s, want 401 without a reason", path, status, body)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFlood: ten thousand malformed requests, slow clients and two hundred
// watchers, and the helper answers and stays small.
func TestFlood(t *testing.T) {
	b := newBench(t, t.TempDir())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 200 {
		until(t, b.watch(), `"state"`)
	}
	for range 100 { // they begin a request and never end it
		c, err := ipc.Dial(t.Context(), b.socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprint(c, "POST /v1/connect HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 1250 {
				c, err := ipc.Dial(t.Context(), b.socket)
				if err != nil {
					t.Error(err)
					return
				}
				junk := make([]byte, r.IntN(2000))
				for i := range junk {
					junk[i] = byte(r.Uint32())
				}
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if r.IntN(2) == 0 {
					fmt.Fprintf(c, "POST /v1/connect HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(junk))
				}
				_, _ = c.Write(append(junk, "\r\n\r\n"...))
				_, _ = io.Copy(io.Discard, io.LimitReader(c, 1000))
				c.Close()
			}
		})
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("heap: %d KB before, %d KB after", before.HeapAlloc>>10, after.HeapAlloc>>10)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 40<<20 {
		t.Errorf("the heap grew by %d MB, want less than 40", grown>>20)
	}
	if status, body := b.call("GET", "/v1/state", ""); status != 200 {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

// TestRestart: a helper that starts after one that ended while the kill switch
// was wanted keeps the network closed, until somebody disconnects.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p, err := profile.Parse("p", []byte(profileText))
	if err != nil {
		t.Fatal(err)
	}
	p.Routing.KillSwitch = true
	if err := (wishFile{filepath.Join(dir, "wish.json")}).write(&supervisor.Wish{Profile: p, KillSwitch: true}); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, dir)
	events := b.watch()
	until(t, events, `"state":"blocked"`)
	if done := strings.Join(b.sys.all(), "\n"); !strings.Contains(done, "firewall: kill switch true") || strings.Contains(done, "kill switch false") {
		t.Errorf("done at the start:\n%s\nwant the kill switch closed, and never open", done)
	}
	b.call("POST", "/v1/disconnect", "")
	until(t, events, `"state":"disconnected"`)
	b.stop()
	if !strings.Contains(strings.Join(b.sys.all(), "\n"), "kill switch false") {
		t.Error("the network stayed closed after the wish to disconnect")
	}
	if wish, err := (wishFile{filepath.Join(dir, "wish.json")}).read(); wish != nil || err != nil {
		t.Errorf("the wish is still %+v, %v", wish, err)
	}
}

// TestJournal: the records outlive the process, and a part that is undone is gone.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "journal.json")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Part("dns")([]byte(`{"a":1}`)), j.Part("routes")([]byte(`[2]`)), j.Part("dns")(nil)); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(filepath.Dir(path), ".new-1")
	if err := os.WriteFile(torn, []byte(`{"dns":`), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := OpenJournal(path)
	if _, err := os.Stat(torn); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a killed helper was writing is still there: %v", err)
	}
	if err != nil || again.Record("dns") != nil || string(again.Record("routes")) != "[2]" {
		t.Errorf("read again: dns %q, routes %q, %v", again.Record("dns"), again.Record("routes"), err)
	}
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a torn journal: %v, want an error that names the file", err)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := again.Part("routes")(nil); err == nil || again.Record("routes") == nil {
		t.Errorf("a record that cannot be written: %v, and it is %q now, want an error and no change", err, again.Record("routes"))
	}
}

// TestCutShort: an end in order is cut short by one at once, and by no other.
func TestCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &attempt{cancel: cancel, abort: make(chan struct{})}
	s := &fakeSession{ended: make(chan struct{})}
	a.has(s)
	a.stop(true)
	<-ctx.Done()
	<-s.ended
	select {
	case <-a.abort:
		t.Error("an end in order was cut short by itself")
	default:
	}
	a.stop(true)
	a.stop(false)
	select {
	case <-a.abort:
	default:
		t.Error("an end in order was not cut short")
	}
	a.stop(true)
	a.stop(false) // and closes nothing twice
}

// TestWiped: what a POST sent is overwritten in the buffers that it came in.
func TestWiped(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	c := &wipingConn{Conn: server}
	go client.Write([]byte("first, and the rest")) //nolint:errcheck // the reads tell
	b := make([]byte, 64)
	for n := 0; n < 19; {
		k, err := c.Read(b[n : n+7])
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
	if got := string(b[:19]); got != "first, and the rest" {
		t.Fatalf("read %q", got)
	}
	c.done(true)
	if got := strings.Trim(string(b), "\x00"); got != "" || c.seen != nil {
		t.Errorf("%q is left", got)
	}
	body := strings.Repeat("x", 1000)
	for _, k := range []struct {
		length int64
		want   int // octets; -1: an error
	}{{1000, 1000}, {-1, 1000}, {2000, 1000}, {999, -1}, {0, -1}} {
		got, err := readAll(strings.NewReader(body), k.length)
		if (err != nil) != (k.want < 0) || err == nil && len(got) != k.want {
			t.Errorf("readAll of %d octets: %d, %v", k.length, len(got), err)
		}
	}
}
