package linux

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// The administrator of the room, and an invented password.
const adminPassword = "invented by an administrator"

// TestAdministrator is the buttons of the desktop for which an administrator is
// asked: a polkitd, its pkexec and its agent ask for the password, and what was
// asked for is done.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	pkexec, err := os.ReadFile("/usr/bin/pkexec")
	if err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	r := newRoom(t)
	r.Write("/usr/bin/pkexec", string(pkexec))
	must(t, os.Chmod(r.Path("/usr/bin/pkexec"), os.ModeSetuid|0o755))
	r.Sh("echo 'root:" + adminPassword + "' | chpasswd; mkdir -m 777 /run/agents")

	// Nobody can ask: nothing happens, and the desktop shows a line for a terminal.
	out := r.text("setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "setsid", "-w", "sh", "-c", "pkexec /usr/libexec/culvert/culvert-admin start; echo status $?")
	if !strings.HasSuffix(out, "\nstatus 127\n") || r.property("ActiveState") != "inactive" {
		t.Errorf("without an agent: %s; the service is %s", out, r.property("ActiveState"))
	}

	r.button("start", "io.github.culvert.start-helper", "to start Culvert's helper")
	for _, unit := range []string{"culvertd.service", "culvertd.socket"} {
		if active, enabled := r.text("systemctl", "is-active", unit), r.text("systemctl", "is-enabled", unit); active != "active\n" || enabled != "enabled\n" {
			t.Errorf("started: %s is %s%s", unit, active, enabled)
		}
	}

	// He signed in before, without the group.
	bob := func() string {
		return r.Run("setpriv", "--reuid=bob", "--regid=bob", "--clear-groups",
			"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "http://helper/v1/state")
	}
	if got := bob(); got != "401" {
		t.Errorf("before it is allowed: %s", got)
	}
	r.button("allow", "io.github.culvert.allow-me", "to let this user connect")
	if got := bob(); got != "200" {
		t.Errorf("allowed, he is answered %s", got)
	}
	if members := r.Sh("getent group culvert | cut -d: -f4"); members != "alice,bob\n" {
		t.Errorf("the group has the members %s", members)
	}

	before := r.property("MainPID")
	r.button("repair", "io.github.culvert.repair-helper", "to start Culvert's helper anew")
	if now := r.property("MainPID"); now == before || now == "0" || r.state().State != api.Disconnected {
		t.Errorf("repaired, the helper is still %s", now)
	}

	// It does nothing else, and for nobody else.
	for _, words := range []string{"", "allow carol", "start culvertd.service", "stop"} {
		if out := r.text("sh", "-c", "PKEXEC_UID=0 /usr/libexec/culvert/culvert-admin "+words); !strings.Contains(out, "exit status 2") {
			t.Errorf("culvert-admin %s: %s", words, out)
		}
	}
	if out := r.text("/usr/libexec/culvert/culvert-admin", "allow"); !strings.Contains(out, "exit status 2") || strings.Contains(r.Sh("getent group culvert"), "root") {
		t.Errorf("allowing nobody: %s", out)
	}
}

// button is a press of one: the desktop, which has no terminal, runs pkexec, the
// agent of bob's session shows what is asked for, and somebody types.
func (r *room) button(word, action, message string) {
	r.t.Helper()
	as := []string{"setpriv", "--reuid=bob", "--regid=bob", "--init-groups"}
	fifo := "/run/agents/" + word
	r.Sh("mkfifo -m 666 " + fifo)

	desktop := r.Command(as[0], append(as[1:], "setsid", "-w", "sh", "-c", "echo $$; read go; pkexec /usr/libexec/culvert/culvert-admin "+word+"; echo status $?")...)
	press, err := desktop.StdinPipe()
	must(r.t, err)
	asks := r.Launch(desktop)
	pid := strings.TrimSpace(asks.Says("\n"))

	agent := r.Command(as[0], append(as[1:], "script", "-qec", "exec pkttyagent --process "+pid+" --notify-fd 3 3>"+fifo, "/dev/null")...)
	hand, err := agent.StdinPipe()
	must(r.t, err)
	shows := r.Launch(agent)
	r.Run("cat", fifo) // until the agent is there
	_, err = io.WriteString(press, "\n")
	must(r.t, err)
	shows.Says("Password:")
	// It asks, and then throws away what was typed before it was ready to hide it.
	var typed time.Time
	testroom.Eventually(r.t, "the end of what was asked for", func() bool {
		if time.Since(typed) > 2*time.Second {
			typed = time.Now()
			_, _ = fmt.Fprintln(hand, adminPassword) // whoever asked may have gone
		}
		return asks.Ended()
	})
	if err := asks.Wait(); err != nil || !strings.HasSuffix(asks.Said(), "\nstatus 0\n") {
		r.t.Fatalf("culvert-admin %s: %v: %s\nthe agent: %s", word, err, asks.Said(), shows.Said())
	}
	for _, want := range []string{action, message} {
		if !strings.Contains(shows.Said(), want) {
			r.t.Errorf("%s: %q is not in what is shown:\n%s", word, want, shows.Said())
		}
	}
	shows.Kill()
}
