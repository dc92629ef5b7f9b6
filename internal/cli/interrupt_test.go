package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
)

// unread is a pipe that is full, and that nobody reads.
type unread struct {
	full chan struct{} // closed when somebody writes
	once sync.Once
	held <-chan struct{} // when the test is over
}

func newUnread(t *testing.T) *unread {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return &unread{full: make(chan struct{}), held: over}
}

// Write implements io.Writer.
func (u *unread) Write([]byte) (int, error) {
	u.once.Do(func() { close(u.full) })
	<-u.held
	return 0, io.ErrClosedPipe
}

// What nobody reads keeps the program after an interrupt for no longer than
// anything else, and after a second one not at all.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"--version"}, {"--help-man"}, {"cheat"}, {"explain"}, {"explain", "single-url"}, {"audit", "checks"}, {"audit", "checks", "--json"}, {"demo", "--list"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			twice := args[0] != "cheat" // one takes two seconds
			out := newUnread(t)
			ctx, interrupt := context.WithCancel(t.Context())
			hurry, again := context.WithCancel(t.Context())
			defer again()
			go func() {
				<-out.full
				if interrupt(); twice {
					again()
				}
			}()
			var left *stuckError
			err := run(Host{Context: ctx, Hurry: hurry, Out: out, Err: io.Discard}, args)
			if !errors.As(err, &left) || ExitStatus(err) != ExitNotAudited || strings.Contains(err.Error(), "again") != twice || !strings.Contains(err.Error(), "the output was not all written") && args[0] != "demo" {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("stderr", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		if status := Run([]string{"explain", "nothing"}, io.Discard, newUnread(t)); status != ExitNotAudited || time.Since(began) > 10*grace {
			t.Errorf("status %d after %s", status, time.Since(began))
		}
	})
	t.Run("what a rebalance did", func(t *testing.T) {
		t.Parallel()
		out := newUnread(t)
		r := newRebalance(Host{Out: out, Err: io.Discard})
		r.apply, r.readWithin = true, 50*time.Millisecond
		r.closed.note("n1", balance.Kicked)
		err := r.write(&report.Rebalance{Batches: []report.RebalanceBatch{{}}})
		if err == nil || !strings.Contains(err.Error(), "nobody read the output within") || !strings.Contains(err.Error(), "1 connection") {
			t.Errorf("%v", err)
		}
	})
	t.Run("the plan of a rebalance", func(t *testing.T) {
		t.Parallel()
		st := stageOf(t, "restart-drift")
		out := newUnread(t)
		ctx, interrupt := context.WithCancel(t.Context())
		go func() { <-out.full; interrupt() }()
		r := newRebalance(Host{Context: ctx, Out: out, Err: io.Discard, Timeout: func() time.Duration { return generous }, Connect: connectsTo(t, st.Lab)})
		if took := r.end().after(); took != 6*generous {
			t.Errorf("it may take %s", took)
		}
		app := fisk.New("test", "").Terminate(nil)
		r.add(app)
		_, err := app.Parse([]string{"rebalance", "--account", "ORDERS", "--json"})
		var left *stuckError
		if !errors.As(err, &left) || !strings.Contains(err.Error(), "it was interrupted") || !strings.Contains(err.Error(), "nothing was moved") {
			t.Errorf("%v", err)
		}
	})
}

// connectsTo connects as the system account, until the test is over.
func connectsTo(t *testing.T, l *lab.Lab) func(context.Context) (*nats.Conn, error) {
	t.Helper()
	return func(context.Context) (*nats.Conn, error) {
		nc, err := nats.Connect(l.SystemURL(), nats.Timeout(generous))
		if err == nil {
			t.Cleanup(nc.Close)
		}
		return nc, err
	}
}

// interruptedTwice interrupts a rebalance twice, the second time while it waits for a
// server that hangs: what it did is written all the same, and soon.
func interruptedTwice(t *testing.T, p *programs) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt for another process on Windows")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	c, err := tool.StartProcessCluster(ctx, 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	closed := make(chan struct{}, 100)
	for range 12 {
		nc, err := nats.Connect(c.Processes()[0].URL("ORDERS"), nats.Timeout(generous), nats.ReconnectWait(10*time.Millisecond),
			nats.DisconnectErrHandler(func(*nats.Conn, error) { closed <- struct{}{} }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	file := filepath.Join(t.TempDir(), "out.json")
	cmd := p.command(ctx, nil, p.own, "--no-context", "--server", c.SystemURL(), "--timeout", "60s",
		"rebalance", "--account", "ORDERS", "--apply", "--yes", "--rate", "1", "--json", "--outfile", file)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its status is looked at below
	}()
	select {
	case <-closed:
	case <-ended:
		t.Fatalf("nothing was moved: %s", said.String())
	}
	if err := c.Processes()[2].Pause(); err != nil {
		t.Error(err)
	}
	began := time.Now()
	for _, signal := range []os.Signal{syscall.SIGQUIT, os.Interrupt} { // two of a kind may count as one
		if err := cmd.Process.Signal(signal); err != nil {
			t.Error(err)
		}
	}
	<-ended
	const slack = 3 * time.Second // the time-out is a minute
	if took, status := time.Since(began), cmd.ProcessState.ExitCode(); took > grace+slack || status != ExitNotAudited {
		t.Errorf("status %d after %s: %s", status, took, said.String())
	}
	var doc report.Rebalance
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	moved := 0
	for _, m := range doc.Moves {
		if m.Outcome == "kicked" {
			moved++
		}
	}
	if err != nil || doc.Outcome != "stopped" || doc.Stop == nil || doc.Stop.Code != "interrupted" || moved == 0 || doc.After != nil || !strings.Contains(strings.Join(doc.Warnings, " "), "it was interrupted again") {
		t.Errorf("%v: %s, %+v, %d moved, %+v, %q", err, doc.Outcome, doc.Stop, moved, doc.After, doc.Warnings)
	}
}

// readerGone is a pipe that nobody will read any more: that is said, and no signal ends
// the program, which would be without a word of what it did.
func readerGone(t *testing.T, p *programs) {
	if runtime.GOOS == "windows" {
		t.Skip("no such signal on Windows")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := p.command(t.Context(), nil, p.own, "explain", "single-url")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != ExitNotAudited || !strings.Contains(said.String(), "the output can't be written: ") {
		t.Errorf("%v: %s", err, said.String())
	}
}
