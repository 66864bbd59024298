//go:build !windows && !darwin

package display

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// answerTime is how long a screen may take to answer; one across a network does.
const answerTime = 3 * time.Second

// Check is nil if a Wayland compositor or an X server answers, and ErrNone if not.
func Check() error {
	for _, a := range addresses(os.Getenv) {
		if c, err := net.DialTimeout(a.network, a.address, answerTime); err == nil {
			_ = c.Close()
			return nil
		}
	}
	return ErrNone
}

type address struct{ network, address string }

// addresses are where the session says that its screen is (wl_display_connect(3),
// X(7)).
func addresses(env func(string) string) []address {
	var out []address
	if name := env("WAYLAND_DISPLAY"); filepath.IsAbs(name) {
		out = append(out, address{"unix", name})
	} else if dir := env("XDG_RUNTIME_DIR"); name != "" && dir != "" {
		out = append(out, address{"unix", filepath.Join(dir, name)})
	}
	host, number, ok := cutLast(env("DISPLAY"), ":")
	number, _, _ = strings.Cut(number, ".") // the screen
	n, err := strconv.ParseUint(number, 10, 16)
	switch {
	case !ok || err != nil || n > 59000:
	case host == "" || host == "unix":
		path := "/tmp/.X11-unix/X" + number
		out = append(out, address{"unix", path}, address{"unix", "@" + path})
	default:
		out = append(out, address{"tcp", net.JoinHostPort(strings.Trim(host, "[]"), strconv.FormatUint(6000+n, 10))})
	}
	return out
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// hostTime is how long a desktop that is just starting may take to show its tray.
const hostTime = 5 * time.Second

// TrayHost says whether the session has something that shows the glyphs of
// programs (org.kde.StatusNotifierWatcher). It waits for one that is just starting.
func TrayHost(ctx context.Context) bool {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" && os.Getenv("XDG_RUNTIME_DIR") == "" {
		return false // asking would start a bus of its own
	}
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return false
	}
	defer bus.Close()
	for {
		var owned bool
		err := bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&owned)
		if err != nil || owned {
			return owned
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(hostTime / 10):
		}
	}
}
