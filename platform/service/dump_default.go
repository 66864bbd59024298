//go:build !windows && !linux

package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func noDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("service: no core dumps: %w", err)
	}
	return nil
}
