package whole

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/engine/failure"
	"github.com/culvert-vpn/culvert/platform/ipc"
	"golang.org/x/sys/unix"
)

// Secrets that nobody can mistake for anything else.
const (
	secretPSK      = `Gruppenschlüssel "Zäh&Bissig" 7QK`
	secretPassword = `Paßwort 'Größe' "µ" \9XV`
	secretCode     = `Einmalcode-ÄÖÜ-"271828"-3WT`
	// Where no secret belongs: in a profile, in the name of a route.
	misplaced = `verlegt-31415-4YR`
)

// forms are the ways in which a secret would come up in what is written, and in
// memory.
func forms(s string) map[string][]byte {
	quoted, _ := json.Marshal(s) // a string can be
	wide := []byte{}
	for _, u := range utf16.Encode([]rune(s)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	return map[string][]byte{
		"as it is": []byte(s), "in JSON": bytes.Trim(quoted, `"`), "quoted": []byte(strings.Trim(strconv.Quote(s), `"`)),
		"in hexadecimal": []byte(hex.EncodeToString([]byte(s))), "in Base64": []byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(s)), "=")),
		"in UTF-16": wide,
	}
}

var allSecrets = map[string]string{"the key": secretPSK, "the password": secretPassword, "the code": secretCode}

// silent fails the test if a text has one of the secrets.
func silent(t *testing.T, where string, text []byte) {
	t.Helper()
	for name, s := range allSecrets {
		for how, form := range forms(s) {
			if bytes.Contains(text, form) {
				t.Errorf("%s is in %s, %s", name, where, how)
			}
		}
	}
}

// TestSecrets connects, fails, reconnects and disconnects with invented secrets,
// and looks for them wherever they must not be.
func TestSecrets(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.environ = []string{"GOTRACEBACK=crash"} // a core dump, if it may make one
	gw := r.gateway()
	gw.Kill()
	gw.psk, gw.password = secretPSK, secretPassword
	gw.configure()
	gw.boot()
	app := r.application()
	d := r.begin()
	everywhere := func(when string) {
		t.Helper()
		d.everywhere(t, r, when)
	}
	everywhere("started")

	// A profile that asks for the password each time, and a code that is refused.
	text := profile(`ask_password = true`)
	asked := func(from int) {
		t.Helper()
		d.log.until(t, from, "question for the password", func(e api.Event) bool {
			s, ok := e.(api.Status)
			return ok && len(s.Ask) == 1 && s.Ask[0] == api.Password
		})
	}
	from := d.log.len()
	must(t, d.Connect(t.Context(), api.ConnectRequest{Profile: text, Secrets: api.Secrets{PSK: api.Secret(secretPSK), Password: api.Secret(secretCode)}}))
	asked(from)
	everywhere("refused")
	from = d.log.len()
	must(t, d.Answer(t.Context(), api.Secrets{Password: api.Secret(secretPassword)}))
	d.log.state(t, from, api.Connected)
	everywhere("connected")
	if !bytes.Contains(d.memory(t), []byte(secretPSK)) {
		t.Error("the key is not found in the memory of a helper that needs it: the search is of no use")
	}
	d.refusals(t)

	// Lost: the password is asked for again.
	from = d.log.len()
	app.flows(t, time.Now())
	gw.crash()
	gw.boot()
	asked(from)
	everywhere("lost")
	from = d.log.len()
	must(t, d.Answer(t.Context(), api.Secrets{Password: api.Secret(secretPassword)}))
	d.log.state(t, from, api.Connected)
	d.disconnected()
	everywhere("disconnected")
	silent(t, "the gateway's output", []byte(gw.Said()))

	// A wrong key, which makes the longest of all failures.
	from = d.log.len()
	must(t, d.Connect(t.Context(), api.ConnectRequest{Profile: profile(), Secrets: api.Secrets{PSK: api.Secret(secretCode), Password: api.Secret(secretPassword)}}))
	d.log.until(t, from, "failure", func(e api.Event) bool {
		f, ok := e.(api.FailureEvent)
		return ok && f.Code == failure.IKEPSKMismatch
	})
	d.log.until(t, from, "end", stateIs(api.Disconnected))
	must(t, d.Disconnect(t.Context()))
	d.forgotten(t, "at once")
	everywhere("failed")
	// Enough work for the garbage collector to come by, twice.
	for range 200 {
		d.ask(t, http.MethodGet, "/v1/log", nil)
	}
	d.forgotten(t, "later")
	d.noCore(t, r)
}

// everywhere looks at all that the helper says and writes.
func (d *daemon) everywhere(t *testing.T, r *room, when string) {
	t.Helper()
	pid := d.PID()
	for _, name := range []string{"cmdline", "environ"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		must(t, err)
		silent(t, when+": its "+name, data)
	}
	silent(t, when+": its output", []byte(d.Said()))
	silent(t, when+": its events", []byte(d.log.String()))
	for _, path := range []string{"/v1/state", "/v1/log", "/v1/stats", "/v1/version"} {
		status, body := d.ask(t, http.MethodGet, path, nil)
		if status != http.StatusOK {
			t.Errorf("%s: %s: status %d", when, path, status)
		}
		silent(t, when+": "+path, body)
	}
	for _, args := range []string{"status", "status --json", "log", "log --json", "report"} {
		cmd := exec.Command(culvert, strings.Fields(args)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CULVERT_SOCKET=" + d.socket}
		out, err := cmd.CombinedOutput()
		if len(out) == 0 || err != nil && strings.HasPrefix(args, "log") {
			t.Errorf("%s: culvert %s: %v: %s", when, args, err, out)
		}
		silent(t, when+": culvert "+args, out)
	}
	for _, dir := range []string{stateDir, "etc", "run", "tmp"} {
		must(t, filepath.WalkDir(r.Path(dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			silent(t, when+": "+path, data)
			return err
		}))
	}
}

// ask is a request that no client of ours would make.
func (d *daemon) ask(t *testing.T, method, path string, body []byte) (int, []byte) {
	t.Helper()
	c := &http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return ipc.Dial(ctx, d.socket)
	}}}
	req, err := http.NewRequest(method, "http://helper"+path, bytes.NewReader(body))
	must(t, err)
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, data
}

// refusals: no answer to a bad request repeats what was sent.
func (d *daemon) refusals(t *testing.T) {
	t.Helper()
	whole, err := json.Marshal(api.ConnectRequest{Profile: profile(`id = "00000000-5b6d-4e7f-8a9b-0c1d2e3f4a5b"`),
		Secrets: api.Secrets{PSK: api.Secret(secretPSK), Password: api.Secret(secretPassword)}})
	must(t, err)
	for _, body := range [][]byte{
		whole, // another one is connected
		whole[:len(whole)-1],
		append([]byte(secretPSK), whole...),
		[]byte(`{"profile":` + strconv.Quote(`password = "`+misplaced+`"`) + `,"secrets":{"password":"x"}}`),
		[]byte(`{"` + hex.EncodeToString([]byte(secretPSK)) + `":7}`),
	} {
		for _, path := range []string{"/v1/connect", "/v1/answer", "/v1/" + misplaced} {
			status, answer := d.ask(t, http.MethodPost, path, body)
			if status < 400 {
				t.Errorf("%s %.30s: status %d", path, body, status)
			}
			silent(t, "the answer to "+path, answer)
			if bytes.Contains(answer, []byte(misplaced)) {
				t.Errorf("the answer to %s repeats what was sent: %s", path, answer)
			}
		}
	}
}

// forgotten: nothing of a secret is in the helper's memory.
func (d *daemon) forgotten(t *testing.T, when string) {
	t.Helper()
	memory := d.memory(t)
	t.Logf("%s: %d KB of memory looked through", when, len(memory)>>10)
	for name, s := range allSecrets {
		for how, form := range forms(s) {
			if n := bytes.Count(memory, form); n > 0 {
				at := bytes.Index(memory, form)
				t.Errorf("%s: %s is in the memory of a helper that is not connected, %s, %d times; the first: %q", when, name, how, n, memory[max(0, at-100):min(len(memory), at+200)])
			}
		}
	}
}

// memory is all that the helper can write to.
func (d *daemon) memory(t *testing.T) []byte {
	t.Helper()
	pid := d.PID()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	must(t, err)
	defer mem.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		part := make([]byte, to-from)
		n, _ := mem.ReadAt(part, from) // a part that is not there any more has nothing
		all = append(all, part[:n]...)
	}
	return all
}

// noCore: a helper that crashes leaves no image of its memory, even if the limit
// would allow it.
func (d *daemon) noCore(t *testing.T, r *room) {
	t.Helper()
	var had unix.Rlimit
	must(t, unix.Prlimit(d.PID(), unix.RLIMIT_CORE, nil, &had))
	if had.Cur != 0 {
		t.Errorf("a core dump may have %d octets, want none", had.Cur)
	}
	must(t, unix.Prlimit(d.PID(), unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil))
	d.Signal(syscall.SIGABRT)
	var ended *exec.ExitError
	if err := d.Wait(); !errors.As(err, &ended) {
		t.Fatalf("SIGABRT ended the helper with %v", err)
	}
	status, ok := ended.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.CoreDump() {
		t.Errorf("the helper ended with %v, a core dump: %v", ended, status.CoreDump())
	}
	left, err := filepath.Glob(r.Path("/core*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
