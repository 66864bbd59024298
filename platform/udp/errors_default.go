//go:build !windows

package udp

// posix leaves err, which has its name from POSIX already.
func posix(err error) error { return err }
