//go:build unix

package cli

import "syscall"

// noCoreDump keeps memory from being written to a file.
func noCoreDump() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // a lower limit is never refused
}
