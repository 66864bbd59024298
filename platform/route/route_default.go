//go:build !linux && !windows && !darwin

package route

func newRunner() (runner, error) { return nil, ErrUnsupported }
