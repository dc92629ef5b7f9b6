package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/plugin"
)

// notAudited is the exit status where nothing was audited.
const notAudited = 3

// skewed starts the scenario in which ORDERS is concentrated and BILLING is not.
func skewed(t *testing.T) *lab.Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	scenario, _ := lab.FindScenario("skewed")
	l, err := lab.StartScenario(ctx, scenario)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}

// native is an application with an `audit` of its own that took the command in.
type native struct {
	app       *fisk.Application
	out, errs bytes.Buffer
	gathered  bool
	connects  int
}

func newNative(host plugin.Host) *native {
	n := &native{app: fisk.New("nats", "NATS Utility")}
	n.app.UsageWriter(&n.out).ErrorWriter(&n.errs)
	n.app.Terminate(nil)
	audit := n.app.Command("audit", "Audit a NATS deployment")
	audit.Command("gather", "Capture data").Action(func(*fisk.ParseContext) error {
		n.gathered = true
		return nil
	})
	host.Out, host.Err = &n.out, &n.errs
	if connect := host.Connect; connect != nil {
		host.Connect = func(ctx context.Context) (*nats.Conn, error) {
			n.connects++
			return connect(ctx)
		}
	}
	plugin.AddConcentration(audit, host)
	return n
}

// connected returns a host with a connection to the lab that ends with the test.
func connected(t *testing.T, l *lab.Lab) plugin.Host {
	t.Helper()
	nc, err := nats.Connect(l.SystemURL(), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return plugin.Host{Connect: func(context.Context) (*nats.Conn, error) { return nc, nil }}
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	l := skewed(t)
	host := connected(t, l)
	for _, c := range []struct {
		args    string
		outcome checks.Outcome // "" for none, an error
		says    string
	}{
		{"", checks.OutcomeFinding, "Finding: ORDERS has 17 of its 18 connections in C1 on C1-n1"},
		{"--critical 90", checks.OutcomeCritical, "Critical finding: ORDERS"},
		{"--account BILLING", checks.OutcomePass, "No finding: 1 account checked"},
		{"--threshold 95 --json", checks.OutcomePass, `"outcome": "pass"`},
		{"-j", checks.OutcomeFinding, `"outcome": "finding"`},
		{"--threshold 0", "", "--threshold is 0: pass a whole number from 1 to 99"},
		{"--account NOBODY", "", "NOBODY"},
		{"--format xml", "", "--format"},
	} {
		n := newNative(host)
		_, err := n.app.Parse(append([]string{"audit", "concentration"}, strings.Fields(c.args)...))
		var outcome *plugin.OutcomeError
		switch {
		case c.outcome == "":
			if err == nil || errors.As(err, &outcome) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "nats-balance") || n.out.Len() > 0 {
				t.Errorf("%s: %v, %s", c.args, err, n.out.String())
			}
			if plugin.ExitStatus(err) != notAudited {
				t.Errorf("%s: exit status %d", c.args, plugin.ExitStatus(err))
			}
			continue
		case c.outcome == checks.OutcomePass:
			if err != nil {
				t.Errorf("%s: %v", c.args, err)
			}
		case !errors.As(err, &outcome) || outcome.Outcome != c.outcome:
			t.Errorf("%s: %v, want %s", c.args, err, c.outcome)
		}
		want := map[checks.Outcome]int{checks.OutcomeFinding: 1, checks.OutcomeCritical: 2}[c.outcome]
		if got := plugin.ExitStatus(err); got != want {
			t.Errorf("%s: exit status %d, want %d", c.args, got, want)
		}
		if !strings.Contains(n.out.String(), c.says) || n.errs.Len() > 0 || n.connects != 1 {
			t.Errorf("%s: %d connections, %s%s", c.args, n.connects, n.out.String(), n.errs.String())
		}
	}

	n := newNative(host)
	if _, err := n.app.Parse([]string{"audit", "gather"}); err != nil || !n.gathered || n.connects > 0 {
		t.Errorf("the application's own command: %v, %+v", err, n)
	}
	n = newNative(host)
	n.app.UsageWriter(&n.out)
	_, _ = n.app.Parse([]string{"audit", "concentration", "--help"}) // prints the help; Terminate is off
	if !strings.Contains(n.out.String(), "usage: nats audit concentration") || !strings.Contains(n.out.String(), "--threshold") {
		t.Errorf("the help is %s", n.out.String())
	}
}

// TestEmbeddedConnect checks what happens where a host can't connect, and that
// its context ends an audit.
func TestEmbeddedConnect(t *testing.T) {
	t.Parallel()
	failure := errors.New("no server here")
	n := newNative(plugin.Host{Connect: func(context.Context) (*nats.Conn, error) { return nil, failure }})
	_, err := n.app.Parse([]string{"audit", "concentration"})
	if !errors.Is(err, failure) || plugin.ExitStatus(err) != notAudited || n.out.Len() > 0 {
		t.Errorf("%v, %s", err, n.out.String())
	}
	n = newNative(plugin.Host{Connect: func(context.Context) (*nats.Conn, error) { return nil, failure }, Timeout: func() time.Duration { return 0 }})
	if _, err = n.app.Parse([]string{"audit", "concentration"}); err == nil || !strings.Contains(err.Error(), "--timeout") || n.connects > 0 {
		t.Errorf("time-out 0: %v", err)
	}

	l := skewed(t)
	host := connected(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	host.Context = ctx
	n = newNative(host)
	_, err = n.app.Parse([]string{"audit", "concentration"})
	if !errors.Is(err, context.Canceled) || plugin.ExitStatus(err) != notAudited || n.out.Len() > 0 {
		t.Errorf("cancelled: %v, %s", err, n.out.String())
	}
}

// TestHostDefaults leaves out all that can be left out.
func TestHostDefaults(t *testing.T) {
	l := skewed(t)
	out, errs := redirect(t, &os.Stdout), redirect(t, &os.Stderr)
	app := fisk.New("nats", "NATS Utility")
	app.Terminate(nil)
	plugin.Add(app, connected(t, l))
	_, err := app.Parse([]string{"audit", "concentration"})
	if got := plugin.ExitStatus(err); got != 1 {
		t.Errorf("exit status %d: %v", got, err)
	}
	if _, err := app.Parse([]string{"audit", "checks"}); err != nil {
		t.Error(err)
	}
	if got := out(); !strings.Contains(got, "Finding: ORDERS") || !strings.Contains(got, "OPT_BALANCE_006") {
		t.Errorf("stdout has %s", got)
	}
	if got := errs(); got != "" {
		t.Errorf("stderr has %s", got)
	}
}

// redirect puts a file in the place of a standard stream until the test ends,
// and returns a function that reads it.
func redirect(t *testing.T, stream **os.File) func() string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	old := *stream
	*stream = f
	t.Cleanup(func() {
		*stream = old
		f.Close()
	})
	return func() string {
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
}

// TestEmbedExample builds and runs the application in testdata/embed.
// Without debugging information linking takes half as long.
func TestEmbedExample(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	exe := filepath.Join(t.TempDir(), "nats.exe") // a name that runs everywhere
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", exe, "./testdata/embed").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	l := skewed(t)
	for _, c := range []struct {
		args   string
		status int
		stdout string
		stderr string
	}{
		{"audit concentration", 1, "Finding: ORDERS has 17 of its 18", ""},
		{"audit concentration --account BILLING", 0, "No finding", ""},
		{"audit concentration --critical 90 --json", 2, `"outcome": "critical"`, ""},
		{"audit concentration --trace --account BILLING", 0, "No finding", "$SYS.REQ"},
		{"audit concentration --threshold 0", 3, "", "nats: error: --threshold is 0: pass a whole number from 1 to 99\n"},
		{"audit gather", 0, "gathered", ""},
		{"audit --help", 0, "audit concentration", ""},
		{"audit concentration --help", 0, "usage: nats audit concentration", ""},
	} {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(ctx, exe, strings.Fields(c.args)...)
		cmd.Env = append(os.Environ(), "NATS_URL="+l.SystemURL())
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // its status is looked at
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%s: exit status %d, want %d", c.args, got, c.status)
		}
		if !strings.Contains(out.String(), c.stdout) || (c.stdout == "") != (out.Len() == 0) {
			t.Errorf("%s: stdout is %s", c.args, out.String())
		}
		if !strings.Contains(errs.String(), c.stderr) || (c.stderr == "") != (errs.Len() == 0) {
			t.Errorf("%s: stderr is %s", c.args, errs.String())
		}
	}
}
