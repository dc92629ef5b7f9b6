//go:build unix

package cli

import (
	"os"
	"syscall"
)

// ownOrRoot reports whether a file is the user's own, or root's.
func ownOrRoot(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
