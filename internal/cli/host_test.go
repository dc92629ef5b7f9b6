package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/lab"
)

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
