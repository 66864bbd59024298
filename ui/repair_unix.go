//go:build !windows && !darwin

package ui

import (
	"os"
	"path/filepath"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// adminFolders is where culvert-admin may be, as seen from this program's folder.
var adminFolders = []string{"../libexec/culvert", "/usr/local/libexec/culvert", "/usr/libexec/culvert"}

// repairCommand is what does it, with a question of polkit's, and the line for a
// terminal. culvert-admin is what make install installs, with words of its own in
// that question.
func repairCommand(a viewmodel.Action, programs, user string) (cmd []string, line string) {
	units := []string{"culvertd.socket", "culvertd.service"}
	word, do := "repair", append([]string{"systemctl", "restart"}, units...)
	switch a {
	case viewmodel.AllowMe:
		word, do = "allow", []string{"usermod", "-aG", "culvert", user}
	case viewmodel.StartHelper:
		word, do = "start", append([]string{"systemctl", "enable", "--now"}, units...)
	}
	line = quoted(append([]string{"sudo"}, do...)...)
	for _, dir := range adminFolders {
		if !filepath.IsAbs(dir) {
			if programs == "" {
				continue
			}
			dir = filepath.Join(programs, dir)
		}
		if admin := filepath.Join(dir, "culvert-admin"); isFile(admin) {
			return []string{"pkexec", admin, word}, line
		}
	}
	// Not installed: there is no service to speak of.
	if helper := filepath.Join(programs, "culvertd"); a != viewmodel.AllowMe && isFile(helper) {
		return nil, quoted("sudo", helper)
	}
	return append([]string{"pkexec"}, do...), line
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// givenUp says that the person did not want to show who they are (pkexec(1)).
func givenUp(status int) bool { return status == 126 }

// notAsked says that nothing could ask (pkexec(1)): there is no agent of polkit's,
// or the person is not allowed.
func notAsked(status int) bool { return status == 127 }
