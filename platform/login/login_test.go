package login

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestDesktopEntry(t *testing.T) {
	for _, c := range []struct{ program, want string }{
		{"/usr/bin/culvert-desktop", `Exec="/usr/bin/culvert-desktop" "--hidden"`},
		{"/opt/My Programs/culvert", `Exec="/opt/My Programs/culvert" "--hidden"`},
		{`/opt/100% "$x"/c`, `Exec="/opt/100%% \\"\\$x\\"/c" "--hidden"`},
	} {
		text := DesktopEntry(c.program, "--hidden")
		if !strings.Contains(text, c.want+"\n") || !strings.HasPrefix(text, "[Desktop Entry]\nType=Application\n") {
			t.Errorf("%s: %s", c.program, text)
		}
	}
}

func TestLaunchAgent(t *testing.T) {
	text := LaunchAgent("/Applications/A & B.app/culvert-desktop", "--hidden")
	if !strings.Contains(text, "<string>/Applications/A &amp; B.app/culvert-desktop</string>\n\t\t<string>--hidden</string>") {
		t.Error(text)
	}
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err != nil {
			if err.Error() != "EOF" {
				t.Error(err)
			}
			return
		}
	}
}
