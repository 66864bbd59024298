package whole

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dial connects to the helper as somebody. The thread is that person's for as long
// as that takes; it is not ended, for processes may be its children that die with
// it.
func (d *daemon) dial(t *testing.T, uid uintptr) net.Conn {
	t.Helper()
	dir, err := os.Open(filepath.Dir(d.socket)) // its parents are none of that person's business
	must(t, err)
	defer dir.Close()
	runtime.LockOSThread()
	become := func(calls ...[4]uintptr) {
		for _, c := range calls {
			if _, _, no := unix.RawSyscall(c[0], c[1], c[2], c[3]); no != 0 {
				panic(no) // the thread must not go on as whoever it is
			}
		}
	}
	become([4]uintptr{unix.SYS_SETRESGID, uid, uid, 0}, [4]uintptr{unix.SYS_SETRESUID, uid, uid, 0})
	c, err := net.Dial("unix", fmt.Sprintf("/proc/self/task/%d/fd/%d/%s", unix.Gettid(), dir.Fd(), filepath.Base(d.socket)))
	become([4]uintptr{unix.SYS_SETRESUID, 0, 0, 0}, [4]uintptr{unix.SYS_SETRESGID, 0, 0, 0})
	runtime.UnlockOSThread()
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.SetDeadline(time.Now().Add(limit)))
	return c
}

// TestRefusedSecrets: of a request that is refused before it is read, nothing is
// left in the helper's memory, however it was sent.
func TestRefusedSecrets(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	d := r.begin()
	pad := strings.Repeat(" ", 20<<10)
	body := pad + `{"profile":"x","secrets":{"psk":` + fmt.Sprintf("%q", secretPSK) + `,"password":` + fmt.Sprintf("%q", secretPassword) + `}}`
	large := strings.Repeat(" ", 255<<10) + body
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	chunked := "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, method, path string
		uid                uintptr
		headers, body      string
		status             int
	}{
		{"nobody's business", "POST", "/v1/connect", 65534, length(len(body)), body, http.StatusUnauthorized},
		{"in pieces, nobody's business", "POST", "/v1/connect", 65534, chunked, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body), http.StatusUnauthorized},
		{"no such route", "POST", "/v1/nothing", 0, length(len(body)), body, http.StatusNotFound},
		{"no such method", "PUT", "/v1/connect", 0, length(len(body)), body, http.StatusNotFound},
		{"a body where there is none", "POST", "/v1/disconnect", 0, length(len(body)), body, http.StatusOK},
		{"too large", "POST", "/v1/connect", 0, length(len(large)), large, http.StatusRequestEntityTooLarge},
		{"too large, in pieces", "POST", "/v1/connect", 0, chunked, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large), http.StatusRequestEntityTooLarge},
		{"not all of it", "POST", "/v1/connect", 65534, length(len(body) + 1), body, http.StatusUnauthorized},
		{"announced", "POST", "/v1/connect", 65534, "Expect: 100-continue\r\n" + length(len(body)), body, http.StatusUnauthorized},
	} {
		conn := d.dial(t, c.uid)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			// The helper may close before it has read all of it.
			_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: helper\r\n%s%s", c.method, c.path, c.headers, c.body)
		}()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if resp.Body.Close(); resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", c.name, resp.StatusCode, c.status)
		}
		<-sent
		conn.Close()
	}
	eventually(t, "an end of all requests", func() bool { return len(d.found(t)) == 0 })
	d.forgotten(t, "refused")
}

// found is the secrets that are in the helper's memory.
func (d *daemon) found(t *testing.T) (names []string) {
	t.Helper()
	memory := string(d.memory(t))
	for name, s := range allSecrets {
		if strings.Contains(memory, s) {
			names = append(names, name)
		}
	}
	return names
}
