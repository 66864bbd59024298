//go:build !linux

package route

func newRunner() (runner, error) { return nil, ErrUnsupported }

// cleanUp has nothing to do: nothing was ever set.
func cleanUp(string) error { return nil }
