package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
)

// olderVersions names the environment variable with the versions to test.
const olderVersions = "NATS_BALANCE_OLDER"

// TestOlderServers audits three processes of older servers from every source,
// and moves their connections. docs/sources.md has what came of it.
func TestOlderServers(t *testing.T) {
	t.Parallel()
	versions := os.Getenv(olderVersions)
	if versions == "" {
		t.Skipf("it builds older servers: run with %s=v2.10.29,v2.11.9,v2.12.1,v2.14.3", olderVersions)
	}
	want := olderSays(t, "")
	app, whole := "APP on P-n1 18 of 20", "Complete:true ServersExpected:3 ServersAnswered:3"
	web, listener := "WEB on P-n1 12 of 12 low, leafnodes 1", "listener-gap confirmed"
	for what, says := range map[string][]string{
		"system account": {app, "single-url confirmed", web, listener, whole},
		"own account":    {app, "single-url confirmed", whole},
		"monitoring":     {app, "single-url confirmed", web, listener, whole},
		"archive":        {app, "single-url confirmed", web, listener, whole},

		"hotspot, system account": {`"outcome": "finding"`, `"on_server": 30`},
		"hotspot, monitoring":     {`"outcome": "finding"`, `"on_server": 30`},
		"hotspot, own account":    {"not of the system account"},

		"a server hangs, system account": {`incomplete 3 2 [{"server":"P-n3"`},
		"a server hangs, own account":    {"incomplete 3 2 "},
		"a server hangs, monitoring":     {`incomplete 3 2 [{"server":"P-n3"`},

		"rebalance": {"planned", "balanced"},
	} {
		for _, text := range says {
			if !strings.Contains(want[what], text) {
				t.Errorf("%s: no %q in %s", what, text, want[what])
			}
		}
	}
	for version := range strings.SplitSeq(versions, ",") {
		t.Run(version, func(t *testing.T) {
			got := olderSays(t, version)
			for _, what := range slices.Sorted(maps.Keys(want)) {
				if got[what] != want[what] {
					t.Errorf("%s:\n%s\nthe pinned version:\n%s", what, got[what], want[what])
				} else {
					t.Logf("%s: as the pinned version", what)
				}
			}
		})
	}
}

// older is three servers of a version, the pinned one for "". APP has 18, 2 and
// 0 connections, by one URL, WEB 12 WebSocket connections and a leafnode on the
// first, which alone serves them.
type older struct {
	cluster   *tool.ProcessCluster
	processes []*tool.Process
	system    string
	monitors  []string
}

func startOlder(ctx context.Context, t *testing.T, version string) *older {
	t.Helper()
	s := &older{}
	websocket, leaf := closedPort(t), closedPort(t)
	extra := func(i int) string {
		port := closedPort(t)
		s.monitors = append(s.monitors, "http://127.0.0.1:"+port)
		if i > 0 {
			return "http: 127.0.0.1:" + port
		}
		return fmt.Sprintf("http: 127.0.0.1:%s\nwebsocket { listen: 127.0.0.1:%s, no_tls: true }\nleafnodes { listen: 127.0.0.1:%s }", port, websocket, leaf)
	}
	var c *tool.ProcessCluster
	var err error
	if version == "" {
		c, err = tool.StartProcessCluster(ctx, 3, []string{"APP", "WEB"}, extra)
	} else {
		c, err = tool.StartServersOfVersion(ctx, version, 3, []string{"APP", "WEB"}, extra)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	s.cluster, s.processes, s.system = c, c.Processes(), c.SystemURL()
	connect := func(address string) {
		nc, err := nats.Connect(address, nats.Name("app"), nats.ReconnectWait(10*time.Millisecond), nats.Timeout(generous))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		if _, err := nc.SubscribeSync("app.>"); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for i, count := range []int{18, 2} {
		for range count {
			connect(s.processes[i].URL("APP"))
		}
	}
	to := func(scheme, port string) *url.URL {
		return &url.URL{Scheme: scheme, User: url.UserPassword("WEB", lab.Password), Host: "127.0.0.1:" + port}
	}
	for range 12 {
		connect(to("ws", websocket).String())
	}
	connServer(t, func(o *server.Options) {
		o.ServerName, o.LeafNode.Remotes = "spoke", []*server.RemoteLeafOpts{{URLs: []*url.URL{to("nats-leaf", leaf)}}}
	})
	if err := lab.Poll(ctx, func() error { return oneLeafnode(ctx, s.monitors[0]) }); err != nil {
		t.Fatal(err)
	}
	olderIs(t, version, s.system, s.processes[2].URL("APP"))
	return s
}

// oneLeafnode returns an error unless the server at a monitoring address counts a
// leafnode: the leaf counts it before its hub does.
func oneLeafnode(ctx context.Context, monitor string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, monitor+"/varz", nil)
	if err != nil {
		return err
	}
	q.Close = true
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }() // only read
	var v server.Varz
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		return err
	}
	if v.Leafs != 1 {
		return fmt.Errorf("%s counts %d leafnodes, not 1", monitor, v.Leafs)
	}
	return nil
}

// olderSays is what each source and command says of servers of a version.
func olderSays(t *testing.T, version string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	s := startOlder(ctx, t, version)
	first, third := s.processes[0], s.processes[2]
	list := "--client-url=APP=" + first.ClientURL()
	live := map[string][]string{
		"system account": {"--server", s.system}, "own account": {"--server", third.URL("APP")}, "monitoring": {"--monitor", strings.Join(s.monitors, ",")},
	}
	sources := maps.Clone(live)
	sources["archive"] = []string{"--archive", gatherWhole(t, s.system)}
	out := map[string]string{}
	for source, args := range sources {
		out[source] = olderSummary(documentOf(t, ExitFinding, append(slices.Clone(args), list)...))
		_, said := auditOf(t, ExitNotAudited, append(slices.Clone(args), "--account", "NOBODY")...)
		out[source] += olderFixed(said)
	}
	for source, args := range live {
		out["hotspot, "+source] = olderFixed(olderRun("--timeout", "30s", "audit", "hotspot", "--json", args[0], args[1]))
	}
	if third.Pause() == nil { // not everywhere
		live["own account"] = []string{"--server", first.URL("APP")}
		for source, args := range live {
			var d report.Document
			if err := json.Unmarshal([]byte(olderRun("--timeout", "6s", "audit", "concentration", "--json", args[0], args[1])), &d); err != nil {
				t.Fatal(err)
			}
			for i, m := range d.Coverage.Missing { // ids are new in every run
				d.Coverage.Missing[i].Server = report.ServerRef{Name: m.Server.Name}
			}
			missing, _ := json.Marshal(d.Coverage.Missing) // plain structs
			out["a server hangs, "+source] = olderFixed(fmt.Sprintln(d.Outcome, d.Coverage.ServersExpected, d.Coverage.ServersAnswered, string(missing)))
		}
		if err := third.Resume(); err != nil {
			t.Fatal(err)
		}
		if err := s.cluster.WaitCounted(ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	// Of a plan and of what came of it only what is no luck of the draw.
	urls := "--client-url=APP=" + first.ClientURL() + "," + s.processes[1].ClientURL() + "," + third.ClientURL()
	plan := rebalancedBy(ctx, t, s.system, nil, generous, ExitPass, "--account", "APP", urls)
	out["rebalance"] = fmt.Sprintln(plan.Outcome, plan.Coverage, plan.Refusals, plan.Plan, plan.Notes, plan.Warnings)
	done := rebalancedBy(ctx, t, s.system, nil, generous, ExitPass, "--account", "APP", urls, "--apply", "--yes", "--rate", "100")
	out["rebalance"] += fmt.Sprintln(done.Outcome, done.Refusals, done.Stop, done.Notes, done.Warnings)
	for _, m := range done.Moves {
		if m.Outcome != "kicked" {
			t.Errorf("%+v", m)
		}
	}
	return out
}

// olderIs checks that the servers are of the version, and that each answers the
// question that every audit starts with, compressed and also without a client,
// to the system account and to an ordinary one.
func olderIs(t *testing.T, version string, addresses ...string) {
	t.Helper()
	if version == "" {
		version = "v" + server.VERSION
	}
	for _, address := range addresses {
		nc, err := nats.Connect(address, nats.Timeout(generous))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if got := "v" + nc.ConnectedServerVersion(); got != version {
			t.Fatalf("the servers are %s, not %s", got, version)
		}
		ask := nats.NewMsg("$SYS.REQ.ACCOUNT.PING.STATZ")
		ask.Reply, ask.Data = nc.NewInbox(), []byte(`{"include_unused":true}`)
		ask.Header.Set("Accept-Encoding", "snappy")
		sub, err := nc.SubscribeSync(ask.Reply)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.PublishMsg(ask); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			m, err := sub.NextMsg(generous)
			if err != nil {
				t.Fatalf("%s: %d answers: %v", version, i, err)
			}
			if got := m.Header.Get("Content-Encoding"); got != "snappy" {
				t.Errorf("%s: an answer is encoded as %q", version, got)
			}
		}
	}
}

// olderRun runs a command and returns all that it says.
func olderRun(args ...string) string {
	var out, said strings.Builder
	Run(append([]string{"--no-context"}, args...), &out, &said)
	return out.String() + said.String()
}

// olderFixed is an output without what differs from run to run.
func olderFixed(output string) string {
	return regexp.MustCompile(`127\.0\.0\.1:[0-9]+|"[NS][A-Z2-7]{55}"|"time": "[^"]*"|audit.zip, gathered [^"]*|[0-9]+ of the system account|"system_account": [0-9]+|within [0-9.]+m?s|asked (twice|[0-9]+ times)`).ReplaceAllString(output, "…")
}

// olderSummary is what is in a document, but for addresses, ids and times.
func olderSummary(doc report.Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s %+v %+v\n", doc.Source.Kind, doc.Outcome, doc.Summary, doc.Coverage)
	for _, f := range doc.Findings {
		fmt.Fprintf(&b, "%s on %s %d of %d %s, leafnodes %d\n", f.Account.Name, f.Server.Name, f.OnServer, f.Connections, f.Priority, f.Leafnodes)
		for _, part := range []any{f.Distribution, f.Impact} {
			text, _ := json.Marshal(part) // plain structs
			fmt.Fprintf(&b, "  %s\n", text)
		}
		for _, r := range f.Remedies {
			fmt.Fprintf(&b, "  %s %s %s %q\n", r.Code, r.When, r.Why, r.Commands)
		}
		for _, c := range f.Causes {
			fmt.Fprintf(&b, "  %s %s %v\n", c.Code, c.Verdict, c.Evidence)
		}
	}
	fmt.Fprintf(&b, "%v\n", doc.Warnings)
	return olderFixed(b.String())
}
