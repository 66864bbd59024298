// Package version is what all programs of Culvert say that they are.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is set when a release is built.
var Version = ""

// Text is the version as a program tells it.
func Text() string {
	v := Version
	info, ok := debug.ReadBuildInfo()
	if v == "" && ok {
		v = info.Main.Version
	}
	if v == "" {
		v = "(devel)"
	}
	return fmt.Sprintf("culvert %s %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
