package e2e

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/app/api"
	"github.com/culvert-vpn/culvert/app/client"
	"github.com/culvert-vpn/culvert/engine/interop/lab"
	"github.com/culvert-vpn/culvert/platform/testroom"
)

// officeID is the profile that all who look have.
const officeID = "6f1c8e0a-5d0e-4a5e-9a53-0c6a1c1b7a11"

// looker is a person before a window that nobody touches.
type looker struct {
	*screen
	home                       string
	process                    *testroom.Process
	connected, failed, primary color.RGBA
}

// corner is where the filled button of an editor is.
func (l *looker) corner() image.Rectangle {
	size := l.area.Size()
	return image.Rect(size.X*2/3, size.Y-60*l.sight.scale, size.X, size.Y)
}

// sights are those that the main pages are looked at with.
var sights = []sight{
	{name: "light", width: 1800, height: 1360, scale: 2, language: "en_US", theme: "light", office: "Office"},
	{name: "dark", width: 1800, height: 1360, scale: 2, language: "en_US", theme: "dark", office: "Office"},
	{name: "german", width: 1000, height: 760, scale: 1, language: "de_DE", theme: "light", office: "Hauptverwaltung Gelsenkirchen"},
	{name: "small", width: 1366, height: 768, scale: 2, language: "de_DE", theme: "dark", office: "Hauptverwaltung Gelsenkirchen"},
}

// looks has several people, each with a language, a theme and a scale of their own,
// look at one connection: one helper has all of them.
func looks(t *testing.T, g *lab.SoftEther, p programs) {
	r := newRoom(t, g, "nated1")
	r.helper(p)
	ask := client.New(r.socket)
	var all []*looker
	for _, v := range sights {
		l := &looker{home: t.TempDir(), connected: connected, failed: failed, primary: primary}
		if v.theme == "dark" {
			l.connected, l.failed, l.primary = color.RGBA{0x5c, 0xcb, 0x8b, 0xff}, color.RGBA{0xff, 0x8f, 0x86, 0xff}, color.RGBA{0x58, 0xbe, 0xe0, 0xff}
		}
		profiles(t, l.home, append([]string{strings.Replace(office, "Office", v.office, 1)}, others...)...)
		l.screen = newScreen(t, r, l.home, v)
		session(t, l.screen)
		l.process = l.starts(r, p)
		all = append(all, l)
	}
	for _, l := range all {
		l.find("Culvert")
		l.shot("1-not-connected")
	}
	connect := func(password string) {
		t.Helper()
		must(t, ask.Connect(t.Context(), api.ConnectRequest{Profile: office, Secrets: api.Secrets{PSK: api.Secret(lab.PSK), Password: api.Secret(password)}}))
	}
	connect("not " + lab.Password)
	for _, l := range all {
		l.see("a failure", l.failed, l.look().Bounds(), 2000)
		l.shot("2-failure")
	}
	connect(lab.Password)
	state(t, ask, api.Connected)
	lab.Reach(t, g.NATed[0], g.Inside)
	long := 2 * time.Second
	if os.Getenv(keepIn) != "" {
		long = 2 * time.Minute // a graph that is full
	}
	traffic(t, r, g, long)
	for _, l := range all {
		l.see("a connection", l.connected, l.look().Bounds(), 3000)
		l.shot("3-connected")
		l.key("ctrl+e")
		l.see("the editor", l.primary, l.corner(), 500)
		l.shot("4-editor")
		l.key("Escape")
		l.unsee("no editor", l.primary, l.corner())
		l.key("ctrl+l")
		l.shot("5-log")
		t.Logf("%s: memory: %s", l.sight.name, memory(t, l.process.PID()))
	}
}

// office is a profile as a file.
var office = fmt.Sprintf("version = 1\nid = %q\nname = \"Office\"\nservers = [%q]\nuser = %q\n", officeID, lab.Server, lab.User)

// others are profiles of the same person, after it in the list.
var others = func() (texts []string) {
	for i, p := range [][2]string{{"Support: Nordwind", "203.0.113.40"}, {"Warehouse Berlin", "vpn-berlin.example.com"}, {"Workshop", "workshop.example.net"}} {
		texts = append(texts, fmt.Sprintf("version = 1\nid = \"00000000-0000-4000-8000-%012d\"\nname = %q\nservers = [%q]\nuser = \"alice\"\n", i+1, p[0], p[1]))
	}
	return texts
}()

// traffic moves data through the tunnel for some time, at rates that rise and fall.
func traffic(t *testing.T, r *room, g *lab.SoftEther, long time.Duration) {
	t.Helper()
	var down, up net.Conn
	r.Network.Do(func() {
		for _, c := range []*net.Conn{&down, &up} {
			var err error
			*c, err = net.DialTimeout("tcp", net.JoinHostPort(g.Inside.String(), "9999"), handTime)
			must(t, err)
		}
	})
	defer down.Close()
	defer up.Close()
	for _, c := range []net.Conn{down, up} { // the rates are those of this end
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			t.Fatalf("no TCP: %T", c)
		}
		must(t, errors.Join(tcp.SetReadBuffer(64<<10), tcp.SetWriteBuffer(64<<10)))
	}
	const most = 1 << 40
	_, err := fmt.Fprintf(down, "GET /bytes?n=%d HTTP/1.1\r\nHost: inside\r\n\r\n", most)
	must(t, err)
	_, err = fmt.Fprintf(up, "POST /digest HTTP/1.1\r\nHost: inside\r\nContent-Length: %d\r\n\r\n", most)
	must(t, err)
	const pause = 50 * time.Millisecond
	buf := make([]byte, 1<<20)
	began := time.Now()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range tick.C {
		x := time.Since(began)
		if x > long {
			return
		}
		wave := 2 + math.Sin(x.Seconds()/9) + math.Sin(x.Seconds()/2.3)/3 + math.Sin(x.Seconds()*1.7)/8
		must(t, errors.Join(down.SetDeadline(time.Now().Add(handTime)), up.SetDeadline(time.Now().Add(handTime))))
		_, err := io.ReadFull(down, buf[:int(wave*40_000)])
		must(t, err)
		_, err = up.Write(buf[:int((3.6-wave)*5_000)])
		must(t, err)
	}
}

// profiles puts files where the desktop looks for profiles.
func profiles(t *testing.T, home string, texts ...string) {
	t.Helper()
	dir := filepath.Join(home, ".config/culvert/profiles")
	must(t, os.MkdirAll(dir, 0o700))
	for i, text := range texts {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.toml", i)), []byte(text), 0o600))
	}
}
