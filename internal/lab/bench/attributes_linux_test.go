package bench

import "syscall"

// childAttributes has the kernel kill the child when this process ends, however
// it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
