//go:build unix

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ownOrRoot reports whether a file is the user's own, or root's.
func ownOrRoot(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// ownFolder is a folder without the links on the way to it, each of which the user or
// root must have made, or have let nobody else make, in a folder of theirs. The working
// directory is where the user is already.
func ownFolder(dir string) (string, error) {
	at, rest := ".", strings.Split(dir, "/")
	if filepath.IsAbs(dir) {
		at = "/"
	}
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		if rest = rest[1:]; next == at {
			continue
		}
		info, err := os.Lstat(next)
		if err != nil {
			return "", fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > mostLinks {
			return "", errLoop
		}
		folder, err := os.Stat(at)
		if err != nil {
			return "", fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		const others = 0o022 // may write
		if !ownOrRoot(folder) || !ownOrRoot(info) && folder.Mode().Perm()&others != 0 {
			return "", errOthersLink
		}
		to, err := os.Readlink(next)
		if err != nil {
			return "", fmt.Errorf("can't be written: %w", withoutPath(err))
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return at, nil
}
