package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// auditAt audits with a URL, and returns the document and what is judged: a row
// for each account in each cluster.
func auditAt(t *testing.T, st *lab.Stage, url string, status int) (report.Document, []string) {
	t.Helper()
	args := append([]string{"audit", "concentration", "--no-context", "--server", url, "--json", "--all", "--timeout", generous.String()}, st.Args...)
	var stdout, stderr bytes.Buffer
	got := Run(args, &stdout, &stderr)
	var doc report.Document
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil || got != status {
		t.Fatalf("status %d, want %d, %v, stderr %s", got, status, err, &stderr)
	}
	if !doc.Coverage.Complete {
		t.Errorf("the coverage is %+v", doc.Coverage)
	}
	rows := []string{}
	for _, r := range doc.Accounts {
		rows = append(rows, fmt.Sprintf("%s@%s %d/%d %s", r.Account.Name, r.Cluster, r.OnServer, r.Connections, r.Verdict))
	}
	return doc, rows
}

// leafs are the leafnodes of a server, by their ids there.
func leafs(t *testing.T, s *lab.Server) []uint64 {
	t.Helper()
	z, err := s.Embedded().Leafz(nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := []uint64{}
	for _, l := range z.Leafs {
		ids = append(ids, l.ID)
	}
	slices.Sort(ids)
	return ids
}

func remedyOf(t *testing.T, doc report.Document, code string) report.Remedy {
	t.Helper()
	for _, r := range doc.Findings[0].Remedies {
		if r.Code == code {
			return r
		}
	}
	t.Fatalf("no remedy %s", code)
	return report.Remedy{}
}

// TestLeafnodesOnly: leafnodes are no clients, and that they are all on one
// server is said.
func TestLeafnodesOnly(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "leafnodes-only")
	doc, rows := auditAt(t, st, st.SystemURL(), ExitPass)
	if want := []string{"ORDERS@C1 2/4 too-few-connections"}; !slices.Equal(rows, want) {
		t.Errorf("judged %q, want %q", rows, want)
	}
	if s := doc.Summary; s.Leafnodes != 30 || s.Connections != 4 || s.Servers != 3 || doc.Coverage.ServersExpected != 3 {
		t.Errorf("%+v, %+v", s, doc.Coverage)
	}
	const note = "ORDERS has 30 of its 30 leafnode connections in C1 on C1-n1 (100.0%): leafnodes are not checked; " +
		"give their remotes the leafnode URLs of all servers of C1"
	if !slices.Contains(doc.Coverage.Notes, note) {
		t.Errorf("the notes are %q", doc.Coverage.Notes)
	}
}

// TestLeafnodesBesideAFinding: the leafnodes are told of, have a remedy with the
// real ports, and are not closed when the clients are moved.
func TestLeafnodesBesideAFinding(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "leafnodes")
	doc, _ := auditAt(t, st, st.SystemURL(), ExitFinding)
	if f := doc.Findings[0]; f.Leafnodes != 12 || f.Connections != 24 || f.OnServer != 24 || len(doc.Coverage.Notes) > 0 {
		t.Errorf("%+v, notes %q", f, doc.Coverage.Notes)
	}
	conf := remedyOf(t, doc, "leafnode-remotes").Snippets[0].Text
	for _, s := range st.Servers()[:3] {
		v, err := s.Embedded().Varz(nil)
		if err != nil {
			t.Fatal(err)
		}
		if url := fmt.Sprintf(`"nats-leaf://127.0.0.1:%d"`, v.LeafNode.Port); !strings.Contains(conf, url) {
			t.Errorf("%s is not in %s", url, conf)
		}
	}
	before := leafs(t, st.Server("C1-n1"))
	args := append([]string{"--account", "ORDERS", "--cluster", "C1", "--apply", "--yes", "--force", "--rate", "100"}, st.Args...)
	moved := rebalanced(t, st.Lab, generous, ExitPass, args...)
	// Some are moved twice: where a client goes is its own choice.
	if n := len(moved.Moves); n < 16 || n > 32 {
		t.Errorf("%d moves", n)
	}
	if after := leafs(t, st.Server("C1-n1")); len(before) != 12 || !slices.Equal(before, after) {
		t.Errorf("leafnodes were %v and are %v", before, after)
	}
}

// TestHubAndSpokes: wherever one looks from, each cluster is judged for itself,
// and rebalancing a spoke leaves everything else alone.
func TestHubAndSpokes(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "spoke")
	shared := []string{"ORDERS@C1 8/24 pass", "ORDERS@EAST 5/15 pass", "ORDERS@SPOKE 24/24 finding", "ORDERS@kiosk 20/20 too-few-servers"}
	own := slices.Insert(slices.Clone(shared), 3, "ORDERS@island 20/20 too-few-servers")
	views := []struct {
		at, account   string
		status        int
		servers, both int // leafnodes, on both of their sides
		want          []string
	}{
		// Between the servers that share the system account are 4 leafnodes.
		{"C1-n1", lab.SystemAccount, ExitFinding, 10, 4 + 4 + 1, shared},
		{"EAST-n2", lab.SystemAccount, ExitFinding, 10, 4 + 4 + 1, shared},
		{"kiosk", lab.SystemAccount, ExitFinding, 10, 4 + 4 + 1, shared},
		{"island", lab.SystemAccount, ExitNotAudited, 1, 1, []string{"ORDERS@island 20/20 too-few-servers"}},
		{"C1-n1", "ORDERS", ExitFinding, 11, 5 + 5, own},
		{"island", "ORDERS", ExitFinding, 11, 5 + 5, own},
	}
	for _, c := range views {
		t.Run(c.account+" at "+c.at, func(t *testing.T) { // one at a time: they are connections of ORDERS
			doc, rows := auditAt(t, st, st.Server(c.at).URL(c.account), c.status)
			if !slices.Equal(rows, c.want) {
				t.Errorf("judged %q, want %q", rows, c.want)
			}
			if s := doc.Summary; s.Servers != c.servers || doc.Coverage.ServersExpected != c.servers || s.Leafnodes != c.both {
				t.Errorf("%+v, %+v", s, doc.Coverage)
			}
		})
	}
	elsewhere := func() map[string][]uint64 {
		all := cids(t, st.Lab, "ORDERS")
		for _, s := range st.Cluster("SPOKE") {
			delete(all, s.Name())
		}
		for _, s := range st.Servers() {
			all["leafnodes of "+s.Name()] = leafs(t, s)
		}
		return all
	}
	// The audits' own connections are to be gone.
	if err := st.WaitCounts(t.Context(), "ORDERS", map[string]int{"C1-n1": 8, "island": 20}); err != nil {
		t.Fatal(err)
	}
	before := elsewhere()
	args := append([]string{"--account", "ORDERS", "--cluster", "SPOKE", "--apply", "--yes", "--force", "--rate", "100"}, st.Args...)
	moved := rebalanced(t, st.Lab, generous, ExitPass, args...)
	// Some are moved twice: where a client goes is its own choice.
	if n := len(moved.Moves); n < 16 || n > 32 {
		t.Errorf("%d moves", n)
	}
	if after := elsewhere(); !reflect.DeepEqual(before, after) {
		t.Errorf("connections elsewhere were %v and are %v", before, after)
	}
}

// TestMixedProtocols: all client protocols count, the listener that some need is
// a remedy although it is not the cause, and those are not moved.
func TestMixedProtocols(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "mixed-protocols")
	doc, rows := auditAt(t, st, st.SystemURL(), ExitFinding)
	if want := []string{"ORDERS@C1 24/24 finding"}; !slices.Equal(rows, want) {
		t.Errorf("judged %q, want %q", rows, want)
	}
	f := doc.Findings[0]
	if f.Impact.CanFailOver != "no" || f.Causes[0].Code != "single-url" || f.Causes[0].Verdict != "confirmed" {
		t.Errorf("%+v, the first cause is %+v", f.Impact, f.Causes[0])
	}
	for _, c := range f.Causes {
		if c.Code == "listener-gap" && (c.Verdict != "confirmed" || !strings.Contains(c.Evidence[0].Text, "8 of the 8 connections of ") || !strings.Contains(c.Evidence[0].Text, " on C1-n1 are MQTT connections")) {
			t.Errorf("%+v", c)
		}
	}
	r := remedyOf(t, doc, "listener")
	if r.Title != "Give C1-n2 and C1-n3 the MQTT listener" || strings.Contains(r.Snippets[0].Text, "websocket") {
		t.Errorf("%+v", r)
	}
	plan := rebalanced(t, st.Lab, generous, ExitPass, append([]string{"--account", "ORDERS", "--force"}, st.Args...)...)
	if len(plan.Moves) != 16 || slices.ContainsFunc(plan.Moves, func(m report.RebalanceMove) bool { return m.Protocol == "mqtt" }) {
		t.Errorf("%+v", plan.Moves)
	}
}
