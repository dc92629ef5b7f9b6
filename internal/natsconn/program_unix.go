//go:build unix

package natsconn

import (
	"os/exec"
	"syscall"
)

// asGroup has a program run in a process group of its own, which ends as a whole
// with its context, or with the program. What it returns starts the program, and is
// for when it has ended.
func asGroup(cmd *exec.Cmd) (start func() error, done func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd.Start, func() {
		if cmd.Process != nil {
			_ = cmd.Cancel() // what it left behind; mostly there is no such group any more
		}
	}
}
