package e2e

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// Where things are in a window of 880 by 640, in English.
var (
	firstChoice   = image.Rect(210, 300, 670, 360)
	checks        = image.Rect(220, 600, 680, 635)
	panel         = image.Rect(290, 76, 856, 188)
	toggle        = image.Rect(752, 100, 836, 144)
	card          = image.Rect(300, 300, 540, 640) // its left part
	details       = image.Rect(300, 545, 500, 575) // once the report is copied
	moreButton    = image.Rect(222, 602, 246, 626)
	passwordField = image.Rect(289, 190, 563, 230)
	keyField      = image.Rect(583, 190, 857, 230)
	nameSection   = image.Rect(289, 313, 856, 349)
	nameField     = image.Rect(289, 374, 563, 424)
	connectButton = image.Rect(770, 595, 852, 625)
	pasteButton   = image.Rect(444, 170, 568, 206)
	dialogButton  = image.Rect(220, 280, 660, 314)
)

func middle(r image.Rectangle) (x, y int) { return (r.Min.X + r.Max.X) / 2, (r.Min.Y + r.Max.Y) / 2 }

// day is a person's first day with the desktop: a machine, a screen, and a tray.
type day struct {
	*screen
	t      *testing.T
	r      *room
	g      *lab.SoftEther
	p      programs
	ask    *client.Client
	helper *testroom.Process
	window *testroom.Process
	tray   *tray
}

// aDay has a gateway, and nothing else yet.
func aDay(t *testing.T, g *lab.SoftEther, p programs) {
	d := &day{t: t, r: newRoom(t, g, "direct"), g: g, p: p}
	d.helper = d.r.helper(p)
	d.ask = client.New(d.r.socket)
	d.screen = newScreen(t, d.r, d.r.home, sight{name: "day", width: 1000, height: 760, scale: 1, language: "en_US", theme: "light"})
	d.tray = newTray(d.screen, session(t, d.screen))
	d.window = d.begins()
	d.typesProfile()
	d.usesTray()
	d.mistypesPassword()
	d.imports()
	d.looksAround()
	d.helperHangs()
	d.helperDies()
	d.leaves()
}

// begins starts the desktop and tells how long that took.
func (d *day) begins() *testroom.Process {
	before := bytes.Clone(d.pixels)
	began := time.Now()
	window := d.starts(d.r, d.p)
	eventually(d.t, "something on the screen", func() bool { return !bytes.Equal(d.pixels, before) })
	mapped := time.Since(began)
	d.area = image.Rect(0, 0, d.sight.width, d.sight.height) // until it is known where the window is
	eventually(d.t, "the first frame", func() bool { return count(d.look(), ground, d.area) > 880*640/2 })
	painted := time.Since(began)
	eventually(d.t, "the first page, with a helper and a keychain", func() bool { return count(d.look(), connected, d.area) >= 350 })
	ready := time.Since(began)
	d.find("Culvert")
	d.see("the first page, with a helper and a keychain", connected, checks, 350)
	d.t.Logf("from the start of the process: on the screen after %v, the first frame after %v, the first page complete after %v (OpenGL in software, %d processors)",
		mapped.Round(time.Millisecond), painted.Round(time.Millisecond), ready.Round(time.Millisecond), runtime.NumCPU())
	d.shot("01-first-run")
	return window
}

// typesProfile makes a profile by typing, and connects it by a click.
func (d *day) typesProfile() {
	d.click(middle(firstChoice))
	d.see("the editor", primary, connectButton, 500)
	d.write(lab.Server.String())
	d.key("Tab")
	d.write(lab.User)
	d.types(passwordField, lab.Password)
	d.types(keyField, lab.PSK)
	d.shot("02-editor")
	d.click(middle(nameSection))
	d.shot("03-section")
	d.types(nameField, "Office")
	d.shot("04-named")
	release := hold(d.t, d.g)
	d.click(middle(connectButton))
	state(d.t, d.ask, api.Connecting)
	d.see("the panel of a try", primary, panel, 3000)
	d.shot("05-connecting")
	release()
	d.isConnected()
	kept(d.t, d.r)
	d.tray.registered()
	d.tray.has("Connected to Office")
	lab.Reach(d.t, d.g.Direct, d.g.Inside)
	d.g.Transfers(d.t, d.g.Direct, 8<<20)
	d.shot("06-connected")
	d.t.Logf("memory at 100 %%: %s", memory(d.t, d.window.PID()))
}

// types writes into a field.
func (d *day) types(field image.Rectangle, text string) {
	d.click(field.Min.X+60, (field.Min.Y+field.Max.Y)/2)
	d.see("the focus", primary, field, 200)
	d.key("ctrl+a")
	d.write(text)
}

func (d *day) isConnected() {
	d.t.Helper()
	state(d.t, d.ask, api.Connected)
	d.see("the panel of a connection", connected, panel, 3000)
}

func (d *day) isDisconnected() {
	d.t.Helper()
	state(d.t, d.ask, api.Disconnected)
	d.unsee("the panel without a connection", connected, panel)
}

// usesTray connects and disconnects as a panel of the desktop does it.
func (d *day) usesTray() {
	d.tray.ticked("Office", true)
	d.tray.press("Office", "07-tray")
	d.isDisconnected()
	d.tray.has("Not connected")
	d.tray.ticked("Office", false)
	d.shot("07-off-by-the-tray")
	d.tray.press("Office", "")
	d.isConnected()
	d.tray.has("Connected to Office")
	d.click(middle(toggle))
	d.isDisconnected()
}

// mistypesPassword fails, reads why, and does what is said there.
func (d *day) mistypesPassword() {
	d.key("ctrl+e")
	d.see("the editor", primary, connectButton, 500)
	d.types(passwordField, "not "+lab.Password)
	d.click(middle(connectButton))
	d.see("the panel of a failure", failed, panel, 2000)
	d.see("the remedy", primary, card, 1000)
	d.shot("08-card")
	remedy := around(d.look(), primary, card)
	if remedy.Dy() < 40 { // a control has 36, and its ring is around it
		d.t.Errorf("the remedy %v has no focus", remedy)
	}
	d.click(remedy.Max.X+60, (remedy.Min.Y+remedy.Max.Y)/2) // Copy report
	var report string
	eventually(d.t, "the report in the clipboard", func() bool {
		report = d.clipboard()
		return strings.Contains(report, "servers = ['198.51.100.1']")
	})
	for _, want := range []string{"ppp.bad-credentials", "691", "Wrong user name or password", "authenticate"} {
		if !strings.Contains(report, want) {
			d.t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
	for _, secret := range []string{lab.Password, lab.PSK} {
		if strings.Contains(report, secret) {
			d.t.Errorf("the report has a secret:\n%s", report)
		}
	}
	d.shot("09-report-copied")
	d.click(middle(details))
	d.shot("09-details")
	d.click(middle(remedy))
	d.see("the focus", primary, passwordField, 200)
	d.shot("10-type-the-password-again")
	d.write(lab.Password)
	d.click(middle(connectButton))
	d.isConnected()
}

// imports pastes what an administrator wrote.
func (d *day) imports() {
	d.copy("Server: vpn.example.net\nUser name: bob\nPassword: hunter2\nPre-shared key: opensesame\nTelephone: 12345\n")
	d.key("ctrl+i")
	d.shot("11-import")
	d.click(middle(pasteButton))
	d.see("Add", primary, connectButton, 500)
	d.shot("12-import-preview")
	d.click(middle(connectButton)) // where Add is now
	eventually(d.t, "two profiles", func() bool {
		files, err := filepath.Glob(filepath.Join(d.r.home, ".config/culvert/profiles/*.toml"))
		return err == nil && len(files) == 2
	})
	d.tray.has("vpn.example.net")
	d.shot("13-imported")
}

// looksAround opens the pages that there are.
func (d *day) looksAround() {
	for _, page := range []struct{ key, name string }{{"ctrl+l", "14-log"}, {"F1", "15-administrator"}, {"ctrl+n", "16-new"}} {
		d.key(page.key)
		d.shot(page.name)
	}
	d.key("Escape")
	d.click(middle(moreButton))
	d.shot("17-menu")
	d.key("Escape")
	d.key("Up") // Office again
	d.isConnected()
}

// helperHangs finds out how long the window believes a helper that does nothing.
func (d *day) helperHangs() {
	const most = 2 * time.Second
	var took time.Duration
	for try := range 3 { // a machine that is busy has another chance
		d.helper.Signal(syscall.SIGSTOP)
		began := time.Now()
		eventually(d.t, "no word from the helper", func() bool { return count(d.look(), connected, panel) == 0 })
		took = time.Since(began)
		if try == 0 {
			d.shot("18-no-word")
		}
		d.helper.Signal(syscall.SIGCONT)
		began = time.Now()
		eventually(d.t, "the helper is back", func() bool { return count(d.look(), connected, panel) > 3000 })
		d.t.Logf("the helper hung: shown after %v, and %v after it went on the window was right again", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if took <= most {
			return
		}
	}
	d.t.Errorf("a helper that hangs is shown after %v, more than %v", took, most)
}

// helperDies has it killed, and started again as a service manager does.
func (d *day) helperDies() {
	d.helper.Signal(syscall.SIGKILL)
	began := time.Now()
	eventually(d.t, "no word from the helper", func() bool { return count(d.look(), connected, panel) == 0 })
	took := time.Since(began)
	_ = d.helper.Wait() // killed
	d.shot("19-killed")
	d.helper = d.r.helper(d.p)
	began = time.Now()
	d.isConnected() // with the secrets from the keychain: it had had them in memory only
	d.tray.has("Connected to Office")
	d.t.Logf("the helper was killed: shown after %v; with the next one it was connected again after %v", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	d.shot("20-back")
}

// leaves closes the window, opens it again in two ways, and quits.
func (d *day) leaves() {
	d.key("ctrl+w")
	eventually(d.t, "the window closed", d.gone)
	d.tray.press("Open Culvert", "")
	d.find("Culvert")
	d.key("ctrl+w")
	eventually(d.t, "the window closed", d.gone)
	second := start(d.r.Network, append(d.environ, "CULVERT_SOCKET="+d.r.socket), d.p.desktop)
	if err := second.Wait(); err != nil {
		d.t.Errorf("a second instance: %v", err)
	}
	d.find("Culvert")
	d.tray.press("Quit", "")
	d.see("the question", primary, dialogButton, 1000)
	d.shot("21-quit")
	d.click(middle(dialogButton)) // Disconnect and quit
	if err := d.window.Wait(); err != nil {
		d.t.Errorf("the desktop ended with %v", err)
	}
	state(d.t, d.ask, api.Disconnected)
}

// clipboard is what is in it.
func (s *screen) clipboard() string {
	s.t.Helper()
	out, err := s.command("xclip", "-selection", "clipboard", "-out").Output()
	must(s.t, err)
	return string(out)
}

// copy puts text into it, as another program does.
func (s *screen) copy(text string) {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "text")
	must(s.t, os.WriteFile(path, []byte(text), 0o600))
	start(testroom.Here(s.t), s.environ, "xclip", "-quiet", "-selection", "clipboard", "-in", path)
	eventually(s.t, "the clipboard", func() bool { return s.clipboard() == text })
}
