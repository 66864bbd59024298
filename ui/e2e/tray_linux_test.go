package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// trayHost is what shows the glyphs of programs: the test's own, on its own bus.
type trayHost struct {
	t    *testing.T
	bus  *dbus.Conn
	item chan string
}

// newTrayHost takes the place of the desktop's panel.
func newTrayHost(t *testing.T, address string) *trayHost {
	t.Helper()
	bus, err := dbus.Connect(address)
	must(t, err)
	t.Cleanup(func() { bus.Close() })
	h := &trayHost{t: t, bus: bus, item: make(chan string, 8)}
	must(t, bus.Export(watcher{h}, "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher"))
	reply, err := bus.RequestName("org.kde.StatusNotifierWatcher", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the tray's name: %v, %v", reply, err)
	}
	return h
}

// watcher is org.kde.StatusNotifierWatcher, as far as programs use it.
type watcher struct{ h *trayHost }

// RegisterStatusNotifierItem is a program's glyph: by its bus name, or by a path
// of whoever calls.
func (w watcher) RegisterStatusNotifierItem(name string, sender dbus.Sender) *dbus.Error {
	if strings.HasPrefix(name, "/") {
		name = string(sender)
	}
	select {
	case w.h.item <- name:
	default: // again and again: the first one will do
	}
	return nil
}

// registered waits for the program.
func (h *trayHost) registered() string {
	h.t.Helper()
	select {
	case name := <-h.item:
		return name
	case <-time.After(30 * time.Second):
		h.t.Fatal("no glyph in the tray")
	}
	return ""
}

// entry is an item of the menu.
type entry struct {
	id      int32
	label   string
	enabled bool
	ticked  bool
}

// menu is the program's menu as it is now.
func (h *trayHost) menu(item string) []entry {
	h.t.Helper()
	var revision uint32
	var layout struct {
		ID       int32
		Props    map[string]dbus.Variant
		Children []dbus.Variant
	}
	path, err := h.bus.Object(item, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem.Menu")
	must(h.t, err)
	menu, ok := path.Value().(dbus.ObjectPath)
	if !ok {
		h.t.Fatalf("the menu is at %v", path)
	}
	must(h.t, h.bus.Object(item, menu).Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &layout))
	var entries []entry
	for _, child := range layout.Children {
		parts, ok := child.Value().([]any)
		if !ok || len(parts) < 2 {
			h.t.Fatalf("an item of the menu: %v", child)
		}
		e := entry{enabled: true}
		e.id, _ = parts[0].(int32)
		props, _ := parts[1].(map[string]dbus.Variant)
		e.label, _ = props["label"].Value().(string)
		if on, ok := props["enabled"].Value().(bool); ok {
			e.enabled = on
		}
		state, _ := props["toggle-state"].Value().(int32)
		e.ticked = state == 1
		entries = append(entries, e)
	}
	return entries
}

// has waits until the menu has an item, which every change gives another number.
func (h *trayHost) has(item, label string) entry {
	h.t.Helper()
	var found entry
	eventually(h.t, fmt.Sprintf("%q in the tray's menu", label), func() bool {
		for _, e := range h.menu(item) {
			if e.label == label {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// ticked waits until an item is, or is not.
func (h *trayHost) ticked(item, label string, want bool) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("%q in the tray's menu, ticked: %t", label, want), func() bool { return h.has(item, label).ticked == want })
}

// press presses an item.
func (h *trayHost) press(item, label string) {
	h.t.Helper()
	e := h.has(item, label)
	path, err := h.bus.Object(item, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem.Menu")
	must(h.t, err)
	menu, _ := path.Value().(dbus.ObjectPath)
	must(h.t, h.bus.Object(item, menu).Call("com.canonical.dbusmenu.Event", 0, e.id, "clicked", dbus.MakeVariant(""), uint32(0)).Err)
}
