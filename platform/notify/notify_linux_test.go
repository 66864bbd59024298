package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is for a machine that is busy.
const patience = 30 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: waited in vain", what)
		}
	}
}

// start starts a program that ends with the test.
func start(t *testing.T, environ []string, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}, environ...)
	if out, err := os.Create(filepath.Join(t.TempDir(), "out")); err == nil {
		cmd.Stdout, cmd.Stderr = out, out
		t.Cleanup(func() {
			if text, _ := os.ReadFile(out.Name()); t.Failed() {
				t.Logf("--- %s: %s", name, text)
			}
			_ = out.Close()
		})
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// desktop is a session with a server of notifications, on a screen of its own.
type desktop struct {
	t      *testing.T
	bus    string
	conn   *dbus.Conn
	server *exec.Cmd
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	must(t, os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+dir+`/bus</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600))
	start(t, nil, "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile")
	d := &desktop{t: t, bus: "unix:path=" + dir + "/bus"}
	eventually(t, "the bus", func() bool {
		conn, err := dbus.Connect(d.bus)
		d.conn = conn
		return err == nil
	})
	t.Cleanup(func() { d.conn.Close() })

	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{write}
	x.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := x.Start(); err != nil {
		t.Fatalf("%v: packaging/linux/need unit installs it", err)
	}
	t.Cleanup(func() {
		_ = x.Process.Kill()
		_ = x.Wait()
	})
	must(t, write.Close())
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	environ := []string{fmt.Sprintf("DISPLAY=:%d", number), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "DBUS_SESSION_BUS_ADDRESS=" + d.bus}
	d.server = start(t, environ, "dunst", "-config", config+".none")
	eventually(t, "the server of notifications", func() bool {
		var there bool
		err := d.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, service).Store(&there)
		return err == nil && there
	})
	return d
}

// count is how many notifications dunst shows or is about to.
func (d *desktop) count() (n uint32) {
	d.t.Helper()
	for _, name := range []string{"displayedLength", "waitingLength", "historyLength"} {
		v, err := d.conn.Object(service, path).GetProperty("org.dunstproject.cmd0." + name)
		must(d.t, err)
		some, ok := v.Value().(uint32)
		if !ok {
			d.t.Fatalf("%s is %v", name, v)
		}
		n += some
	}
	return n
}

// history is what dunst has shown, as a person reads it, once all of it is closed.
func (d *desktop) history() string {
	d.t.Helper()
	dunst := d.conn.Object(service, path)
	must(d.t, dunst.Call("org.dunstproject.cmd0.NotificationCloseAll", 0).Err)
	var list []map[string]dbus.Variant
	eventually(d.t, "what was shown", func() bool {
		must(d.t, dunst.Call("org.dunstproject.cmd0.NotificationListHistory", 0).Store(&list))
		return len(list) > 0
	})
	var lines []string
	for _, n := range list {
		lines = append(lines, fmt.Sprint(n["appname"].Value(), "|", n["summary"].Value(), "|", n["body"].Value()))
	}
	return strings.Join(lines, "\n")
}

// TestShow has dunst show notifications: there is one, the last, and nothing in it
// is markup.
func TestShow(t *testing.T) {
	d := newDesktop(t)
	clicked := make(chan bool, 4)
	n := New(Config{Name: "Culvert", Entry: "io.github.culvert", Open: "Open", Clicked: func() { clicked <- true }, Bus: d.bus})
	defer n.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, note := range []Note{{"Connected to Office", "All traffic now goes through the VPN."}, {"Office was lost", "Culvert is connecting again."},
		{"<b>Büro</b> & Co could not connect", "<b>Wrong</b> user & password."}} {
		must(t, n.Show(ctx, note))
		eventually(t, "one notification", func() bool { return d.count() == 1 })
	}
	// A click on it is told; one on what others show is not.
	var other uint32
	must(t, d.conn.Object(service, path).Call(service+".Notify", 0, "other", uint32(0), "", "Mail", "", []string{"default", "Open"}, map[string]dbus.Variant{}, int32(-1)).Store(&other))
	must(t, d.conn.Object(service, path).Call("org.dunstproject.cmd0.NotificationAction", 0, uint32(0)).Err)
	<-clicked
	must(t, d.conn.Object(service, path).Call(service+".CloseNotification", 0, other).Err)
	if len(clicked) > 0 {
		t.Error("clicks on what others show are told")
	}
	got := d.history()
	if want := "Culvert|<b>Büro</b> & Co could not connect|<b>Wrong</b> user & password."; !strings.Contains(got, want) {
		t.Errorf("shown was\n%s, want\n%s", got, want)
	}
}

// TestHang: a server that does not answer, or that is not there, costs no more
// than the time that is given; one that comes back is used again.
func TestHang(t *testing.T) {
	d := newDesktop(t)
	n := New(Config{Name: "Culvert", Entry: "io.github.culvert", Bus: d.bus})
	defer n.Close()
	show := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return n.Show(ctx, Note{"Connected to Office", "Through the VPN."})
	}
	must(t, show(patience))
	must(t, d.server.Process.Signal(syscall.SIGSTOP))
	for range 2 {
		if err := show(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it hangs: %v", err)
		}
	}
	must(t, d.server.Process.Signal(syscall.SIGCONT))
	must(t, show(patience))
	eventually(t, "one notification", func() bool { return d.count() == 1 })

	must(t, d.server.Process.Kill())
	_ = d.server.Wait()
	if err := show(patience); err == nil {
		t.Error("nobody shows it, and there is no error")
	}
	without := New(Config{Bus: "unix:path=" + t.TempDir() + "/no-bus"})
	defer without.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := without.Show(ctx, Note{}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a bus: %v", err)
	}
}
