package tool

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// gatherTimeout is how long nats audit gather waits for servers to answer: the
// whole of it for the list of servers, and again for each that does not answer.
const gatherTimeout = 3 * time.Second

// GatherArchive has the real nats gather an archive from a server, without the
// profiles of the servers, which take it half a minute and are not read. The nats
// CLI waits two seconds for a connection, which no flag changes, and a busy
// server may take longer: then it is run again, until the context ends.
func GatherArchive(ctx context.Context, url, file string, flags ...string) error {
	exe, err := Build(ctx, ProgramCLI)
	if err != nil {
		return err
	}
	args := append([]string{"--no-context", "-s", url, "--timeout", gatherTimeout.String(), "audit", "gather", "--no-server-profiles", "--output", file}, flags...)
	for {
		out, err := exec.CommandContext(ctx, exe, args...).CombinedOutput()
		if err == nil {
			return nil
		}
		busy := bytes.Contains(out, []byte("no servers available for connection")) || bytes.Contains(out, []byte("i/o timeout"))
		if ctx.Err() != nil || !busy {
			return fmt.Errorf("nats audit gather: %w: %s", err, out)
		}
	}
}
