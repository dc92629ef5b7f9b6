package cli

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// interrupts interrupts nats-balance while a server hangs: it ends at once, says
// so, and leaves no half file.
func interrupts(t *testing.T, p *programs) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt for another process on Windows")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel) // the processes end with it
	c, err := tool.StartProcessCluster(ctx, 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := c.Processes()[2].Pause(); err != nil {
		t.Fatal(err)
	}
	// Somebody who takes connections and says nothing.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	connected := make(chan struct{})
	go func() {
		if conn, err := silent.Accept(); err == nil {
			close(connected)
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	const before = "the result of the last time\n"
	for _, test := range []struct {
		name, url string
		signal    os.Signal
		traced    string // what is traced when it is time to interrupt, or else
		ready     <-chan struct{}
	}{
		{"gathering", c.SystemURL(), os.Interrupt, "$SYS.REQ.SERVER.PING", nil},
		{"terminated", c.SystemURL(), syscall.SIGTERM, "$SYS.REQ.SERVER.PING", nil},
		{"connecting", "nats://" + silent.Addr().String(), os.Interrupt, "", connected},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "out.json")
			if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			r, took := p.interrupt(t, test.signal, test.traced, test.ready, "--no-context", "--server", test.url, "--trace", "--timeout", "60s",
				"audit", "concentration", "--json", "--outfile", file)
			if r.status != ExitNotAudited || r.stdout != "" {
				t.Errorf("exit status %d, stdout %q", r.status, r.stdout)
			}
			if !strings.HasSuffix(r.stderr, "nats-balance: interrupted before the audit was done: nothing was audited\n") {
				t.Errorf("stderr: %s", r.stderr)
			}
			if took > 5*time.Second { // the time-out is a minute
				t.Errorf("it took %v", took)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != before {
				t.Errorf("the file has %q, %v", got, err)
			}
			if files, _ := os.ReadDir(dir); len(files) != 1 {
				t.Errorf("files left: %v", files)
			}
		})
	}
	t.Run("demo", func(t *testing.T) {
		t.Parallel()
		r, took := p.interrupt(t, os.Interrupt, "until you press Ctrl-C", nil, "demo", "--scenario", "skewed", "--keep")
		if r.status != 0 || !strings.HasPrefix(r.stdout, "Demo skewed: ") || !strings.Contains(r.stdout, "Finding: ORDERS") {
			t.Errorf("exit status %d, stdout %q, stderr %q", r.status, r.stdout, r.stderr)
		}
		if took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
