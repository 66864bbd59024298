//go:build !windows && !darwin

package display

import (
	"errors"
	"net"
	"path/filepath"
	"slices"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want []address
	}{
		{"nothing", nil, nil},
		{"X11", map[string]string{"DISPLAY": ":0"}, []address{{"unix", "/tmp/.X11-unix/X0"}, {"unix", "@/tmp/.X11-unix/X0"}}},
		{"a screen of it", map[string]string{"DISPLAY": ":12.1"}, []address{{"unix", "/tmp/.X11-unix/X12"}, {"unix", "@/tmp/.X11-unix/X12"}}},
		{"by ssh", map[string]string{"DISPLAY": "localhost:10.0"}, []address{{"tcp", "localhost:6010"}}},
		{"IPv6", map[string]string{"DISPLAY": "[::1]:0"}, []address{{"tcp", "[::1]:6000"}}},
		{"nonsense", map[string]string{"DISPLAY": "here"}, nil},
		{"no number", map[string]string{"DISPLAY": ":x"}, nil},
		{"Wayland", map[string]string{"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1000"}, []address{{"unix", "/run/user/1000/wayland-0"}}},
		{"Wayland by path", map[string]string{"WAYLAND_DISPLAY": "/run/w"}, []address{{"unix", "/run/w"}}},
		{"Wayland without a folder", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, nil},
	} {
		if got := addresses(func(name string) string { return c.env[name] }); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DISPLAY", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("WAYLAND_DISPLAY", "wayland-7")
	if err := Check(); !errors.Is(err, ErrNone) {
		t.Errorf("without a screen: %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "wayland-7"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Check(); err != nil {
		t.Errorf("with a compositor: %v", err)
	}
}
