package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// three are servers of C1 with these connections of ORDERS; one with less than 0 is
// missing.
func three(n ...int) Input {
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Expected: len(n)}
	for i, n := range n {
		name := "n" + string(rune('1'+i))
		if n < 0 {
			d.Missing = append(d.Missing, checks.Missing{Name: name, Cluster: "C1", ClusterKnown: true, Kind: checks.Refusing, Reason: "nobody listens there"})
			continue
		}
		d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C1", Usage: []checks.Usage{{Connections: uint32(n)}}})
	}
	p := checks.Defaults()
	p.All = true
	return Input{Check: checks.Concentration(), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceKind: system.Kind(), Parameters: p, Deployment: d,
		Result: checks.CheckConcentration(d, p)}
}

// draining is a server that is missing, and still may have its connections.
func draining(in Input) Input {
	in.Deployment.Missing[0].Kind = checks.Draining
	return in
}

// What a server that is gone had, by the baseline, and what others have more since.
func TestWhatADeadServerHad(t *testing.T) {
	t.Parallel()
	past, err := ReadBaseline(strings.NewReader(jsonOf(t, three(1, 1, 17))))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  Input
		want string
	}{
		{three(1, 1, -1), "n3 had 17 client connections of 1 account in the baseline: others have no more than then, of ORDERS, which had 17 there, no more."},
		{three(7, 6, -1), "n3 had 17 client connections of 1 account in the baseline: others have 11 more than then, of ORDERS, which had 17 there, 11 more."},
		{three(40, 40, -1), "n3 had 17 client connections of 1 account in the baseline: others have 78 more than then, of ORDERS, which had 17 there, 78 more."},
		{three(7, -1, -1), "n3 had 17 client connections of 1 account in the baseline: how many more others have since is unknown, of ORDERS, which had 17 there, 5 more."},
		{draining(three(7, 6, -1)), "n3 had 17 client connections of 1 account in the baseline."},
		{three(1, 1, 17), ""},
	} {
		c.now.Baseline = past
		notes := New(c.now).Coverage.Notes
		has := func(text string) bool {
			return slices.ContainsFunc(notes, func(n string) bool {
				return strings.Contains(n+".", text) && (!strings.HasSuffix(text, "baseline.") || strings.HasSuffix(n+".", text))
			})
		}
		if c.want == "" && has("in the baseline") || !has(c.want) && c.want != "" {
			t.Errorf("%q, want %q", notes, c.want)
		}
	}
}

// Of an earlier document the names that clusters reported are read, of both kinds.
func TestReportedNamesAreReadBack(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Servers: []checks.Server{{ID: "A", Name: "n1", Cluster: "EDGE", Peers: []string{}}, {ID: "B", Name: "n2", Cluster: "EDGE", Peers: []string{}},
		{ID: "C", Name: "n3", Cluster: "EDGE (eu)", Peers: []string{}}}}
	d.Separate()
	want := map[string]string{"n1": "EDGE", "n2": "EDGE", "n3": "EDGE (eu)"}
	doc := New(Input{Check: checks.Concentration(), Time: time.Now(), Parameters: checks.Defaults(), Deployment: d, Result: checks.CheckConcentration(d, checks.Defaults())})
	var b bytes.Buffer
	if err := JSON(&b, doc); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	past, err := ReadBaseline(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	impact, err := ReadImpact(strings.NewReader(text), "n1")
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	lost := NewImpacts(ImpactInput{Time: time.Now(), Deployment: d, Losses: []cause.Loss{{Server: d.Servers[0].Ref(), Cluster: d.Servers[0].Cluster}}})
	if err := JSON(&b, lost); err != nil {
		t.Fatal(err)
	}
	other, err := ReadImpact(&b, "n1")
	if err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string][]PastServer{"a baseline": past.Servers, "an audit, for impact": impact.Servers, "an impact": other.Servers} {
		if len(all) == 0 {
			t.Errorf("%s: no servers", name)
		}
		for _, s := range all {
			if s.Reported != want[s.Name] || s.Cluster == s.Reported && s.Name != "n3" {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// Clients of a server that stopped fail over to another cluster: how many of them are there
// nobody knows, in the audit as in impact. An account that no other cluster has is all missing,
// unless another server did not report.
func TestElsewhereIsAnotherCluster(t *testing.T) {
	t.Parallel()
	orders, bill := checks.Account{ID: "O", Name: "ORDERS"}, checks.Account{ID: "B", Name: "BILL"}
	gone := &checks.RecordedGone{Server: checks.ServerRef{ID: "NW1", Name: "w1"}, Cluster: "WEST", Kind: checks.Down, Known: true, Connections: 17, Accounts: 2,
		Of: []checks.RecordedOn{{Account: orders, Connections: 12, Others: 12}, {Account: bill, Connections: 5}}}
	none := 0
	w1 := checks.Missing{Name: "w1", Cluster: "WEST", ClusterKnown: true, Kind: checks.Configured, Gone: gone}
	d := &checks.Deployment{Accounts: []checks.Account{orders, bill}, Servers: []checks.Server{
		{ID: "NW2", Name: "w2", Cluster: "WEST", Usage: []checks.Usage{{Account: 0, Connections: 12}}},
		{ID: "NE1", Name: "e1", Cluster: "EAST", Usage: []checks.Usage{{Account: 0, Connections: 24}}}}}
	for _, c := range []struct {
		name    string
		missing []checks.Missing
		want    string
	}{
		{"they are in the other cluster", []checks.Missing{w1},
			"at least 0 of 12 of ORDERS (EAST has 24 of the account, and what other clusters had of it then is unknown) and 0 of 5 of BILL"},
		{"another server is down too", []checks.Missing{w1, {Name: "w3", Cluster: "WEST", ClusterKnown: true, Kind: checks.Down, Bound: &none}},
			"at least 0 of 12 of ORDERS (EAST has 24 of the account, and what other clusters had of it then is unknown) and 0 of 5 of BILL"},
		{"another server hangs", []checks.Missing{w1, {Name: "w3", Cluster: "WEST", ClusterKnown: true, Kind: checks.Silent}},
			"at least 0 of 12 of ORDERS (EAST has 24 of the account, and what other clusters had of it then is unknown) and at least 0 of 5 of BILL (another server did not report)"},
	} {
		d.Missing = c.missing
		if got := recordedNotes(d); len(got) != 1 || !strings.HasSuffix(got[0], "these are elsewhere: "+c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	d.Servers[0].Usage[0].Connections = 24
	d.Missing = []checks.Missing{w1}
	if got := recordedNotes(d); len(got) != 1 || !strings.HasSuffix(got[0], "these are elsewhere: 12 of 12 of ORDERS and 0 of 5 of BILL") {
		t.Errorf("all are back in the cluster: %q", got)
	}
}
