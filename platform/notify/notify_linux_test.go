package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
)

var (
	must       = testroom.Must
	eventually = testroom.Eventually
)

const patience = testroom.Patience

// desktop is a session with a server of notifications, on a screen of its own.
type desktop struct {
	t      *testing.T
	bus    string
	conn   *dbus.Conn
	server *testroom.Process
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	dir, bus := t.TempDir(), testroom.NewBus(t, "", "")
	d := &desktop{t: t, bus: bus.Address, conn: bus.Connect()}

	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	here := testroom.Here(t)
	x := here.Command("Xvfb", "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{write}
	here.Launch(x)
	must(t, write.Close())
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	dunst := here.Command("dunst", "-config", filepath.Join(dir, "none"))
	dunst.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8",
		fmt.Sprintf("DISPLAY=:%d", number), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "DBUS_SESSION_BUS_ADDRESS=" + d.bus}
	d.server = here.Launch(dunst)
	bus.Await(service)
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
	d.server.Signal(syscall.SIGSTOP)
	for range 2 {
		if err := show(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it hangs: %v", err)
		}
	}
	d.server.Signal(syscall.SIGCONT)
	must(t, show(patience))
	eventually(t, "one notification", func() bool { return d.count() == 1 })

	d.server.Kill()
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
