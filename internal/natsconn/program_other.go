//go:build !unix

package natsconn

import "os/exec"

// asGroup does nothing where there are no process groups: the program alone ends
// with its context.
func asGroup(*exec.Cmd) {}
