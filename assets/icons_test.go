package assets

import (
	"bytes"
	"image/png"
	"testing"
)

func TestIcons(t *testing.T) {
	for _, name := range []string{"culvert", "culvert-mono"} {
		if !bytes.HasPrefix(SVG(name), []byte("<svg")) {
			t.Errorf("%s is no drawing", name)
		}
	}
	pictures := map[string][]byte{"icon": Icon()}
	for _, state := range []string{"disconnected", "connecting", "connected", "waiting", "failed", "blocked"} {
		if !bytes.HasPrefix(SVG("tray-"+state), []byte("<svg")) {
			t.Errorf("%s has no glyph", state)
		}
		for _, shade := range []Shade{Light, Dark, Edged} {
			pictures[state+" "+string(shade)] = Tray(state, shade)
		}
	}
	for name, data := range pictures {
		want := 64
		if name == "icon" {
			want = 256
		}
		c, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width != want || c.Height != want {
			t.Errorf("%s: %d by %d, %v; want %d", name, c.Width, c.Height, err, want)
		}
	}
}

func TestUnknownIcon(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an icon that is not there is a slip of the programmer, and was not told")
		}
	}()
	Tray("sleeping", Light)
}
