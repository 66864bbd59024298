package ui

import (
	"strings"

	"github.com/culvert-vpn/culvert/ui/viewmodel"
)

// repairCommand is what does it, with macOS' own question for a password, and the
// line for a terminal. Whoever is at the console may use the helper: there is
// nothing to allow but signing in there.
func repairCommand(a viewmodel.Action, _, _ string) (cmd []string, line string) {
	do := "launchctl kickstart -k system/culvertd"
	if a == viewmodel.StartHelper {
		do = strings.Replace(do, " -k", "", 1)
	}
	return []string{"osascript", "-e", `do shell script "` + do + `" with administrator privileges`}, "sudo " + do
}

// givenUp is for systems that tell; osascript ends with 1 whatever happened.
func givenUp(int) bool { return false }

// notAsked is for systems where nothing may be able to ask.
func notAsked(int) bool { return false }
