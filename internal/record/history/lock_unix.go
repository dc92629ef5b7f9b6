//go:build unix

package history

import (
	"errors"
	"os"
	"syscall"
)

// lock takes a file for this process alone, until it is closed or the process ends.
// It reports whether another process has it.
func lock(path string) (f *os.File, taken bool, err error) {
	if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, false, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errors.Is(err, syscall.EWOULDBLOCK), err
	}
	return f, false, nil
}
