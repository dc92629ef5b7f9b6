package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// rebalanced runs a command line against a lab and reads its JSON.
func rebalanced(t testing.TB, l *lab.Lab, timeout time.Duration, status int, args ...string) report.Rebalance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	return rebalancedWithin(ctx, t, l, timeout, status, args...)
}

func rebalancedWithin(ctx context.Context, t testing.TB, l *lab.Lab, timeout time.Duration, status int, args ...string) report.Rebalance {
	t.Helper()
	return rebalancedBy(ctx, t, l.SystemURL(), nil, timeout, status, args...)
}

// rebalancedBy is rebalanced for a URL and options of the connection.
func rebalancedBy(ctx context.Context, t testing.TB, url string, options []nats.Option, timeout time.Duration, status int, args ...string) report.Rebalance {
	t.Helper()
	out, err := rebalancedTo(ctx, t, url, options, timeout, args...)
	if got := ExitStatus(err); got != status {
		t.Fatalf("exit status %d, want %d: %v\n%s", got, status, err, out)
	}
	var doc report.Rebalance
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return doc
}

// rebalancedTo runs a command line and returns what it wrote to stdout.
func rebalancedTo(ctx context.Context, t testing.TB, url string, options []nats.Option, timeout time.Duration, args ...string) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	err := rebalancedInto(ctx, t, &out, url, options, timeout, args...)
	return out.Bytes(), err
}

// rebalancedInto is the same with the output written elsewhere.
func rebalancedInto(ctx context.Context, t testing.TB, out io.Writer, url string, options []nats.Option, timeout time.Duration, args ...string) error {
	t.Helper()
	var errs bytes.Buffer
	host := Host{
		Context: ctx, Out: out, Err: &errs, Timeout: func() time.Duration { return timeout },
		Connect: func(context.Context) (*nats.Conn, error) {
			nc, err := nats.Connect(url, append(options, nats.Timeout(generous), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))...)
			if err == nil {
				t.Cleanup(nc.Close)
			}
			return nc, err
		},
	}
	r := newRebalance(host)
	r.mostCPU, r.terminal = 1e6, false
	app := fisk.New("test", "").Terminate(nil)
	r.add(app)
	_, err := app.Parse(append([]string{"rebalance", "--json"}, args...))
	return err
}

// stageOf starts a scenario of the catalogue.
func stageOf(t testing.TB, name string) *lab.Stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, ok := lab.FindScenario(name)
	if !ok {
		t.Fatalf("there is no scenario %s", name)
	}
	s.Settle = settle
	st, err := lab.StartStage(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Stop)
	return st
}

// cids are the ids of the client connections of an account by server.
func cids(t testing.TB, l *lab.Lab, account string) map[string][]uint64 {
	t.Helper()
	out := map[string][]uint64{}
	for _, s := range l.Servers() {
		if s.Running() {
			z, err := s.Embedded().Connz(&server.ConnzOptions{Account: account, Username: true, Sort: server.ByCid, Limit: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range z.Conns {
				out[s.Name()] = append(out[s.Name()], c.Cid)
			}
		}
	}
	return out
}

const generous = 30 * time.Second

func TestRebalanceRestartDrift(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	before := cids(t, st.Lab, "ORDERS")
	args := append([]string{"--account", "ORDERS"}, st.Args...)

	dry := rebalanced(t, st.Lab, generous, 0, args...)
	if dry.Outcome != "planned" || dry.Plan.Moves != 16 || dry.Plan.Excess != 16 || dry.Plan.EvenShare != 9 || len(dry.Moves) != 16 ||
		dry.Before.SharePercent != 92.6 || dry.Predicted.SharePercent != 33.3 || dry.After != nil || dry.Given.Apply || dry.Stop != nil {
		t.Errorf("%+v", dry)
	}
	for _, m := range dry.Moves {
		if m.Outcome != "planned" || m.Server != "C1-n1" || !slices.Contains(before["C1-n1"], m.CID) || m.Batch != nil || m.MayReturn {
			t.Errorf("%+v", m)
		}
	}
	if after := cids(t, st.Lab, "ORDERS"); !reflect.DeepEqual(after, before) {
		t.Errorf("the dry run changed %v to %v", before, after)
	}

	done := rebalanced(t, st.Lab, generous, 0, append(args, "--apply", "--yes", "--rate", "100")...)
	if done.Outcome != "balanced" || done.After == nil || done.After.Connections != 27 || done.After.SharePercent > 50 || len(done.Batches) == 0 {
		t.Errorf("%s, %+v, %+v", done.Outcome, done.After, done.Stop)
	}
	if predicts := func(n string) bool { return strings.HasPrefix(n, "The prediction is") }; !slices.ContainsFunc(dry.Notes, predicts) || slices.ContainsFunc(done.Notes, predicts) {
		t.Errorf("a plan predicts, and what is over does not: %q, %q", dry.Notes, done.Notes)
	}
	after := cids(t, st.Lab, "ORDERS")
	for _, s := range done.Servers {
		if s.After == nil || *s.After != len(after[s.Server]) {
			t.Errorf("%+v, and it has %d", s, len(after[s.Server]))
		}
	}
	if n := len(after["C1-n1"]); n < 6 || n > 10 {
		t.Errorf("C1-n1 has %d", len(after["C1-n1"]))
	}
	for _, m := range done.Moves {
		if m.Outcome != "kicked" || m.Batch == nil || slices.Contains(after[m.Server], m.CID) {
			t.Errorf("%+v", m)
		}
	}
}

func TestRebalanceRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, code string }{
		{"single-url", "single-url"},
		{"single-address-dns", "single-address-dns"},
		{"sticky-lb", "sticky-load-balancer"},
		{"account-gap", "account-gap"},
		{"listener-gap-ws", "listener-gap"},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			st := stageOf(t, c.scenario)
			before := cids(t, st.Lab, "ORDERS")
			args := append([]string{"--account", "ORDERS", "--apply", "--yes"}, st.Args...)
			doc := rebalanced(t, st.Lab, generous, 3, args...)
			if doc.Outcome != "refused" || len(doc.Refusals) == 0 || doc.Refusals[0].Code != c.code || doc.Refusals[0].Overridden || doc.After != nil {
				t.Errorf("%s: %+v", doc.Outcome, doc.Refusals)
			}
			if after := cids(t, st.Lab, "ORDERS"); !reflect.DeepEqual(after, before) {
				t.Error("connections were closed")
			}
			// A forced dry run plans, and still says what will happen.
			doc = rebalanced(t, st.Lab, generous, 0, append([]string{"--account", "ORDERS", "--force"}, st.Args...)...)
			if doc.Outcome != "planned" || len(doc.Moves) == 0 || len(doc.Refusals) == 0 || !doc.Refusals[0].Overridden {
				t.Errorf("%s: %+v, %d moves", doc.Outcome, doc.Refusals, len(doc.Moves))
			}
		})
	}
}

// TestRebalanceIntoFullServers: only what there is room for is planned, and
// nothing where there is none.
func TestRebalanceIntoFullServers(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "full")
	doc := rebalanced(t, st.Lab, generous, 0, "--account", "ORDERS")
	// 100 less 10, less the 70 that are there.
	if doc.Outcome != "planned" || doc.Plan.Excess != 53 || len(doc.Moves) != 40 || len(doc.Plan.LimitedBy) != 1 {
		t.Errorf("%s: %+v", doc.Outcome, doc.Plan)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := st.ConnectRaw(ctx, lab.RawClients{Account: "BILLING", Server: st.Server("C1-n2"), Count: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := st.ConnectRaw(ctx, lab.RawClients{Account: "BILLING", Server: st.Server("C1-n3"), Count: 20}); err != nil {
		t.Fatal(err)
	}
	before := cids(t, st.Lab, "ORDERS")
	doc = rebalanced(t, st.Lab, generous, 3, "--account", "ORDERS", "--apply", "--yes")
	if doc.Outcome != "refused" || doc.Refusals[0].Code != "no-room" || len(doc.Moves) != 0 {
		t.Errorf("%s: %+v", doc.Outcome, doc.Refusals)
	}
	if after := cids(t, st.Lab, "ORDERS"); !reflect.DeepEqual(after, before) {
		t.Error("connections were closed")
	}
	doc = rebalanced(t, st.Lab, generous, 0, "--account", "ORDERS", "--force")
	if doc.Outcome != "planned" || len(doc.Moves) != 53 || !doc.Refusals[0].Overridden {
		t.Errorf("%s: %+v, %d moves", doc.Outcome, doc.Refusals, len(doc.Moves))
	}
}

// TestRebalanceForced: clients that know one server only come back, and after
// the first batch it is over.
func TestRebalanceForced(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "single-url-no-advertise")
	args := append([]string{"--account", "ORDERS", "--apply", "--yes", "--force", "--rate", "100", "--batch", "8"}, st.Args...)
	doc := rebalanced(t, st.Lab, 5*time.Second, 3, args...)
	if doc.Outcome != "stopped" || doc.Stop == nil || doc.Stop.Code != "clients-came-back" || len(doc.Batches) != 1 || doc.Batches[0].Returned != 8 || doc.Predicted.SharePercent != 100 {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}
	if doc.After == nil || doc.After.SharePercent != 100 {
		t.Errorf("after: %+v", doc.After)
	}
	tried := 0
	for _, m := range doc.Moves {
		if m.Outcome == "kicked" {
			tried++
		}
	}
	if tried != 8 || len(doc.Moves) != 16 {
		t.Errorf("%d of %d moves", tried, len(doc.Moves))
	}

	// The servers remember it, so that an audit that knows no list does not advise the same.
	var stdout, stderr bytes.Buffer
	Run([]string{"audit", "concentration", "--no-context", "--server", st.SystemURL(), "--account", "ORDERS", "--json"}, &stdout, &stderr)
	var audit report.Document
	if err := json.Unmarshal(stdout.Bytes(), &audit); err != nil || len(audit.Findings) != 1 {
		t.Fatalf("%v: %s%s", err, &stdout, &stderr)
	}
	at := slices.IndexFunc(audit.Findings[0].Remedies, func(r report.Remedy) bool { return r.Code == "rebalance" })
	if at < 0 {
		t.Fatalf("%+v", audit.Findings[0].Remedies)
	}
	if r := audit.Findings[0].Remedies[at]; len(r.Commands) > 0 || !strings.Contains(r.Why, "8 connections of ORDERS were closed on C1-n1 at somebody's request until ") {
		t.Errorf("%s: %s %q", r.Title, r.Why, r.Commands)
	}
}

// TestRebalanceStaysAFinding: less than it takes is moved, and said so.
func TestRebalanceStaysAFinding(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	doc := rebalanced(t, st.Lab, generous, 1, append([]string{"--account", "ORDERS", "--apply", "--yes", "--max-moves", "3"}, st.Args...)...)
	if doc.Outcome != "finding" || len(doc.Moves) != 3 || doc.After == nil || doc.After.OnServer != 22 || len(doc.Plan.LimitedBy) != 1 {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.After, doc.Plan)
	}
}

func TestRebalanceNothingToDo(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "balanced")
	for _, args := range [][]string{{"--account", "ORDERS"}, {"--account", "ORDERS", "--apply", "--yes"}, {"--account", "BILLING", "--cluster", "C1"}} {
		doc := rebalanced(t, st.Lab, generous, 0, args...)
		if doc.Outcome != "nothing-to-do" || len(doc.Moves) != 0 || doc.After != nil || doc.Plan.Excess != 0 {
			t.Errorf("%v: %s, %+v", args, doc.Outcome, doc.Plan)
		}
	}
}

// TestRebalanceSupercluster: other clusters are not touched, and one has to be
// named.
func TestRebalanceSupercluster(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "supercluster")
	east := func() map[string][]uint64 {
		all := cids(t, st.Lab, "ORDERS")
		maps.DeleteFunc(all, func(s string, _ []uint64) bool { return strings.HasPrefix(s, "WEST") })
		return all
	}
	before := east()
	var out, errs watched
	status := runHere(t.Context(), &out, &errs, "rebalance", "--no-context", "--server", st.SystemURL(), "--account", "ORDERS")
	if status != 3 || out.String() != "" || !strings.Contains(errs.String(), "pass --cluster one of EAST, WEST") {
		t.Errorf("status %d: %s%s", status, out.String(), errs.String())
	}
	doc := rebalanced(t, st.Lab, generous, 0, "--account", "ORDERS", "--cluster", "WEST", "--apply", "--yes")
	if doc.Outcome != "balanced" || len(doc.Moves) < 8 || len(doc.Servers) != 3 || doc.Before.Connections != 12 {
		t.Errorf("%s: %+v", doc.Outcome, doc.Servers)
	}
	if after := east(); !reflect.DeepEqual(after, before) {
		t.Errorf("EAST had %v and has %v", before, after)
	}
}

func TestRebalanceTooFewServers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := lab.StartScenario(ctx, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 1}}, Accounts: []string{"ORDERS"}},
		Clients:  []lab.Placement{{Account: "ORDERS", Server: "C1-n1", Count: 12}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	for _, force := range [][]string{nil, {"--force"}} {
		doc := rebalanced(t, l, generous, 3, append([]string{"--account", "ORDERS"}, force...)...)
		if doc.Outcome != "refused" || doc.Refusals[0].Code != "too-few-servers" || doc.Refusals[0].Overridden {
			t.Errorf("%v: %s %+v", force, doc.Outcome, doc.Refusals)
		}
	}
}

// TestRebalanceAccountsOfAllKinds: the global account, which CONNZ does not name,
// and one of operator mode, whose name is not its id.
// Every connection begins in $G, and nats-server lists it there before it has
// its id, without a lock: its own race, which only CONNZ of $G can meet.
func TestRebalanceGlobalAccount(t *testing.T) {
	if raceDetector {
		t.Skip("nats-server 2.15.2 has a race between CONNZ of $G and new connections")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.StartScenario(ctx, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"$G"}},
		Clients:  []lab.Placement{{Account: "$G", Server: "C1-n1", Count: 12}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	// Eight at least: a second round follows if chance takes most of them to one server.
	if doc := rebalanced(t, l, generous, 0, "--account", "$G", "--apply", "--yes"); doc.Outcome != "balanced" || len(doc.Moves) < 8 || doc.Moves[7].Outcome != "kicked" {
		t.Errorf("$G: %s, %+v, %+v", doc.Outcome, doc.Stop, doc.Moves)
	}
}

func TestRebalanceInOperatorMode(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	o := startOperatorMode(t)
	if o == nil {
		return
	}
	for range 3 { // besides those that are there and do not come back
		nc, err := nats.Connect(o.url, nats.UserCredentials(o.ordinaryCreds), nats.Timeout(generous))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	doc := rebalancedBy(ctx, t, o.url, []nats.Option{nats.UserCredentials(o.systemCreds)}, 5*time.Second, 3, "--account", "ORDERS", "--apply", "--yes", "--batch", "2", "--rate", "100")
	if doc.Stop == nil || doc.Stop.Code != "clients-stay-away" || doc.Accounts[0].Account.ID != o.ordersID || doc.Moves[0].Outcome != "kicked" || doc.Batches[0].Kicked > 1 && doc.Moves[1].Outcome != "kicked" {
		t.Errorf("ORDERS of operator mode: %s, %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}
}
