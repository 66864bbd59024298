package login

import (
	"bytes"
	"encoding/xml"
)

// agentLabel is what launchd knows the program by.
const agentLabel = "io.github.culvert.desktop"

// LaunchAgent is the text of a job of launchd that runs a command once when the
// user signs in (launchd.plist(5)).
func LaunchAgent(program string, args ...string) string {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" +
		"<plist version=\"1.0\">\n<dict>\n\t<key>Label</key>\n\t<string>" + agentLabel + "</string>\n\t<key>ProgramArguments</key>\n\t<array>\n")
	for _, w := range append([]string{program}, args...) {
		b.WriteString("\t\t<string>")
		_ = xml.EscapeText(&b, []byte(w)) // a bytes.Buffer takes everything
		b.WriteString("</string>\n")
	}
	b.WriteString("\t</array>\n\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>ProcessType</key>\n\t<string>Interactive</string>\n</dict>\n</plist>\n")
	return b.String()
}
