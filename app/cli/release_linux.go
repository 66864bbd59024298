package cli

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// release is the distribution (os-release(5)) and the kernel's version.
func release() string {
	var parts []string
	text, err := os.ReadFile("/etc/os-release")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				parts = append(parts, strings.Trim(strings.TrimSpace(name), `"'`))
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		parts = append(parts, "Linux "+unix.ByteSliceToString(u.Release[:]))
	}
	return strings.Join(parts, ", ")
}
