package login

import "strings"

// DesktopEntry is the text of a file of the Desktop Application Autostart
// Specification that runs a command.
func DesktopEntry(program string, args ...string) string {
	words := make([]string, 0, len(args)+1)
	for _, w := range append([]string{program}, args...) {
		words = append(words, execWord(w))
	}
	return "[Desktop Entry]\nType=Application\nName=Culvert\nIcon=io.github.culvert\nTerminal=false\nExec=" + strings.Join(words, " ") + "\n"
}

// execWord is an argument in Exec (Desktop Entry Specification, "The Exec key"):
// quoted, a per cent sign twice, and a backslash twice more because the value is a
// string.
func execWord(w string) string {
	w = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(w)
	w = strings.ReplaceAll(w, "%", "%%")
	return `"` + strings.ReplaceAll(w, `\`, `\\`) + `"`
}
