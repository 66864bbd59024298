//go:build !linux && !windows && !darwin

package firewall

func newSystem() (system, error) { return nil, ErrUnsupported }
