package e2e

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/culvert-vpn/culvert/platform/testroom"
	"github.com/godbus/dbus/v5"
)

// panelHeight is that of the desktop's panel, in dots.
const panelHeight = 40

// panelFile has a panel at the lower edge, with nothing in it but the tray.
const panelFile = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=%d;y=%d"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="%d"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
`

// tray is Xfce's panel: a StatusNotifierWatcher that draws what it watches. What
// its menu should have is asked of the program, as the panel asks.
type tray struct {
	s    *screen
	bus  *dbus.Conn
	item string // the program's name on the bus
}

// newTray starts the panel.
func newTray(s *screen, bus *testroom.Bus) *tray {
	s.t.Helper()
	dir := filepath.Join(s.home(), ".config/xfce4/xfconf/xfce-perchannel-xml")
	must(s.t, os.MkdirAll(dir, 0o700))
	text := fmt.Sprintf(panelFile, s.sight.width/2, s.sight.height-panelHeight/2, panelHeight)
	must(s.t, os.WriteFile(filepath.Join(dir, "xfce4-panel.xml"), []byte(text), 0o600))
	here := testroom.Here(s.t)
	daemons, err := filepath.Glob("/usr/lib/*/xfce4/xfconf/xfconfd")
	if err != nil || len(daemons) != 1 {
		s.t.Fatalf("xfconfd: %q, %v", daemons, err)
	}
	start(here, s.environ, daemons[0])
	bus.Await("org.xfce.Xfconf")
	start(here, s.environ, "xfce4-panel", "--disable-wm-check")
	bus.Await("org.kde.StatusNotifierWatcher")
	r := &tray{s: s, bus: bus.Connect()}
	eventually(s.t, "the panel", func() bool {
		host, err := r.watcher("IsStatusNotifierHostRegistered")
		return err == nil && host.Value() == true
	})
	top := s.sight.height - panelHeight
	eventually(s.t, "the panel on the screen", func() bool { return s.within(image.Rect(0, top, 1, top+1))[0] != 0 })
	s.part(image.Rect(0, top, s.sight.width, s.sight.height)).still()
	return r
}

func (r *tray) watcher(property string) (dbus.Variant, error) {
	return r.bus.Object("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher").GetProperty("org.kde.StatusNotifierWatcher." + property)
}

// registered waits for the program, and until its glyph is drawn.
func (r *tray) registered() {
	r.s.t.Helper()
	eventually(r.s.t, "an item of the tray", func() bool {
		list, err := r.watcher("RegisteredStatusNotifierItems")
		must(r.s.t, err)
		names, _ := list.Value().([]string)
		if len(names) != 1 {
			return false
		}
		r.item, _, _ = strings.Cut(names[0], "/")
		return true
	})
	eventually(r.s.t, "a glyph in the panel", func() bool {
		dots := r.s.within(r.glyph())
		return !bytes.Equal(dots[4:], dots[:len(dots)-4]) // more than one colour
	})
}

// glyph is where the panel draws the program's.
func (r *tray) glyph() image.Rectangle {
	top := r.s.sight.height - panelHeight
	return image.Rect(2, top+8, 22, top+32)
}

// entry is an item of the menu.
type entry struct {
	label   string
	enabled bool
	line    bool // between others
	ticked  bool
}

// menu is the program's menu as it is now.
func (r *tray) menu() []entry {
	r.s.t.Helper()
	var revision uint32
	var layout struct {
		ID       int32
		Props    map[string]dbus.Variant
		Children []dbus.Variant
	}
	path, err := r.bus.Object(r.item, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem.Menu")
	must(r.s.t, err)
	menu, ok := path.Value().(dbus.ObjectPath)
	if !ok {
		r.s.t.Fatalf("the menu is at %v", path)
	}
	must(r.s.t, r.bus.Object(r.item, menu).Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &layout))
	var entries []entry
	for _, child := range layout.Children {
		parts, ok := child.Value().([]any)
		if !ok || len(parts) < 2 {
			r.s.t.Fatalf("an item of the menu: %v", child)
		}
		e := entry{enabled: true}
		props, _ := parts[1].(map[string]dbus.Variant)
		e.label, _ = props["label"].Value().(string)
		if on, ok := props["enabled"].Value().(bool); ok {
			e.enabled = on
		}
		e.line = props["type"].Value() == "separator"
		state, _ := props["toggle-state"].Value().(int32)
		e.ticked = state == 1
		entries = append(entries, e)
	}
	return entries
}

// has waits until the menu has an item, and gives it.
func (r *tray) has(label string) (found entry) {
	r.s.t.Helper()
	eventually(r.s.t, fmt.Sprintf("%q in the tray's menu", label), func() bool {
		entries := r.menu()
		at := slices.IndexFunc(entries, func(e entry) bool { return e.label == label })
		if at >= 0 {
			found = entries[at]
		}
		return at >= 0
	})
	return found
}

// ticked waits until an item is, or is not.
func (r *tray) ticked(label string, want bool) {
	r.s.t.Helper()
	eventually(r.s.t, fmt.Sprintf("%q in the tray's menu, ticked: %t", label, want), func() bool { return r.has(label).ticked == want })
}

// press opens the menu with the mouse, and takes an item of it with the keys. A
// picture of the menu is kept where it gets a name.
func (r *tray) press(label, picture string) {
	r.s.t.Helper()
	r.has(label)
	above := r.glyph().Sub(image.Pt(0, panelHeight)) // where the menu opens
	before := r.s.within(above)
	x, y := middle(r.glyph())
	r.s.hand("mousemove", fmt.Sprint(x), fmt.Sprint(y), "sleep", "0.3", "click", "1")
	eventually(r.s.t, "the tray's menu", func() bool { return !bytes.Equal(r.s.within(above), before) })
	if picture != "" {
		corner := r.s.part(image.Rect(0, r.s.sight.height/2, r.s.sight.width/2, r.s.sight.height))
		corner.keep(picture, corner.still())
	}
	for _, e := range r.menu() {
		if e.enabled && !e.line {
			r.s.key("Down")
		}
		if e.label == label {
			break
		}
	}
	r.s.key("Return")
	eventually(r.s.t, "the tray's menu closed", func() bool { return bytes.Equal(r.s.within(above), before) })
}

// part is the screen with another area than the window's.
func (s *screen) part(area image.Rectangle) *screen {
	other := *s
	other.area = area
	return &other
}

// within is the dots of a part of the screen.
func (s *screen) within(area image.Rectangle) []byte { return s.part(area).look().Pix }

// home is the person's.
func (s *screen) home() string {
	for _, e := range s.environ {
		if home, ok := strings.CutPrefix(e, "HOME="); ok {
			return home
		}
	}
	s.t.Fatal("nobody is at home")
	return ""
}
