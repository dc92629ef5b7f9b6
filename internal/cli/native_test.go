package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// nativeFlags are the flags of the connection in printed commands, which are
// those that the program was called with.
var nativeFlags = regexp.MustCompile(` --context system| --server [^ "\\]+( --user [^ ]+ --password \\?"\$NATS_PASSWORD\\?")?( --no-context)?`)

// TestNativeSubcommand runs `nats audit concentration` as a command of the nats
// CLI itself, built from its source at the pinned version with the lines of
// docs/embedding.md.
func TestNativeSubcommand(t *testing.T) {
	t.Parallel()
	withoutDetector(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	exe, err := tool.BuildNativeCLI(ctx)
	possible(t, err)
	l, ca, cert, key := startMonitoredByTLS(t)
	p := &programs{home: t.TempDir(), nats: exe}
	for _, args := range [][]string{
		{"context", "add", "system", "--server", l.SystemURL()},
		{"context", "add", "app", "--server", l.Server("C1-n3").URL("APP")},
	} {
		if r := p.run(t, nil, exe, args...); r.status != 0 {
			t.Fatalf("nats %q: %+v", args, r)
		}
	}
	const isFinding = "nats: error: the outcome of the audit is: finding\n"
	run := func(t *testing.T, args string) ran {
		t.Helper()
		return p.run(t, []string{"NATS_TIMEOUT=30s"}, exe, strings.Fields("audit concentration "+args)...)
	}

	t.Run("as nats-balance itself", func(t *testing.T) {
		for _, own := range []string{"--critical 90 -j", "--json --all --client-url APP=" + l.Server("C1-n1").ClientURL(), "--account IDLE --all"} {
			want := ownOutput(t, strings.Fields("--no-context --server "+l.SystemURL()+" --timeout 30s audit concentration "+own)...)
			for _, flags := range []string{"--context system ", "--server " + l.SystemURL() + " ", "--no-context -s " + l.SystemURL() + " "} {
				r := run(t, flags+own)
				if fixed(nativeFlags.ReplaceAllString(r.stdout, "")) != fixed(nativeFlags.ReplaceAllString(want, "")) {
					t.Errorf("nats audit concentration %s%s:\n%s\nnats-balance %s:\n%s", flags, own, r.stdout, own, want)
				}
			}
		}
	})
	monitor := " --monitor " + strings.ReplaceAll(monitorList(l.Servers()...), "http://", "https://")
	for _, c := range []struct {
		args   string
		status int
		stdout string // a part of it, where there is something
		stderr string // the same; with a line end all of it
	}{
		{"--context system", 1, "Finding: APP has 18 of its 19 connections in C1 on C1-n1", isFinding},
		{"--context system --critical 90", 1, "Critical finding: APP", "nats: error: the outcome of the audit is: critical\n"},
		{"--context system --threshold 95", 0, "No finding", ""},
		{"--context system --json", 1, "nats-balance rebalance --account APP --cluster C1 --context system", isFinding},
		{"--context app --json", 1, `"kind": "account"`, isFinding},
		{"--tlsca " + ca.file + " --tlscert " + cert + " --tlskey " + key + monitor, 1, "Finding: APP has 18", isFinding},
		{"--no-context" + monitor, 1, "", "unknown authority"},
		{"--context system --trace --account IDLE", 0, "No finding", ">>> $SYS.REQ.ACCOUNT.PING.STATZ"},
		{"--context system --outfile " + filepath.Join(p.home, "out.txt"), 1, "", isFinding},
		{"--no-context -s nats://127.0.0.1:" + closedPort(t), 1, "", "nats: error: nats: no servers available for connection\n"},
		{"--context system --timeout 0s", 1, "", "nats: error: --timeout is 0s: pass more than 0, such as 5s\n"},
		{"--context system --threshold 0", 1, "", "nats: error: --threshold is 0: pass a whole number from 1 to 99\n"},
		{"--context nowhere", 1, "was not found", "nats: error: context not found\n"}, // as all of its commands
		{"--help", 0, "usage: nats audit concentration", ""},
	} {
		r := run(t, c.args)
		if r.status != c.status {
			t.Errorf("%s: exit status %d, want %d", c.args, r.status, c.status)
		}
		if !strings.Contains(r.stdout, c.stdout) || (c.stdout == "") != (r.stdout == "") {
			t.Errorf("%s: stdout is %s", c.args, r.stdout)
		}
		if !strings.Contains(r.stderr, c.stderr) || (c.stderr == "") != (r.stderr == "") || strings.HasSuffix(c.stderr, "\n") && r.stderr != c.stderr {
			t.Errorf("%s: stderr is %s", c.args, r.stderr)
		}
	}
	for args, says := range map[string]string{
		"audit --help":                    "audit concentration",
		"audit checks":                    "SERVER_001",
		"help audit concentration":        "--threshold",
		"audit analyze --help":            "audit analyze",
		"server list --context system -j": "C1-n3",
	} {
		if r := p.run(t, nil, exe, strings.Fields(args)...); r.status != 0 || !strings.Contains(r.stdout, says) {
			t.Errorf("nats %s: %+v", args, r)
		}
	}
}

// ownOutput is what nats-balance itself prints.
func ownOutput(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	Run(args, &out, &errs)
	if errs.Len() > 0 || out.Len() == 0 {
		t.Errorf("%q: %s", args, errs.String())
	}
	return out.String()
}

// TestEmbeddingIsDocumented holds the lines in docs/embedding.md to those that
// are built.
func TestEmbeddingIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../internal/lab/tool/testdata/natscli/audit_concentration_command.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```go\n"+string(source)+"```\n") {
		t.Error("docs/embedding.md does not have audit_concentration_command.go as it is built")
	}
}
