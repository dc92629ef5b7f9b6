package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// runHere runs a command line in this process and returns its exit status.
func runHere(ctx context.Context, stdout, stderr *watched, args ...string) int {
	err := run(Host{Context: ctx, Out: stdout, Err: stderr}, args)
	if s := sentence(err); s != "" {
		_, _ = stderr.Write([]byte(s)) // never fails
	}
	return ExitStatus(err)
}

// TestDemo runs every scenario. It is not parallel to other tests, so that what
// it sees left is its own.
func TestDemo(t *testing.T) {
	before := goleak.IgnoreCurrent()
	verdicts := map[string]string{ // how the report begins
		"skewed":       "Finding: ORDERS has 17 of its 18 connections in C1 on C1-n1 (94.4%)",
		"balanced":     "No finding: 2 accounts checked",
		"threshold":    "Finding: EIGHT has 8 of its 10 connections in C1 on C1-n1 (80.0%)",
		"small":        "Not checked: ",
		"supercluster": "Finding: ORDERS has 12 of its 12 connections in WEST on WEST-n2 (100.0%)",
		"full":         "Finding: ORDERS has 80 of its 80 connections in C1 on C1-n1 (100.0%)",
	}
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range lab.Scenarios() {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				var out, errs watched
				if status := runHere(t.Context(), &out, &errs, "demo", "--scenario", s.Name); status != 0 || errs.String() != "" {
					t.Fatalf("exit status %d: %s", status, errs.String())
				}
				head, said, _ := strings.Cut(out.String(), "\n\n")
				if want := "Demo " + s.Name + ": " + s.Title + "."; !strings.HasPrefix(strings.Join(strings.Fields(head), " "), want) {
					t.Errorf("it begins with %q, want %q", head, want)
				}
				if want := verdicts[s.Name]; want == "" || !strings.HasPrefix(said, want) {
					t.Errorf("the verdict is %q, want %q", said, want)
				}
			})
		}
	})
	t.Run("JSON", func(t *testing.T) {
		var out, errs watched
		status := runHere(t.Context(), &out, &errs, "demo", "--json")
		var doc struct{ Type, Outcome string }
		if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || status != 0 || errs.String() != "" {
			t.Fatalf("exit status %d, %v: %s%s", status, err, out.String(), errs.String())
		}
		if doc.Type != "nats-balance.v1.audit" || doc.Outcome != "finding" {
			t.Errorf("the document is %+v", doc)
		}
	})
	t.Run("outfile", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "out.txt")
		var out, errs watched
		status := runHere(t.Context(), &out, &errs, "demo", "--scenario", "balanced", "--outfile", file)
		got, err := os.ReadFile(file)
		if err != nil || status != 0 || out.String() != "" || !bytes.HasPrefix(got, []byte("No finding: ")) {
			t.Errorf("exit status %d, %v, stdout %q, file %q", status, err, out.String(), got)
		}
	})
	t.Run("nothing is asked of the user's own cluster", func(t *testing.T) {
		t.Setenv("NATS_URL", "nats://127.0.0.1:1")
		t.Setenv("NATS_CONTEXT", "nothing")
		t.Setenv("NATS_CREDS", "/nowhere/x.creds")
		var out, errs watched
		if status := runHere(t.Context(), &out, &errs, "demo"); status != 0 {
			t.Errorf("exit status %d: %s", status, errs.String())
		}
		if strings.Contains(out.String(), "--context") || !strings.Contains(out.String(), "--no-context") {
			t.Errorf("a command leads to the user's own cluster: %s", out.String())
		}
	})
	goleak.VerifyNone(t, before)
}

func TestDemoWithoutServers(t *testing.T) {
	before := goleak.IgnoreCurrent()
	var out, errs watched
	if status := runHere(t.Context(), &out, &errs, "demo", "--list"); status != 0 || errs.String() != "" {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
	for _, s := range lab.Catalogue() {
		if !regexp.MustCompile(`(?m)^` + s.Name + ` \(.*\)\n    ` + regexp.QuoteMeta(s.Title[:20])).MatchString(out.String()) {
			t.Errorf("%s is not listed: %s", s.Name, out.String())
		}
	}
	for _, args := range []string{"--scenario nothing", "--format xml", "--outfile /nowhere/x/out", "--scenario="} {
		var out, errs watched
		if status := runHere(t.Context(), &out, &errs, append([]string{"demo"}, strings.Fields(args)...)...); status != ExitNotAudited || out.String() != "" || !strings.Contains(errs.String(), "pass ") {
			t.Errorf("%s: exit status %d, %q, %q", args, status, out.String(), errs.String())
		}
	}
	goleak.VerifyNone(t, before)
}

// TestDemoKeep checks that the cluster stays up, that the commands it prints
// work against it, and that an interrupt ends it with status 0.
func TestDemoKeep(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out watched
	errs := watched{text: "server report connections", seen: make(chan struct{})}
	ended := make(chan int, 1)
	go func() { ended <- runHere(ctx, &out, &errs, "demo", "--scenario", "skewed", "--keep", "--json") }()
	select {
	case <-errs.seen:
	case status := <-ended:
		t.Fatalf("it ended with %d: %s", status, errs.String())
	}
	var server string
	tried := 0
	for _, text := range strings.Split(errs.String(), "\n") {
		command, ok := strings.CutPrefix(text, "  nats-balance ")
		if !ok {
			continue
		}
		tried++
		args := strings.Fields(command)
		var out, errs watched
		// Of the scenario that is kept, 94.4% is above 70% and not above 95%.
		want := ExitFinding
		if strings.Contains(command, "--threshold 95") || strings.HasPrefix(command, "rebalance ") {
			want = ExitPass
		}
		if status := runHere(t.Context(), &out, &errs, args...); status != want || out.String() == "" {
			t.Errorf("%s: exit status %d: %s", command, status, errs.String())
		}
		server = args[len(args)-1]
		for i, a := range args {
			if a == "--server" {
				server = args[i+1]
			}
		}
	}
	if tried != 4 {
		t.Errorf("%d commands to try: %s", tried, errs.String())
	}
	interrupt()
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
	if !json.Valid([]byte(out.String())) {
		t.Errorf("stdout is no JSON: %s", out.String())
	}
	if c, err := net.DialTimeout("tcp", server, time.Second); err == nil {
		c.Close()
		t.Errorf("something listens at %s", server)
	}
	goleak.VerifyNone(t, before)
}

// TestDemoInterrupted interrupts the start at several moments: of this scenario
// it takes more than a second.
func TestDemoInterrupted(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 200 * time.Millisecond} {
		ctx, interrupt := context.WithCancel(t.Context())
		timer := time.AfterFunc(after, interrupt)
		var out, errs watched
		status := runHere(ctx, &out, &errs, "demo", "--scenario", "supercluster", "--keep")
		timer.Stop()
		interrupt()
		if status != ExitNotAudited || out.String() != "" || !strings.HasPrefix(errs.String(), "interrupted ") {
			t.Errorf("after %v: exit status %d, %q, %q", after, status, out.String(), errs.String())
		}
		goleak.VerifyNone(t, before)
	}
}
