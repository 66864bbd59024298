//go:build !linux && !windows && !darwin

package tun

const batchSize = 1

func open(int) (*system, string, error) { return nil, "", ErrUnsupported }

// system is never made.
type system struct{}

func (*system) read([][]byte, []int, int) (int, error) { return 0, ErrUnsupported }
func (*system) write([][]byte) error                   { return ErrUnsupported }
func (*system) close() error                           { return ErrUnsupported }
