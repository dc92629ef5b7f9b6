//go:build unix

package audit

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Of a pipe that nobody writes into to its end the reason says so.
func TestPipeThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "it is a pipe, and who writes into it", t.TempDir(): "--timeout was over before"} {
		if got := unfinished(path, context.DeadlineExceeded); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}
