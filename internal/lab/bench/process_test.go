package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab/fleet"
)

// patience bounds one child, far beyond what any of them takes.
const patience = 5 * time.Minute

// usage is what one process took, as the operating system counted it.
type usage struct {
	wall, cpu time.Duration
	// peak is the most resident memory in bytes, 0 where it is not known. A
	// child starts as a copy of this process, whose own peak, some 35 MiB, is
	// the least that the kernel says of it.
	peak int64
}

// fleetProcess is a fleet in a process of its own.
type fleetProcess struct {
	fleetFacts
	in  io.Writer
	out *json.Decoder
}

// order has the fleet do something, and returns once it did.
func (f *fleetProcess) order(tb testing.TB, o order) (done followed) {
	tb.Helper()
	err := json.NewEncoder(f.in).Encode(o)
	if err == nil {
		err = f.out.Decode(&done)
	}
	if err != nil {
		tb.Fatalf("the fleet: %v", err)
	}
	return done
}

// startFleet starts a fleet that ends with the test.
func startFleet(tb testing.TB, size fleet.Size) *fleetProcess {
	tb.Helper()
	arg, err := json.Marshal(size)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := helper(interrupted, tb, "fleet", string(arg))
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && interrupted.Err() == nil {
			tb.Errorf("the fleet: %v: %s", err, said.Bytes())
		}
	})
	f := &fleetProcess{in: in, out: json.NewDecoder(out)}
	if err := f.out.Decode(&f.fleetFacts); err != nil {
		tb.Fatalf("the fleet does not start: %v: %s", err, said.Bytes())
	}
	return f
}

// helper is the test binary as one of its helpers.
func helper(ctx context.Context, tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+name)
	cmd.SysProcAttr = childAttributes()
	return cmd
}

// run runs a child to its end. Its standard output goes to a file: a pipe
// would have this process take part in the work.
func run(tb testing.TB, cmd func(context.Context) *exec.Cmd, read func(stdout io.Reader) error, allowed ...int) usage {
	tb.Helper()
	ctx, cancel := context.WithTimeout(interrupted, patience)
	defer cancel()
	c := cmd(ctx)
	out, err := os.CreateTemp(tb.TempDir(), "out")
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	var said bytes.Buffer
	c.Stdout, c.Stderr = out, &said
	c.SysProcAttr = childAttributes()
	start := time.Now()
	err = c.Run()
	u := usage{wall: time.Since(start)}
	if ctx.Err() != nil {
		tb.Fatal(ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains(allowed, exit.ExitCode()) {
		err = nil
	}
	if err != nil {
		tb.Fatalf("%s: %v: %s", filepath.Base(c.Path), err, said.Bytes())
	}
	u.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	u.peak = peakMemory(c.ProcessState)
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	if err := read(out); err != nil {
		tb.Fatalf("%s: %v", filepath.Base(c.Path), err)
	}
	return u
}

// drain runs the drain helper.
func (f *fleetProcess) drain(tb testing.TB) (usage, drained) {
	tb.Helper()
	var d drained
	u := run(tb, func(ctx context.Context) *exec.Cmd {
		return helper(ctx, tb, "drain", f.URL, strconv.Itoa(f.Servers))
	}, func(out io.Reader) error { return json.NewDecoder(out).Decode(&d) })
	if d.Replies != f.Servers || d.Bytes < f.Packed {
		tb.Fatalf("drained %d replies with %d bytes of %d with %d", d.Replies, d.Bytes, f.Servers, f.Packed)
	}
	return u, d
}

// document is what is read of the audit's JSON: by the contract, not with the
// audit's own types.
type document struct {
	Outcome  string
	Coverage struct {
		Complete        bool
		ServersExpected int `json:"servers_expected"`
		ServersAnswered int `json:"servers_answered"`
		Notes           []string
	}
	Summary struct{ Servers, Accounts, Connections, Findings int }

	Findings []struct {
		Account     struct{ ID string }
		Cluster     string
		Server      struct{ ID string }
		Connections int
		OnServer    int `json:"on_server"`
	}
}

// audit runs the program and holds what it found against the truth. notes are
// those on the coverage, such as that the server cut the connection.
func (f *fleetProcess) audit(tb testing.TB, exe string, flags ...string) (u usage, notes []string) {
	tb.Helper()
	var doc document
	u = run(tb, func(ctx context.Context) *exec.Cmd {
		args := append([]string{"audit", "concentration", "--no-context", "--server", f.URL, "--json", "--timeout", "60s"}, flags...)
		return exec.CommandContext(ctx, exe, args...)
	}, func(out io.Reader) error { return json.NewDecoder(out).Decode(&doc) }, 1)
	if err := f.check(doc); err != nil {
		tb.Fatalf("the audit is wrong: %v", err)
	}
	return u, doc.Coverage.Notes
}

func (f *fleetProcess) check(doc document) error {
	outcome := "finding"
	if len(f.Skewed) == 0 {
		outcome = "pass"
	}
	c, s := doc.Coverage, doc.Summary
	switch {
	case doc.Outcome != outcome:
		return fmt.Errorf("the outcome is %q, want %q, notes %q", doc.Outcome, outcome, c.Notes)
	case !c.Complete || c.ServersAnswered != f.Servers || c.ServersExpected != f.Servers || s.Servers != f.Servers:
		return fmt.Errorf("%d of %d servers answered, there are %d, notes %q", c.ServersAnswered, c.ServersExpected, f.Servers, c.Notes)
	case s.Connections != f.Connections || s.Accounts != f.Accounts:
		return fmt.Errorf("%d connections of %d accounts, want %d of %d", s.Connections, s.Accounts, f.Connections, f.Accounts)
	case s.Findings != len(f.Skewed) || len(doc.Findings) != len(f.Skewed):
		return fmt.Errorf("%d findings, %d listed, want %d", s.Findings, len(doc.Findings), len(f.Skewed))
	}
	skewed := map[fleet.Skew]bool{}
	for _, k := range f.Skewed {
		skewed[k] = true
	}
	for _, g := range doc.Findings {
		k := fleet.Skew{Account: g.Account.ID, Cluster: g.Cluster, Server: g.Server.ID, Connections: g.Connections, OnServer: g.OnServer}
		if !skewed[k] {
			return fmt.Errorf("finding %v is none, or is there twice", k)
		}
		delete(skewed, k)
	}
	return nil
}

// counted is what the nats CLI said: how many accounts it listed, and how many
// connections these have, both without the system account.
type counted struct{ accounts, connections int }

// nats runs the nats CLI's report on accounts, as a table of all accounts or,
// with the flags for that, as JSON.
func (f *fleetProcess) nats(tb testing.TB, exe string, flags ...string) (usage, counted) {
	tb.Helper()
	var c counted
	add := func(account string, connections int) {
		if account != "SYS" {
			c.accounts++
			c.connections += connections
		}
	}
	read := func(out io.Reader) error { return readTable(out, add) }
	if slices.Contains(flags, "--json") {
		read = func(out io.Reader) error { return readList(out, add) }
	}
	args := append([]string{"--no-context", "--server", f.URL, "server", "report", "accounts"}, flags...)
	u := run(tb, func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, exe, args...) }, read)
	return u, c
}

// readList reads the JSON one account at a time, so that this process stays
// small.
func readList(out io.Reader, add func(string, int)) error {
	d := json.NewDecoder(out)
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		var a struct {
			Account     string `json:"account"`
			Connections int    `json:"connections"`
		}
		if err := d.Decode(&a); err != nil {
			return err
		}
		add(a.Account, a.Connections)
	}
	return nil
}

func readTable(out io.Reader, add func(string, int)) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "│")
		if len(cells) < 4 {
			continue
		}
		if n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(cells[2]), ",", "")); err == nil {
			add(strings.TrimSpace(cells[1]), n)
		}
	}
	return lines.Err()
}

// build builds the program, once for all benchmarks of a run.
// Without debugging information, as releases are, linking takes half as long.
func build(tb testing.TB) string {
	tb.Helper()
	program.once.Do(func() { program.exe, program.err = buildProgram(interrupted) })
	if program.err != nil {
		tb.Fatal(program.err)
	}
	return program.exe
}

var program struct {
	once sync.Once
	dir  string
	exe  string
	err  error
}

func buildProgram(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "nats-balance-bench-")
	if err != nil {
		return "", err
	}
	program.dir = dir
	exe := filepath.Join(dir, "nats-balance")
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", exe, "github.com/nats-balance/nats-balance/cmd/nats-balance").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build nats-balance: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return exe, nil
}
