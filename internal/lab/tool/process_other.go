//go:build !linux

package tool

import "syscall"

// childAttributes: only Linux can tie a process's life to its parent's.
func childAttributes() *syscall.SysProcAttr { return nil }

// awaitStopped: only Linux tells the state of each thread.
func awaitStopped(int) {}
