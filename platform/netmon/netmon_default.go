//go:build !linux && !windows && !darwin

package netmon

func newSource(*inbox) (source, error) { return nil, ErrUnsupported }
