package authorize

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

const polkitd = "/usr/lib/polkit-1/polkitd"

// The directories that are built into polkitd.
const (
	actionsDir = "/usr/share/polkit-1/actions"
	rulesDir   = "/etc/polkit-1/rules.d"
)

// rules are what an administrator might write: yes to nobody and to the one who
// asks from a screen, no to games; the rest is left to the action's defaults.
const rules = `polkit.addRule(function(action, subject) {
	if (action.id != "io.github.culvert.connect") return polkit.Result.NOT_HANDLED;
	if (subject.user == "nobody") return polkit.Result.YES;
	if (subject.user == "games") return polkit.Result.NO;
	if (subject.user == "sys" && subject.local && subject.active) return polkit.Result.YES;
});
`

// need is the path of a program.
func need(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: this test needs the Debian package %s", err, debian)
	}
	return path
}

// logged starts cmd, shows what it says if the test fails, and ends it with the
// test.
func logged(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), &out)
		}
	})
}

// publicDir is a directory that every user can read.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "authorize")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startBus starts a bus with the rights of the system's one, and gives its
// address.
func startBus(t *testing.T) string {
	t.Helper()
	dir := publicDir(t)
	config := filepath.Join(dir, "bus.conf")
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%s/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>
  <policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
</busconfig>
`, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(need(t, "dbus-daemon", "dbus-daemon"), "--config-file="+config, "--nofork", "--nopidfile", "--print-address=1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	logged(t, cmd)
	w.Close()
	address, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-daemon gives no address: %v", err)
	}
	return strings.TrimSpace(address)
}

// startPolkit starts polkitd with our action and the rules, and waits until it
// answers.
func startPolkit(t *testing.T, bus string) {
	t.Helper()
	need(t, polkitd, "polkitd")
	dir := publicDir(t)
	policy, err := os.ReadFile(Action[:strings.LastIndexByte(Action, '.')] + ".policy")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"actions/culvert.policy": string(policy), "rules/50-test.rules": rules} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	conn := testBus(t, bus)
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, polkitName)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(cmd.Environ(), childVar+"=polkitd "+dir, "DBUS_SYSTEM_BUS_ADDRESS="+bus)
	logged(t, cmd)
	late := time.After(30 * time.Second)
	for {
		select {
		case s := <-signals:
			if s.Name == "org.freedesktop.DBus.NameOwnerChanged" {
				return
			}
		case <-late:
			t.Fatal("polkitd does not come up")
		}
	}
}

// testBus is the test's own connection to the bus.
func testBus(t *testing.T, bus string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(bus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// execPolkit becomes polkitd, which sees dir's actions and rules in place of
// the machine's. Nobody else sees that: the mounts are in a namespace of their
// own, and go with it.
func execPolkit(dir string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("new mount namespace: %w", err)
	}
	// In a chroot, / is no mount that could be made private. Entering the own
	// namespace leaves the chroot, and the descriptor leads back.
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ns, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(ns, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := errors.Join(unix.Fchdir(root), unix.Chroot(".")); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	for from, to := range map[string]string{"actions": actionsDir, "rules": rulesDir} {
		if err := unix.Mount(filepath.Join(dir, from), to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount at %s: %w", to, err)
		}
	}
	return syscall.Exec(polkitd, []string{polkitd, "--no-debug"}, os.Environ())
}
