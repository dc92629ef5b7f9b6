//go:build unix

package bench

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the most resident memory that a process had, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin" || runtime.GOOS == "ios":
		return int64(u.Maxrss) //nolint:unconvert // bytes there, KiB elsewhere; int32 on some
	}
	return int64(u.Maxrss) << 10 //nolint:unconvert // int32 elsewhere
}
