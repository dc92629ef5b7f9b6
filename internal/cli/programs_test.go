package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// programs are nats-balance, which is this test program by another name, and, where
// a test needs it, the nats CLI as it is shipped, in a home of their own in which
// the one is registered as a plugin of the other.
type programs struct {
	home, own, nats string
}

func newPrograms(t *testing.T) *programs {
	t.Helper()
	withoutDetector(t)
	own, err := exec.LookPath("nats-balance")
	if err != nil {
		t.Fatal(err)
	}
	return &programs{home: t.TempDir(), own: own}
}

// withNats adds the nats CLI, or skips the test.
func (p *programs) withNats(t *testing.T) *programs {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	exe, err := tool.Build(ctx, tool.ProgramCLI)
	possible(t, err)
	return &programs{home: p.home, own: p.own, nats: exe}
}

// possible skips a test that needs a program that is not to be built now.
func possible(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, tool.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ran is how a program ended.
type ran struct {
	status         int
	stdout, stderr string
}

// withoutDetector skips a test that runs the same commands many times over as
// processes: the race detector would learn nothing from them.
func withoutDetector(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("it would run too long with the race detector")
	}
}

// run runs a program in the home, with nothing else of this environment but
// PATH and what env adds.
func (p *programs) run(t *testing.T, env []string, exe string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := p.command(ctx, env, exe, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	r := ran{}
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", exe, err)
		}
		r.status = exit.ExitCode()
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

func (p *programs) command(ctx context.Context, env []string, exe string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = p.home
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "HOME=" + p.home, "USERPROFILE=" + p.home,
		"XDG_CONFIG_HOME=" + filepath.Join(p.home, "config"), "XDG_DATA_HOME=" + filepath.Join(p.home, "data"),
		"NATS_TIMEOUT=" + generous.String(), // a busy machine answers late
	}, env...)
	return cmd
}

// register registers the plugin and checks what the nats CLI says.
func (p *programs) register(t *testing.T) {
	t.Helper()
	if r := p.run(t, nil, p.nats, "plugins", "register", "balance", p.own); r.status != 0 {
		t.Fatalf("nats plugins register: %d: %s%s", r.status, r.stdout, r.stderr)
	}
}

// varying are the parts of an output that differ from run to run: times, those of
// connections too, as servers' clocks are compared with our own anew each time, and
// whether another audit has a connection of the system account at that moment.
var varying = regexp.MustCompile(`"(?:time|first|last)": "[^"]*"| at [-0-9]+ [0-9:]+ UTC|"system_account": [0-9]+|Not checked: [0-9]+ of the system account\.\n|, [0-9]+ of the system account`)

// fixed is an output without the varying parts.
func fixed(output string) string { return varying.ReplaceAllString(output, "") }

// difference is the first line in which two outputs differ.
func difference(a, b string) string {
	one, other := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			return fmt.Sprintf("line %d: %q, %q", i+1, one[i], other[i])
		}
	}
	if len(one) != len(other) {
		return fmt.Sprintf("%d lines, %d lines", len(one), len(other))
	}
	return ""
}

// everyOrder puts global and own booleans at every place of the command line.
func everyOrder(t *testing.T, p *programs, system string) {
	words := []string{"balance", "audit", "concentration"}
	plain := p.run(t, nil, p.own, "audit", "concentration", "--no-context", "--server", system, "--json")
	for at := range len(words) + 1 {
		for _, flags := range [][]string{{"--trace"}, {"--no-tlsfirst", "--trace"}} {
			args := append(slices.Clone(words[:at]), flags...)
			args = append(args, words[at:]...)
			args = append(args, "--json", "--server", system)
			if !slices.Contains(flags, "--no-context") {
				args = append(args, "--no-context")
			}
			r := p.run(t, nil, p.nats, args...)
			if r.status != 1 || !strings.Contains(r.stderr, "$SYS.REQ") {
				t.Errorf("nats %v: %d: %s", args, r.status, r.stderr)
			}
			if d := difference(fixed(r.stdout), fixed(plain.stdout)); d != "" {
				t.Errorf("nats %v, and without --trace: %s", args, d)
			}
		}
	}
}

// otherCommands checks that the host still works with the plugin registered.
func otherCommands(t *testing.T, p *programs) {
	for _, c := range []struct {
		args string
		says string // on stdout
	}{
		{"--help", "balance"},
		{"balance audit --help", "balance audit concentration"},
		{"balance audit concentration --help", "nats-balance audit concentration --account ORDERS"},
		{"help balance audit concentration", "--threshold"},
		{"server list", "C1-n3"},
		{"context ls", "main"},
		{"cheat balance", "nats balance audit concentration"},
		{"balance audit checks", "OPT_BALANCE_006"},
		{"balance audit checks -j", `"OPT_BALANCE_006"`},
		{"balance demo --list", "skewed"},
	} {
		if r := p.run(t, nil, p.nats, strings.Fields(c.args)...); r.status != 0 || !strings.Contains(r.stdout, c.says) {
			t.Errorf("nats %s: %d: %s%s", c.args, r.status, r.stdout, r.stderr)
		}
	}
	if r := p.run(t, nil, p.nats, "plugins", "register", "balance", p.own); r.status == 0 || !strings.Contains(r.stdout+r.stderr, "--force") {
		t.Errorf("registered twice: %+v", r)
	}
	if r := p.run(t, nil, p.nats, "plugins", "register", "balance", p.own, "--force"); r.status != 0 {
		t.Errorf("registered again with --force: %+v", r)
	}
}

// interrupt runs nats-balance and sends the signal when stderr has that text, or
// with no text when it is ready. It returns how long it then took.
func (p *programs) interrupt(t *testing.T, signal os.Signal, text string, ready <-chan struct{}, args ...string) (ran, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := p.command(ctx, nil, p.own, args...)
	var stdout bytes.Buffer
	stderr := &watched{text: text, seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		ready = stderr.seen
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its status is looked at below
	}()
	select {
	case <-ready:
	case <-ended:
	}
	began := time.Now()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Errorf("it ended before it was interrupted: %v", err)
	}
	<-ended
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, time.Since(began)
}

// watched is a buffer that tells when it has a text.
type watched struct {
	text string
	seen chan struct{}

	mu   sync.Mutex
	buf  bytes.Buffer
	done bool
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buf.Write(b)
	if !w.done && w.text != "" && strings.Contains(w.buf.String(), w.text) {
		w.done = true
		close(w.seen)
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// startScenario starts a lab that ends with the test. It may be called from any
// goroutine: an error fails the test and returns nil.
// settle is how long servers are up before clients come: longer than their clocks
// may be apart for an audit on a busy machine.
const settle = time.Second

func startScenario(t *testing.T, s lab.Scenario) *lab.Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Settle = settle
	l, err := lab.StartScenario(ctx, s)
	if err != nil {
		t.Error(err)
		return nil
	}
	t.Cleanup(l.Stop)
	return l
}

// closedPort returns a port that nobody listens at.
func closedPort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(int(sourcetest.ClosedPort(t).Port()))
}
