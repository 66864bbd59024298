package e2e

import (
	"context"
	"image/color"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
)

// Colours of the light theme.
var (
	primary   = color.RGBA{0x0a, 0x6a, 0x8c, 0xff}
	connected = color.RGBA{0x17, 0x71, 0x3d, 0xff}
	ground    = color.RGBA{0xff, 0xff, 0xff, 0xff}
	edge      = color.RGBA{0x7c, 0x8a, 0x96, 0xff} // of a toggle that is off
	failed    = color.RGBA{0xb3, 0x26, 0x1e, 0xff}
)

// programs are what is tested, as it is shipped.
type programs struct{ desktop, culvertd string }

// TestDesktop has people use the desktop, each on a machine of their own, and all
// of them with one gateway, which nobody here wrote.
func TestDesktop(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces, interfaces and routes: run it as root")
	}
	dir := t.TempDir()
	p := programs{desktop: build(t, true, dir, "culvert-desktop"), culvertd: build(t, false, dir, "culvertd")}
	g := lab.StartSoftEther(t, lab.SoftEtherOptions{Bound: true})
	g.Watch(t)
	t.Cleanup(func() {
		if !t.Failed() && os.Getenv("CULVERT_SCREENSHOTS") == "" {
			must(t, os.RemoveAll(pictures(t)))
		}
	})
	// One after the other: what is measured is of one window.
	for _, person := range []struct {
		name string
		does func(*testing.T, *lab.SoftEther, programs)
	}{{"day", aDay}, {"many", many}, {"looks", looks}} {
		t.Run(person.name, func(t *testing.T) { person.does(t, g, p) })
	}
}

// helper starts the helper of a room.
func (r *room) helper(p programs) *process {
	r.t.Helper()
	inside := filepath.Join(r.dir, "usr/sbin/culvertd")
	if err := os.Link(p.culvertd, inside); err != nil && !os.IsExist(err) {
		r.t.Fatal(err)
	}
	return start(r.t, r.client, nil, func(c *exec.Cmd) { c.SysProcAttr.Chroot, c.Path = r.dir, "/usr/sbin/culvertd" }, inside)
}

// TestNoScreen has no screen: that is one line, and no panic.
func TestNoScreen(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(build(t, true, dir, "culvert-desktop"))
	cmd.Env = []string{"HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "no screen") {
		t.Errorf("%v: %s", err, out)
	}
}

// session starts a bus and a keychain on it that is open, and gives the address.
func session(t *testing.T, r *room, s *screen) string {
	t.Helper()
	daemon := start(t, r.world, s.environ, nil, "dbus-daemon", "--session", "--nofork", "--print-address")
	var address string
	for line := range strings.Lines(daemon.says(t, ",guid=")) {
		if strings.HasPrefix(line, "unix:") {
			address = strings.TrimSpace(line)
		}
	}
	s.environ = append(s.environ, "DBUS_SESSION_BUS_ADDRESS="+address)
	start(t, r.world, s.environ, func(c *exec.Cmd) { c.Stdin = io.NopCloser(strings.NewReader("invented")) },
		"gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground")
	bus, err := dbus.Connect(address)
	must(t, err)
	defer bus.Close()
	eventually(t, "the keychain", func() bool {
		var there bool
		err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&there)
		return err == nil && there
	})
	return address
}

// state waits for a state of the helper.
func state(t *testing.T, ask *client.Client, want api.State) {
	t.Helper()
	eventually(t, "the state "+string(want), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s, err := ask.State(ctx)
		return err == nil && s.State == want
	})
}

// kept says that the profile is a file without secrets, which only its owner reads.
func kept(t *testing.T, r *room) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.home, ".config/culvert/profiles/*.toml"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("profiles: %v", files)
	}
	text, err := os.ReadFile(files[0])
	must(t, err)
	if !strings.Contains(string(text), lab.Server.String()) || strings.Contains(string(text), lab.Password) || strings.Contains(string(text), lab.PSK) {
		t.Errorf("%s:\n%s", files[0], text)
	}
	info, err := os.Stat(files[0])
	must(t, err)
	if info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s: %v", files[0], info.Mode())
	}
}
