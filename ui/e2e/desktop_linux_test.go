package e2e

import (
	"context"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/platform/testroom"
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
	dir := testroom.Scratch(t)
	p := programs{desktop: build(t, true, dir, "culvert-desktop"), culvertd: build(t, false, dir, "culvertd")}
	g := lab.StartSoftEther(t, lab.SoftEtherOptions{Bound: true})
	g.Watch(t)
	t.Cleanup(func() {
		if !t.Failed() && os.Getenv(keepIn) == "" {
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
func (r *room) helper(p programs) *testroom.Process {
	r.t.Helper()
	if err := os.Link(p.culvertd, r.Path("/usr/sbin/culvertd")); err != nil && !os.IsExist(err) {
		r.t.Fatal(err)
	}
	return r.Start("/usr/sbin/culvertd")
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

// session starts a bus and a keychain on it that is open.
func session(t *testing.T, s *screen) *testroom.Bus {
	t.Helper()
	bus := testroom.NewBus(t, "", "")
	s.environ = append(s.environ, "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	here := testroom.Here(t)
	keyring := here.Command("gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground")
	keyring.Env, keyring.Stdin = append(keyring.Env, s.environ...), strings.NewReader("invented")
	here.Launch(keyring)
	bus.Await("org.freedesktop.secrets")
	return bus
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
