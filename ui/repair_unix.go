//go:build !windows && !darwin

package ui

import "github.com/culvert-vpn/culvert/ui/viewmodel"

// repairCommand is what does it, with a question of polkit's, and the line for a
// terminal.
func repairCommand(a viewmodel.Action, user string) (cmd []string, line string) {
	units := []string{"culvertd.socket", "culvertd.service"}
	var do []string
	switch a {
	case viewmodel.AllowMe:
		do = []string{"usermod", "-aG", "culvert", user}
	case viewmodel.StartHelper:
		do = append([]string{"systemctl", "start"}, units...)
	default:
		do = append([]string{"systemctl", "restart"}, units...)
	}
	return append([]string{"pkexec"}, do...), quoted(append([]string{"sudo"}, do...)...)
}
