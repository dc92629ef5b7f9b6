//go:build !unix && !windows

package natsconn

import "os/exec"

// asGroup does nothing where there are no process groups: the program alone ends
// with its context.
func asGroup(cmd *exec.Cmd) (start func() error, done func()) { return cmd.Start, func() {} }
