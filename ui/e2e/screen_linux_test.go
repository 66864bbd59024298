package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"golang.org/x/sys/unix"
)

// handTime is how long a tool may take: one whose window has gone waits for ever.
const handTime = 20 * time.Second

// sight is what a person has before them.
type sight struct {
	name          string // begins the names of pictures
	width, height int    // of the screen
	scale         int    // dots of a unit
	language      string
	theme         string
	office        string // what its profile is called
}

// screen is a screen with a window on it, and a person before it.
type screen struct {
	t       *testing.T
	sight   sight
	environ []string

	window string
	area   image.Rectangle // of the window on the screen

	pixels []byte // of the screen: the X server's own memory
	stride int
}

// displays counts screens.
var displays atomic.Int32

// newScreen starts one, with a window manager.
func newScreen(t *testing.T, r *room, home string, v sight) *screen {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	dir := t.TempDir()
	// Numbers that a server finds for itself are free in its own network only, and
	// it takes the sockets of those in others. Without -noreset it begins anew when
	// the last program leaves, and refuses who comes meanwhile.
	display := fmt.Sprintf(":%d", 1000+os.Getpid()%5000*10+int(displays.Add(1)%10))
	here := testroom.Here(t)
	server := here.Command("Xvfb", display, "-displayfd", "3", "-fbdir", dir,
		"-screen", "0", fmt.Sprintf("%dx%dx24", v.width, v.height), "-nolisten", "tcp", "-noreset")
	server.ExtraFiles = []*os.File{write}
	here.Launch(server)
	must(t, write.Close())
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	s := &screen{t: t, sight: v, environ: []string{
		fmt.Sprintf("DISPLAY=:%d", number), "HOME=" + home, "XDG_RUNTIME_DIR=" + home,
		"LANG=" + v.language + ".UTF-8", "FYNE_THEME=" + v.theme, fmt.Sprintf("FYNE_SCALE=%d", v.scale),
	}}
	s.memory(filepath.Join(dir, "Xvfb_screen0"))
	start(here, s.environ, "openbox")
	eventually(t, "the window manager", func() bool {
		out, err := s.command("xprop", "-root", "_NET_SUPPORTING_WM_CHECK").Output()
		return err == nil && strings.Contains(string(out), "window id")
	})
	return s
}

// memory maps what the X server draws on: a file in the format of xwd(1).
func (s *screen) memory(path string) {
	s.t.Helper()
	f, err := os.Open(path)
	must(s.t, err)
	defer f.Close()
	info, err := f.Stat()
	must(s.t, err)
	all, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	must(s.t, err)
	s.t.Cleanup(func() {
		if err := unix.Munmap(all); err != nil {
			s.t.Error(err)
		}
	})
	// XWDFile.h: 0 is the size of the header, 11 the bits of a dot, 12 the octets of
	// a line, 19 the number of colours of 12 octets each.
	field := func(n int) int { return int(binary.BigEndian.Uint32(all[4*n:])) }
	if field(11) != 32 {
		s.t.Fatalf("the screen has %d bits a dot", field(11))
	}
	s.pixels, s.stride = all[field(0)+12*field(19):], field(12)
}

// starts starts the desktop on the screen.
func (s *screen) starts(r *room, p programs) *testroom.Process {
	s.t.Helper()
	window := start(r.Network, append(s.environ, "CULVERT_SOCKET="+r.socket), p.desktop)
	s.t.Cleanup(s.last) // before the window goes
	return window
}

// find waits for the window, and until it stands still.
func (s *screen) find(title string) {
	s.t.Helper()
	eventually(s.t, "the window", func() bool {
		out, err := s.command("xdotool", "search", "--onlyvisible", "--name", "^"+title+"$").Output()
		s.window = strings.TrimSpace(string(out))
		return err == nil && s.window != "" && !strings.Contains(s.window, "\n")
	})
	eventually(s.t, "a window that stands still", func() bool {
		before := s.area
		s.measure()
		return s.area == before && !before.Empty()
	})
}

// measure finds out where the window is.
func (s *screen) measure() {
	s.t.Helper()
	out, err := s.command("xwininfo", "-id", s.window).Output()
	must(s.t, err)
	of := func(name string) (n int) {
		_, rest, _ := strings.Cut(string(out), name+":")
		if _, err := fmt.Sscan(rest, &n); err != nil {
			s.t.Fatalf("xwininfo: %s: %v\n%s", name, err, out)
		}
		return n
	}
	x, y := of("Absolute upper-left X"), of("Absolute upper-left Y")
	s.area = image.Rect(x, y, x+of("Width"), y+of("Height"))
}

// gone says that there is no window.
func (s *screen) gone() bool {
	return s.command("xdotool", "search", "--onlyvisible", "--name", "^Culvert$").Run() != nil
}

func (s *screen) command(name string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), handTime)
	cmd := exec.CommandContext(ctx, name, args...)
	s.t.Cleanup(cancel)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin"}, s.environ...)
	return cmd
}

// hand does something by mouse or keyboard, at the pace of a person.
func (s *screen) hand(args ...string) {
	s.t.Helper()
	if out, err := s.command("xdotool", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("xdotool %v: %v: %s", args, err, out)
	}
}

// click waits before it presses: the toolkit takes a movement with its next frame
// only, and a click at once, where the pointer was.
func (s *screen) click(x, y int) {
	s.t.Helper()
	s.hand("mousemove", "--window", s.window, fmt.Sprint(x), fmt.Sprint(y), "sleep", "0.3", "click", "1")
}

func (s *screen) key(keys ...string) {
	s.t.Helper()
	s.hand(append([]string{"key", "--delay", "40"}, keys...)...)
}

func (s *screen) write(text string) {
	s.t.Helper()
	s.hand("type", "--delay", "25", text)
}

// look is what is on the screen, within the window.
func (s *screen) look() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, s.area.Dx(), s.area.Dy()))
	for y := range s.area.Dy() {
		from := (s.area.Min.Y+y)*s.stride + 4*s.area.Min.X
		line, to := s.pixels[from:from+4*s.area.Dx()], img.Pix[y*img.Stride:]
		for i := 0; i < len(line); i += 4 {
			to[i], to[i+1], to[i+2], to[i+3] = line[i+2], line[i+1], line[i], 0xff
		}
	}
	return img
}

// see waits until at least so many dots of a colour are within an area.
func (s *screen) see(what string, c color.RGBA, area image.Rectangle, least int) {
	s.t.Helper()
	eventually(s.t, what, func() bool { return count(s.look(), c, area) >= least })
}

// unsee waits until none is.
func (s *screen) unsee(what string, c color.RGBA, area image.Rectangle) {
	s.t.Helper()
	eventually(s.t, what, func() bool { return count(s.look(), c, area) == 0 })
}

// find the box around all dots of a colour within an area.
func around(img *image.RGBA, c color.RGBA, area image.Rectangle) (box image.Rectangle) {
	each(img, c, area, func(x, y int) { box = box.Union(image.Rect(x, y, x+1, y+1)) })
	return box
}

func count(img *image.RGBA, c color.RGBA, area image.Rectangle) (n int) {
	each(img, c, area, func(int, int) { n++ })
	return n
}

func each(img *image.RGBA, c color.RGBA, area image.Rectangle, f func(x, y int)) {
	area = area.Intersect(img.Bounds())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if p := img.Pix[img.PixOffset(x, y):]; near(p[0], c.R) && near(p[1], c.G) && near(p[2], c.B) {
				f(x, y)
			}
		}
	}
}

// near says that a channel is the one that is meant: edges are drawn a little
// paler.
func near(channel, want uint8) bool {
	d := int(channel) - int(want)
	return -16 <= d && d <= 16
}

// stillTime is how long shot waits for a picture that does not move; a clock or a
// ring in it may never stop.
const stillTime = 800 * time.Millisecond

// still waits until the picture has not changed for a moment, and gives it.
func (s *screen) still() *image.RGBA {
	s.t.Helper()
	end := time.NewTimer(stillTime)
	defer end.Stop()
	tick := time.NewTicker(60 * time.Millisecond)
	defer tick.Stop()
	img, same := s.look(), 0
	for {
		select {
		case <-end.C:
			return img
		case <-tick.C:
		}
		now := s.look()
		if same++; !bytes.Equal(now.Pix, img.Pix) {
			same = 0
		}
		if img = now; same == 3 {
			return img
		}
	}
}

// shot keeps a picture of a step.
func (s *screen) shot(name string) {
	s.t.Helper()
	s.hand("mousemove", fmt.Sprint(s.sight.width-1), fmt.Sprint(s.sight.height-1)) // the pointer is out of the picture
	s.keep(name, s.still())
}

func (s *screen) keep(name string, img *image.RGBA) {
	s.t.Helper()
	encoder, drawn := png.Encoder{CompressionLevel: png.BestSpeed}, image.Image(img)
	if os.Getenv(keepIn) != "" {
		encoder.CompressionLevel, drawn = png.BestCompression, few(img)
	}
	var b bytes.Buffer
	must(s.t, encoder.Encode(&b, drawn))
	dir := pictures(s.t)
	must(s.t, os.MkdirAll(dir, 0o755))
	must(s.t, os.WriteFile(filepath.Join(dir, s.sight.name+"-"+name+".png"), b.Bytes(), 0o644))
}

// few is a picture in 256 colours, those that there are most of: a third of the
// size, and nobody sees it in windows.
func few(img *image.RGBA) *image.Paletted {
	dots := map[color.RGBA]int{}
	for i := 0; i < len(img.Pix); i += 4 {
		dots[color.RGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], 0xff}]++
	}
	all := slices.SortedFunc(maps.Keys(dots), func(a, b color.RGBA) int { return dots[b] - dots[a] })
	var palette color.Palette
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, c)
	}
	out := image.NewPaletted(img.Bounds(), palette)
	nearest := map[color.RGBA]uint8{}
	for i := range out.Pix {
		c := color.RGBA{img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], 0xff}
		n, known := nearest[c]
		if !known {
			n = uint8(palette.Index(c)) //nolint:gosec // of 256
			nearest[c] = n
		}
		out.Pix[i] = n
	}
	return out
}

// keepIn names the folder that pictures are kept in.
const keepIn = "CULVERT_SCREENSHOTS"

// pictures is where they are: in that folder, else until the end of a test that succeeds.
func pictures(t *testing.T) string {
	if dir := os.Getenv(keepIn); dir != "" {
		return dir
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("culvert-screenshots-%d", os.Getpid()))
}

// last keeps what a test saw last that has failed.
func (s *screen) last() {
	if s.t.Failed() && !s.area.Empty() {
		s.keep("last", s.look())
		s.t.Logf("what was seen: %s", pictures(s.t))
	}
}
