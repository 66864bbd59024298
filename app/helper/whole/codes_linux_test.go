package whole

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/testroom"
	"golang.org/x/sys/unix"
)

// seat is a person in front of a terminal, where a program runs.
type seat struct {
	t *testing.T
	*testroom.Process
	keys *os.File

	mu     sync.Mutex // guards what follows
	screen bytes.Buffer
}

// sit runs culvert on a pseudo terminal (pty(7)).
func (p *person) sit(args ...string) *seat {
	t := p.r.t
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { keys.Close() })
	must(t, unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	must(t, err)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	defer tty.Close()
	cmd := p.command("", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	s := &seat{t: t, keys: keys}
	s.Process = p.r.Launch(cmd)
	go func() { // until nobody has the terminal any more
		b := make([]byte, 1024)
		for {
			n, err := keys.Read(b)
			s.mu.Lock()
			s.screen.Write(b[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("on the screen of culvert %q:\n%s", args, s.shown())
		}
	})
	return s
}

func (s *seat) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// shows waits until words are on the screen so many times.
func (s *seat) shows(words string, times int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%q on the screen", words), func() bool { return strings.Count(s.shown(), words) >= times })
}

// types answers the question that is on the screen for the times-th time.
func (s *seat) types(code string, times int) {
	s.t.Helper()
	s.shows("One-time code for “Office”: ", times)
	_, err := io.WriteString(s.keys, code+"\n")
	must(s.t, err)
}

// ends waits for the end of the program.
func (s *seat) ends(status int) {
	s.t.Helper()
	err := s.Wait()
	if code := exitCode(err); code != status {
		s.t.Errorf("status %d, want %d", code, status)
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var code int
	if _, serr := fmt.Sscanf(err.Error(), "exit status %d", &code); serr != nil {
		return -1
	}
	return code
}

// TestCodes: a gateway asks for codes, a person types them, and nobody else has
// them, before or after.
func TestCodes(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	alice, _ := r.people()
	before := r.state()
	gw := r.gateway(`code_prompt = "Code of your token:"`, "[codes]", fmt.Sprintf("%s = %q", user, secretCode))
	d := r.begin()
	alice.culvert("", 0, []string{"is saved"}, "profiles", "add", "--server", "198.51.100.1", "--user", user, "--name", "Office")
	secrets := filepath.Join(alice.home(), "secrets.toml")
	r.Write(secrets, fmt.Sprintf("psk = %q\npassword = %q\n", psk, password))
	must(t, os.Chmod(r.Path(secrets), 0o600))
	must(t, os.Chown(r.Path(secrets), int(alice.uid), int(alice.uid)))
	up := []string{"up", "--secrets", secrets, "Office"}

	s := alice.sit(up...)
	s.shows("The gateway asks “Code of your token:”, for 90 s.", 1)
	alice.culvert("", 0, []string{"waiting"}, "status", "--json")
	s.types(secretCode, 1)
	s.shows("Connected to 198.51.100.1", 1)
	s.ends(0)
	silent(t, "the screen", []byte(s.shown()))
	d.everywhere(t, r, "connected by a code")
	if n := bytes.Count(d.memory(t), []byte(secretCode)); n > 0 {
		t.Errorf("the code is %d times in the memory of a helper that has used it", n)
	}
	alice.culvert("", 0, []string{"Disconnected."}, "down")
	same(t, "disconnected", r.state(), before)

	// A wrong one is told, and asked for once.
	s = alice.sit(up...)
	s.types("wrong", 1)
	s.ends(3)
	s.shows("ppp.bad-credentials", 1)
	if n := strings.Count(s.shown(), "One-time code"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	same(t, "refused", r.state(), before)

	// Whoever does not want to answer ends it at once.
	s = alice.sit(up...)
	s.shows("One-time code for “Office”: ", 1)
	s.Signal(syscall.SIGINT)
	s.ends(3)
	d.log.state(t, 0, api.Disconnected)
	same(t, "given up", r.state(), before)

	// Lost: no try without a person, who is asked at the terminal that stays.
	s = alice.sit("up", "--wait", "--secrets", secrets, "Office")
	s.types(secretCode, 1)
	s.shows("Connected to 198.51.100.1", 1)
	gw.Term()
	s.shows("One-time code for “Office”: ", 2)
	gw.boot()
	alice.culvert("", 0, []string{`"state":"disconnected"`, `"ask":["otp"]`}, "status", "--json")
	if strings.Contains(gw.Said(), "client ") {
		t.Errorf("the gateway was tried without a code:\n%s", gw.Said())
	}
	s.types(secretCode, 2)
	s.shows("Connected to 198.51.100.1", 2)
	s.Signal(syscall.SIGINT)
	s.ends(0)
	same(t, "after Ctrl+C", r.state(), before)

	// Without a terminal: of the secrets.
	r.Write(secrets, fmt.Sprintf("psk = %q\npassword = %q\notp = %q\n", psk, password, secretCode))
	alice.culvert("", 0, []string{"Connected to 198.51.100.1"}, up...)
	d.disconnected()
	d.Term()
	same(t, "at the end", r.state(), before)
}
