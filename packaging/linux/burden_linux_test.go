package linux

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// What the helper has to stand, and may take meanwhile.
const (
	badRequests    = 10000
	watchers       = 200
	maxBusy        = 60.0 // MB
	maxAnswerTime  = 2 * time.Second
	slowTime       = 15 * time.Second // until who is slow is sent away
	othersMayHave  = 64               // connections of a user
	othersAskedFor = 100
)

// helper is a helper by itself, in a network that is empty.
type helper struct {
	*testroom.Process
	t      *testing.T
	socket string
}

func startHelper(t *testing.T) *helper {
	t.Helper()
	dir, n := testroom.Scratch(t), testroom.NewNetwork(t)
	h := &helper{t: t, socket: filepath.Join(dir, "run", "s")}
	cmd := n.Command(filepath.Join(programs, "culvertd"), "--socket", h.socket, "--state", filepath.Join(dir, "state"))
	cmd.Env = append(cmd.Env, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere")
	h.Process = n.Launch(cmd)
	eventually(t, "the socket", func() bool {
		c, err := net.Dial("unix", h.socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return h
}

// memory is a line of /proc/PID/status in MB.
func (h *helper) memory(name string) float64 {
	h.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.PID()))
	must(h.t, err)
	_, rest, _ := strings.Cut(string(text), name+":")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	must(h.t, err)
	return float64(kB) / 1024
}

func (h *helper) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("unix", h.socket)
	must(h.t, err)
	return c
}

// TestBurden has clients that are broken, malicious, slow or many, all at once.
func TestBurden(t *testing.T) {
	t.Parallel()
	h := startHelper(t)
	t.Logf("resident: %.1f MB idle", h.memory("VmRSS"))
	watching := h.watch()
	slow := h.slow()
	var slowest time.Duration
	done := make(chan struct{})
	go func() { // somebody who means well, all the time
		defer close(done)
		slowest = h.answered()
	}()
	h.bad()
	<-done
	for i, lines := range watching {
		if !lines.Scan() || !strings.Contains(lines.Text(), `"type":"state"`) {
			t.Fatalf("watcher %d: %q, %v", i, lines.Text(), lines.Err())
		}
	}
	<-slow
	most := h.memory("VmHWM")
	t.Logf("%.1f MB resident at most, %.1f MB now; %d watchers; the slowest answer meanwhile after %v", most, h.memory("VmRSS"), watchers, slowest.Round(time.Millisecond))
	if most > maxBusy {
		t.Errorf("%.1f MB resident, want at most %.0f MB", most, maxBusy)
	}
	if slowest > maxAnswerTime {
		t.Errorf("an answer took %v, want %v at most", slowest, maxAnswerTime)
	}
	if n := h.others(); n != othersMayHave {
		t.Errorf("%d of %d connections of one user are served, want %d", n, othersAskedFor, othersMayHave)
	}
	if _, err := client.New(h.socket).State(t.Context()); err != nil {
		t.Errorf("root, while a user has all that one may have: %v", err)
	}
}

// watch opens streams of events, which stay open.
func (h *helper) watch() (streams []*bufio.Scanner) {
	h.t.Helper()
	for range watchers {
		c := h.dial()
		h.t.Cleanup(func() { c.Close() })
		must(h.t, c.SetDeadline(time.Now().Add(time.Minute)))
		_, err := io.WriteString(c, "GET /v1/events HTTP/1.1\r\nHost: helper\r\n\r\n")
		must(h.t, err)
		lines := bufio.NewScanner(c)
		for lines.Scan() && lines.Text() != "" { //nolint:revive // the header
		}
		lines.Scan() // the length of the first chunk
		streams = append(streams, lines)
	}
	return streams
}

// slow has clients that do not go on; what it gives is closed when all of them
// were sent away in time.
func (h *helper) slow() <-chan struct{} {
	h.t.Helper()
	var wg sync.WaitGroup
	pipelined := strings.Repeat("GET /v1/state HTTP/1.1\r\nHost: helper\r\n\r\n", 5000)
	for _, text := range []string{
		"", "GET /v1/sta", "POST /v1/connect HTTP/1.1\r\nHost: helper\r\nContent-Length: 1000\r\n\r\n{",
		"POST /v1/connect HTTP/1.1\r\nHost: helper\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", pipelined,
	} {
		for range 16 {
			c := h.dial()
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(slowTime))
				_, err := io.WriteString(c, text)
				if err == nil && text != pipelined {
					_, err = io.Copy(io.Discard, c)
				}
				// The one who does not read sees it when writing.
				if errors.Is(err, os.ErrDeadlineExceeded) {
					h.t.Errorf("a client that stopped behind %.60q is still there after %v", text, slowTime)
				}
			})
		}
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// bad makes requests that are malformed or too large; every one has to be
// answered, with a status that says so.
func (h *helper) bad() {
	h.t.Helper()
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: helper\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	large := strings.Repeat("a", 300<<10)
	kinds := []struct{ text, want string }{
		{"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"},
		{"GET /v1/state HTTP/9.9\r\n\r\n", "505"},
		{"GET /v1/state HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
		{"GET /v1/state HTTP/1.1\r\nHost: helper\r\nX: " + large[:20<<10] + "\r\n\r\n", "431"},
		{"POST /v1/connect HTTP/1.1\r\nHost: helper\r\nContent-Length: -1\r\n\r\n", "400"},
		{"POST /v1/connect HTTP/1.1\r\nHost: helper\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
		{post("/v1/connect", "{"), "400"},
		{post("/v1/connect", strings.Repeat("[", 100<<10)), "400"},
		{post("/v1/connect", `{"profile":`+large+`}`), "413"},
		{post("/v1/connect", `{"profile":"`+large[:200<<10]+`"}`), "422"},
		{post("/v1/connect", `{"profile":"version = 1\nversion = 2"}`), "422"},
		{post("/v1/answer", `{"password":17}`), "400"},
		{post("/v1/nothing", "{}"), "404"},
		{"DELETE /v1/state HTTP/1.1\r\nHost: helper\r\n\r\n", "404"},
	}
	const workers = 16
	var wg sync.WaitGroup
	began := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < badRequests; i += workers {
				k := kinds[i%len(kinds)]
				if got := h.ask(k.text); got != k.want {
					h.t.Errorf("%.50q: %q, want %s", k.text, got, k.want)
					return
				}
			}
		})
	}
	wg.Wait()
	h.t.Logf("%d bad requests answered in %.1f s", badRequests, time.Since(began).Seconds())
}

// ask makes one request on a connection of its own and gives the status.
func (h *helper) ask(text string) string {
	c, err := net.Dial("unix", h.socket)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// Whoever sends too much may be cut off; the answer is there nevertheless.
	_, werr := io.Copy(c, strings.NewReader(text))
	line, err := bufio.NewReader(c).ReadBytes('\n')
	f := bytes.Fields(line)
	if len(f) < 2 {
		return fmt.Sprintf("%q, %v, %v", line, werr, err)
	}
	return string(f[1])
}

// answered asks for the state again and again and gives the longest time that an
// answer took.
func (h *helper) answered() (slowest time.Duration) {
	for range 50 {
		began := time.Now()
		if _, err := client.New(h.socket).State(h.t.Context()); err != nil {
			h.t.Errorf("the state: %v", err)
			return slowest
		}
		slowest = max(slowest, time.Since(began))
		<-time.After(20 * time.Millisecond)
	}
	return slowest
}

// others opens connections as another user, who keeps them, and counts those
// that are served.
func (h *helper) others() int {
	h.t.Helper()
	served := make(chan int)
	go func() {
		// The thread takes on the user, and ends with the goroutine.
		runtime.LockOSThread()
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			h.t.Error(errno)
			served <- 0
			return
		}
		n := 0
		for range othersAskedFor {
			c, err := net.Dial("unix", h.socket)
			if err != nil {
				h.t.Error(err)
				continue
			}
			h.t.Cleanup(func() { c.Close() })
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, "GET /v1/state HTTP/1.1\r\nHost: helper\r\n\r\n")
			if line, _ := bufio.NewReader(c).ReadString('\n'); strings.Contains(line, " 401 ") {
				n++
			}
		}
		served <- n
	}()
	return <-served
}
