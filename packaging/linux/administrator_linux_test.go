package linux

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/culvert-vpn/culvert/app/api"
)

// The administrator of the room, and an invented password.
const adminPassword = "invented by an administrator"

// TestAdministrator is the buttons of the desktop for which an administrator is
// asked: a polkitd, its pkexec and its agent ask for the password, and what was
// asked for is done.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	programs, dest := build(t), t.TempDir()
	makeTarget(t, "install", programs, dest, "/usr")
	must(t, os.Chmod(dest, 0o755))
	pkexec, err := os.ReadFile("/usr/bin/pkexec")
	if err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	must(t, os.WriteFile(filepath.Join(dest, "usr/bin/pkexec"), pkexec, 0o755))
	must(t, os.Chmod(filepath.Join(dest, "usr/bin/pkexec"), os.ModeSetuid|0o755))
	r := newRoom(t, dest, roomFiles)
	r.sh("echo 'root:" + adminPassword + "' | chpasswd; mkdir -m 777 /run/agents")

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
		return r.run("setpriv", "--reuid=bob", "--regid=bob", "--clear-groups",
			"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", socket, "http://helper/v1/state")
	}
	if got := bob(); got != "401" {
		t.Errorf("before it is allowed: %s", got)
	}
	r.button("allow", "io.github.culvert.allow-me", "to let this user connect")
	if got := bob(); got != "200" {
		t.Errorf("allowed, he is answered %s", got)
	}
	if members := r.sh("getent group culvert | cut -d: -f4"); members != "alice,bob\n" {
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
	if out := r.text("/usr/libexec/culvert/culvert-admin", "allow"); !strings.Contains(out, "exit status 2") || strings.Contains(r.sh("getent group culvert"), "root") {
		t.Errorf("allowing nobody: %s", out)
	}
}

// button is a press of one: the desktop, which has no terminal, runs pkexec, the
// agent of bob's session shows what is asked for, and somebody types.
func (r *room) button(word, action, message string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	as := []string{"setpriv", "--reuid=bob", "--regid=bob", "--init-groups"}
	fifo := "/run/agents/" + word
	r.sh("mkfifo -m 666 " + fifo)

	desktop := r.command(ctx, append(as, "setsid", "-w", "sh", "-c", "echo $$; read go; pkexec /usr/libexec/culvert/culvert-admin "+word+"; echo status $?")...)
	var told said
	desktop.Stdout, desktop.Stderr = &told, &told
	press, err := desktop.StdinPipe()
	must(r.t, err)
	must(r.t, desktop.Start())
	r.eventually("the desktop", func() bool { return strings.Contains(told.String(), "\n") })
	pid, _, _ := strings.Cut(told.String(), "\n")

	agent := r.command(ctx, append(as, "script", "-qec", "exec pkttyagent --process "+pid+" --notify-fd 3 3>"+fifo, "/dev/null")...)
	var shown said
	agent.Stdout, agent.Stderr = &shown, &shown
	hand, err := agent.StdinPipe()
	must(r.t, err)
	must(r.t, agent.Start())
	r.run("cat", fifo) // until the agent is there
	_, err = io.WriteString(press, "\n")
	must(r.t, err)
	r.eventually("the question", func() bool { return strings.Contains(shown.String(), "Password:") })
	_, err = fmt.Fprintln(hand, adminPassword)
	must(r.t, err)
	if err := desktop.Wait(); err != nil || !strings.HasSuffix(told.String(), "\nstatus 0\n") {
		r.t.Fatalf("culvert-admin %s: %v: %s\nthe agent: %s", word, err, told.String(), shown.String())
	}
	for _, want := range []string{action, message} {
		if !strings.Contains(shown.String(), want) {
			r.t.Errorf("%s: %q is not in what is shown:\n%s", word, want, shown.String())
		}
	}
	_ = agent.Process.Signal(os.Interrupt)
	cancel()
	_ = agent.Wait() // it is ended
}
