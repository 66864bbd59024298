package cli

import "golang.org/x/sys/unix"

// release is the system's version.
func release() string {
	v, err := unix.Sysctl("kern.osproductversion")
	if err != nil {
		return ""
	}
	return "macOS " + v
}
