package natsconn

import (
	"fmt"
	"os/exec"

	"golang.org/x/sys/windows"
)

// asGroup has a program run in a job of its own, which ends as a whole with its
// context, or with the program. What it returns starts the program, and is for when
// it has ended.
//
// The program is in the job from right after its start: what it has started by
// then is not.
func asGroup(cmd *exec.Cmd) (start func() error, done func()) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return func() error { return fmt.Errorf("no job for %s: %w", cmd.Path, err) }, func() {}
	}
	cmd.Cancel = func() error {
		_ = windows.TerminateJobObject(job, 1) // it has what the program started
		return cmd.Process.Kill()
	}
	start = func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid)) //nolint:gosec // it was one
		if err != nil {
			return nil // it may have ended
		}
		_ = windows.AssignProcessToJobObject(job, process) // the same
		_ = windows.CloseHandle(process)
		return nil
	}
	return start, func() {
		_ = windows.TerminateJobObject(job, 1) // what it left behind
		_ = windows.CloseHandle(job)
	}
}
