package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// gathered has the real nats gather an archive.
func gathered(t testing.TB, url string, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "audit.zip")
	if err := tool.GatherArchive(ctx, url, file, flags...); errors.Is(err, tool.ErrNotBuilt) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return file
}

func openArchive(t testing.TB, file string) *Source {
	t.Helper()
	a, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func modelOfArchive(t testing.TB, a *Source) *checks.Deployment {
	t.Helper()
	d, err := a.Deployment(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.MakesSense(t, d)
	return d
}

// sameFinding compares findings but for what only a live audit can know.
func sameFinding(t testing.TB, live, archived []checks.Finding) {
	t.Helper()
	if len(live) != 1 || len(archived) != 1 {
		t.Fatalf("%d findings live and %d archived, want one of each", len(live), len(archived))
	}
	if a, b := asJSON(t, live[0]), asJSON(t, archived[0]); a != b {
		t.Errorf("findings differ:\n%s\n%s", a, b)
	}
}

func asJSON(t testing.TB, values ...any) string {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestArchiveTellsWhatALiveAuditDoes(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{
			{Name: "C1", Servers: 3, MaxConnections: 500, WebSocket: true, Tags: map[int][]string{0: {"az:a"}}},
			{Name: "C2", Servers: 2},
		},
		Leafs:    []lab.Leaf{{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"edge"}}, Hub: "C1", Accounts: []string{"ORDERS"}}},
		Accounts: []string{"ORDERS", "BILLING", "IDLE"},
	})
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 17, "C1-n2": 1, "C2-n1": 3, "edge": 2})
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 4})
	file := gathered(t, l.SystemURL())
	system := system.New(sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: sourcetest.Long})
	live := liveModel(t, system, 6)
	a := openArchive(t, file)
	d := modelOfArchive(t, a)
	sourcetest.Complete(t, d, 6)
	if len(d.Notes) > 0 {
		t.Errorf("notes %q, want none", d.Notes)
	}
	if !strings.HasPrefix(strings.Join(a.Detail(), ", "), "audit.zip, gathered 20") {
		t.Errorf("detail %q", a.Detail())
	}
	for _, account := range []string{"ORDERS", "BILLING", "IDLE"} {
		if a, b := fmt.Sprint(sourcetest.Connections(live, account), sourcetest.Leafnodes(live, account)), fmt.Sprint(sourcetest.Connections(d, account), sourcetest.Leafnodes(d, account)); a != b {
			t.Errorf("%s has %s, by the archive %s", account, a, b)
		}
	}
	if s := sourcetest.SystemAccounts(d); !slices.Equal(s, sourcetest.SystemAccounts(live)) {
		t.Errorf("system accounts %q, live %q", s, sourcetest.SystemAccounts(live))
	}
	if err := errors.Join(system.Details(sourcetest.Within(t), live, []string{"C1"}), a.Details(sourcetest.Within(t), d, []string{"C1"})); err != nil {
		t.Fatal(err)
	}
	for _, s := range live.Servers {
		got := sourcetest.ServerOf(d, s.Name)
		if got.ID != s.ID || got.Host != s.Host || got.Cluster != s.Cluster || !got.Start.Equal(s.Start) {
			t.Errorf("%s is %+v, by the archive %+v", s.Name, s, got)
		}
		if (got.Details == nil) != (s.Details == nil) {
			t.Fatalf("%s has details %v, by the archive %v", s.Name, s.Details, got.Details)
		}
		if s.Details == nil {
			continue
		}
		sourcetest.SensibleClock(t, s.Name, got.Details)
		x, y := *s.Details, *got.Details
		x.Offset, x.Margin, x.Connections = 0, 0, nil
		y.Offset, y.Margin, y.Connections = 0, 0, nil
		slices.Sort(x.ConnectURLs)
		slices.Sort(y.ConnectURLs)
		if a, b := fmt.Sprintf("%+v %d", x, *s.MaxConnections), fmt.Sprintf("%+v %d", y, *got.MaxConnections); a != b {
			t.Errorf("%s has\n%s\nby the archive\n%s", s.Name, a, b)
		}
	}
	p := checks.Defaults()
	x, y := checks.CheckConcentration(live, p), checks.CheckConcentration(d, p)
	sameFinding(t, x.Findings, y.Findings)
	if a, b := asJSON(t, x.Summary, x.Clusters), asJSON(t, y.Summary, y.Clusters); a != b {
		t.Errorf("summaries differ:\n%s\n%s", a, b)
	}

	suspect := []source.Suspect{{Account: "ORDERS", Server: sourcetest.ServerOf(d, "C1-n1").ID, Cluster: "C1"}}
	liveReports, liveAccounts, err := system.Examine(sourcetest.Within(t), live, suspect)
	if err != nil {
		t.Fatal(err)
	}
	reports, accounts, err := a.Examine(sourcetest.Within(t), d, suspect)
	if err != nil {
		t.Fatal(err)
	}
	got, want := reports[0].Profile, liveReports[0].Profile
	if !got.Whole || got.Note != "" || !slices.Equal(got.Read, want.Read) || len(got.Users) > 0 {
		t.Errorf("read %v, whole %v (%s), users %v; live %v", got.Read, got.Whole, got.Note, got.Users, want.Read)
	}
	for what, groups := range map[string][2][]checks.Group{
		"protocols": {got.Protocols, want.Protocols}, "versions": {got.Versions, want.Versions}, "names": {got.Names, want.Names}, "networks": {got.Networks, want.Networks},
	} {
		if a, b := fmt.Sprint(groups[0]), fmt.Sprint(groups[1]); a != b {
			t.Errorf("%s are %s, live %s", what, a, b)
		}
	}
	if reports[0].Subscriptions == nil || *reports[0].Subscriptions != *liveReports[0].Subscriptions {
		t.Errorf("subscriptions %v, live %v", reports[0].Subscriptions, liveReports[0].Subscriptions)
	}
	for id, on := range liveAccounts[suspect[0]] {
		if accounts[suspect[0]][id].Usable != on.Usable {
			t.Errorf("%s: account %+v, live %+v", id, accounts[suspect[0]][id], on)
		}
	}
	held, err := a.Subscriptions(sourcetest.Within(t), []source.Held{{Server: suspect[0].Server, Account: "ORDERS"}})
	if err != nil || len(held) != 1 || held[0] == nil || *held[0] != *reports[0].Subscriptions {
		t.Errorf("subscriptions %v, %v", held, err)
	}

	for name, known := range map[string]bool{"IDLE": true, "NOBODY": false} {
		if err := a.Knows(sourcetest.Within(t), d, name); err != nil {
			t.Fatal(err)
		}
		there := slices.ContainsFunc(d.Accounts, func(x checks.Account) bool { return x.ID == name })
		if there != known {
			t.Errorf("account %s is there: %v", name, there)
		}
	}
}

// What was not gathered is missing, with a reason, and never empty.
func TestArchiveOfPartOfADeployment(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}}, Accounts: []string{"ORDERS"}})
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 17, "C1-n2": 1, "C2-n1": 3})
	want := map[string]int{"C1/C1-n1": 17, "C1/C1-n2": 1, "C1/C1-n3": 0}
	all := map[string]int{"C1/C1-n1": 17, "C1/C1-n2": 1, "C1/C1-n3": 0, "C2/C2-n1": 3, "C2/C2-n2": 0}

	t.Run("one cluster", func(t *testing.T) {
		t.Parallel()
		// With a filter, nats audit gather stops waiting for an account when as
		// many servers answered as it knows of, those of C2 included.
		d := modelOfArchive(t, openArchive(t, gathered(t, l.SystemURL(), "--cluster", "C1")))
		for server, n := range sourcetest.Connections(d, "ORDERS") {
			if n != want[server] {
				t.Errorf("%s has %d connections, want %d", server, n, want[server])
			}
		}
		for _, m := range d.Missing {
			switch m.Cluster {
			case "C1":
				if n := want[sourcetest.Path("C1", m.Name)]; !strings.Contains(m.Reason, "the archive has no") || m.Bound == nil || *m.Bound < n {
					t.Errorf("missing %+v; it has %d connections", m, n)
				}
			case "C2":
				if m.Name != "" || !strings.Contains(m.Reason, "has a gateway to its cluster") || !strings.Contains(m.Reason, "pass --cluster") {
					t.Errorf("missing %+v", m)
				}
			}
		}
		if !slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.Cluster == "C2" }) || d.Expected != 4 {
			t.Errorf("%d servers expected, missing %s", d.Expected, sourcetest.ShowMissing(d))
		}
		p := checks.Defaults()
		if r := checks.CheckConcentration(d, p); r.Outcome != checks.OutcomeIncomplete {
			t.Errorf("outcome %s of all, want incomplete", r.Outcome)
		}
	})
	t.Run("without details", func(t *testing.T) {
		t.Parallel()
		a := openArchive(t, gathered(t, l.SystemURL(), "--no-details"))
		d := modelOfArchive(t, a)
		sourcetest.Complete(t, d, 5)
		if got := sourcetest.Connections(d, "ORDERS"); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("connections %v, want %v", got, all)
		}
		reports, _, err := a.Examine(sourcetest.Within(t), d, []source.Suspect{{Account: "ORDERS", Server: sourcetest.ServerOf(d, "C1-n1").ID, Cluster: "C1"}})
		if err != nil || !reports[0].Profile.Whole || reports[0].Profile.Read[0] != 17 {
			t.Errorf("%+v, %v", reports, err)
		}
	})
	t.Run("without what servers say of themselves", func(t *testing.T) {
		t.Parallel()
		a := openArchive(t, gathered(t, l.SystemURL(), "--no-server-endpoints"))
		d := modelOfArchive(t, a)
		// Nothing tells of servers that did not answer.
		if len(d.Servers) != 5 || d.Expected != 5 || len(d.Missing) != 2 || !strings.Contains(d.Missing[0].Reason, "gather without --no-server-endpoints") {
			t.Errorf("%d servers of %d, missing %s", len(d.Servers), d.Expected, sourcetest.ShowMissing(d))
		}
		sourcetest.Noted(t, d, "the starts of 5 of 5 servers are unknown")
		if err := a.Details(sourcetest.Within(t), d, []string{"C1"}); err != nil || sourcetest.ServerOf(d, "C1-n1").Details != nil {
			t.Errorf("%v, details %+v", err, sourcetest.ServerOf(d, "C1-n1").Details)
		}
		sourcetest.Noted(t, d, "clocks of 3 of 3 servers are unknown")
		suspect := source.Suspect{Account: "ORDERS", Server: sourcetest.ServerOf(d, "C1-n1").ID, Cluster: "C1"}
		_, on, err := a.Examine(sourcetest.Within(t), d, []source.Suspect{suspect})
		if err != nil || on[suspect][suspect.Server].Usable != checks.Yes {
			t.Errorf("%+v, %v", on, err)
		}
		if got := sourcetest.Connections(d, "ORDERS"); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("connections %v, want %v", got, all)
		}
	})
	t.Run("without accounts", func(t *testing.T) {
		t.Parallel()
		_, err := openArchive(t, gathered(t, l.SystemURL(), "--no-account-endpoints")).Deployment(sourcetest.Within(t))
		if err == nil || !strings.Contains(err.Error(), "archive audit.zip: it has no account information of any server") {
			t.Error(err)
		}
	})
}

// The list of connections of an account ends at 1,024 of a server; its counts do
// not.
func TestArchiveOfManyConnections(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BILLING"))
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n2": 3})
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 1030}); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n2": 5})
	a := openArchive(t, gathered(t, l.SystemURL()))
	d := modelOfArchive(t, a)
	sourcetest.Complete(t, d, 3)
	if got := sourcetest.Connections(d, "ORDERS")["C1/C1-n1"]; got != 1030 {
		t.Errorf("%d connections, want 1,030", got)
	}
	reports, _, err := a.Examine(sourcetest.Within(t), d, []source.Suspect{{Account: "ORDERS", Server: sourcetest.ServerOf(d, "C1-n1").ID, Cluster: "C1"}})
	if err != nil {
		t.Fatal(err)
	}
	p := reports[0].Profile
	if p.Whole || !slices.Equal(p.Read, []int{1024, 5, 0}) || reports[0].Subscriptions != nil ||
		!strings.Contains(p.Note, "1,029 of 1,035 connections were read: C1-n1 has more than the 1,024 that an archive holds") {
		t.Errorf("read %v, whole %v, note %q, subscriptions %v", p.Read, p.Whole, p.Note, reports[0].Subscriptions)
	}
}

// A server that stopped before is known by nobody; one that did not answer is.
func TestArchiveWithoutASilentServer(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	for range 12 {
		nc, err := nats.Connect(c.Processes()[0].URL("ORDERS"), nats.Timeout(sourcetest.Long))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
	}
	silent := c.Processes()[2]
	if err := silent.Pause(); err != nil {
		t.Skip(err) // not on Windows
	}
	file := gathered(t, c.Processes()[0].URL(lab.SystemAccount))
	if err := silent.Resume(); err != nil {
		t.Fatal(err)
	}
	d := modelOfArchive(t, openArchive(t, file))
	if len(d.Servers) != 2 || len(d.Missing) != 1 || d.Missing[0].ID == "" || !strings.Contains(d.Missing[0].Reason, "has a route to it, but the archive has nothing from it") {
		t.Errorf("%d servers, missing %s", len(d.Servers), sourcetest.ShowMissing(d))
	}
}
