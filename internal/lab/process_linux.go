package lab

import "syscall"

// childAttributes has the kernel kill the process when this one ends, however
// it ends: a test program that panics runs no cleanup.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
