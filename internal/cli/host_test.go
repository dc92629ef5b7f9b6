package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
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

// TestPrograms runs nats-balance and the nats CLI as they are shipped.
func TestPrograms(t *testing.T) {
	t.Parallel()
	p := newPrograms(t)
	for name, test := range map[string]func(*testing.T, *programs){
		"host": hostRuns, "introspection": introspection, "globals of nats": globalsOfNats, "interrupt": interrupts, "two interrupts": interruptedTwice, "the reader is gone": readerGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// hostRuns runs the commands through the nats CLI and compares the output with
// that of nats-balance itself.
func hostRuns(t *testing.T, p *programs) {
	p = p.withNats(t)
	p.register(t)
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING", "EIGHT"}},
		Clients: []lab.Placement{
			{Account: "ORDERS", Server: "C1-n1", Count: 17}, {Account: "ORDERS", Server: "C1-n2", Count: 1},
			{Account: "BILLING", Server: "C1-n1", Count: 4}, {Account: "BILLING", Server: "C1-n2", Count: 4}, {Account: "BILLING", Server: "C1-n3", Count: 4},
			{Account: "EIGHT", Server: "C1-n3", Count: 8}, {Account: "EIGHT", Server: "C1-n1", Count: 1}, {Account: "EIGHT", Server: "C1-n2", Count: 1},
		},
	})
	o := startOperatorMode(t)
	// A server counts a client that it refuses as one of $G for a moment, so
	// what is to be refused goes to a server that is not audited.
	spare := startScenario(t, lab.Scenario{Topology: lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}, Accounts: []string{"ORDERS"}}})
	if t.Failed() {
		t.FailNow()
	}
	other := spare.Servers()[0]
	system, bare := l.SystemURL(), l.Servers()[0].ClientURL()
	for _, args := range [][]string{
		{"context", "add", "main", "--server", system, "--description", "the system account"},
		{"context", "add", "operator", "--server", o.url, "--creds", o.systemCreds},
		{"context", "select", "main"},
	} {
		if r := p.run(t, nil, p.nats, args...); r.status != 0 {
			t.Fatalf("nats %v: %d: %s%s", args, r.status, r.stdout, r.stderr)
		}
	}
	fields := strings.Fields
	at := func(args string) []string { return append(fields("--no-context -s "+system), fields(args)...) }
	for _, c := range []struct {
		name   string
		args   []string // after audit concentration
		env    []string
		status int    // of nats-balance
		stderr string // a part of it, where there is something on stderr
	}{
		{name: "selected context", status: ExitFinding},
		{name: "flags beat the context", args: fields("--context operator --server " + bare + " --user sys --password pw"), status: ExitFinding},
		{name: "creds", args: fields("--no-context --server " + o.url + " --creds " + o.systemCreds), status: ExitFinding},
		{name: "another account", args: fields("--no-context --server " + other.URL("ORDERS")), status: ExitNotAudited},
		{name: "jwt and seed", args: fields("--no-context --server " + o.url + " --jwt " + o.systemJWT + " --seed " + o.systemSeed), status: ExitFinding},
		{name: "environment", args: fields("--no-context"), env: []string{"NATS_URL=" + bare, "NATS_USER=sys", "NATS_PASSWORD=pw"}, status: ExitFinding},
		{name: "context in the environment", env: []string{"NATS_CONTEXT=operator"}, status: ExitFinding},
		{name: "two accounts with =", args: at("--account=EIGHT --account=ORDERS"), status: ExitFinding},
		{name: "account like a flag", args: at("--account=--trace=true"), status: ExitNotAudited, stderr: `"--trace=true"`},
		{name: "account with control characters", args: append(at("--account"), "A\x1b[31m\nB"), status: ExitNotAudited, stderr: `A\x1b[31m`},
		{name: "empty threshold", args: at("--threshold="), status: ExitNotAudited, stderr: `--threshold is ""`},
		{name: "JSON, first", args: append([]string{"-j"}, at("")...), status: ExitFinding},
		{name: "thresholds", args: at("--threshold 85 --min-servers 2 --min-connections 5 --review 30 --all"), status: ExitFinding},
		{name: "wrong usage", args: at("--threshold 0"), status: ExitNotAudited, stderr: "--threshold is 0"},
		{name: "trace, before", args: append([]string{"--trace"}, at("--all")...), status: ExitFinding, stderr: "$SYS.REQ"},
		{name: "names", args: at("--connection-name me --inbox-prefix _MINE --colors green"), status: ExitFinding},
		{name: "proxy", args: at("--socks-proxy socks5://127.0.0.1:" + closedPort(t)), status: ExitNotAudited, stderr: "can't be reached"},
		{name: "no TLS first, other spelling", args: at("--no-tls-first"), status: ExitFinding},
		{name: "TLS first, other spelling", args: fields("--no-context --server " + other.ClientURL() + " --tls-first --timeout 2s"), status: ExitNotAudited, stderr: "TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"audit", "concentration"}, c.args...)
			if c.name == "creds" { // asking for an account's connections makes a server in operator mode load it
				p.run(t, c.env, p.own, args...)
			}
			own := p.run(t, c.env, p.own, args...)
			if own.status != c.status || !strings.Contains(own.stderr, c.stderr) || (c.stderr == "") != (own.stderr == "") {
				t.Errorf("nats-balance exits with %d, want %d; stderr: %s", own.status, c.status, own.stderr)
			}
			if (own.stdout == "") != (c.status == ExitNotAudited && c.stderr != "") { // what could not be judged is said on stdout
				t.Errorf("nats-balance prints %q", own.stdout)
			}
			hosted := p.run(t, c.env, p.nats, append([]string{"balance"}, args...)...)
			compareHosted(t, own, hosted)
		})
	}
	t.Run("every order", func(t *testing.T) { everyOrder(t, p, system) })
	t.Run("other commands", func(t *testing.T) { otherCommands(t, p) })
	t.Run("outfile", func(t *testing.T) {
		file := filepath.Join(p.home, "out.json")
		hosted := p.run(t, nil, p.nats, "balance", "audit", "concentration", "--outfile", file, "--json")
		own := p.run(t, nil, p.own, "audit", "concentration", "--json")
		got, err := os.ReadFile(file)
		if err != nil || hosted.status != 1 || hosted.stdout != "" {
			t.Fatalf("%v, %+v", err, hosted)
		}
		if d := difference(fixed(string(got)), fixed(own.stdout)); d != "" {
			t.Errorf("the file, and stdout: %s", d)
		}
	})
}

// compareHosted checks that the host lets everything through, but for the exit
// status, which it drops to 1 with a line of its own.
func compareHosted(t *testing.T, own, hosted ran) {
	t.Helper()
	if d := difference(fixed(hosted.stdout), fixed(own.stdout)); d != "" {
		t.Errorf("through nats, and itself: %s", d)
	}
	status, added := 0, ""
	if own.status != 0 {
		status, added = 1, fmt.Sprintf("nats: error: exit status %d\n", own.status)
	}
	if hosted.status != status {
		t.Errorf("nats exits with %d, want %d", hosted.status, status)
	}
	if strings.Contains(own.stderr, "$SYS.REQ") { // of traces the order and the times differ
		if !strings.Contains(hosted.stderr, "$SYS.REQ") {
			t.Errorf("no trace: %s", hosted.stderr)
		}
		return
	}
	if want := own.stderr + added; hosted.stderr != want {
		t.Errorf("through nats stderr is %q, want %q", hosted.stderr, want)
	}
}

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

// natsGlobals has the global flags of the nats CLI that internal/tools pins.
const natsGlobals = "testdata/nats-globals.json"

func savedGlobals(t *testing.T) (flags []*fisk.FlagModel) {
	t.Helper()
	data, err := os.ReadFile(natsGlobals)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &flags); err != nil {
		t.Fatal(err)
	}
	return flags
}

// globalsOfNats holds the saved flags to those of the real nats CLI.
func globalsOfNats(t *testing.T, p *programs) {
	if runtime.GOOS == "windows" {
		t.Skip("it has flags of its own there")
	}
	p = p.withNats(t)
	want, got := connMust(json.MarshalIndent(savedGlobals(t), "", " ")), connMust(json.MarshalIndent(introspect(t, p, p.nats).Flags, "", " "))
	if !bytes.Equal(got, want) {
		t.Errorf("%s is to have\n%s", natsGlobals, got)
	}
}

// introspection checks the model that a host is given, and that no flag gets in
// the way of the host's own.
func introspection(t *testing.T, p *programs) {
	// Nothing is connected to and no context is read.
	own := introspect(t, p, p.own, "NATS_URL=nats://127.0.0.1:1", "NATS_CONTEXT=nothing", "NATS_CREDS=/nowhere")
	model, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fisk.New("nats", "").ExternalPluginCommand(p.own, model, "balance", ""); err != nil {
		t.Errorf("a host does not take the model: %v", err)
	}
	host := savedGlobals(t)
	globals := map[string]*fisk.FlagModel{}
	shorts := map[rune]string{'h': "help"}
	for _, f := range host {
		globals[f.Name] = f
		if f.Short != 0 {
			shorts[f.Short] = f.Name
		}
	}
	for _, f := range own.Flags {
		g := globals[f.Name]
		if g == nil {
			t.Errorf("--%s is no global of nats", f.Name)
			continue
		}
		if f.Short != g.Short || f.Boolean != g.Boolean || f.Negatable != g.Negatable || f.Envar != g.Envar || f.Cumulative != g.Cumulative || f.Hidden != g.Hidden {
			t.Errorf("--%s is %+v, in nats %+v", f.Name, f, g)
		}
		if f.Name != "connection-name" && !slices.Equal(f.Default, g.Default) {
			t.Errorf("the default of --%s is %v, in nats %v", f.Name, f.Default, g.Default)
		}
		delete(globals, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(globals)) {
		if !strings.HasPrefix(name, "js-") && name != "domain" { // of JetStream, and Windows' own below
			if runtime.GOOS == "windows" && strings.HasPrefix(name, "certstore") {
				continue
			}
			t.Errorf("nats has the global --%s", name)
		}
	}
	if own.Name != "nats-balance" || own.Help == "" || own.ArgGroupModel != nil && len(own.Args) > 0 {
		t.Errorf("the model is %+v", own)
	}
	var walk func([]*fisk.CmdModel)
	walk = func(commands []*fisk.CmdModel) {
		for _, c := range commands {
			if c.ArgGroupModel != nil && (len(c.Args) > 1 || len(c.Args) == 1 && c.Args[0].Cumulative) {
				t.Errorf("%s has several arguments, which a host passes in any order", c.FullCommand)
			}
			var flags []*fisk.FlagModel
			if c.FlagGroupModel != nil {
				flags = c.Flags
			}
			for _, f := range flags {
				if g := slices.ContainsFunc(host, func(g *fisk.FlagModel) bool { return g.Name == f.Name }); g {
					t.Errorf("%s has --%s, a global of nats", c.FullCommand, f.Name)
				}
				if long := shorts[f.Short]; f.Short != 0 && long != "" {
					t.Errorf("%s has -%c, in nats --%s", c.FullCommand, f.Short, long)
				}
			}
			if c.CmdGroupModel != nil && len(c.Commands) > 0 {
				walk(c.Commands)
				continue
			}
			scope := slices.ContainsFunc(c.Tags, func(s string) bool { return s == "scope:system" || s == "scope:user" })
			impact := slices.ContainsFunc(c.Tags, func(s string) bool { return s == "impact:ro" || s == "impact:rw" })
			if !scope || !impact || len(c.Tags) != 2 {
				t.Errorf("%s has the tags %v", c.FullCommand, c.Tags)
			}
		}
	}
	walk(own.Commands)
}

// introspect returns the model, and checks that there is nothing else.
func introspect(t *testing.T, p *programs, exe string, env ...string) *fisk.ApplicationModel {
	t.Helper()
	r := p.run(t, env, exe, "--fisk-introspect")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("%s --fisk-introspect: %d: %s", exe, r.status, r.stderr)
	}
	d := json.NewDecoder(strings.NewReader(r.stdout))
	m := &fisk.ApplicationModel{}
	if err := d.Decode(m); err != nil {
		t.Fatal(err)
	}
	if d.More() {
		t.Errorf("%s prints more than the model: %s", exe, r.stdout)
	}
	return m
}

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

// operatorMode is a cluster in operator mode, in which an account has an id
// besides its name and users have credentials. ORDERS has 12 connections on the
// first of its three servers.
type operatorMode struct {
	url                        string
	systemCreds, ordinaryCreds string // files
	systemJWT, systemSeed      string // what is in the first of them
	ordersID                   string
	servers                    []*server.Server
}

// startOperatorMode starts the cluster. It may be called from any goroutine: an
// error fails the test and returns nil.
func startOperatorMode(t *testing.T) *operatorMode {
	t.Helper()
	o, err := newOperatorMode(t)
	if err != nil {
		t.Error(err)
		return nil
	}
	return o
}

func newOperatorMode(t *testing.T) (*operatorMode, error) {
	operator, err := nkeys.CreateOperator()
	if err != nil {
		return nil, err
	}
	operatorID, err := operator.PublicKey()
	if err != nil {
		return nil, err
	}
	dir := t.TempDir()
	resolver := &server.MemAccResolver{}
	tokens, seeds := map[string]string{}, map[string]string{}
	// newAccount stores an account with a user and returns its id and the
	// user's creds file.
	newAccount := func(name string) (id, creds string, err error) {
		account, err := nkeys.CreateAccount()
		if err != nil {
			return "", "", err
		}
		if id, err = account.PublicKey(); err != nil {
			return "", "", err
		}
		claims := jwt.NewAccountClaims(id)
		claims.Name = name
		token, err := claims.Encode(operator)
		if err != nil {
			return "", "", err
		}
		if err := resolver.Store(id, token); err != nil {
			return "", "", err
		}
		user, err := nkeys.CreateUser()
		if err != nil {
			return "", "", err
		}
		userID, err := user.PublicKey()
		if err != nil {
			return "", "", err
		}
		seed, err := user.Seed()
		if err != nil {
			return "", "", err
		}
		if token, err = jwt.NewUserClaims(userID).Encode(account); err != nil {
			return "", "", err
		}
		both, err := jwt.FormatUserConfig(token, seed)
		if err != nil {
			return "", "", err
		}
		creds = filepath.Join(dir, name+".creds")
		tokens[name], seeds[name] = token, string(seed)
		return id, creds, os.WriteFile(creds, both, 0o600)
	}
	systemID, systemCreds, err := newAccount("SYS")
	if err != nil {
		return nil, err
	}
	ordersID, ordersCreds, err := newAccount("ORDERS")
	if err != nil {
		return nil, err
	}
	claims := jwt.NewOperatorClaims(operatorID)
	claims.SystemAccount = systemID
	token, err := claims.Encode(operator)
	if err != nil {
		return nil, err
	}
	if claims, err = jwt.DecodeOperatorClaims(token); err != nil {
		return nil, err
	}
	var servers []*server.Server
	for i := range 3 {
		options := &server.Options{
			ServerName: fmt.Sprintf("O-n%d", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			Cluster:          server.ClusterOpts{Name: "O", Host: "127.0.0.1", Port: server.RANDOM_PORT},
			TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: systemID, AccountResolver: resolver,
			AuthTimeout: lab.AuthTimeout, // a busy machine takes more than the default of 2 s
		}
		if i > 0 {
			options.Routes = server.RoutesFromStr("nats://" + servers[0].ClusterAddr().String())
		}
		s, err := server.NewServer(options)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		s.Start()
		if !s.ReadyForConnections(20 * time.Second) {
			return nil, errors.New("a server in operator mode does not start")
		}
		servers = append(servers, s)
	}
	for range 12 {
		nc, err := nats.Connect(servers[0].ClientURL(), nats.UserCredentials(ordersCreds), nats.NoReconnect(), nats.Timeout(generous))
		if err != nil {
			return nil, err
		}
		t.Cleanup(nc.Close)
	}
	ctx, cancel := context.WithTimeout(t.Context(), generous)
	defer cancel()
	if err := lab.Poll(ctx, func() error {
		for _, s := range servers {
			if n := s.TrackedRemoteServers(); n < len(servers)-1 {
				return fmt.Errorf("%s knows %d other servers in operator mode", s.Name(), n)
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return &operatorMode{
		url: servers[0].ClientURL(), systemCreds: systemCreds, ordinaryCreds: ordersCreds,
		systemJWT: tokens["SYS"], systemSeed: seeds["SYS"], ordersID: ordersID, servers: servers,
	}, nil
}

func TestPlainBooleans(t *testing.T) {
	t.Parallel()
	app, _ := newApp(Host{Out: io.Discard, Err: io.Discard}.withDefaults(), io.Discard)
	for in, want := range map[string]string{
		"":                        "",
		"audit concentration":     "audit concentration",
		"--trace=true":            "--trace",
		"--trace=false":           "", // it can't be negated, and is off
		"--trace=maybe":           "--trace=maybe",
		"--trace true":            "--trace true",
		"--no-context=true audit": "--no-context audit",
		"--no-context=false":      "",
		"--tlsfirst=true":         "--tlsfirst",
		"--tlsfirst=false":        "--no-tlsfirst",
		"--tls-first=false":       "--no-tls-first",
		"--no-tlsfirst":           "--no-tlsfirst",
		"audit concentration --json=true --all=true --allow-partial=false": "audit concentration --json --all",
		"demo --keep=true --list=false":                                    "demo --keep",
		"--server=true --account=false":                                    "--server=true --account=false",
		"--unknown=true":                                                   "--unknown=true",
		"-j=true":                                                          "-j=true",
		"--trace=true -- --trace=true":                                     "--trace -- --trace=true",
		"--=true":                                                          "--=true",
	} {
		if got := strings.Join(plainBooleans(app.Model(), strings.Fields(in)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&OutcomeError{Outcome: checks.OutcomePass}, 0},
		{&OutcomeError{Outcome: checks.OutcomeFinding}, 1},
		{&OutcomeError{Outcome: checks.OutcomeCritical}, 2},
		{&OutcomeError{Outcome: checks.OutcomeIncomplete}, 3},
		{&OutcomeError{}, 3},
		{fmt.Errorf("in a host: %w", &OutcomeError{Outcome: checks.OutcomeFinding}), 1},
		{errors.New("something else"), 3},
		{context.Canceled, 3},
		{&usageError{err: errors.New("wrong")}, 3},
	} {
		if got := ExitStatus(c.err); got != c.want {
			t.Errorf("ExitStatus(%v) = %d, want %d", c.err, got, c.want)
		}
		var outcome *OutcomeError
		if said := sentence(c.err); (said == "") != (c.err == nil || errors.As(c.err, &outcome)) {
			t.Errorf("sentence(%v) = %q", c.err, said)
		}
	}
}
