//go:build !linux

package keyring

// available has nothing to look at beforehand: asking the store does no harm.
func available() error { return nil }
