package e2e

import (
	"context"
	"image"
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
)

// Invented secrets.
const (
	psk      = "the group key"
	password = "correct horse"
)

// Colours of the light theme.
var (
	primary   = color.RGBA{0x0a, 0x6a, 0x8c, 0xff}
	connected = color.RGBA{0x17, 0x71, 0x3d, 0xff}
)

// Where things are in a window of 880 by 640.
var (
	firstChoice   = image.Rect(210, 300, 670, 360)
	checks        = image.Rect(220, 600, 680, 635)
	connectButton = image.Rect(770, 595, 852, 625)
	passwordField = image.Rect(289, 190, 563, 230)
	keyField      = image.Rect(583, 190, 857, 230)
	panel         = image.Rect(290, 76, 856, 188)
)

func middle(r image.Rectangle) (x, y int) { return (r.Min.X + r.Max.X) / 2, (r.Min.Y + r.Max.Y) / 2 }

// TestDesktop is a person's first day: a profile by typing, a connection by
// clicking, its end by the toggle, and the end of the program by the tray.
func TestDesktop(t *testing.T) {
	r := newRoom(t)
	programs := t.TempDir()
	desktop := build(t, true, programs, "culvert-desktop")
	culvert := build(t, false, programs, "culvert")
	build(t, false, filepath.Join(r.dir, "usr/sbin"), "culvertd")

	start(t, r.client, nil, func(c *exec.Cmd) { c.SysProcAttr.Chroot, c.Path = r.dir, "/usr/sbin/culvertd" }, filepath.Join(r.dir, "usr/sbin/culvertd"))
	gateway := start(t, r.world, nil, nil, culvert, "gateway", "--config", gatewayFile(t))
	gateway.says(t, "Serving")

	s := newScreen(t, r)
	bus := session(t, r, s)
	host := newTrayHost(t, bus)
	window := start(t, r.client, append(s.environ, "CULVERT_SOCKET="+r.socket), nil, desktop)
	t.Cleanup(s.keep) // before the window goes

	s.find("Culvert")
	s.see("the first page, with a helper and a keychain", connected, checks, 350)
	s.click(middle(firstChoice))
	s.see("the editor", primary, connectButton, 500)
	s.write("198.51.100.1")
	s.hand("key", "Tab")
	s.write("alice")
	for _, f := range []struct {
		area image.Rectangle
		text string
	}{{passwordField, password}, {keyField, psk}} {
		s.click(f.area.Min.X+60, (f.area.Min.Y+f.area.Max.Y)/2)
		s.see("the focus", primary, f.area, 200)
		s.write(f.text)
	}
	s.click(middle(connectButton))

	ask := client.New(r.socket)
	state(t, ask, api.Connected)
	s.see("the panel of a connection", connected, panel, 3000)
	item := host.registered()
	host.has(item, "Connected to 198.51.100.1")
	throughTunnel(t, r)
	kept(t, r)

	s.click(794, 122) // the toggle
	state(t, ask, api.Disconnected)
	eventually(t, "the panel without a connection", func() bool { return count(s.look(), connected, panel) == 0 })
	host.has(item, "Not connected")

	s.hand("key", "ctrl+w")
	eventually(t, "the window closed", func() bool {
		return s.command("xdotool", "search", "--onlyvisible", "--name", "^Culvert$").Run() != nil
	})
	host.press(item, "Open Culvert")
	s.find("Culvert")

	// A second one shows the first, and ends.
	second := start(t, r.client, append(s.environ, "CULVERT_SOCKET="+r.socket), nil, desktop)
	<-second.ended
	if second.err != nil {
		t.Errorf("a second instance: %v", second.err)
	}
	host.press(item, "Quit")
	<-window.ended
	if window.err != nil {
		t.Errorf("the desktop ended with %v", window.err)
	}
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

func gatewayFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.toml")
	must(t, os.WriteFile(path, []byte("listen = \"198.51.100.1\"\npsk = \""+psk+"\"\n[users]\nalice = \""+password+"\"\n"), 0o600))
	return path
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

// throughTunnel asks the gateway inside, where only the tunnel leads.
func throughTunnel(t *testing.T, r *room) {
	t.Helper()
	in(t, r.client, func() {
		out, err := exec.Command("ping", "-c", "1", "-W", "5", "10.99.0.1").CombinedOutput()
		if err != nil {
			t.Errorf("through the tunnel: %v\n%s", err, out)
		}
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
	if !strings.Contains(string(text), "198.51.100.1") || strings.Contains(string(text), password) || strings.Contains(string(text), psk) {
		t.Errorf("%s:\n%s", files[0], text)
	}
	info, err := os.Stat(files[0])
	must(t, err)
	if info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s: %v", files[0], info.Mode())
	}
}
