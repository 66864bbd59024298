package ui

import (
	"os/exec"
	"syscall"
)

// diesWithUs ends a program that was started here, even if this one is killed.
func diesWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
