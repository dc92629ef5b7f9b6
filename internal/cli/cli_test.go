package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/words"
)

// TestMain makes this test program the nats-balance that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(alone{m}, map[string]func(){
		"nats-balance": func() { os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr)) },
		workerName: func() {
			if err := work(); err != nil {
				panic(err)
			}
		},
	})
}

// alone runs the tests with nothing of the user's: no context, and no variable
// that a flag takes its default from.
type alone struct{ *testing.M }

// Run implements testscript.TestingM.
func (a alone) Run() int {
	tests := 40
	if sourcetest.RaceDetector { // it takes the processors several times as long
		tests = 8
	}
	sourcetest.SideBySide(tests)
	debug.SetGCPercent(600) // processors are scarcer than memory
	// Run would limit what all the servers in this process have together to less.
	const memory = 2 << 30
	debug.SetMemoryLimit(memory)
	if err := os.Setenv("GOMEMLIMIT", strconv.Itoa(memory)); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "nats-balance-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "NATS_") && !strings.HasPrefix(name, "NATS_BALANCE_") {
			os.Unsetenv(name)
		}
	}
	for _, home := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME"} {
		if err := os.Setenv(home, dir); err != nil {
			panic(err)
		}
	}
	return a.M.Run()
}

// TestScripts runs testdata/script against real clusters. Besides testscript's
// own commands there are:
//
//	status N args…     nats-balance with these arguments exits with status N; it
//	                   runs in the script's worker, and exec in a process of its own
//	refused args…      … with 3, nothing on stdout and one sentence on stderr
//	alone ARGS…        exec, of a program that runs nats-balance
//	json PATH VALUE    stdout is JSON and has the value there: findings.0.on_server, findings.len
//	harmless FILE…     no control characters but newlines
//	same FILE FILE     outputs are the same, but for what varies
//	expandenv FILE…    replaces $NAME in files
//	processes N        starts N real nats-server processes; see serverCommand
//	server …
func TestScripts(t *testing.T) {
	t.Parallel()
	env, turns := scriptEnv(t)
	dir := filepath.Join("testdata", "script")
	workers, err := newWorkers(dir)
	if err != nil {
		t.Fatal(err)
	}
	var scripts atomic.Int32
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, shareOut(env, int(scripts.Add(1)))...)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			// A cause more is no change of a script.
			e.Setenv("FORMATS", words.Or(report.Formats()))
			e.Setenv("HOTSPOT_FORMATS", words.Or(report.HotspotFormats()))
			audits := []string{"concentration"}
			for _, m := range checks.Measures() {
				audits = append(audits, m.Command)
			}
			e.Setenv("AUDITS", words.Or(append(audits, "urls", "checks")))
			e.Setenv("CAUSES", strconv.Itoa(len(cause.All())))
			e.Setenv("PAGES", strconv.Itoa(len(cause.All())+len(checks.All())))
			return workers.setUp(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				defer turns.take(ts, args[1:])()
				status(ts, workers, want, args[1:])
			},
			"refused": func(ts *testscript.TestScript, _ bool, args []string) {
				defer turns.take(ts, args)()
				refused(ts, workers, args)
			},
			"alone": func(ts *testscript.TestScript, neg bool, args []string) {
				defer turns.take(ts, args)()
				if err := ts.Exec(args[0], args[1:]...); (err != nil) != neg {
					ts.Fatalf("it ended with %v", err)
				}
			},
			"json":      func(ts *testscript.TestScript, neg bool, args []string) { jsonValue(ts, neg, args) },
			"processes": startProcesses,
			"server":    serverCommand,
			"same": func(ts *testscript.TestScript, _ bool, args []string) {
				if a, b := fixed(ts.ReadFile(args[0])), fixed(ts.ReadFile(args[1])); a != b {
					ts.Fatalf("%s has\n%s\n%s has\n%s", args[0], a, args[1], b)
				}
			},
			"expandenv": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					text := os.Expand(ts.ReadFile(name), ts.Getenv)
					ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
				}
			},
			"harmless": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, name := range args {
					checkHarmless(ts, name, ts.ReadFile(name))
				}
			},
		},
	})
}

// turns has commands ask one cluster one at a time: until it has logged in, a
// connection is one of $G, which an audit of the same servers counts.
type turns []*turn

// turn is that of a cluster, by the address of a server. It is over when the
// servers have as many connections as before.
type turn struct {
	sync.Mutex
	addr        string
	connections func() int
}

// take waits for the clusters that a command names, in its arguments, by the
// environment or in a context that it may use, and returns what ends its turn.
func (all turns) take(ts *testscript.TestScript, args []string) (end func()) {
	text := strings.Join(args, " ") + ts.Getenv("NATS_URL")
	contexts, _ := filepath.Glob(filepath.Join(ts.Getenv("XDG_CONFIG_HOME"), "nats", "context", "*.json")) // the pattern is a good one
	for _, name := range contexts {
		data, err := os.ReadFile(name)
		ts.Check(err)
		text += string(data)
	}
	var taken turns
	for _, t := range all { // always in this order
		if strings.Contains(text, t.addr) {
			t.Lock()
			taken = append(taken, t)
		}
	}
	before := make([]int, len(taken))
	for i, t := range taken {
		before[i] = t.connections()
	}
	return func() {
		for i, t := range taken {
			for end := time.Now().Add(20 * time.Second); t.connections() != before[i] && time.Now().Before(end); {
				<-time.After(time.Millisecond)
			}
			t.Unlock()
		}
	}
}

// scriptEnv starts the clusters that the scripts share, at the same time, and
// returns what the scripts need to know of them.
func scriptEnv(t *testing.T) ([]string, turns) {
	t.Helper()
	busy := lab.Scenario{
		Topology: lab.Topology{
			Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}},
			Accounts: []string{"ORDERS", "BILLING", "SEVEN", "EIGHT", "NINE", "PAIR", "IDLE"},
		},
		Clients: []lab.Placement{
			{Account: "ORDERS", Server: "C1-n1", Count: 17}, {Account: "ORDERS", Server: "C1-n2", Count: 1},
			{Account: "BILLING", Server: "C1-n1", Count: 6}, {Account: "BILLING", Server: "C1-n2", Count: 5}, {Account: "BILLING", Server: "C1-n3", Count: 5},
			{Account: "SEVEN", Server: "C1-n1", Count: 7}, {Account: "SEVEN", Server: "C1-n2", Count: 2}, {Account: "SEVEN", Server: "C1-n3", Count: 1},
			{Account: "EIGHT", Server: "C1-n2", Count: 8}, {Account: "EIGHT", Server: "C1-n1", Count: 1}, {Account: "EIGHT", Server: "C1-n3", Count: 1},
			{Account: "NINE", Server: "C1-n3", Count: 9},
			{Account: "PAIR", Server: "C2-n1", Count: 20},
		},
	}
	clusters := []struct {
		name string
		lab.Scenario
	}{
		// One command at a time asks a cluster, so that most scripts have one of
		// three; see [shareOut].
		{"MAIN", busy}, {"MAIN_1", busy}, {"MAIN_2", busy}, {"MAIN_3", busy}, {"MAIN_4", busy},
		// Probes are connections too, for a moment: these are for scripts that make
		// some.
		{"WHY", busy},
		{"CALM", lab.Scenario{
			Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"BILLING"}},
			Clients: []lab.Placement{
				{Account: "BILLING", Server: "C1-n1", Count: 4}, {Account: "BILLING", Server: "C1-n2", Count: 4}, {Account: "BILLING", Server: "C1-n3", Count: 4},
			},
		}},
		{"EVIL", lab.Scenario{
			Topology: lab.Topology{
				Clusters: []lab.Cluster{{
					Name: evilName("cluster"), Servers: 3,
					ServerNames: []string{evilName("n1"), evilName("n2"), "n3"},
				}},
				Accounts: []string{evilName("account")},
			},
			Clients: []lab.Placement{{Account: evilName("account"), Server: evilName("n1"), Count: 12}},
		}},
	}
	env := []string{"GORACE=atexit_sleep_ms=10", "EVIL_ACCOUNT=" + evilName("account")}
	var mu sync.Mutex
	var all turns
	add := func(name, value string) {
		mu.Lock()
		defer mu.Unlock()
		env = append(env, name+"="+value)
	}
	inTurn := func(url string, servers func() []*server.Server) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, &turn{addr: strings.TrimPrefix(url, "nats://"), connections: func() int {
			n := 0
			for _, s := range servers() {
				n += s.NumClients()
			}
			return n
		}})
	}
	var wg sync.WaitGroup
	for _, c := range clusters {
		wg.Go(func() {
			l := startScenario(t, c.Scenario)
			if l == nil {
				return
			}
			first := l.Servers()[0]
			inTurn(first.ClientURL(), func() (all []*server.Server) {
				for _, s := range l.Servers() {
					all = append(all, s.Embedded())
				}
				return all
			})
			add(c.name, first.URL(lab.SystemAccount))
			add(c.name+"_SERVER", first.ClientURL())
			var all []string
			for _, server := range l.Cluster(first.Cluster()) {
				all = append(all, server.ClientURL())
			}
			add(c.name+"_ALL", strings.Join(all, ","))
			add(c.name+"_ORDINARY", first.URL(c.Clients[0].Account))
		})
	}
	wg.Go(func() {
		o := startOperatorMode(t)
		if o == nil {
			return
		}
		inTurn(o.url, func() []*server.Server { return o.servers })
		add("OPERATOR_SERVER", o.url)
		add("OPERATOR_CREDS", o.systemCreds)
		add("OPERATOR_ORDINARY", o.ordinaryCreds)
		add("ORDERS_ID", o.ordersID)
	})
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return env, all
}

// shareOut is the environment of a script: its MAIN is one of five.
func shareOut(env []string, script int) []string {
	which := fmt.Sprintf("MAIN_%d", script%5)
	out := slices.Clone(env)
	for _, e := range env {
		if rest, is := strings.CutPrefix(e, which); is {
			out = append(out, "MAIN"+rest)
		}
	}
	return out
}

func TestWholeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": -7, "0": 0, "7": 7, "70": 70, "070": 70, "1000000000": 1_000_000_000, // "" leaves what was there
	} {
		got := -7
		if err := wholeNumber("threshold", text, &got); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"-1", "+1", "70.5", "7e1", "0x46", "1_000", "abc", " 70", "70 ", "٧٠", "99999999999999999999", "70%"} {
		got := -7
		err := wholeNumber("threshold", text, &got)
		if err == nil || got != -7 || !strings.HasPrefix(err.Error(), "--threshold is ") || !strings.HasSuffix(err.Error(), ": pass a whole number") {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          "",
		"one":                       "one",
		"one\ntwo":                  "one two",
		"one\r\n\n  two  \r":        "one two",
		"\n\n":                      "",
		"a\x1b[31mb":                `a\x1b[31mb`,
		"a\tb\x00\x7f\u202e":        `a\x09b\x00\x7f\u202e`,
		"a\u2028b":                  `a\u2028b`,
		"bad \xff byte":             `bad \xff byte`,
		"größer 界":                  "größer 界",
		"nats://user:secret@host":   "nats://host",
		strings.Repeat("long ", 99): strings.TrimSpace(strings.Repeat("long ", 99)),
	} {
		if got := line(in); got != want {
			t.Errorf("line(%q) = %q, want %q", in, got, want)
		}
	}
}
