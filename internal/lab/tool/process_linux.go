package tool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// childAttributes has the kernel kill the process when this one ends, however
// it ends: a test program that panics runs no cleanup.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStopped returns when every thread of a process that was sent SIGSTOP has
// stopped: one of them takes the signal, and on a busy machine the others
// answer on until that one has had its turn.
func awaitStopped(pid int) {
	tick := time.NewTicker(lab.PollEvery)
	defer tick.Stop()
	for end := time.Now().Add(6 * stopGrace); time.Now().Before(end); <-tick.C {
		running := false
		names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is a good one
		for _, name := range names {
			stat, err := os.ReadFile(name)
			// The state follows the program's name in parentheses.
			if _, state, ok := bytes.Cut(stat, []byte(") ")); err == nil && ok && bytes.ContainsAny(state[:min(1, len(state))], "RSD") {
				running = true
			}
		}
		if !running {
			return
		}
	}
}
