//go:build !linux

package bench

import "syscall"

// childAttributes: elsewhere the fleet ends with its standard input, and the
// others when the fleet is gone.
func childAttributes() *syscall.SysProcAttr { return nil }
