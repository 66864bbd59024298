package service

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noDumps has the kernel write no dump, give none to a program that collects
// them, which a limit on their size does not stop, and let no process without
// CAP_SYS_PTRACE look into this one (prctl(2), PR_SET_DUMPABLE).
func noDumps() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("service: no core dumps: %w", err)
	}
	return nil
}
