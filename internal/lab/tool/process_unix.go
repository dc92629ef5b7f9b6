//go:build unix

package tool

import (
	"os"
	"syscall"
)

func pauseProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	awaitStopped(p.Pid)
	return nil
}

func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

func terminateProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	// A paused process gets the signal only once it continues.
	return resumeProcess(p)
}
