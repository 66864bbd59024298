package whole

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// person is somebody who has an account on the client and no privilege.
type person struct {
	r      *room
	uid    uint32
	groups []uint32
}

// helpers is the group of those who may use the helper.
const helpers = 4711

// people gives the client the program, the group, and homes for two.
func (r *room) people() (member, stranger *person) {
	r.t.Helper()
	must(r.t, os.Link(culvert, r.Path("/usr/bin/culvert")))
	r.Write("/etc/group", fmt.Sprintf("root:x:0:\nculvert:x:%d:\n", helpers))
	member, stranger = &person{r, 1001, []uint32{helpers}}, &person{r, 1002, nil}
	for _, p := range []*person{member, stranger} {
		home := r.Path(p.home())
		must(r.t, os.MkdirAll(home, 0o755)) // with those above
		must(r.t, os.Chown(home, int(p.uid), int(p.uid)))
	}
	return member, stranger
}

func (p *person) home() string { return fmt.Sprintf("/home/%d", p.uid) }

// command is culvert as the person runs it.
func (p *person) command(stdin string, args ...string) *exec.Cmd {
	cmd := p.r.Command("/usr/bin/culvert", args...)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.uid, Gid: p.uid, Groups: p.groups}
	cmd.Env = []string{"PATH=/usr/bin", "HOME=" + p.home()}
	cmd.Stdin = strings.NewReader(stdin)
	return cmd
}

// culvert runs one command line and checks how it ends and that it says all of
// want.
func (p *person) culvert(stdin string, status int, want []string, args ...string) string {
	t := p.r.t
	t.Helper()
	cmd := p.command(stdin, args...)
	said, _ := p.r.Finish(cmd) // the state tells
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("culvert %q: status %d, want %d:\n%s", args, got, status, said)
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("culvert %q: no %q in\n%s", args, w, said)
		}
	}
	return said
}

// TestPeople: who has no privilege but the group connects and disconnects with the
// command line, and the machine is as it was; who is not in the group is told.
func TestPeople(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	alice, mallory := r.people()
	before := r.state()
	r.gateway()
	d := r.begin()
	secrets := fmt.Sprintf("psk = %q\npassword = %q\n", psk, password)

	alice.culvert("", 0, []string{"Not connected."}, "status")
	alice.culvert("", 0, []string{"“Office” is saved"}, "profiles", "add", "--server", "198.51.100.1", "--user", user, "--name", "Office")
	alice.culvert("", 0, []string{"✓ A gateway answers at 198.51.100.1 on UDP port 500", "✓ The gateway answers at 198.51.100.1 on UDP port 4500", "✓ The encryption matches"}, "doctor", "Office")
	alice.culvert(strings.Replace(secrets, password, "wrong", 1), 3, []string{"✗ Sign in", "ppp.bad-credentials (in Windows: error 691)"}, "up", "--secrets", "-", "Office")
	alice.culvert("", 0, []string{"Not connected.", "ppp.bad-credentials"}, "status")
	same(t, "a wrong password", r.state(), before)
	alice.culvert(secrets, 0, []string{"✓ Routes", "Connected to 198.51.100.1"}, "up", "--secrets", "-", "Office")
	alice.culvert("", 0, []string{"Connected: “Office”", "gateway   198.51.100.1", "on culvert0", "received"}, "status")
	if r.state() == before {
		t.Error("connected, and nothing has changed")
	}

	sentence := ": You may not use the helper. Join the group culvert: sudo usermod -aG culvert $USER, then sign out and in again.\n"
	for _, command := range []string{"status", "down", "watch", "log"} {
		mallory.culvert("", 4, []string{"culvert " + command + sentence}, command)
	}
	mallory.culvert("", 0, []string{"is saved"}, "profiles", "add", "--server", "198.51.100.1", "--user", user, "--name", "Office")
	mallory.culvert(secrets, 4, []string{"culvert up" + sentence}, "up", "--secrets", "-", "Office")
	mallory.culvert("", 4, []string{"✗ You may not use the helper."}, "doctor")

	said := alice.culvert("", 0, []string{"refused peer=pid ", "== state ==", "servers = ['198.51.100.1']", "user = '[redacted]'"}, "report")
	for _, hidden := range []string{password, psk, user} {
		if strings.Contains(said, hidden) {
			t.Errorf("%q is in the report:\n%s", hidden, said)
		}
	}
	alice.culvert("", 0, []string{"Disconnected."}, "down")
	same(t, "disconnected", r.state(), before)

	up := r.Launch(alice.command(secrets, "up", "--wait", "--secrets", "-", "Office"))
	up.Says("Connected to 198.51.100.1")
	up.Signal(syscall.SIGINT)
	if err := up.Wait(); err != nil || !strings.Contains(up.Said(), "Disconnecting.\nDisconnected.\n") {
		t.Errorf("up --wait: %v\n%s", err, up.Said())
	}
	same(t, "after Ctrl+C", r.state(), before)
	d.Term()
	alice.culvert("", 4, []string{"culvert status: The helper is not running. Start it: sudo systemctl start culvertd.socket.\n"}, "status")
}
