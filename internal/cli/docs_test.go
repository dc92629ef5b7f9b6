package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// shownCommand is a line of the docs, of a help or of the cheat sheet that shows a
// command of ours or of the nats CLI.
var shownCommand = regexp.MustCompile("(?m)^(?: {2,8}|\\$ )?((?:nats-balance|nats) [a-z-][^\n]*)$|`((?:nats-balance|nats balance) [a-z][^`]*)`")

// notRun are commands that the docs show and that are run elsewhere, or can't be,
// by how they begin.
var notRun = []struct{ begins, why string }{
	{"nats plugins register", "TestPrograms"},
	{"nats-balance demo", "TestDemo, and .ci/run"},
	{"nats balance demo", "TestDemo"},
	{"nats-balance watch", "TestWatch, as it does not end"},
	{"nats-balance history", "TestWatch, which records one"},
	{"nats micro info nats-balance", "TestService"},
	{"nats request nats-balance.", "TestService"},
	{"nats sub 'nats-balance.event", "TestService"},
	{"nats-balance audit concentration --monitor https://n1:8443/nats", "TestMonitorOverTLS"},
	{"nats-balance audit concentration --monitor http://USER:PASSWORD@", "TestMonitorBehindAProxy"},
}

// stands says what names of the docs stand for on the cluster of the test.
func stands(l *lab.Lab, resolver string) *strings.Replacer {
	url := l.Server("C1-n1").ClientURL()
	addr := strings.TrimPrefix(url, "nats://")
	monitors := monitorList(l.Servers()...)
	// Users are in the contexts and URLs here: credentials files are shown to work
	// by the tests of operator mode.
	return strings.NewReplacer(
		"http://10.0.0.1:8222,http://10.0.0.2:8222,http://10.0.0.3:8222", monitors,
		"http://n1:8222,http://n2:8222,http://n3:8222", monitors,
		" --server nats://10.0.0.1:4222 --creds sys.creds", " --context system",
		" --server nats://n2.example:4222 --creds orders.creds", " --context orders",
		" --creds orders.creds", " --context orders",
		"nats://n1,nats://n2", url,
		"--resolver 10.0.0.2", "--resolver "+resolver,
		"nats.example:4222", "nats.example:"+strings.Split(addr, ":")[1],
		"n1.example:4222", addr, "nats://lb.example:4222", strings.Join(l.URLs("C1", ""), ","), // one that was mended
		"--output audit.zip", "--output another.zip", // others read the first one meanwhile
		"--account NAME", "--account ORDERS", "--cluster NAME", "--cluster C1", "--config FILE", "--config nats-balance.yaml", "--baseline FILE", "--baseline last.json",
		"explain CODE", "explain single-url",
		"'", "", " >/dev/null", "",
	)
}

// Every command that the docs, the helps and the cheat sheet show is run, on a
// real cluster, and is none that is refused.
func TestCommandsOfTheDocs(t *testing.T) {
	t.Parallel()
	p := newPrograms(t).withNats(t)
	p.register(t)
	shown := shownCommands(t, p)
	if len(shown) < 50 {
		t.Fatalf("only %d commands are shown: %q", len(shown), shown)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING"}, Monitoring: true},
		Clients: []lab.Placement{
			{Account: "ORDERS", Server: "C1-n1", Count: 17}, {Account: "ORDERS", Server: "C1-n2", Count: 1}, {Account: "BILLING", Server: "C1-n2", Count: 2},
		},
	})
	if l == nil {
		t.FailNow()
	}
	dns, err := lab.StartDNS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dns.Stop)
	if err := dns.Set("nats.example", lab.DNSRecord{Addresses: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	p.prepare(ctx, t, l)
	real := stands(l, dns.Addr())
	var readers, movers []string
	for _, c := range shown {
		if strings.Contains(c, " --apply") {
			movers = append(movers, c)
		} else {
			readers = append(readers, c)
		}
	}
	var all []*worker
	for range 4 {
		w, err := startWorker()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.stop)
		all = append(all, w)
	}
	// What reads runs four at a time, what moves connections alone and last.
	next := make(chan string)
	var wg sync.WaitGroup
	for _, w := range all {
		wg.Go(func() {
			for c := range next {
				p.shown(ctx, t, w, c, real.Replace(c))
			}
		})
	}
	for _, c := range readers {
		next <- c
	}
	close(next)
	wg.Wait()
	for _, c := range movers {
		// They ask, and there is no terminal to answer on.
		p.shown(ctx, t, all[0], c, strings.ReplaceAll(real.Replace(c), " --yes", "")+" --yes")
	}
}

// shownCommands are all of them, each once.
func shownCommands(t *testing.T, p *programs) []string {
	t.Helper()
	texts := []string{cheat}
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/causes/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(data))
		}
	}
	for _, command := range []string{"audit concentration", "audit hotspot", "audit urls", "audit checks", "impact", "rebalance", "explain"} {
		help := p.run(t, nil, p.own, append(strings.Fields(command), "--help")...)
		if !strings.Contains(help.stdout, "Examples:") {
			t.Errorf("the help of %s has no examples", command)
		}
		texts = append(texts, help.stdout)
	}
	var out []string
	for _, text := range texts {
		for _, m := range shownCommand.FindAllStringSubmatch(text, -1) {
			c := strings.TrimSpace(m[1] + m[2])
			// Without a comment after it, and what reads its output.
			c, _, _ = strings.Cut(c, "  ")
			c, _, _ = strings.Cut(c, " | ")
			elsewhere := slices.ContainsFunc(notRun, func(n struct{ begins, why string }) bool { return strings.HasPrefix(c, n.begins) })
			if elsewhere || strings.Contains(c, "…") || strings.Contains(c, "<(") || strings.HasSuffix(c, " -") || slices.Contains(out, c) {
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

// prepare makes the contexts, files and folders that the docs speak of.
func (p *programs) prepare(ctx context.Context, t *testing.T, l *lab.Lab) {
	t.Helper()
	for name, url := range map[string]string{"system": l.SystemURL(), "orders": l.Server("C1-n1").URL("ORDERS")} {
		if r := p.run(t, nil, p.nats, "context", "save", name, "--server", url); r.status != 0 {
			t.Fatalf("nats context save: %s%s", r.stdout, r.stderr)
		}
	}
	if r := p.run(t, nil, p.nats, "context", "select", "system"); r.status != 0 {
		t.Fatalf("nats context select: %s%s", r.stdout, r.stderr)
	}
	possible(t, tool.GatherArchive(ctx, l.SystemURL(), filepath.Join(p.home, "audit.zip")))
	baseline := p.run(t, nil, p.own, "audit", "concentration", "--json").stdout
	impact := p.run(t, nil, p.own, "impact", "C1-n1", "--json").stdout
	for name, text := range map[string]string{
		"deploy/.env":       "NATS_URL=" + strings.Join(l.URLs("C1", ""), ",") + "\n",
		"orders.env":        "NATS_URL=" + l.Server("C1-n1").ClientURL() + "\n",
		"nats-balance.yaml": "version: 1\nthreshold: 80\n",
		"before.json":       baseline, "yesterday.json": baseline, "last.json": baseline, "last-week.json": baseline,
		"impact.json": impact,
	} {
		name = filepath.Join(p.home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// shown runs a command as it stands in the docs, with the names replaced.
func (p *programs) shown(ctx context.Context, t *testing.T, w *worker, shown, real string) {
	args := strings.Fields(real)
	var status int
	var said string
	if args[0] == "nats" {
		cmd := p.command(ctx, nil, p.nats, args[1:]...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Errorf("%s: %v", shown, err)
			return
		}
		status, said = cmd.ProcessState.ExitCode(), string(out)
	} else {
		cmd := p.command(ctx, nil, p.own)
		d, err := w.do(order{Args: args[1:], Env: cmd.Env, Dir: cmd.Dir})
		if err != nil {
			t.Errorf("%s: %v", shown, err)
			return
		}
		status, said = d.Status, string(d.Stdout)+string(d.Stderr)
		// Clients without a configuration make it unknown whether they can fail over.
		if ran := len(d.Stdout) > 0 || strings.Contains(real, "--outfile"); args[1] == "impact" && status == ExitNotAudited && ran {
			return
		}
	}
	if status > ExitCritical {
		t.Errorf("%s, run as\n%s: exit status %d: %s", shown, real, status, said)
	}
}
