package history

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// A watch found n4 silent. Then the other servers are restarted, with or without a watch
// that sees it, or the store is that of a watch of another deployment.
func TestPastOfDeployments(t *testing.T) {
	t.Parallel()
	ref := func(id, name string) checks.ServerRef { return checks.ServerRef{ID: id + name, Name: name} }
	minute := func(n int) time.Time { return began().Add(time.Duration(n) * time.Minute) }
	servers := func(id string, started int, names ...string) (out []checks.ServerProcess) {
		for _, n := range names {
			out = append(out, checks.ServerProcess{ServerRef: ref(id, n), Cluster: "C1", Start: minute(started)})
		}
		return out
	}
	watching := func(at, since int, accounts string, of []checks.ServerProcess) record.Change {
		c := record.Change{Kind: record.Watching, Time: minute(at), Of: &record.Totals{}, Who: &checks.Identity{Servers: of, Accounts: []string{accounts}, System: "SYS"}}
		if since > 0 {
			c.Since = minute(since)
		}
		return c
	}
	first := []record.Change{
		watching(10, 0, "ORDERS", servers("A", 0, "n1", "n2", "n3", "n4")),
		{Kind: record.Silent, Time: minute(20), Cluster: "C1", Server: ref("A", "n4"), Had: &record.Had{Connections: 40}, Beside: []checks.ServerRef{ref("A", "n1"), ref("A", "n2"), ref("A", "n3")}},
	}
	restarted := servers("B", 30, "n1", "n2", "n3")
	seen := slices.Clone(first)
	for _, s := range restarted {
		seen = append(seen, record.Change{Kind: record.Stopped, Time: minute(30), Cluster: "C1", Server: ref("A", s.Name)},
			record.Change{Kind: record.Started, Time: minute(30), Cluster: "C1", Server: s.ServerRef, Start: s.Start})
	}
	told := record.Change{Kind: record.Silent, Time: minute(40), Cluster: "C1", Server: ref("A", "n4")} // before the word that it watches
	toldLater := record.Change{Kind: record.Silent, Time: minute(42), Cluster: "C1", Server: ref("A", "n4"), Who: &checks.Identity{Servers: restarted, Accounts: []string{"ORDERS"}}}
	other := servers("X", 5, "n1", "n2", "n3")
	young := servers("Y", 35, "n1", "n2", "n3")
	now := func(of []checks.ServerProcess, account string) *checks.Deployment {
		d := &checks.Deployment{Accounts: []checks.Account{{ID: account}, {ID: "SYS", System: true}}}
		for _, s := range of {
			d.Servers = append(d.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Start: s.Start})
		}
		return d
	}
	for _, c := range []struct {
		name    string
		changes []record.Change
		now     *checks.Deployment
		kin     checks.Kinship
		gone    string
		doubted string
	}{
		{"nothing else happened", first, now(servers("A", 0, "n1", "n2", "n3"), "ORDERS"), checks.Same, "n4", ""},
		{"they were restarted, one after the other", seen, now(restarted, "ORDERS"), checks.Same, "n4", ""},
		{"they were restarted just now", first, now(servers("B", 44, "n1", "n2", "n3"), "ORDERS"), checks.Alike, "n4", ""},
		{"they were restarted between two watches", slices.Concat(first, []record.Change{told, watching(40, 25, "ORDERS", restarted)}), now(restarted, "ORDERS"), checks.Same, "n4", ""},
		{"their clients came later", slices.Concat(first, []record.Change{watching(40, 25, "$G", restarted), toldLater}), now(restarted, "ORDERS"), checks.Same, "n4", ""},
		{"n4 came back between two watches", slices.Concat(first, []record.Change{watching(40, 25, "ORDERS", append(servers("B", 30, "n4"), restarted...))}), now(append(servers("B", 30, "n4"), restarted...), "ORDERS"), checks.Same, "n4", ""},
		{"another deployment is audited", first, now(other, "ORDERS"), checks.Apart, "", ""},
		{"another one is recorded and audited", slices.Concat(first, []record.Change{watching(40, 25, "ORDERS", other)}), now(other, "ORDERS"), checks.Same, "", ""},
		{"another one is recorded", slices.Concat(first, []record.Change{watching(40, 25, "ORDERS", other)}), now(servers("A", 0, "n1", "n2", "n3"), "ORDERS"), checks.Apart, "", ""},
		{"another one was recorded between", slices.Concat(seen, []record.Change{watching(50, 45, "ORDERS", other), watching(60, 55, "ORDERS", restarted)}), now(restarted, "ORDERS"), checks.Same, "n4", ""},
		{"a younger one with other accounts is recorded", slices.Concat(first, []record.Change{watching(40, 25, "BILLING", young)}), now(young, "BILLING"), checks.Same, "", "n4"},
		{"a younger one with other accounts is audited", slices.Concat(first, []record.Change{watching(40, 25, "ORDERS", servers("A", 0, "n1"))}), now(servers("Y", 45, "n1"), "BILLING"), checks.Doubted, "", "n4"},
	} {
		pasts := pastsBy(documents(c.changes), minute(45))
		past := pasts[len(pasts)-1]
		gone, kin := past.Of(c.now)
		silent := slices.DeleteFunc(gone, func(g checks.RecordedGone) bool { return g.Kind != checks.Silent })
		if names := namesOf(silent); kin != c.kin || names != c.gone {
			t.Errorf("%s: %d, gone %q, want %d, %q", c.name, kin, names, c.kin, c.gone)
		}
		if c.gone != "" && (!silent[0].At.Equal(minute(20)) || silent[0].Connections != 40) {
			t.Errorf("%s: %+v", c.name, silent)
		}
		if names := namesOf(past.InDoubt(c.now, minute(45))); names != c.doubted {
			t.Errorf("%s: in doubt %q, want %q", c.name, names, c.doubted)
		}
	}
}

func namesOf(gone []checks.RecordedGone) (names string) {
	for _, g := range gone {
		names += g.Server.Name
	}
	return names
}
