//go:build !linux

package diagnosis

// What to do about the service on this system.
const (
	startService = "Start the helper culvertd, or restart the computer."
	joinUsers    = "Ask an administrator of this computer."
)
