package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// handTime is how long a tool may take: one whose window has gone waits for ever.
const handTime = 20 * time.Second

// screen is a screen with a window on it, and a person before it.
type screen struct {
	t       *testing.T
	environ []string
	window  string
}

// newScreen starts one, with a window manager.
func newScreen(t *testing.T, r *room) *screen {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	start(t, r.world, nil, func(c *exec.Cmd) { c.ExtraFiles = []*os.File{write} }, "Xvfb", "-displayfd", "3", "-screen", "0", "1000x760x24", "-nolisten", "tcp")
	must(t, write.Close())
	var number int
	if _, err := fmt.Fscan(read, &number); err != nil {
		t.Fatalf("Xvfb says no number: %v", err)
	}
	s := &screen{t: t, environ: []string{
		fmt.Sprintf("DISPLAY=:%d", number), "HOME=" + r.home, "XDG_RUNTIME_DIR=" + r.home, "LANG=en_US.UTF-8", "FYNE_SCALE=1", "FYNE_THEME=light",
	}}
	start(t, r.world, s.environ, nil, "openbox")
	return s
}

// find waits for the window.
func (s *screen) find(title string) {
	s.t.Helper()
	eventually(s.t, "the window", func() bool {
		out, err := s.command("xdotool", "search", "--onlyvisible", "--name", "^"+title+"$").Output()
		s.window = strings.TrimSpace(string(out))
		return err == nil && s.window != "" && !strings.Contains(s.window, "\n")
	})
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

func (s *screen) click(x, y int) {
	s.t.Helper()
	s.hand("mousemove", "--window", s.window, fmt.Sprint(x), fmt.Sprint(y), "sleep", "0.3", "click", "1")
}

func (s *screen) write(text string) {
	s.t.Helper()
	s.hand("type", "--delay", "40", text)
}

// look is what is on the screen, within the window.
func (s *screen) look() image.Image {
	out, err := s.command("import", "-window", s.window, "png:-").Output()
	if err != nil {
		return image.NewRGBA(image.Rect(0, 0, 1, 1)) // it is being drawn anew
	}
	img, err := png.Decode(bytes.NewReader(out))
	must(s.t, err)
	return img
}

// see waits until at least so many dots of a colour are within an area.
func (s *screen) see(what string, c color.RGBA, area image.Rectangle, least int) {
	s.t.Helper()
	eventually(s.t, what, func() bool { return count(s.look(), c, area) >= least })
}

func count(img image.Image, c color.RGBA, area image.Rectangle) int {
	n := 0
	area = area.Intersect(img.Bounds())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); near(r, c.R) && near(g, c.G) && near(b, c.B) {
				n++
			}
		}
	}
	return n
}

// near says that a channel is the one that is meant: edges are drawn a little
// paler.
func near(channel uint32, want uint8) bool {
	d := int(channel>>8) - int(want)
	return -16 <= d && d <= 16
}

// keep leaves a picture of what a failed test saw last.
func (s *screen) keep() {
	if !s.t.Failed() || s.window == "" {
		return
	}
	var b bytes.Buffer
	if err := png.Encode(&b, s.look()); err == nil {
		path := filepath.Join(os.TempDir(), "culvert-desktop-e2e.png")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err == nil {
			s.t.Logf("what was seen last: %s", path)
		}
	}
}
