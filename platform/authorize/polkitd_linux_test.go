package authorize

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
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

// policy is that of the system's bus, as far as polkit goes.
const policy = `
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
`

// startBus starts a bus with the rights of the system's one, and gives its
// address.
func startBus(t *testing.T) string {
	t.Helper()
	return testroom.NewBus(t, "", policy).Address
}

// startPolkit starts polkitd with our action and the rules, and waits until it
// answers.
func startPolkit(t *testing.T, bus string) {
	t.Helper()
	if _, err := os.Stat(polkitd); err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	dir := testroom.Scratch(t)
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
	testroom.Here(t).Launch(cmd)
	late := time.After(testroom.Patience)
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

// execPolkit becomes polkitd, which sees dir's actions and rules in place of the
// machine's. Nobody else sees that.
func execPolkit(dir string) error {
	if err := testroom.Private(); err != nil {
		return err
	}
	for from, to := range map[string]string{"actions": actionsDir, "rules": rulesDir} {
		if err := unix.Mount(filepath.Join(dir, from), to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount at %s: %w", to, err)
		}
	}
	return syscall.Exec(polkitd, []string{polkitd, "--no-debug"}, os.Environ())
}
