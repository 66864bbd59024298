package cli

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// release is the system's version.
func release() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
