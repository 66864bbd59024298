package ui

import "github.com/culvert-vpn/culvert/ui/viewmodel"

// repairCommand is what does it, with Windows' own question for an administrator,
// and the line for a terminal that has one's rights.
func repairCommand(a viewmodel.Action, _, _ string) (cmd []string, line string) {
	line = "sc.exe start culvertd"
	if a != viewmodel.StartHelper {
		line = "powershell -Command Restart-Service culvertd"
	}
	script := "Start-Process -Verb RunAs -WindowStyle Hidden -Wait -FilePath powershell.exe -ArgumentList '-NoProfile','-Command','"
	if a == viewmodel.StartHelper {
		script += "Start-Service culvertd'"
	} else {
		script += "Restart-Service culvertd'"
	}
	return []string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script}, line
}

// givenUp is for systems that tell; powershell.exe ends with 1 whatever happened.
func givenUp(int) bool { return false }

// notAsked is for systems where nothing may be able to ask.
func notAsked(int) bool { return false }
